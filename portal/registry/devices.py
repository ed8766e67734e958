"""Owners' agents: they enrol, register their cameras, say that they live, and leave again.

Not for: requests to them (``portal.requests.requests``). Each function is the work of one transaction.
"""

from dataclasses import dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from exchange.clock import MINUTE, to_rfc3339
from exchange.documents.api import Heartbeat
from exchange.documents.feedback import FeedbackKind
from exchange.documents.messages import Enrolment, OwnerKind, Registration, Signed, Status, Withdrawal
from exchange.errors import NotFound
from exchange.signing.documents import PublicKey, open_document, read_unverified
from portal.problems import ProblemError, conflict, invalid
from portal.settings import PortalSettings
from portal.storage.models import (
    Camera,
    DayHours,
    Device,
    InboxEntry,
    KeptOffer,
    ShutOut,
    StoredCheckpoint,
    StoredDelivery,
    StoredFeedback,
    StoredRequest,
    StoredUpload,
)
from portal.storage.personal.keeping_tables import Erasure
from portal.storage.personal.sealing import Personal, key_of, keys_of
from portal.tokens import Caller

FRESH = 10 * MINUTE
"""How far the time in an enrolment or withdrawal may lie from ours, so that an old one can't be played again."""


def enrol(session: Session, signed: Signed, settings: PortalSettings, origin: str, now: int) -> tuple[str, bool]:
    """The device's fingerprint, and whether it is new here."""
    key = PublicKey.parse(read_unverified(signed, Enrolment).device_key)
    enrolment = open_document(signed, Enrolment, key)
    if enrolment.portal != origin:
        raise invalid("The enrolment names another portal.", f"This portal is {origin}.")
    if enrolment.force_key != settings.key.fingerprint:
        raise invalid("The enrolment names another force's key.", "Compare the force's fingerprint again, and pin it.")
    _check_fresh(enrolment.issued, now)
    if session.get(ShutOut, key.fingerprint):
        raise conflict(
            "This device was shut out.", "Its owner said that its key may be in other hands: enrol with a new one."
        )
    if session.get(Device, key.fingerprint):
        return key.fingerprint, False
    if (session.scalar(select(func.count()).select_from(Device)) or 0) >= settings.limits.devices:
        raise ProblemError(503, "This portal takes no more devices now.", "Tell the force; it can raise the limit.")
    session.add(Device(fingerprint=key.fingerprint, public_key=key.line, enrolled=now, last_seen=now))
    return key.fingerprint, True


def register(session: Session, caller: Caller, signed: Signed) -> None:
    """Put the whole registration in the place of the one before."""
    registration = open_document(signed, Registration, caller.key)
    device = still_here(session, caller)
    _check_names(registration.device, caller)
    if device.registration_document == signed.document:
        return
    if registration.revision <= device.revision:
        raise conflict(
            f"The registration's revision is {registration.revision}, and {device.revision} is here already.",
            "Sign it again with a greater revision.",
        )
    device.revision = registration.revision
    device.registration_document = Personal(signed.document, key_of(session, device))
    device.registration_signature = signed.signature
    session.execute(delete(Camera).where(Camera.device == caller.fingerprint))
    ids = [camera.camera_id for camera in registration.cameras]
    session.execute(delete(DayHours).where(DayHours.device == caller.fingerprint, DayHours.camera_id.not_in(ids)))
    session.add_all(cameras_of(registration))


def beat(session: Session, caller: Caller, heartbeat: Heartbeat) -> None:
    """Note that the agent lives (that it was seen, its token has noted)."""
    device = still_here(session, caller)
    device.version, device.cameras_recording = heartbeat.version, heartbeat.cameras_recording


@dataclass(frozen=True, slots=True)
class Erased:
    """What remains to be done outside the database."""

    uploads: tuple[str, ...]


def withdraw(session: Session, caller: Caller, signed: Signed, now: int) -> Erased:
    """Erase the device: its registration, cameras, inbox, checkpoints, what its owner answered and rated, and every
    upload that its officer has not fetched. What the force keeps are requests, answers, receipts, what its officers
    wrote, and packages that were fetched."""
    withdrawal = open_document(signed, Withdrawal, caller.key)
    _check_names(withdrawal.device, caller)
    _check_fresh(withdrawal.issued, now)
    return erase(session, caller.fingerprint)


def still_here(session: Session, caller: Caller) -> Device:
    """The device that calls. ProblemError 401 when its owner left since its token was taken."""
    device = session.get(Device, caller.fingerprint)
    if device is None:
        raise ProblemError(401, "The device is not enrolled any more.", "Enrol it again if its owner wants that.")
    return device


def list_all(session: Session) -> list[dict[str, str | int | None]]:
    """Every device, and every one that was shut out: ``fingerprint``, ``last_seen``, ``cameras``, ``shut_out``."""
    counted = session.execute(select(Camera.device, func.count()).group_by(Camera.device)).all()
    cameras = {fingerprint: count for fingerprint, count in counted}  # noqa: C416 rows are no tuples to a type checker
    found: list[dict[str, str | int | None]] = [
        {
            "fingerprint": device.fingerprint,
            "last_seen": to_rfc3339(device.last_seen),
            "cameras": cameras.get(device.fingerprint, 0),
            "shut_out": None,
            "reason": None,
        }
        for device in session.scalars(select(Device).order_by(Device.fingerprint))
    ]
    found += [
        {"fingerprint": each.fingerprint, "last_seen": None, "cameras": 0, "shut_out": to_rfc3339(each.at),
         "reason": each.reason}
        for each in session.scalars(select(ShutOut).order_by(ShutOut.at))
    ]  # fmt: skip
    return found


def shut_out(session: Session, fingerprint: str, reason: str, now: int) -> Erased:
    """Erase a device as if its owner had withdrawn, and never let its key in again. NotFound when there is none."""
    if session.get(Device, fingerprint) is None:
        raise NotFound(f"There is no device {fingerprint}.", do="handover-portal device list names them.")
    erased = erase(session, fingerprint)
    session.add(ShutOut(fingerprint=fingerprint, at=now, reason=reason))
    return erased


def erase(session: Session, fingerprint: str) -> Erased:
    """All of a device; its key is destroyed after the commit (``portal.registry.erasing``)."""
    theirs = select(StoredRequest.request_id).where(StoredRequest.device == fingerprint)
    fetched = select(StoredDelivery.upload).where(
        StoredDelivery.request_id.in_(theirs), StoredDelivery.upload.is_not(None), StoredDelivery.fetched.is_not(None)
    )
    unfetched = tuple(
        session.scalars(
            select(StoredUpload.upload_id).where(
                StoredUpload.device == fingerprint, StoredUpload.upload_id.not_in(fetched)
            )
        )
    )
    _mark_withdrawn(session, fingerprint)
    _erase_owners_words(session, fingerprint)
    session.execute(update(StoredDelivery).where(StoredDelivery.upload.in_(unfetched)).values(upload=None))
    session.execute(delete(StoredUpload).where(StoredUpload.upload_id.in_(unfetched)))
    for table in (Camera, DayHours, InboxEntry, StoredCheckpoint, KeptOffer):
        session.execute(delete(table).where(table.device == fingerprint))
    key_id = session.scalar(select(Device.key_id).where(Device.fingerprint == fingerprint))
    _keep_evidence(session, fingerprint, key_id)
    session.execute(delete(Device).where(Device.fingerprint == fingerprint))
    if key_id is not None:
        session.add(Erasure(key_id=key_id))
    return Erased(unfetched)


def _keep_evidence(session: Session, fingerprint: str, key_id: str | None) -> None:
    """Decisions that stay lie under no key of the owner's any more: they are part of what was handed over. Those whose
    key is gone stand in the packages alone."""
    keys = keys_of(session)
    if key_id is not None and keys is not None and keys.get(key_id) is None:
        theirs = update(StoredRequest).where(StoredRequest.device == fingerprint)
        session.execute(theirs.values(decision_document=None, decision_signature=None))
        return
    kept = select(StoredRequest.request_id, StoredRequest.decision_document).where(
        StoredRequest.device == fingerprint, StoredRequest.decision_document.is_not(None)
    )
    for request_id, document in session.execute(kept).all():
        session.execute(
            update(StoredRequest).where(StoredRequest.request_id == request_id).values(decision_document=document)
        )


def _erase_owners_words(session: Session, device: str) -> None:
    """Answers and ratings; what officers wrote is the force's own record."""
    theirs = select(StoredRequest.request_id).where(StoredRequest.device == device)
    words = StoredFeedback.kind.in_((FeedbackKind.ANSWER, FeedbackKind.RATING))
    session.execute(delete(StoredFeedback).where(StoredFeedback.request_id.in_(theirs), words))


def _mark_withdrawn(session: Session, device: str) -> None:
    """Every request without a refusal whose footage the officer does not have: unanswered, or approved in vain. With
    it goes its decision, which names who decided."""
    theirs = select(StoredRequest.request_id).where(StoredRequest.device == device)
    has = select(StoredDelivery.request_id).where(
        StoredDelivery.request_id.in_(theirs), StoredDelivery.fetched.is_not(None)
    )
    approved = (Status.APPROVED, Status.PARTLY_APPROVED)
    session.execute(
        update(StoredRequest)
        .where(
            StoredRequest.device == device,
            StoredRequest.refusal_document.is_(None),
            (StoredRequest.status.is_(None))
            | (StoredRequest.status.in_(approved) & StoredRequest.request_id.not_in(has)),
        )
        .values(status=Status.WITHDRAWN)
    )
    session.execute(
        update(StoredRequest)
        .where(StoredRequest.device == device, StoredRequest.request_id.not_in(has))
        .values(decision_document=None, decision_signature=None)
    )


def _check_names(device: str, caller: Caller) -> None:
    if device != caller.fingerprint:
        raise invalid("The document names another device.", "A device speaks for itself only.")


def _check_fresh(issued: int, now: int) -> None:
    if abs(issued - now) > FRESH:
        raise invalid(
            f"The document was issued at {to_rfc3339(issued)}, and it is {to_rfc3339(now)} here.",
            "Set the device's clock, and sign it again.",
        )


def cameras_of(registration: Registration) -> list[Camera]:
    """What officers may find of it."""
    return [_camera(registration, index) for index in range(len(registration.cameras))]


def _camera(registration: Registration, index: int) -> Camera:
    camera = registration.cameras[index]
    return Camera(
        device=registration.device,
        camera_id=camera.camera_id,
        label=camera.label,
        owner_kind=OwnerKind(registration.owner.kind),
        latitude=camera.place.latitude,
        longitude=camera.place.longitude,
        description=camera.place.description,
        direction=camera.direction,
        field_of_view=camera.field_of_view,
        range_m=camera.range_m,
        sound=camera.sound,
        retention_days=camera.retention_days,
        recordings_since=camera.recordings_since,
    )
