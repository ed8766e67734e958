"""The bell and the claims that fit a database. Not for: how they work (``portal.wakeups.bell``, ``.shared``)."""

import contextlib
from collections.abc import AsyncIterator

from portal.storage.database import Database
from portal.wakeups.bell import Bell, LocalBell
from portal.wakeups.claims import Claims, LocalClaims


def is_served(db: Database) -> bool:
    """Whether a replica serves from a shared database now; False of a file, whose lock tells. Blocks."""
    if not db.shared:
        return False
    from portal.storage.postgres import PostgresDatabase
    from portal.wakeups.shared import has_replicas

    assert isinstance(db, PostgresDatabase)
    return has_replicas(db)


@contextlib.asynccontextmanager
async def open_wakeups(db: Database) -> AsyncIterator[tuple[Bell, Claims]]:
    """Within this process on a file; across all replicas on PostgreSQL."""
    if not db.shared:
        yield LocalBell(), LocalClaims()
        return
    from portal.storage.postgres import PostgresDatabase  # its driver is there only where it is wanted
    from portal.wakeups.shared import Line, SharedBell, SharedClaims

    assert isinstance(db, PostgresDatabase)
    line = Line(db)
    bell, claims = SharedBell(line), SharedClaims(line, db.server)
    async with line.open(), claims.open():
        yield bell, claims
