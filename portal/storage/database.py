"""The portal's SQLite file: one writer thread, a few reading ones, never the event loop.

Not for: what the tables mean (``storage.models``), or how old files become new ones (``storage.migrations``).
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from exchange.errors import StoreDamaged

T = TypeVar("T")
READERS = 4
BUSY_SECONDS = 15
"""How long a write waits for another process (``handover-portal officer add`` beside a running portal)."""


class Database:
    """Opened once a process. ``write`` is a transaction that nobody else's write runs beside; ``read`` a snapshot.

    The work runs in a thread and gets a Session; it returns plain values, and no rows that outlive it.
    """

    def __init__(self, path: Path) -> None:
        """StoreDamaged when the file is no database, or of a newer portal."""
        upgrade(path)
        self._durable = _engine(path, "BEGIN IMMEDIATE", synchronous="FULL")
        self._quick = _engine(path, "BEGIN IMMEDIATE", synchronous="NORMAL")
        self._snapshot = _engine(path, "BEGIN", synchronous="FULL")
        self._writer = ThreadPoolExecutor(1, "portal-writer")
        self._readers = ThreadPoolExecutor(READERS, "portal-reader")

    async def write(self, work: Callable[[Session], T], *, durable: bool = True) -> T:
        """Commit what ``work`` did, or nothing when it raises. Not ``durable``: a power cut, and only that, may
        undo it (no fsync)."""
        engine = self._durable if durable else self._quick
        return await asyncio.get_running_loop().run_in_executor(self._writer, _commit, engine, work)

    async def read(self, work: Callable[[Session], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, _commit, self._snapshot, work)

    def write_now(self, work: Callable[[Session], T]) -> T:
        """``write`` for a command, which has no event loop."""
        return self._writer.submit(_commit, self._durable, work).result()

    def read_now(self, work: Callable[[Session], T]) -> T:
        return self._readers.submit(_commit, self._snapshot, work).result()

    async def forget_erased(self) -> None:
        """Fold the write-ahead log into the file and empty it: what was erased lies in neither afterwards."""

        def fold() -> None:
            connection = self._durable.raw_connection()
            try:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
            finally:
                connection.close()

        await asyncio.get_running_loop().run_in_executor(self._writer, fold)

    def close(self) -> None:
        """Wait for what runs, then close every connection. Blocks: call it outside the event loop."""
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        for engine in (self._durable, self._quick, self._snapshot):
            engine.dispose()


def upgrade(path: Path) -> tuple[str | None, str]:
    """Bring the file to this portal's schema: (the version it had, the version it has). StoreDamaged otherwise."""
    engine = _engine(path, "BEGIN IMMEDIATE", synchronous="FULL")
    config = Config()
    config.set_main_option("script_location", str(files("portal.storage") / "migrations"))
    head = ScriptDirectory.from_config(config).get_current_head()
    assert head is not None
    try:
        with engine.begin() as connection:
            before = MigrationContext.configure(connection).get_current_revision()
            _refuse_newer(config, before, path)
            if before != head:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
    except DBAPIError as error:
        raise StoreDamaged(
            f"The portal's database {path} can't be used: {error.orig}.",
            meaning="It is damaged, or no database of the portal.",
            do="Restore it from a backup; the portal does not start on a damaged one.",
        ) from None
    finally:
        engine.dispose()
    return before, head


def _refuse_newer(config: Config, version: str | None, path: Path) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise StoreDamaged(
            f"The portal's database {path} has schema {version}, which this portal doesn't know.",
            meaning="A newer portal has run on it.",
            do="Install that version, or restore the backup from before it.",
        )


def _engine(path: Path, begin: str, synchronous: str) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}, pool_size=READERS
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _commit(engine: Engine, work: Callable[[Session], T]) -> T:
    with Session(engine, expire_on_commit=False) as session, session.begin():
        return work(session)
