"""The portal's database on PostgreSQL, for any number of replicas at once.

Every write is one SERIALIZABLE transaction, run again when PostgreSQL finds that it doesn't fit into an order with the
others. Not for: what waits there for other replicas' words (``portal.wakeups``).
"""

import asyncio
import random
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from exchange.errors import HandoverError, InputInvalid, StoreDamaged, StoreUnavailable
from portal.keystore import KeyStore
from portal.storage import locks, names, schema, separation
from portal.storage.personal import erasures, sealing
from portal.storage.server import READ_ONLY
from portal.storage.server import Server as Server

T = TypeVar("T")
THREADS = 6
"""That write, and as many that read; each has a connection of its own."""
ATTEMPTS = 12
FIRST_WAIT = 0.004
LONGEST_WAIT = 0.25
"""Seconds before a transaction is run again: a random part of twice the one before, up to this."""
MOST_SURPRISES = 3
"""Times that a constraint is met by chance; then it is the work itself that breaks it."""
STATEMENT_SECONDS = 15
PATIENCE_SECONDS = 20
"""How long a call waits for a server that is there and says nothing."""
_AGAIN = {"40001", "40P01", "23505", "23503"}
"""Serialization failure, deadlock; and two that, under another's commit, mean the same: what was looked for and not
found is there now, or the other way round. Run again, the work sees it."""
_WRITES = (
    "-c default_transaction_isolation=serializable -c enable_seqscan=off -c jit=off "
    f"-c statement_timeout={STATEMENT_SECONDS}s -c idle_in_transaction_session_timeout=60s"
)
"""A whole table that is read is a conflict with whoever writes to any of its rows: an index is taken where there is
one. Where there is none, the plan looks so dear that PostgreSQL would compile it first: ``jit=off``."""
_READS = (
    f"-c default_transaction_isolation=repeatable\\ read {READ_ONLY} -c jit=off "
    f"-c statement_timeout={STATEMENT_SECONDS}s"
)


class Connections:
    """Threads and their connections to one server, which all forces in its database share."""

    def __init__(self, server: Server, options: str = "") -> None:
        self.server = server
        self.durable = _engine(server, f"{_WRITES} {options}")
        self.quick = _engine(server, f"{_WRITES} -c synchronous_commit=off {options}")
        self.snapshot = _engine(server, f"{_READS} {options}")
        self.writers = ThreadPoolExecutor(THREADS, "portal-writer")
        self.readers = ThreadPoolExecutor(THREADS, "portal-reader")

    def close(self) -> None:
        self.writers.shutdown(wait=True)
        self.readers.shutdown(wait=True)
        for engine in (self.durable, self.quick, self.snapshot):
            engine.dispose()


class PostgresDatabase:
    """``portal.storage.database.Database`` on a server."""

    keys: KeyStore | None = None
    shared = True

    def __init__(self, server: Server, force: str | None = None, shares: Connections | None = None) -> None:
        """``force``: whose rows it has to do with, where several are in the database; None for a portal alone.
        ``shares``: another force's connections to the same server, in place of some of its own.

        StoreDamaged when it is of a newer portal, or can't be used; StoreUnavailable when it does not answer;
        SettingsInvalid when it can't keep several forces apart.
        """
        upgrade_server(server, force)
        self.server = server
        self.force = force
        self._alone = shares is None
        alone = f"-c {separation.SETTING}={names.ALONE}" if force is None else ""
        self.connections = shares or Connections(server, alone)

    async def write(self, work: Callable[[Session], T], *, durable: bool = True) -> T:
        engine = self.connections.durable if durable else self.connections.quick
        return await _in_time(self.connections.writers, engine, self.force, work)

    async def read(self, work: Callable[[Session], T]) -> T:
        return await _in_time(self.connections.readers, self.connections.snapshot, self.force, work)

    def write_now(self, work: Callable[[Session], T]) -> T:
        return self.connections.writers.submit(commit, self.connections.durable, self.force, work).result()

    def read_now(self, work: Callable[[Session], T]) -> T:
        return self.connections.readers.submit(commit, self.connections.snapshot, self.force, work).result()

    async def forget_erased(self) -> None:
        """Nothing: what is sealed opens under no key any more; places of cameras are overwritten when PostgreSQL's
        autovacuum gives their room away, or by ``rewrite_found``."""
        await erasures.destroy_erased(self)

    def use_keys(self, keys: KeyStore) -> None:
        self.keys = keys
        connections = self.connections
        sealing.use_keys((connections.durable, connections.quick, connections.snapshot), keys, self.force)

    async def rewrite_found(self) -> None:
        """Searches wait meanwhile: some seconds for each 100,000 cameras."""
        await asyncio.get_running_loop().run_in_executor(self.connections.writers, _rewrite, self.server)

    def close(self) -> None:
        if self._alone:
            self.connections.close()


async def _in_time(threads: ThreadPoolExecutor, engine: Engine, force: str | None, work: Callable[[Session], T]) -> T:
    """Nobody waits for ever on a server that hangs: what waits for a thread then is not begun, what runs is left."""
    running = asyncio.get_running_loop().run_in_executor(threads, commit, engine, force, work)
    try:
        return await asyncio.wait_for(running, PATIENCE_SECONDS)
    except TimeoutError:
        raise _gone(f"nothing came within {PATIENCE_SECONDS} seconds") from None


def upgrade_server(server: Server, force: str | None = None) -> tuple[str | None, str]:
    """Bring it to this portal's schema; of several replicas that start at once, one does it and the others wait."""
    server.parameters()  # tells at once what is wrong with the settings
    engine = _engine(server, "-c lock_timeout=300s")
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": locks.number_of("schema")})
            _want_postgis(connection)
            versions = schema.bring_up(connection, server.name)
            separation.bind(connection, force)
            return versions
    except DBAPIError as error:
        raise _unavailable(error) or StoreDamaged(
            f"The portal's database {server.name} can't be used: {_first_line(error)}.",
            do="Give the portal's user a database of its own; docs/portal-guide.md says how.",
        ) from None
    finally:
        engine.dispose()


def commit(engine: Engine, force: str | None, work: Callable[[Session], T]) -> T:
    """Run the work in a transaction of the force's and commit it: again, after a short random wait, while others were
    in its way."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2**attempt)))  # noqa: S311  no secret
        done = False
        try:
            with Session(engine, expire_on_commit=False, info={"force": force}) as session:
                with session.begin():
                    if force is not None:
                        session.execute(separation.AS_FORCE, {"force": force})
                    result = work(session)
                    session.flush()
                    done = True
                return result
        except DBAPIError as error:
            if "NUL" in str(error.orig):
                raise InputInvalid("A text holds a zero byte.", do="Send it without.") from None
            if _is_lost(error):
                if done or attempt:  # whether a commit that broke off came to pass, nobody knows
                    raise _gone(_first_line(error)) from None
            elif _state(error) not in _AGAIN or (isinstance(error, IntegrityError) and attempt >= MOST_SURPRISES):
                raise _unavailable(error) or error from None
    raise StoreUnavailable(
        "The portal's database is too busy.",
        meaning=f"Others were in the way of this {ATTEMPTS} times; nothing was changed.",
        do="Try again in a moment.",
    )


def _rewrite(server: Server) -> None:
    """In files of its own for each table; the ones before are removed with the next checkpoint."""
    with psycopg.connect(**server.parameters(), autocommit=True) as connection:
        for table in ("cameras", "day_hours", "people_cameras"):
            connection.execute(f"VACUUM (FULL) {table}")


def _engine(server: Server, options: str) -> Engine:
    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: _connect(server, options),
        pool_size=THREADS,
        max_overflow=0,
        pool_timeout=STATEMENT_SECONDS,
    )


def _connect(server: Server, options: str) -> "psycopg.Connection[Any]":
    try:
        parameters = server.parameters(options)
    except HandoverError as error:  # the password's file was there when the portal started
        raise psycopg.OperationalError(error.what) from None
    return psycopg.connect(**parameters)


def _want_postgis(connection: Any) -> None:
    if connection.scalar(text("SELECT count(*) FROM pg_extension WHERE extname = 'postgis'")):
        return
    try:
        with connection.begin_nested():
            connection.execute(text("CREATE EXTENSION postgis"))
    except DBAPIError as error:
        raise StoreDamaged(
            f"The portal's database has no PostGIS: {_first_line(error)}.",
            do="Install PostGIS, and have a superuser run in the portal's database: CREATE EXTENSION postgis;",
        ) from None


def _state(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _is_lost(error: DBAPIError) -> bool:
    """The connection ended, or could not be made: nothing wrong with what was asked."""
    if error.connection_invalidated or _state(error)[:2] == "08" or _state(error)[:3] == "57P":
        return True
    return isinstance(error.orig, psycopg.OperationalError) and not _state(error)


def _unavailable(error: DBAPIError) -> HandoverError | None:
    """No answer, shut down, cancelled for its length, read-only after a failover, out of connections or room."""
    if _is_lost(error) or _state(error)[:2] in ("53", "55") or _state(error) in ("25006", "57014"):
        return _gone(_first_line(error))
    return None


_REFUSED = re.compile(
    r"password authentication failed|no password supplied|authentication failed|does not exist|no pg_hba\.conf entry"
)
"""What a server says to whom it does not let in, in English; in another language it reads as one that is away."""


def _gone(why: str) -> StoreUnavailable:
    if _REFUSED.search(why):
        return StoreUnavailable(
            f"PostgreSQL does not let the portal in: {why.rpartition('FATAL:')[2].strip()}.",
            meaning="It answers; nothing was done.",
            do="Who runs the portal: compare user, database and password (database and database_password_file in "
            "portal.yaml) with PostgreSQL's, and its pg_hba.conf.",
        )
    return StoreUnavailable(
        f"The portal's database does not answer: {why}.",
        meaning="Nothing was lost; the call may have been done or not, and may be made again.",
        do="Try again in a moment. Who runs the portal: is PostgreSQL up, and does it take this user?",
    )


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0].rstrip(".")
