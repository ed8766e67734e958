"""Locks that all processes on one database share, held until the transaction ends.

Not for: a file (SQLite): there only one transaction writes at a time, and each of these is had at once.
"""

import hashlib

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from portal.storage.names import ALONE


def number_of(*names: str) -> int:
    """PostgreSQL's advisory locks are numbers of 64 bits, signed."""
    digest = hashlib.sha256("\0".join(("handover", *names)).encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def hold(session: Session, *names: str) -> None:
    """Wait until nobody else of this force holds it. The snapshot of what was read before the lock stays as it was."""
    if is_shared(session):
        session.execute(select(func.pg_advisory_xact_lock(_number(session, names))))


def try_hold(session: Session, *names: str) -> bool:
    """Whether nobody else of this force holds it."""
    if not is_shared(session):
        return True
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(_number(session, names)))))


def queue_for(session: Session, table: str) -> None:
    """Wait until nobody else is at what is done with a table by one at a time; others may still add rows to it.

    Unlike ``hold``, the first thing that a transaction does: it then sees what whoever was before it left. (In a
    transaction of one of several forces it is the second, and may be run again once.)
    """
    if is_shared(session):
        session.execute(text(f"LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE"))


def _number(session: Session, names: tuple[str, ...]) -> int:
    force = session.info.get("force")
    return number_of(*names) if force in (None, ALONE) else number_of("of", force, *names)


def is_shared(session: Session) -> bool:
    """Whether others may write at the same time."""
    return session.get_bind().dialect.name == "postgresql"
