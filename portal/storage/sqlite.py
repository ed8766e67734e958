"""The portal's database in a file: SQLite with one writer thread, a few reading ones, never the event loop.

Not for: more than one process that serves (``portal.storage.postgres``).
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from exchange.errors import StoreDamaged
from portal.keystore import KeyStore
from portal.storage import schema
from portal.storage.personal import erasures, sealing

T = TypeVar("T")
READERS = 4
BUSY_SECONDS = 15
"""How long a write waits for another process (``handover-portal officer add`` beside a running portal)."""


class SqliteDatabase:
    """``portal.storage.database.Database`` on a file. ``write`` is a transaction that nobody else's runs beside."""

    keys: KeyStore | None = None
    shared = False

    def __init__(self, path: Path) -> None:
        """StoreDamaged when the file is no database, or of a newer portal."""
        upgrade_file(path)
        self._durable = _engine(path, "BEGIN IMMEDIATE", synchronous="FULL")
        self._quick = _engine(path, "BEGIN IMMEDIATE", synchronous="NORMAL")
        self._snapshot = _engine(path, "BEGIN", synchronous="FULL")
        self._writer = ThreadPoolExecutor(1, "portal-writer")
        self._readers = ThreadPoolExecutor(READERS, "portal-reader")

    async def write(self, work: Callable[[Session], T], *, durable: bool = True) -> T:
        engine = self._durable if durable else self._quick
        return await asyncio.get_running_loop().run_in_executor(self._writer, _commit, engine, work)

    async def read(self, work: Callable[[Session], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, _commit, self._snapshot, work)

    def write_now(self, work: Callable[[Session], T]) -> T:
        return self._writer.submit(_commit, self._durable, work).result()

    def read_now(self, work: Callable[[Session], T]) -> T:
        return self._readers.submit(_commit, self._snapshot, work).result()

    async def forget_erased(self) -> None:
        """Fold the write-ahead log into the file and empty it: what was erased lies in neither afterwards."""

        await erasures.destroy_erased(self)

        def fold() -> None:
            connection = self._durable.raw_connection()
            try:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
            finally:
                connection.close()

        await asyncio.get_running_loop().run_in_executor(self._writer, fold)

    def use_keys(self, keys: KeyStore) -> None:
        self.keys = keys
        sealing.use_keys((self._durable, self._quick, self._snapshot), keys)

    async def rewrite_found(self) -> None:
        """Nothing more: what was erased is overwritten at once (``secure_delete``)."""
        await self.forget_erased()

    def close(self) -> None:
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        for engine in (self._durable, self._quick, self._snapshot):
            engine.dispose()


def upgrade_file(path: Path) -> tuple[str | None, str]:
    """Bring the file to this portal's schema: (the version it had, the version it has). StoreDamaged otherwise."""
    engine = _engine(path, "BEGIN IMMEDIATE", synchronous="FULL")
    try:
        with engine.begin() as connection:
            return schema.bring_up(connection, str(path))
    except DBAPIError as error:
        raise StoreDamaged(
            f"The portal's database {path} can't be used: {error.orig}.",
            meaning="It is damaged, or no database of the portal.",
            do="Restore it from a backup; the portal does not start on a damaged one.",
        ) from None
    finally:
        engine.dispose()


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
