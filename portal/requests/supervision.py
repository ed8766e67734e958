"""What an officer may ask by themselves, and what needs a supervisor's signature: judged before it reaches an owner.

Not for: what the agent checks again (``agent.requests.supervised``). Each function is the work of one transaction.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange.clock import DAY
from exchange.documents.messages import Credential, Registration, Request
from exchange.documents.supervision import Authorisation, CameraName, RulesQuestion, SupervisionRules, supervised_for
from exchange.errors import SignatureInvalid
from exchange.signing.authorisations import check_authorised
from exchange.signing.documents import PublicKey
from portal.problems import forbidden, invalid
from portal.settings import Limits, PortalSettings
from portal.storage.models import Device, Officer, StoredRequest
from portal.tokens import Caller

_DO = "Have a supervisor authorise it (handover-officer authorise), and send a new request."


def rules(session: Session, question: RulesQuestion, limits: Limits) -> SupervisionRules:
    """Beyond what a word is needed here, and which of the cameras are indoors; of one that is not here, nothing."""
    by_device: dict[str, set[str]] = {}
    for each in question.cameras:
        by_device.setdefault(each.device, set()).add(each.camera_id)
    rows = session.execute(
        select(Device.fingerprint, Device.registration_document).where(Device.fingerprint.in_(by_device))
    )
    indoors = [
        CameraName(device=device, camera_id=camera.camera_id)
        for device, document in rows
        if document is not None
        for camera in Registration.model_validate_json(document).cameras
        if camera.indoors and camera.camera_id in by_device[device]
    ]
    found = limits.supervised
    return SupervisionRules(
        owners=found.owners, window_us=found.window, indoors=found.indoors, cameras_indoors=tuple(indoors)
    )


def check_supervised(session: Session, caller: Caller, request: Request, settings: PortalSettings, now: int) -> None:
    """ProblemError 403 when a supervisor must have signed it too, and none did for all of it.

    What the officer asked about the same crime within a day counts with it: many small requests are one large one.
    """
    registered = _registered(session, request.device)
    indoors = {camera.camera_id for camera in registered.cameras if camera.indoors}
    before = list(
        session.execute(
            select(StoredRequest.device, StoredRequest.document).where(
                StoredRequest.officer == caller.fingerprint,
                StoredRequest.crime_reference == request.crime_reference,
                StoredRequest.received > now - DAY,
            )
        )
    )
    owners = len({request.device, *(device for device, _ in before)})
    asked = [
        each
        for device, document in before
        if device == request.device
        for each in Request.model_validate_json(document).asked
    ]
    said = request.owners_asked or 1
    reasons = supervised_for(max(said, owners), (*asked, *request.asked), indoors, settings.limits.supervised)
    if not reasons and request.authorisation is None:
        return
    try:
        authorisation, supervisor = check_authorised(request, caller.key, indoors, settings.key)
    except SignatureInvalid as error:
        why = f"A supervisor must have signed it too, because {'; and '.join(reasons)}. " if reasons else ""
        raise forbidden(f"{why}{error.what}", _DO) from None
    if owners > said and owners > settings.limits.supervised_owners:
        raise invalid(
            f"With those before it, {owners} owners are asked about this crime, and it says {said}.",
            "Owners must know how many are asked: sign it anew with that number (--owners).",
        )
    _check_supervisor(session, supervisor)
    _check_area(request, authorisation, registered)


def _registered(session: Session, device: str) -> Registration:
    """Was verified when it was stored."""
    row = session.get(Device, device)
    if row is None or row.registration_document is None:
        raise invalid("The device that is asked has no cameras.", "Search again: its owner may have left.")
    return Registration.model_validate_json(row.registration_document)


def _check_supervisor(session: Session, supervisor: Credential) -> None:
    known = session.get(Officer, PublicKey.parse(supervisor.public_key).fingerprint)
    if known is not None and known.revoked is not None:
        raise forbidden(f"The credential of {supervisor.name}, who authorised it, was revoked.", _DO)


def _check_area(request: Request, authorisation: Authorisation, registered: Registration) -> None:
    area = authorisation.area
    if area is None:
        return
    places = {camera.camera_id: camera.place for camera in registered.cameras}
    for asked in request.asked:
        if not area.holds(places[asked.camera_id]):
            raise forbidden(f"The camera {asked.camera_id} lies outside of the area that the supervisor allowed.", _DO)
