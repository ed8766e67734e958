"""What people without an agent are asked, and what they answer by their link: the first answer is final.

Not for: sending the link (``portal.people.sending``). Each function is the work of one transaction.
"""

import uuid
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from exchange.age.files import parse_recipient
from exchange.clock import DAY, HOUR, MINUTE, SECOND, Instant
from exchange.counted import counted
from exchange.custody.uses import Deed
from exchange.documents.messages import Credential, Id, Part, Role, Signed
from exchange.documents.people import (
    LinkAnswer,
    LinkReceipt,
    MessageState,
    PersonAnswer,
    PersonCase,
    PersonCases,
    PersonRequest,
    PersonWord,
)
from exchange.documents.supervision import supervised_for
from exchange.signing.credentials import open_by_officer
from exchange.signing.documents import document_sha256, read_unverified
from portal.audit import uses
from portal.people import links
from portal.people.links import LinkFor
from portal.people.received import file_shown, take_uploads, upload_of
from portal.problems import conflict, forbidden, invalid, too_many, unknown
from portal.settings import Limits, PortalSettings
from portal.storage import locks
from portal.storage.models import StoredRequest
from portal.storage.people_tables import (
    Person,
    PersonCameraRow,
    PersonLink,
    QueuedMessage,
    StoredPersonFile,
    StoredPersonRequest,
)
from portal.teams import access, versions
from portal.tokens import Caller

SKEW = 5 * MINUTE
OLDEST_REQUEST = DAY
MOST_SHOWN = 100
MOST_OUTCOMES = 2
"""Words on what became of it, to one person in a day."""


class PersonCasesQuery(Part):
    """``before``, ``after``: the ``issued`` and ``request_id`` of the last one of a list; older ones follow it."""

    before: Instant | None = None
    after: Id | None = None


def accept(session: Session, caller: Caller, signed: Signed, settings: PortalSettings, now: int) -> tuple[str, bool]:
    """Take a request and queue its message: its id, and whether it is new. The same bytes again change nothing."""
    request, credential = open_by_officer(signed, PersonRequest, settings.key, now)
    if credential.public_key != caller.key.line or not credential.may(Role.OFFICER):
        raise invalid("The request is another officer's.", "An officer sends their own requests.")
    before = session.get(StoredPersonRequest, request.request_id)
    if before is not None:
        if before.officer == caller.fingerprint and before.sha256 == document_sha256(signed):
            return before.request_id, False
        raise conflict("There is another request with this id.", "Give the request a new id, and sign it again.")
    if settings.people is None:
        raise invalid("This portal asks nobody by e-mail.", "Whoever runs it can set that up: see its guide.")
    person = session.get(Person, request.person)
    if person is None or person.confirmed is None:
        raise invalid("Who is asked isn't registered here.", "Search again: they may have left.")
    _check_asked(session, request, settings, now)
    locks.hold(session, "person-requests", caller.fingerprint)
    _check_counts(session, caller, request, settings.limits, now)
    _check_supervised(session, caller, request, settings.limits, now)
    case_id = versions.admit(session, request, caller, settings)
    session.add(
        StoredPersonRequest(
            request_id=request.request_id,
            officer=caller.fingerprint,
            person_id=request.person,
            case_id=case_id,
            crime_reference=request.crime_reference,
            issued=request.issued,
            expires=request.expires,
            received=now,
            sha256=document_sha256(signed),
            document=signed.document,
            signature=signed.signature,
            message_state=MessageState.WAITING,
            message_trouble=None,
            answer=None,
            answered=None,
            thanked=None,
        )
    )
    _queue(session, request.person, LinkFor.ANSWER, request.request_id, now)
    uses.record(session, caller.fingerprint, Deed.ASKED, request.crime_reference, now, request.request_id)
    return request.request_id, True


def case(session: Session, caller: Caller, request_id: str) -> PersonCase:
    """The officer's own, or their team's. ProblemError 404 for another's too."""
    return _case(session, _seen(session, caller, request_id))


def document(session: Session, caller: Caller, request_id: str) -> Signed:
    """The request as its officer signed it: for a colleague of the case's team."""
    return _seen(session, caller, request_id).signed


def cases(session: Session, caller: Caller, query: PersonCasesQuery) -> PersonCases:
    row = StoredPersonRequest
    mine = select(row).where(access.of_people_seen_by(caller, row))
    if query.before is not None:
        older = row.issued < query.before
        same = (row.issued == query.before) & (row.request_id < (query.after or ""))
        mine = mine.where(older | same)
    found = session.scalars(mine.order_by(row.issued.desc(), row.request_id.desc()).limit(MOST_SHOWN + 1)).all()
    shown = tuple(_case(session, each) for each in found[:MOST_SHOWN])
    return PersonCases(cases=shown, more=len(found) > MOST_SHOWN)


def begin_fetch(session: Session, caller: Caller, request_id: str, file_id: str, now: int) -> tuple[str, int]:
    """The upload that holds a file, and its bytes, with a line in the log of use. ProblemError 404, or 410 when it is
    gone."""
    stored = _seen(session, caller, request_id)
    uses.record(session, caller.fingerprint, Deed.FETCHED, stored.crime_reference, now, request_id)
    found = session.get(StoredPersonFile, (request_id, file_id))
    return upload_of(found)


def record_use(session: Session, caller: Caller, request_id: str, deed: Deed, now: int) -> bool:
    """What an officer's program says was done with what came; False when there is no such request for this officer."""
    stored = session.get(StoredPersonRequest, request_id)
    if stored is None or not access.may_see_of_people(session, caller, stored):
        return False
    uses.record(session, caller.fingerprint, deed, stored.crime_reference, now, request_id)
    return True


def tell(session: Session, caller: Caller, request_id: str, word: PersonWord, now: int) -> None:
    """Queue a word to the person, if they are still here: once that it was opened, and what became of it."""
    stored = _seen(session, caller, request_id)
    if stored.answer != PersonAnswer.FILES:
        raise conflict("They sent nothing.", "There is nothing to thank them for.")
    if session.get(Person, stored.person_id) is None:
        return
    if word.result is None:
        if stored.thanked is None:
            stored.thanked = now
            _queue(session, stored.person_id, LinkFor.OPENED, request_id, now)
        return
    row = QueuedMessage
    locks.hold(session, "person-words", request_id)
    told = select(func.count()).select_from(row).where(row.request_id == request_id, row.link_for == LinkFor.OUTCOME)
    if (session.scalar(told.where(row.queued > now - DAY)) or 0) >= MOST_OUTCOMES:
        raise too_many("They were told that today already.", "Tell them once it is settled.", DAY // SECOND)
    _queue(session, stored.person_id, LinkFor.OUTCOME, request_id, now, word.result)


@dataclass(frozen=True, slots=True)
class Question:
    """What the link's page shows: who asks, what, and which of the person's cameras is meant."""

    request: PersonRequest
    officer: Credential
    labels: dict[str, str]


def question(session: Session, code: str, now: int) -> Question:
    """ProblemError 403 when the link does not work."""
    stored = links.find_request(session, code, now)
    request = PersonRequest.model_validate_json(stored.document)  # was verified when it was stored
    rows = session.scalars(select(PersonCameraRow).where(PersonCameraRow.person_id == stored.person_id))
    labels = {row.camera_id: row.label for row in rows}
    return Question(request, read_unverified(request.credential, Credential), labels)


def say_no(session: Session, code: str, answer: PersonAnswer, now: int) -> LinkReceipt:
    """Declined, or nothing there. The link is used up."""
    stored = links.find_request(session, code, now)
    return _settle(session, stored, answer, (), now)


def take_files(session: Session, code: str, body: LinkAnswer, uploads: tuple[str, ...], now: int) -> LinkReceipt:
    """All files are here: the answer. ``uploads``: their names at this portal, in the order of ``body``."""
    stored = links.find_request(session, code, now)
    taken = take_uploads(session, uploads, links.uploads_of(stored.request_id))
    for sent, (name, size, sha256) in zip(body.files, taken, strict=True):
        session.add(
            StoredPersonFile(
                request_id=stored.request_id,
                file_id=str(uuid.uuid4()),
                upload=name,
                size=size,
                sha256=sha256,
                sealed_name=sent.sealed_name,
            )
        )
    return _settle(session, stored, PersonAnswer.FILES, tuple(sha256 for _, _, sha256 in taken), now)


def _settle(
    session: Session, stored: StoredPersonRequest, answer: PersonAnswer, hashes: tuple[str, ...], now: int
) -> LinkReceipt:
    stored.answer, stored.answered = answer, now
    session.execute(delete(PersonLink).where(PersonLink.request_id == stored.request_id))
    return LinkReceipt(
        request_id=stored.request_id,
        crime_reference=stored.crime_reference,
        received=now,
        ciphertext_sha256=hashes,
    )


def _seen(session: Session, caller: Caller, request_id: str) -> StoredPersonRequest:
    stored = session.get(StoredPersonRequest, request_id)
    if stored is None or not access.may_see_of_people(session, caller, stored):
        raise unknown("request")
    return stored


def _queue(
    session: Session, person: str, link_for: LinkFor, request_id: str, now: int, result: str | None = None
) -> None:
    session.add(
        QueuedMessage(
            person_id=person,
            link_for=link_for,
            result=result,
            request_id=request_id,
            queued=now,
            next_try=now,
            tries=0,
        )
    )


def _case(session: Session, stored: StoredPersonRequest) -> PersonCase:
    files = session.scalars(
        select(StoredPersonFile)
        .where(StoredPersonFile.request_id == stored.request_id)
        .order_by(StoredPersonFile.file_id)
    )
    return PersonCase(
        request_id=stored.request_id,
        crime_reference=stored.crime_reference,
        person=stored.person_id,
        issued=stored.issued,
        expires=stored.expires,
        message=MessageState(stored.message_state),
        message_trouble=stored.message_trouble,
        answer=PersonAnswer(stored.answer) if stored.answer is not None else None,
        answered=stored.answered,
        files=tuple(map(file_shown, files)),
    )


def _check_asked(session: Session, request: PersonRequest, settings: PortalSettings, now: int) -> None:
    limits = settings.limits
    if request.force != settings.force:
        raise invalid("The request names another force.", f"This portal serves {settings.force}.")
    if not now - OLDEST_REQUEST <= request.issued <= now + SKEW:
        raise invalid("The request was not issued just now.", "Sign it anew, on a machine whose clock is right.")
    if not now < request.expires <= now + limits.longest_answer_days * DAY:
        raise invalid(
            "The request's expiry can't be.", f"At most {counted(limits.longest_answer_days, 'day')} from now."
        )
    for asked in request.asked:
        if asked.window.end > now:
            raise invalid("A window that is asked for lies in the future.", "Ask for what is recorded already.")
        if asked.window.window.duration > limits.longest_window_hours * HOUR:
            raise invalid(
                "A window that is asked for is too long.", f"At most {counted(limits.longest_window_hours, 'hour')}."
            )
        if session.get(PersonCameraRow, (request.person, asked.camera_id)) is None:
            raise invalid("A camera that is asked for isn't registered.", "Search again: it may have changed.")
    try:
        parse_recipient(request.recipient)
    except Exception:  # whatever is wrong with it, it is the officer's to correct
        raise invalid("The case's recipient is no age recipient.", "Make the case's key again.") from None


def _check_counts(session: Session, caller: Caller, request: PersonRequest, limits: Limits, now: int) -> None:
    row = StoredPersonRequest
    count = select(func.count()).select_from(row)
    today = session.scalar(count.where(row.officer == caller.fingerprint, row.received > now - DAY)) or 0
    if today >= limits.requests_per_officer_per_day:
        raise too_many(
            f"An officer may send {counted(limits.requests_per_officer_per_day, 'request')} a day.",
            "Ask fewer people, or ask the force to raise the limit.",
            DAY // SECOND,
        )
    waiting = session.scalar(count.where(row.person_id == request.person, row.answer.is_(None), row.expires > now))
    if (waiting or 0) >= limits.open_requests_per_person:
        raise too_many("They have as many requests to answer as may be.", "Try again later.", HOUR // SECOND)


def _check_supervised(session: Session, caller: Caller, request: PersonRequest, limits: Limits, now: int) -> None:
    """ProblemError 403 for what reaches far: no supervisor's word is carried here. What the officer asked about the
    crime within a day counts with it, whether of people or of agents' owners."""
    person, device = StoredPersonRequest, StoredRequest
    before = session.execute(
        select(person.person_id, person.document).where(
            person.officer == caller.fingerprint,
            person.crime_reference == request.crime_reference,
            person.received > now - DAY,
        )
    ).all()
    devices = session.scalars(
        select(device.device).where(
            device.officer == caller.fingerprint,
            device.crime_reference == request.crime_reference,
            device.received > now - DAY,
        )
    )
    owners = len({request.person, *(who for who, _ in before)}) + len(set(devices))
    same = [
        each
        for who, document in before
        if who == request.person
        for each in PersonRequest.model_validate_json(document).asked
    ]
    if reasons := supervised_for(owners, (*same, *request.asked), frozenset(), limits.supervised):
        raise forbidden(
            f"A supervisor would have to sign it, because {'; and '.join(reasons)}.",
            "People without an agent can't be asked for that much: ask for less.",
        )
