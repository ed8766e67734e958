"""How much is asked of owners, and how they answer: by the month, for everybody, and never so that one stands out.

Not for: what one officer asked (``portal.audit.uses``). Each function is the work of one transaction.
"""

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from exchange.clock import DAY, SECOND
from exchange.documents.api import Counts, MonthCount
from exchange.documents.messages import Status
from portal.storage.count_tables import MonthCounts
from portal.storage.models import StoredRequest

MOST_MONTHS = 120
LATE = 7 * DAY
"""How long after a request's end an answer may still come."""
MOST_AT_ONCE = 120
"""Months that one transaction counts."""
_ANSWERS = (Status.APPROVED, Status.PARTLY_APPROVED, Status.DECLINED, Status.UNAVAILABLE)


def close_months(session: Session, now: int) -> None:
    """Count each month that is over, and of which no request can be answered any more; once, and for good.

    Until then nothing of it is shown: a number that grows would tell whoever asked when an owner answered. Of very many
    (a clock that was wrong) the first ``MOST_AT_ONCE``: no transaction may last longer than its caller waits.
    """
    counted = session.scalar(select(func.max(MonthCounts.month)))
    first = session.scalar(select(func.min(StoredRequest.received)))
    if first is None:
        return
    month = _after(counted) if counted is not None else _month_of(first)
    for _ in range(MOST_AT_ONCE):
        if month >= _month_of(now):
            return
        within = (StoredRequest.received >= _start(month)) & (StoredRequest.received < _start(_after(month)))
        waiting = select(StoredRequest.request_id).where(
            within, StoredRequest.answered.is_(None), StoredRequest.status.is_(None), StoredRequest.expires > now - LATE
        )
        if session.scalar(waiting.limit(1)) is not None:
            return
        session.add(_count(session, month, within))
        month = _after(month)


def counted_until(session: Session) -> int:
    """Requests that came before this were counted, in microseconds UTC."""
    counted = session.scalar(select(func.max(MonthCounts.month)))
    return 0 if counted is None else _start(_after(counted))


def read(session: Session, least: int) -> Counts:
    """What may be shown, newest first; numbers that would speak of fewer than ``least`` are left out."""
    rows = session.scalars(select(MonthCounts).order_by(MonthCounts.month.desc()).limit(MOST_MONTHS))
    return Counts(months=tuple(_shown(row, least) for row in rows), least=least)


def _shown(row: MonthCounts, least: int) -> MonthCount:
    """A number stands there only if it, and what is left of the whole, are each of enough owners."""
    if row.owners < least:
        return MonthCount(month=row.month)
    answered = row.answered if min(row.answered, row.requests - row.answered) >= least else None
    whole = row.requests if answered is None else answered
    declined = row.declined if min(row.declined, whole - row.declined) >= least else None
    return MonthCount(
        month=row.month, requests=row.requests, owners_asked=row.owners, answered=answered, declined=declined
    )


def _count(session: Session, month: str, within: ColumnElement[bool]) -> MonthCounts:
    found = session.execute(
        select(
            func.count(),
            func.count(StoredRequest.device.distinct()),
            func.count(case((StoredRequest.status.in_(_ANSWERS), 1))),
            func.count(case((StoredRequest.status == Status.DECLINED, 1))),
        ).where(within)
    ).one()
    return MonthCounts(month=month, requests=found[0], owners=found[1], answered=found[2], declined=found[3])


def _month_of(instant: int) -> str:
    return datetime.fromtimestamp(instant // SECOND, UTC).strftime("%Y-%m")


def _start(month: str) -> int:
    return int(datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC).timestamp()) * SECOND


def _after(month: str) -> str:
    year, number = map(int, month.split("-"))
    return f"{year + number // 12:04}-{number % 12 + 1:02}"
