"""The portal's database, whichever engine keeps it: a file (SQLite), or PostgreSQL for several replicas at once.

Not for: what the tables mean (``portal.storage.models``), or how old ones become new ones (``portal.storage.schema``).
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy.orm import Session

from exchange.errors import SettingsInvalid
from portal.keystore import KeyStore
from portal.storage.sqlite import SqliteDatabase, upgrade_file

T = TypeVar("T")


class Database(Protocol):
    """Opened once a process. ``write`` is a transaction that leaves what some order one after the other would have
    left; ``read`` is a snapshot.

    The work runs in a thread and gets a Session; it returns plain values, and no rows that outlive it. It may be run
    again, so it does nothing but read and write rows. Either raises StoreUnavailable while the database can't be had.
    """

    shared: bool
    """Whether other processes may serve from it at the same time."""

    @property
    def keys(self) -> KeyStore | None:
        """Where those of what is personal lie."""
        ...

    async def write(self, work: Callable[[Session], T], *, durable: bool = True) -> T:
        """Commit what ``work`` did, or nothing when it raises. Not ``durable``: a power cut, and only that, may
        undo it (no fsync)."""
        ...

    async def read(self, work: Callable[[Session], T]) -> T: ...

    def write_now(self, work: Callable[[Session], T]) -> T:
        """``write`` for a command, which has no event loop."""
        ...

    def read_now(self, work: Callable[[Session], T]) -> T: ...

    async def forget_erased(self) -> None:
        """Destroy the keys of whoever was erased, and leave as little as the engine can of the rest."""
        ...

    def use_keys(self, keys: KeyStore) -> None:
        """What is personal is sealed and opened under these from now on, once the store is there."""
        ...

    async def rewrite_found(self) -> None:
        """Write the tables that officers search anew, so that nothing erased lies between their rows."""
        ...

    def close(self) -> None:
        """Wait for what runs, then close every connection. Blocks: call it outside the event loop."""
        ...


class InFront:
    """What a database in front of another hands on unchanged: everything but ``read`` and ``write``."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.shared = db.shared
        self.write_now = db.write_now
        self.read_now = db.read_now
        self.use_keys = db.use_keys
        self.forget_erased = db.forget_erased
        self.rewrite_found = db.rewrite_found
        self.close = db.close

    @property
    def keys(self) -> KeyStore | None:
        return self._db.keys


class Databases:
    """Opens databases; those of several forces on one server share its connections. The one that was opened first is
    closed last."""

    def __init__(self) -> None:
        self._opened: dict[tuple[str, Path | None], Any] = {}

    def open(self, where: Path | str, password_file: Path | None = None, force: str | None = None) -> Database:
        """The database in a file, or at a ``postgresql://`` address, brought to this portal's schema.

        ``force``: the short name of the force, where several are served; a file holds one force anyway.
        StoreDamaged when it can't be used, StoreUnavailable when nothing answers there, SettingsInvalid when the
        address or the password's file can't be used, or when several forces could not be kept apart there.
        """
        if isinstance(where, Path):
            return SqliteDatabase(where)
        with _driver():
            from portal.storage.postgres import PostgresDatabase, Server
        server = Server.parse(where, password_file)
        if force is None:
            return PostgresDatabase(server)
        opened = PostgresDatabase(server, force, self._opened.get((where, password_file)))
        self._opened.setdefault((where, password_file), opened.connections)
        return opened


def open_database(where: Path | str, password_file: Path | None = None, force: str | None = None) -> Database:
    """One database; errors as ``Databases.open``."""
    return Databases().open(where, password_file, force)


def upgrade(where: Path | str, password_file: Path | None = None, force: str | None = None) -> tuple[str | None, str]:
    """Bring it to this portal's schema: (the version it had, the version it has). Errors as ``Databases.open``."""
    if isinstance(where, Path):
        return upgrade_file(where)
    with _driver():
        from portal.storage.postgres import Server, upgrade_server
    return upgrade_server(Server.parse(where, password_file), force)


@contextlib.contextmanager
def _driver() -> Iterator[None]:
    """What imports the driver is imported when it is wanted only: a portal on a file needs none."""
    try:
        yield
    except ImportError:
        raise SettingsInvalid(
            "The driver of PostgreSQL is not installed here.",
            do="Type sudo scripts/install --portal in Handover's source, or there, in an environment of your own: "
            "pip install '.[portal,postgres,fast]'",
        ) from None
