"""How much of the room that there is for uploads they take: nothing is begun that would not fit, and it is told before.

What they take is entries that the database writes with each that comes and goes (``TakenBytes``): nobody looks at all
of them for one more. Now and then the entries become one again, and are held against the uploads themselves.
Not for: one device's share, or one appeal's (``portal.api.tus``, ``portal.people.contributing``).
"""

import logging

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from exchange.documents.keeping.room import SCARCE
from portal.problems import ProblemError
from portal.settings import Limits
from portal.storage import locks
from portal.storage.database import Database
from portal.storage.models import StoredUpload, TakenBytes

log = logging.getLogger("handover.portal")
TOLD_AT = (100, 95, 90, SCARCE)
"""Percent of ``limits.storage_bytes``."""
AGAIN_SECONDS = 600
PROMISED = select(func.sum(StoredUpload.size)).where(~StoredUpload.gone, StoredUpload.sha256.is_(None))
"""Bytes of the uploads that are on their way."""
FOLDED_FROM = 100
"""Entries that become one."""


def check(session: Session, size: int, limits: Limits, free: int | None) -> None:
    """That ``size`` more bytes may come. ``free``: bytes that the disk has left, None where nobody knows. Uploads that
    are on their way have been promised their room. ProblemError 507."""
    if limits.storage_bytes is not None and taken(session) + size > limits.storage_bytes:
        raise _none_left()
    if free is None:
        return
    if free - (session.scalar(PROMISED) or 0) - size < limits.free_bytes:
        raise _none_left()


def taken(session: Session) -> int:
    """Bytes of all that lie here, those on their way with all that they will have."""
    return int(session.scalar(select(func.sum(TakenBytes.bytes))) or 0)


def fold(session: Session) -> None:
    """Many entries become one; their sum is what it was."""
    entries = session.scalar(select(func.count()).select_from(TakenBytes)) or 0
    if entries >= FOLDED_FROM and locks.try_hold(session, "room"):  # unless another replica is at it
        _replace(session, taken(session))


async def recount(db: Database) -> None:
    """Hold the entries against the uploads; where they differ, the log tells, and they are put right."""
    if beside := await db.read(difference):
        log.error("the total of all uploads was %d bytes beside what they take, and is put right", beside)
        await db.write(mend)


def difference(session: Session) -> int:
    """How many bytes the entries are above what the uploads add up to; mostly 0."""
    return taken(session) - counted_anew(session)


def mend(session: Session) -> None:
    """One entry, which says what all uploads add up to."""
    _replace(session, counted_anew(session))


def counted_anew(session: Session) -> int:
    """``taken`` from the uploads themselves: a look at each."""
    return int(session.scalar(select(func.sum(StoredUpload.size)).where(~StoredUpload.gone)) or 0)


def _replace(session: Session, total: int) -> None:
    session.execute(delete(TakenBytes))
    session.add(TakenBytes(bytes=total))


def _none_left() -> ProblemError:
    wait = {"Retry-After": str(AGAIN_SECONDS)}
    return ProblemError(507, "The portal has no room for the file now.", "Try again later; tell the force.", wait)


class Room:
    """What was found out last, at this replica; the log tells when it gets scarce, once for each step."""

    def __init__(self, limits: Limits) -> None:
        self.most = limits.storage_bytes
        self.taken: int | None = None
        self._told = 0

    @property
    def percent(self) -> int | None:
        """None where it is not known, or there is no limit."""
        return None if self.taken is None or self.most is None else self.taken * 100 // self.most

    def note(self, now_taken: int) -> None:
        self.taken = now_taken
        reached = next((step for step in TOLD_AT if (self.percent or 0) >= step), 0)
        if reached > self._told:
            log.warning(
                "uploads take %d %% of limits.storage_bytes (%.1f of %.1f GB): raise it, have officers receipt "
                "what they fetched, or shorten content_days_after_receipt; at 100 %% agents wait",
                self.percent, now_taken / 1e9, (self.most or 0) / 1e9,
            )  # fmt: skip
        self._told = reached
