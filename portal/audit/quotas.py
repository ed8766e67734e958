"""How much the force lets an officer do here, counted by the hour and the day; and how much of it is used.

Not for: where they searched (``portal.registry.searches``). Each function is the work of one transaction.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from exchange.clock import DAY, HOUR, SECOND
from exchange.counted import counted
from exchange.documents.messages import Credential, Role
from exchange.documents.supervision import Quotas, QuotaUse
from portal.problems import too_many
from portal.settings import Limits
from portal.storage.models import Officer, Search, StoredRequest
from portal.storage.supervision_tables import Fetch

_MOST_OFFICERS = 1000
_RAISE = "Wait, or ask the force to raise the limit if the case needs more."


def check_searches(session: Session, officer: str, limits: Limits, now: int) -> None:
    """ProblemError 429 when the officer with this fingerprint made as many as may be in an hour, or a day."""
    within_an_hour = func.count().filter(Search.made > now - HOUR)
    made = select(within_an_hour, func.count()).where(Search.officer == officer, Search.made > now - DAY)
    in_hour, in_day = session.execute(made).one()
    for count, span, most, words in (
        (in_hour, HOUR, limits.searches_per_officer_per_hour, "an hour"),
        (in_day, DAY, limits.searches_per_officer_per_day, "a day"),
    ):
        if count >= most:
            raise too_many(f"An officer may search {counted(most, 'time')} {words}.", _RAISE, span // SECOND)


def note_fetch(session: Session, officer: str, delivery_id: str, limits: Limits, now: int) -> None:
    """One more package. ProblemError 429 when the officer began as many as may be in an hour; going on with one is no
    new one."""
    before = session.get(Fetch, (officer, delivery_id))
    if before is not None and before.made > now - HOUR:
        return
    most = limits.fetches_per_officer_per_hour
    if _count(session, Fetch.officer, Fetch.made, officer, now - HOUR) >= most:
        raise too_many(f"An officer may fetch {counted(most, 'package')} an hour.", _RAISE, HOUR // SECOND)
    if before is None:
        session.add(Fetch(officer=officer, delivery_id=delivery_id, made=now))
    else:
        before.made = now


def remove_old(session: Session, now: int) -> None:
    session.execute(delete(Fetch).where(Fetch.made <= now - HOUR))


def read(session: Session, officer: str, limits: Limits, now: int) -> Quotas:
    """For an auditor every officer who did something within a day, who did most first; else the caller alone."""
    known = session.get(Officer, officer)
    assert known is not None, "a caller whose token was taken is known"
    shown: Sequence[Officer] = [known]
    if Credential.model_validate_json(known.document).may(Role.AUDITOR):
        shown = session.scalars(select(Officer).order_by(Officer.collar_number)).all()
    hour, day = now - HOUR, now - DAY
    counts = (
        _by_officer(session, Search.officer, Search.made > hour),
        _by_officer(session, Search.officer, Search.made > day),
        _by_officer(session, StoredRequest.officer, StoredRequest.received > day),
        _by_officer(session, Fetch.officer, Fetch.made > hour),
    )
    uses = [(each, [count.get(each.fingerprint, 0) for count in counts]) for each in shown]
    used = sorted((use for use in uses if any(use[1]) or use[0] is known), key=lambda use: -sum(use[1]))
    return Quotas(
        searches_hour=limits.searches_per_officer_per_hour,
        searches_day=limits.searches_per_officer_per_day,
        requests_day=limits.requests_per_officer_per_day,
        fetches_hour=limits.fetches_per_officer_per_hour,
        officers=tuple(_use(each, *numbers) for each, numbers in used[:_MOST_OFFICERS]),
    )


def _use(officer: Officer, searches_hour: int, searches_day: int, requests_day: int, fetches_hour: int) -> QuotaUse:
    return QuotaUse(
        name=officer.name,
        collar_number=officer.collar_number,
        searches_hour=searches_hour,
        searches_day=searches_day,
        requests_day=requests_day,
        fetches_hour=fetches_hour,
    )


def _count(
    session: Session, column: InstrumentedAttribute[str], made: InstrumentedAttribute[int], officer: str, since: int
) -> int:
    return session.scalar(select(func.count()).where(column == officer, made > since)) or 0


def _by_officer(session: Session, column: InstrumentedAttribute[str], within: ColumnElement[bool]) -> dict[str, int]:
    rows = session.execute(select(column, func.count()).where(within).group_by(column))
    return {row[0]: row[1] for row in rows}
