"""Feedback carried both ways: what an officer says of a package to its owner, and what the owner answers and rates.

Not for: what it means to either; the courier checks who signs, and that it is about something that was delivered. Each
function is the work of one transaction.
"""

from typing import Annotated

from pydantic import Field
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from exchange.clock import DAY, MINUTE, SECOND, to_rfc3339
from exchange.documents.api import InboxKind, OwnersFeedback, OwnersWord
from exchange.documents.feedback import MAX_OF_A_REQUEST, FeedbackKind, OwnersAnswer, Rating
from exchange.documents.messages import Id, Part, Signed
from exchange.signing.documents import document_sha256
from exchange.signing.feedback import open_officers, open_owners
from portal.keeping.holds import held_crimes
from portal.problems import conflict, invalid, too_many, unknown
from portal.requests import inbox
from portal.settings import PortalSettings
from portal.storage import locks
from portal.storage.models import Device, StoredDelivery, StoredFeedback, StoredRequest
from portal.storage.personal.sealing import Personal, key_of
from portal.teams import access
from portal.tokens import Caller

WAITS = 90 * DAY
"""How long feedback waits for its device, as a receipt does."""
SKEW = 5 * MINUTE
OLDEST = DAY
"""How long after it was signed feedback may be sent."""
MOST_SHOWN = 50
"""In one answer: documents of 32 KiB each fit into ``api.MAX_BODY`` so, with JSON's escapes."""
_MOST_CHARACTERS = 400_000


class FeedbackQuery(Part):
    after: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    """The ``number`` of the last one before; 0 at first."""
    request_id: Id | None = None
    """Only of this request."""


def from_officer(
    session: Session, caller: Caller, names: tuple[str, str], signed: Signed, settings: PortalSettings, now: int
) -> str | None:
    """Take an officer's word and leave it for the device: the device to wake, if it is still here.

    ``names``: of the request and the feedback, in the path. The same bytes again change nothing.
    """
    document, credential = open_officers(signed, settings.key, now)
    if credential.public_key != caller.key.line:
        raise invalid("The feedback is another officer's.", "An officer sends their own.")
    stored = session.get(StoredRequest, names[0])
    if stored is None or not access.may_see(session, caller, stored):
        raise unknown("request")
    _check_names((document.request_id, document.feedback_id), names)
    if document.device != stored.device:
        raise invalid("The feedback names another device.", "It must name the device that the request was sent to.")
    if _is_repeated(session, document.feedback_id, stored, signed):
        return None
    _check_issued(document.issued, now)
    delivered = select(StoredDelivery.delivery_id).where(
        StoredDelivery.request_id == stored.request_id,
        StoredDelivery.evidence_id == document.evidence_id,
        StoredDelivery.sha256 == document.ciphertext_sha256,
    )
    if session.scalar(delivered.limit(1)) is None:
        raise conflict("No such package was delivered for this request.", "Compare its id and SHA-256.")
    _check_count(session, caller, stored, settings, now)
    session.add(
        _row(
            stored,
            document.feedback_id,
            document.about(),
            signed,
            now,
            document.evidence_id,
            document.ciphertext_sha256,
        )
    )
    device = session.get(Device, stored.device)
    if device is None:
        return None
    inbox.put(session, device, InboxKind.FEEDBACK, stored.request_id, signed, (now, now + WAITS))
    return device.fingerprint


def from_owner(session: Session, caller: Caller, names: tuple[str, str], signed: Signed, now: int) -> None:
    """Take the owner's answer to a question, one for each, or their rating, one a request. Final."""
    document = open_owners(signed, caller.key)
    stored = session.get(StoredRequest, names[0])
    if stored is None or stored.device != caller.fingerprint:
        raise unknown("request")
    _check_names((document.request_id, document.feedback_id), names)
    if document.device != caller.fingerprint:
        raise invalid("The feedback names another device.", "A device speaks for itself only.")
    if _is_repeated(session, document.feedback_id, stored, signed):
        return
    device = session.get(Device, caller.fingerprint)
    if device is None:  # its owner left, and with them all that they said
        raise unknown("request")
    locks.hold(session, "feedback", stored.officer)  # numbers come to light in their order: who reads on misses none
    about = None
    if isinstance(document, OwnersAnswer):
        about = _check_question(session, stored, document)
    else:
        _check_rating(session, stored, document)
    row = _row(stored, document.feedback_id, document.about(), signed, now, about, None)
    row.document = Personal(signed.document, key_of(session, device))
    session.add(row)


def of_owners(session: Session, caller: Caller, query: FeedbackQuery) -> OwnersFeedback:
    """What owners answered and rated of the officer's requests, oldest first."""
    wanted = (
        select(StoredFeedback, StoredRequest.device_key)
        .join(StoredRequest, StoredRequest.request_id == StoredFeedback.request_id)
        .where(
            access.seen_by(caller),
            StoredFeedback.number > query.after,
            StoredFeedback.kind.in_((FeedbackKind.ANSWER, FeedbackKind.RATING)),
        )
        .order_by(StoredFeedback.number)
        .limit(MOST_SHOWN + 1)
    )
    if query.request_id is not None:
        wanted = wanted.where(StoredFeedback.request_id == query.request_id)
    rows = session.execute(wanted).all()
    items: list[OwnersWord] = []
    room = _MOST_CHARACTERS
    for row, key in rows[:MOST_SHOWN]:
        room -= len(row.document.encode()) + len(row.signature)
        if items and room < 0:
            break
        items.append(OwnersWord(number=row.number, request_id=row.request_id, device_key=key, signed=row.signed))
    return OwnersFeedback(items=tuple(items), more=len(items) < len(rows))


def is_unplayable(session: Session, delivery: StoredDelivery) -> bool:
    """Whether the officer said of this very delivery that it can't be played: then its owner may send another."""
    said = select(StoredFeedback.number).where(
        StoredFeedback.request_id == delivery.request_id,
        StoredFeedback.kind == FeedbackKind.CANNOT_PLAY,
        StoredFeedback.evidence_id == delivery.evidence_id,
        StoredFeedback.sha256 == delivery.sha256,
        StoredFeedback.received >= delivery.received,
    )
    return session.scalar(said.limit(1)) is not None


def remove_old(session: Session, days: int, now: int) -> None:
    """But for what is said about a crime under a hold."""
    held = select(StoredRequest.request_id).where(StoredRequest.crime_reference.in_(held_crimes()))
    session.execute(
        delete(StoredFeedback).where(StoredFeedback.received < now - days * DAY, StoredFeedback.request_id.not_in(held))
    )


def _check_names(inside: tuple[str, str], path: tuple[str, str]) -> None:
    if inside != path:
        raise invalid("The feedback is another one.", "Its ids must be those of the address it is sent to.")


def _is_repeated(session: Session, feedback_id: str, stored: StoredRequest, signed: Signed) -> bool:
    before = session.scalar(select(StoredFeedback).where(StoredFeedback.feedback_id == feedback_id))
    if before is None:
        return False
    if before.request_id == stored.request_id and before.document == signed.document:
        return True
    raise conflict("There is other feedback with this id.", "Give it a new id, and sign it again.")


def _check_issued(issued: int, now: int) -> None:
    if issued > now + SKEW or issued < now - OLDEST:
        raise invalid(
            f"The feedback was issued at {to_rfc3339(issued)}, and it is {to_rfc3339(now)} here.",
            "Sign it anew, on a machine whose clock is right.",
        )


def _check_count(session: Session, caller: Caller, stored: StoredRequest, settings: PortalSettings, now: int) -> None:
    officers = (
        select(func.count())
        .select_from(StoredFeedback)
        .where(StoredFeedback.kind.not_in((FeedbackKind.ANSWER, FeedbackKind.RATING)))
    )
    of_request = session.scalar(officers.where(StoredFeedback.request_id == stored.request_id))
    if (of_request or 0) >= MAX_OF_A_REQUEST:
        raise conflict("Enough was said about this request.", "Call its owner's contact, if they gave you one.")
    most = settings.limits.feedback_per_officer_per_day
    mine = select(StoredRequest.request_id).where(StoredRequest.officer == caller.fingerprint)
    today = session.scalar(officers.where(StoredFeedback.request_id.in_(mine), StoredFeedback.received > now - DAY))
    if (today or 0) >= most:
        raise too_many(f"An officer may send {most} a day.", "Go on tomorrow.", DAY // SECOND)


def _check_question(session: Session, stored: StoredRequest, answer: OwnersAnswer) -> str | None:
    """The package that the question is about. ProblemError when there is no such question, or it has its answer."""
    asked = session.scalar(
        select(StoredFeedback).where(
            StoredFeedback.feedback_id == answer.question_id,
            StoredFeedback.request_id == stored.request_id,
            StoredFeedback.kind == FeedbackKind.QUESTION,
        )
    )
    if asked is None or document_sha256(asked.signed) != answer.question_sha256:
        raise invalid("There is no such question.", "It must be named by its id and SHA-256.")
    if asked.answered_by is not None:
        raise conflict("The question was answered already, otherwise.", "The first answer is final.")
    asked.answered_by = answer.feedback_id
    return asked.evidence_id


def _check_rating(session: Session, stored: StoredRequest, rating: Rating) -> None:
    if rating.request_sha256 != stored.sha256:
        raise invalid("The rating is of another request.", "It must name this request by its SHA-256.")
    something = select(StoredDelivery.delivery_id).where(StoredDelivery.request_id == stored.request_id)
    if session.scalar(something.limit(1)) is None:
        raise conflict("Nothing was delivered for this request.", "Rate it once something was handed over.")
    before = select(StoredFeedback.number).where(
        StoredFeedback.request_id == stored.request_id, StoredFeedback.kind == FeedbackKind.RATING
    )
    if session.scalar(before.limit(1)) is not None:
        raise conflict("The request was rated already, otherwise.", "The first rating is final.")


def _row(
    stored: StoredRequest,
    feedback_id: str,
    kind: FeedbackKind,
    signed: Signed,
    now: int,
    evidence_id: str | None,
    sha256: str | None,
) -> StoredFeedback:
    return StoredFeedback(
        feedback_id=feedback_id,
        request_id=stored.request_id,
        kind=kind,
        evidence_id=evidence_id,
        sha256=sha256,
        received=now,
        document=signed.document,
        signature=signed.signature,
    )
