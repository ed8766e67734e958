"""Whole records whose class's time is over: request, answer, what was said, and any sealed file that is still here.

What stays of them: the counts of their month, and the lines of the log of use, which hold no place and no owner. Each
function is part of the sweep's transaction.
"""

from collections.abc import Sequence

from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session

from exchange.clock import DAY
from exchange.documents.keeping.holds import Retention
from portal.audit.counts import counted_until
from portal.keeping.cases import forget_empty
from portal.keeping.classes import end_uploads, in_class, note
from portal.keeping.holds import held_crimes
from portal.storage.models import InboxEntry, StoredDelivery, StoredFeedback, StoredRequest
from portal.storage.people_tables import PersonLink, QueuedMessage, StoredPersonFile, StoredPersonRequest
from portal.storage.team_tables import TeamRequest

AT_ONCE = 200
"""Of a class in one sweep; the next one takes more."""


def drop_requests(session: Session, retention: Retention, now: int) -> list[str]:
    """Uploads to be removed. A month's requests stay until they were counted."""
    gone: list[str] = []
    counted = counted_until(session)
    for each in retention.classes:
        before = now - each.record_days * DAY
        lately = exists().where(
            StoredDelivery.request_id == StoredRequest.request_id,
            (StoredDelivery.received >= before) | (func.coalesce(StoredDelivery.receipted, 0) >= before),
        )
        said = exists().where(StoredFeedback.request_id == StoredRequest.request_id, StoredFeedback.received >= before)
        due = select(StoredRequest.request_id).where(
            in_class(StoredRequest, each, retention),
            StoredRequest.received < min(before, counted),
            StoredRequest.expires < before,
            func.coalesce(StoredRequest.answered, 0) < before,
            StoredRequest.crime_reference.not_in(held_crimes()),
            ~lately,
            ~said,
        )
        found = note(session, each.name, "records", session.scalars(due.limit(AT_ONCE)).all(), now)
        if found:
            gone += _drop(session, found, now)
    return gone


def drop_person_requests(session: Session, retention: Retention, now: int) -> list[str]:
    """The same of people without an agent."""
    gone: list[str] = []
    for each in retention.classes:
        before = now - each.record_days * DAY
        due = select(StoredPersonRequest.request_id).where(
            in_class(StoredPersonRequest, each, retention),
            StoredPersonRequest.received < before,
            StoredPersonRequest.expires < before,
            func.coalesce(StoredPersonRequest.answered, 0) < before,
            StoredPersonRequest.crime_reference.not_in(held_crimes()),
        )
        found = note(session, each.name, "records", session.scalars(due.limit(AT_ONCE)).all(), now)
        if found:
            gone += _uploads(session, StoredPersonFile, found, now)
            of_teams = select(StoredPersonRequest.case_id).where(StoredPersonRequest.request_id.in_(found)).distinct()
            cases = [case for case in session.scalars(of_teams) if case is not None]
            for table in (StoredPersonFile, PersonLink, QueuedMessage, StoredPersonRequest):
                session.execute(delete(table).where(table.request_id.in_(found)))
            forget_empty(session, cases)
    return gone


def _drop(session: Session, requests: Sequence[str], now: int) -> list[str]:
    gone = _uploads(session, StoredDelivery, requests, now)
    of_teams = select(TeamRequest.case_id).where(TeamRequest.request_id.in_(requests)).distinct()
    cases = session.scalars(of_teams).all()
    for table in (StoredFeedback, InboxEntry, StoredDelivery, TeamRequest, StoredRequest):
        session.execute(delete(table).where(table.request_id.in_(requests)))
    forget_empty(session, cases)
    return gone


def _uploads(
    session: Session, table: type[StoredDelivery] | type[StoredPersonFile], requests: Sequence[str], now: int
) -> list[str]:
    lying = select(table.upload).where(table.request_id.in_(requests), table.upload.is_not(None))
    gone = [upload for upload in session.scalars(lying) if upload is not None]
    end_uploads(session, gone, now)
    return gone
