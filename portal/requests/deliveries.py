"""Packages that were handed over: announced by the device, fetched and receipted by the officer; and cases whole.

Not for: the bytes (``portal.uploads.store``). Each function is the work of one transaction.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange.clock import DAY, Instant
from exchange.custody.uses import Deed
from exchange.documents.api import Case, CaseDelivery, Cases, HeldDeliveries, HeldDelivery, InboxKind
from exchange.documents.messages import Delivery, Id, Part, Receipt, Signed, Status
from exchange.signing.credentials import open_by_officer
from exchange.signing.documents import open_document
from portal.audit import quotas, uses
from portal.problems import ProblemError, conflict, invalid, unknown
from portal.requests import feedback, inbox
from portal.requests.requests import approved_packages
from portal.settings import Limits, PortalSettings
from portal.storage.models import Device, StoredDelivery, StoredRequest, StoredUpload
from portal.teams import access
from portal.tokens import Caller

RECEIPT_WAITS = 90 * DAY
"""How long a receipt waits for its device."""
MOST_CASES = 100
"""In one list, the newest."""
FAR_FUTURE = 2**62
_MOST_HELD = 50
_MOST_BYTES = 512 * 1024
"""Of documents in one answer to a device."""


def deliver(
    session: Session, caller: Caller, request_id: str, delivery_id: str, signed: Signed, upload: str, now: int
) -> None:
    """Bind a finished upload to what the owner approved. ``upload`` is its id here. Final; again changes nothing.

    One a package, and one more for each that its officer can't play.
    """
    delivery = open_document(signed, Delivery, caller.key)
    if (delivery.request_id, delivery.delivery_id) != (request_id, delivery_id):
        raise invalid("The delivery is another one.", "Its ids must be those of the address it is sent to.")
    stored = session.get(StoredRequest, request_id)
    if stored is None or stored.device != caller.fingerprint:
        raise unknown("request")
    before = session.get(StoredDelivery, delivery_id)
    if before is not None:
        if before.request_id == request_id and before.document == signed.document:
            return
        raise conflict("There is another delivery with this id.", "Give the delivery a new id.")
    if delivery.evidence_id not in approved_packages(stored):
        raise conflict("The owner approved no such package.", "Send the decision first; only what it names is taken.")
    latest = session.scalar(
        select(StoredDelivery)
        .where(StoredDelivery.request_id == request_id, StoredDelivery.evidence_id == delivery.evidence_id)
        .order_by(StoredDelivery.received.desc())
        .limit(1)
    )
    if latest is not None and not feedback.is_unplayable(session, latest):
        raise conflict(
            "This package was delivered already.", "It is delivered again only when its officer can't play it."
        )
    row = session.get(StoredUpload, upload)
    _check_upload(row, caller, delivery)
    assert row is not None
    row.delivered = True
    session.add(
        StoredDelivery(
            delivery_id=delivery_id,
            request_id=request_id,
            evidence_id=delivery.evidence_id,
            upload=upload,
            size=delivery.size,
            sha256=delivery.ciphertext_sha256,
            document=signed.document,
            signature=signed.signature,
            received=now if latest is None else max(now, latest.received + 1),
        )
    )


class HeldQuery(Part):
    after: Id | None = None
    """The ``delivery_id`` of the last one in the answer before."""


def held(session: Session, caller: Caller, request_id: str, query: HeldQuery) -> HeldDeliveries:
    """What the device handed over of this request, in its own signed words: an agent that was restored asks for it."""
    stored = session.get(StoredRequest, request_id)
    if stored is None or stored.device != caller.fingerprint:
        return HeldDeliveries()
    ours = select(StoredDelivery).where(StoredDelivery.request_id == request_id)
    if query.after is not None:
        last = session.get(StoredDelivery, query.after)
        if last is None or last.request_id != request_id:
            raise ProblemError(400, "The request has no such delivery.", "Ask again from the first one.")
        later = StoredDelivery.received > last.received
        ours = ours.where(
            later | ((StoredDelivery.received == last.received) & (StoredDelivery.delivery_id > last.delivery_id))
        )
    rows = session.scalars(
        ours.order_by(StoredDelivery.received, StoredDelivery.delivery_id).limit(_MOST_HELD + 1)
    ).all()
    items: list[HeldDelivery] = []
    room = _MOST_BYTES
    for row in rows[:_MOST_HELD]:
        item = HeldDelivery(delivery=row.signed, receipt=row.receipt)
        room -= len(item.model_dump_json().encode())
        if items and room < 0:
            break
        items.append(item)
    return HeldDeliveries(items=tuple(items), more=len(rows) > len(items))


class CasesQuery(Part):
    before: Instant | None = None
    """Only requests that were issued earlier: the ``issued`` of the last one in the list before."""
    after: Id | None = None
    """And of those issued at that very time, only those behind this: the last one's ``request_id``."""
    case_id: Id | None = None
    """Only those of this team's case."""


@dataclass(frozen=True, slots=True)
class Content:
    """Where a delivery's ciphertext is."""

    upload: str
    size: int
    sha256: str


def content(session: Session, caller: Caller, delivery_id: str) -> Content:
    """What the officer may fetch. ProblemError 404 when it is not theirs, 410 when it lies here no more."""
    delivery, _ = _of_officer(session, caller, delivery_id)
    if delivery.upload is None:
        raise ProblemError(410, "The package lies here no more.", "Ask the owner to hand it over again.")
    return Content(delivery.upload, delivery.size, delivery.sha256)


def begin_fetch(session: Session, caller: Caller, delivery_id: str, limits: Limits, now: int) -> Content:
    """``content``, with a line in the log of use. ProblemError 429 when the officer fetched too many in an hour."""
    found = content(session, caller, delivery_id)
    quotas.note_fetch(session, caller.fingerprint, delivery_id, limits, now)
    _, stored = _of_officer(session, caller, delivery_id)
    uses.record(session, caller.fingerprint, Deed.FETCHED, stored.crime_reference, now, stored.request_id)
    return found


def record_use(session: Session, caller: Caller, request_id: str, deed: Deed, now: int) -> None:
    """What an officer's program says was done with what came for a request that they may see."""
    stored = _seen(session, caller, request_id)
    uses.record(session, caller.fingerprint, deed, stored.crime_reference, now, request_id)


def mark_fetched(session: Session, delivery_id: str, now: int) -> None:
    """The officer has had all of it: the owner's withdrawal no longer takes it back."""
    delivery = session.get(StoredDelivery, delivery_id)
    if delivery is not None and delivery.fetched is None:
        delivery.fetched = now


def receipt(
    session: Session, caller: Caller, delivery_id: str, signed: Signed, settings: PortalSettings, now: int
) -> str | None:
    """Take the officer's receipt and leave it in the device's inbox: the device to wake, if it is still here."""
    document, credential = open_by_officer(signed, Receipt, settings.key, now)
    if credential.public_key != caller.key.line:
        raise invalid("The receipt is another officer's.", "An officer sends their own receipts.")
    delivery, stored = _of_officer(session, caller, delivery_id)
    if delivery.receipt_document == signed.document:
        return None
    if delivery.receipt_document is not None:
        raise conflict("The delivery was receipted already, otherwise.", "The first receipt is final.")
    reported = (
        document.delivery_id,
        document.request_id,
        document.evidence_id,
        document.ciphertext_sha256,
        document.size,
    )
    if reported != (delivery_id, delivery.request_id, delivery.evidence_id, delivery.sha256, delivery.size):
        raise invalid("The receipt does not fit the delivery.", "Compare ids, size and SHA-256 with what was fetched.")
    delivery.receipt_document, delivery.receipt_signature = signed.document, signed.signature
    delivery.receipted, delivery.verified = now, document.verified
    delivery.fetched = delivery.fetched or now
    device = session.get(Device, stored.device)
    if device is None:
        return None
    inbox.put(session, device, InboxKind.RECEIPT, stored.request_id, signed, (now, now + RECEIPT_WAITS))
    return device.fingerprint


def cases(session: Session, caller: Caller, query: CasesQuery, now: int) -> Cases:
    """The officer's requests and their teams', newest first; decisions and deliveries come with ``case``."""
    before = FAR_FUTURE if query.before is None else query.before
    earlier = StoredRequest.issued < before
    if query.after is not None:
        earlier |= (StoredRequest.issued == before) & (StoredRequest.request_id > query.after)
    wanted = access.seen_by(caller) & earlier
    if query.case_id is not None:
        wanted &= access.of_case(query.case_id)
    rows = session.scalars(
        select(StoredRequest)
        .where(wanted)
        .order_by(StoredRequest.issued.desc(), StoredRequest.request_id)
        .limit(MOST_CASES + 1)
    ).all()
    return Cases(cases=tuple(_brief(row, now) for row in rows[:MOST_CASES]), more=len(rows) > MOST_CASES)


def case(session: Session, caller: Caller, request_id: str, now: int) -> Case:
    """One request with every document that answers it."""
    row = _seen(session, caller, request_id)
    deliveries = session.scalars(
        select(StoredDelivery).where(StoredDelivery.request_id == request_id).order_by(StoredDelivery.received)
    )
    return _brief(row, now).model_copy(
        update={
            "device_key": row.device_key,
            "decision": row.decision,
            "deliveries": tuple(
                CaseDelivery(
                    delivery_id=item.delivery_id,
                    size=item.size,
                    ciphertext_sha256=item.sha256,
                    signed=item.signed,
                    receipt=item.receipt,
                )
                for item in deliveries
            ),
        }
    )


def document(session: Session, caller: Caller, request_id: str) -> Signed:
    """The request as its officer signed it: for whoever of the team has not got it, and after a lost machine."""
    row = _seen(session, caller, request_id)
    return Signed(document=row.document, signature=row.signature)


def _seen(session: Session, caller: Caller, request_id: str) -> StoredRequest:
    row = session.get(StoredRequest, request_id)
    if row is None or not access.may_see(session, caller, row):
        raise unknown("request")
    return row


def _brief(row: StoredRequest, now: int) -> Case:
    status = Status(row.status) if row.status else None
    if status is None and row.refusal_document is None and now >= row.expires:
        status = Status.EXPIRED
    return Case(
        request_id=row.request_id,
        crime_reference=row.crime_reference,
        issued=row.issued,
        expires=row.expires,
        device=row.device,
        status=status,
        refusal=row.refusal,
    )


def _of_officer(session: Session, caller: Caller, delivery_id: str) -> tuple[StoredDelivery, StoredRequest]:
    delivery = session.get(StoredDelivery, delivery_id)
    stored = session.get(StoredRequest, delivery.request_id) if delivery else None
    if delivery is None or stored is None or not access.may_see(session, caller, stored):
        raise unknown("delivery")
    return delivery, stored


def _check_upload(row: StoredUpload | None, caller: Caller, delivery: Delivery) -> None:
    if row is None or row.gone or row.device != caller.fingerprint:
        raise invalid("The upload that the delivery names isn't here.", "Upload the package first, or again.")
    if row.delivered:
        raise conflict("The upload belongs to another delivery.", "Upload each package by itself.")
    if row.sha256 is None:
        raise conflict("The upload isn't finished.", "Send the rest of it, then the delivery again.")
    if row.size != delivery.size or row.sha256 != delivery.ciphertext_sha256:
        raise invalid(
            f"What was uploaded has {row.size} bytes and SHA-256 {row.sha256}.",
            "That is not what the delivery names: upload the package again.",
        )
