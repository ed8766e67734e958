"""Requests and their answers: what an officer may ask, and what a device answers, once and for good.

Not for: the packages that follow an approval (``portal.requests.deliveries``). Each function is the work of one
transaction; the portal checks what it can so that owners aren't bothered, and the agent checks all of it again.
"""

import functools
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exchange.age.files import parse_recipient
from exchange.clock import DAY, HOUR, MINUTE, SECOND, to_rfc3339
from exchange.counted import counted
from exchange.custody.uses import Deed
from exchange.documents.api import InboxKind
from exchange.documents.messages import Asked, DecidedCamera, Decision, Outcome, Refusal, Request, Role, Signed, Status
from exchange.signing.credentials import open_by_officer
from exchange.signing.documents import document_sha256, open_document
from portal.audit import uses
from portal.audit.roles import require
from portal.problems import conflict, invalid, too_many, unauthenticated, unknown
from portal.requests import inbox
from portal.requests.supervision import check_supervised
from portal.settings import Limits, PortalSettings
from portal.storage.models import Camera, Device, Officer, StoredDelivery, StoredRequest
from portal.storage.personal.sealing import Personal, key_of
from portal.storage.team_tables import TeamRequest
from portal.teams import versions
from portal.tokens import Caller

SKEW = 5 * MINUTE
"""How far an officer's clock may be ahead of ours."""
OLDEST_REQUEST = DAY
"""How long after it was signed a request may be sent."""
LATE = 7 * DAY
"""How long after a request's expiry a decision that was *taken* before it is still accepted: the portal, or the
owner's line, may have been down. The time of the decision is what the device signed."""
FROM_A_DEVICE = (Status.APPROVED, Status.PARTLY_APPROVED, Status.DECLINED, Status.UNAVAILABLE, Status.WITHDRAWN)
"""A device never sends 'expired': the portal tells that by itself, from its own clock."""


@dataclass(frozen=True, slots=True)
class Accepted:
    request_id: str
    device: str
    new: bool


def accept(session: Session, caller: Caller, signed: Signed, settings: PortalSettings, now: int) -> Accepted:
    """Take an officer's request and leave it in the device's inbox. The same bytes again change nothing."""
    request, credential = open_by_officer(signed, Request, settings.key, now)
    if credential.public_key != caller.key.line:
        raise invalid("The request is another officer's.", "An officer sends their own requests.")
    require(session, caller.fingerprint, Role.OFFICER)
    before = session.get(StoredRequest, request.request_id)
    if before is not None:
        if before.officer == caller.fingerprint and before.sha256 == document_sha256(signed):
            return Accepted(request.request_id, request.device, new=False)
        raise conflict("There is another request with this id.", "Give the request a new id, and sign it again.")
    device = session.get(Device, request.device)
    if device is None:
        raise invalid("The device that is asked isn't registered here.", "Search again: its owner may have left.")
    _check_officer(session, caller)
    _check_force(request, settings)
    _check_times(request, settings.limits, now)
    _check_cameras(session, request)
    _check_recipient(request)
    _check_counts(session, caller, request, settings.limits, now)
    check_supervised(session, caller, request, settings, now)
    case_id = versions.admit(session, request, caller, settings)
    session.add(_row(request, signed, caller, device, now))
    if case_id is not None:
        session.flush()
        session.add(TeamRequest(request_id=request.request_id, case_id=case_id))
    inbox.put(session, device, InboxKind.REQUEST, request.request_id, signed, (now, request.expires))
    uses.record(session, caller.fingerprint, Deed.ASKED, request.crime_reference, now, request.request_id)
    return Accepted(request.request_id, request.device, new=True)


def decide(session: Session, caller: Caller, request_id: str, signed: Signed, now: int) -> None:
    """Take the owner's answer: the first is final, the same bytes again change nothing."""
    decision = open_document(signed, Decision, caller.key)
    stored = _answerable(session, caller, request_id, decision.request_id, decision.request_sha256)
    if stored.decision_document == signed.document:
        return
    if decision.status is Status.WITHDRAWN and stored.status in (Status.APPROVED, Status.PARTLY_APPROVED):
        _check_undelivered(session, stored)
    else:
        _check_open(stored)
    request = _asked(stored)
    _check_decision(decision, request.asked)
    if decision.decided >= stored.expires or now >= stored.expires + LATE:
        raise conflict(
            f"The request expired at {to_rfc3339(stored.expires)}.",
            f"A decision counts when it was taken before that, and arrives within {LATE // DAY} days of it.",
        )
    stored.status = decision.status
    device = session.get(Device, caller.fingerprint)
    stored.decision_document = Personal(signed.document, None if device is None else key_of(session, device))
    stored.decision_signature = signed.signature
    _close(session, stored, now)


def refuse(session: Session, caller: Caller, request_id: str, signed: Signed, now: int) -> None:
    """Take the agent's word that it won't put the request to its owner; final as a decision is."""
    refusal = open_document(signed, Refusal, caller.key)
    stored = _answerable(session, caller, request_id, refusal.request_id, refusal.request_sha256)
    if stored.refusal_document == signed.document:
        return
    _check_open(stored)
    stored.refusal_document, stored.refusal_signature = signed.document, signed.signature
    _close(session, stored, now)


def approved_packages(stored: StoredRequest) -> dict[str, DecidedCamera]:
    """What the owner approved, by evidence id."""
    if stored.decision_document is None:
        return {}
    cameras = _decision(stored.decision_document).cameras
    return {camera.evidence_id: camera for camera in cameras if camera.evidence_id is not None}


def revoke(session: Session, officer: Officer, now: int) -> int:
    """From now on the officer's tokens are refused; what owners have not answered leaves their inboxes: how many."""
    officer.revoked = officer.revoked or now
    unanswered = session.scalars(
        select(StoredRequest.request_id).where(
            StoredRequest.officer == officer.fingerprint, StoredRequest.answered.is_(None), StoredRequest.expires > now
        )
    ).all()
    for request_id in unanswered:
        inbox.take_out(session, request_id, InboxKind.REQUEST)
    return len(unanswered)


# -- what may be asked -------------------------------------------------------------------------------------------


def _check_officer(session: Session, caller: Caller) -> None:
    """A revocation since the token was taken has emptied the inboxes: nothing may come into them after it."""
    officer = session.get(Officer, caller.fingerprint)
    if officer is None or officer.revoked is not None:
        raise unauthenticated()


def _check_force(request: Request, settings: PortalSettings) -> None:
    if request.force != settings.force:
        raise invalid("The request names another force.", f"This portal serves {settings.force}.")


def _check_times(request: Request, limits: Limits, now: int) -> None:
    if request.issued > now + SKEW or request.issued < now - OLDEST_REQUEST:
        raise invalid(
            f"The request was issued at {to_rfc3339(request.issued)}, and it is {to_rfc3339(now)} here.",
            "Sign it anew, on a machine whose clock is right.",
        )
    if request.expires <= now:
        raise invalid("The request has expired.", "Sign it anew, with time for the owner to answer.")
    if request.expires > now + limits.longest_answer_days * DAY:
        raise invalid(
            "The request expires too late.", f"At most {counted(limits.longest_answer_days, 'day')} from now."
        )
    for asked in request.asked:
        if asked.window.end > now:
            raise invalid("A window that is asked for lies in the future.", "Ask for what is recorded already.")
        if asked.window.window.duration > limits.longest_window_hours * HOUR:
            raise invalid(
                "A window that is asked for is too long.",
                f"At most {counted(limits.longest_window_hours, 'hour')} each; owners set shorter limits of their own.",
            )


def _check_cameras(session: Session, request: Request) -> None:
    registered = set(session.scalars(select(Camera.camera_id).where(Camera.device == request.device)))
    if any(asked.camera_id not in registered for asked in request.asked):
        raise invalid("A camera that is asked for isn't registered.", "Search again: its owner may have changed it.")


def _check_recipient(request: Request) -> None:
    try:
        parse_recipient(request.recipient)
    except Exception:  # whatever is wrong with it, it is the officer's to correct
        raise invalid("The case's recipient is no age recipient.", "Make the case's key again.") from None


def _check_counts(session: Session, caller: Caller, request: Request, limits: Limits, now: int) -> None:
    count = select(func.count()).select_from(StoredRequest)
    today = session.scalar(count.where(StoredRequest.officer == caller.fingerprint, StoredRequest.received > now - DAY))
    if (today or 0) >= limits.requests_per_officer_per_day:
        raise too_many(
            f"An officer may send {counted(limits.requests_per_officer_per_day, 'request')} a day.",
            "Ask fewer owners, or ask the force to raise the limit.",
            DAY // SECOND,
        )
    waiting = session.scalar(
        count.where(
            StoredRequest.device == request.device, StoredRequest.answered.is_(None), StoredRequest.expires > now
        )
    )
    if (waiting or 0) >= limits.open_requests_per_device:
        raise too_many("This owner has as many requests to answer as may be.", "Try again later.", HOUR // SECOND)


def _row(request: Request, signed: Signed, caller: Caller, device: Device, now: int) -> StoredRequest:
    return StoredRequest(
        request_id=request.request_id,
        officer=caller.fingerprint,
        device=device.fingerprint,
        device_key=device.public_key,
        crime_reference=request.crime_reference,
        issued=request.issued,
        expires=request.expires,
        received=now,
        sha256=document_sha256(signed),
        document=signed.document,
        signature=signed.signature,
    )


# -- what may be answered ----------------------------------------------------------------------------------------


def _answerable(session: Session, caller: Caller, request_id: str, named: str, sha256: str) -> StoredRequest:
    """The request that a device answers. ProblemError when it is another's, or the answer names other bytes."""
    stored = session.get(StoredRequest, request_id)
    if stored is None or stored.device != caller.fingerprint:
        raise unknown("request")
    if named != request_id or sha256 != stored.sha256:
        raise invalid("The answer is to another request.", "It must name this request by its id and SHA-256.")
    return stored


def _check_undelivered(session: Session, stored: StoredRequest) -> None:
    """An owner may take a yes back until something of it lies here whole."""
    named = select(StoredDelivery.delivery_id).where(StoredDelivery.request_id == stored.request_id).limit(1)
    if session.scalar(named) is not None:
        raise conflict("Something of it was delivered already.", "What was handed over can't be taken back here.")


def _check_open(stored: StoredRequest) -> None:
    if stored.answered is not None:
        raise conflict("The request was answered already, otherwise.", "The first answer is final.")
    if stored.status == Status.WITHDRAWN:
        raise conflict("The request ended when its owner left the portal.", "There is nothing to answer.")


def _check_decision(decision: Decision, asked: tuple[Asked, ...]) -> None:
    if decision.status not in FROM_A_DEVICE:
        raise invalid(f"A device does not answer '{decision.status}'.", "The portal tells by itself what expired.")
    wanted = {(item.camera_id, item.window) for item in asked}
    answered = [(item.camera_id, item.requested) for item in decision.cameras]
    if not wanted.issuperset(answered) or len(set(answered)) != len(answered):
        raise invalid("The decision names a camera and window that wasn't asked for.", "Decide on what was asked.")
    packages = [item.evidence_id for item in decision.cameras if item.outcome is Outcome.APPROVED]
    others = [item.evidence_id for item in decision.cameras if item.outcome is not Outcome.APPROVED]
    if None in packages or len(set(packages)) != len(packages) or any(others):
        raise invalid("The decision must name one package for each approved camera.", "Give each its evidence_id.")


def _close(session: Session, stored: StoredRequest, now: int) -> None:
    stored.answered = now
    inbox.take_out(session, stored.request_id, InboxKind.REQUEST)


@functools.lru_cache(maxsize=64)
def _decision(document: str) -> Decision:
    """Was verified when it was stored."""
    return Decision.model_validate_json(document)


def _asked(stored: StoredRequest) -> Request:
    return Request.model_validate_json(stored.document)
