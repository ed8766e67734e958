"""Bells that ring at every replica, and claims that every replica heeds: PostgreSQL's LISTEN, NOTIFY and locks.

A word that gets lost costs time only: polls end by themselves, and all of them are ended when the line breaks, is down,
and comes back. Not for: what is said between threads of one process.
"""

import asyncio
import contextlib
import functools
import logging
import random
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import text
from sqlalchemy.orm import Session

from exchange.errors import HandoverError, StoreUnavailable
from portal.storage.locks import number_of
from portal.storage.names import ALONE
from portal.storage.postgres import PostgresDatabase, Server
from portal.wakeups.background import beside
from portal.wakeups.bell import LocalBell

log = logging.getLogger("handover.portal")
REPLICA = "handover-portal serves"
"""How PostgreSQL's list of connections tells that a replica is there."""
CHANNEL = "handover"
"""On which the replicas of a portal speak; each of several forces has one of its own."""
BACK_SECONDS = 5
"""After which a line that is down is tried again; meanwhile every poll looks as often."""
CHECK_SECONDS = 10
"""After which a line on which nothing was said, or the claims' connection, is looked after."""
SLICE = 200
SLICE_SECONDS = 0.05
"""So many polls are ended at once, and then others get their turn."""
MOST_SAID = 500
"""Words in one statement."""
Connection = psycopg.AsyncConnection[Any]


class Line:
    """A word (``ring`` or ``ask``) about a name, said to every other replica."""

    def __init__(self, db: PostgresDatabase) -> None:
        self._db = db
        self._channel = _channel(db)
        self._me = uuid.uuid4().hex
        self._heard: dict[str, Callable[[str], None]] = {}
        self._back: list[Callable[[], Any]] = []
        self._said: dict[str, None] = {}
        self._something = asyncio.Event()

    def on(self, word: str, answer: Callable[[str], None]) -> None:
        self._heard[word] = answer

    def on_silence(self, answer: Callable[[], Any]) -> None:
        """Awaited whenever words may have been lost."""
        self._back.append(answer)

    def say(self, word: str, name: str) -> None:
        self._said[f"{self._me} {word} {name}"] = None
        self._something.set()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with beside(self._listen(), self._speak()):
            yield

    async def _listen(self) -> None:
        hears = True
        while True:
            try:
                async with await _connect(self._db.server, f"{REPLICA} {self._channel}") as connection:
                    await connection.execute(SQL("LISTEN {}").format(Identifier(self._channel)))
                    await self._tell_silence()
                    if not hears:
                        log.warning("replicas are heard again")
                    hears = True
                    while True:
                        async for notify in connection.notifies(timeout=CHECK_SECONDS):
                            self._hear(notify.payload)
                        await connection.execute("SELECT 1")
            except (psycopg.Error, HandoverError, OSError) as error:
                if hears:
                    log.warning("replicas are not heard now (%s); polls look by themselves", type(error).__name__)
                hears = False
            await self._tell_silence()
            await asyncio.sleep(BACK_SECONDS * random.uniform(0.5, 1))  # noqa: S311  no secret

    async def _speak(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            while words := list(self._said)[:MOST_SAID]:
                try:
                    await self._db.write(functools.partial(_notify, self._channel, words), durable=False)
                except StoreUnavailable as error:
                    log.warning("replicas were not told (%s); it is tried again", error.what)
                    await asyncio.sleep(BACK_SECONDS)
                    continue
                for word in words:
                    self._said.pop(word, None)

    def _hear(self, payload: str) -> None:
        who, _, rest = payload.partition(" ")
        word, _, name = rest.partition(" ")
        if who != self._me and word in self._heard:
            self._heard[word](name)

    async def _tell_silence(self) -> None:
        for answer in self._back:
            await answer()


class SharedBell(LocalBell):
    """``portal.wakeups.bell.Bell`` of all replicas."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line
        line.on("ring", self.wake)
        line.on_silence(self._wake_all)

    def ring(self, device: str) -> None:
        self.wake(device)
        self._line.say("ring", device)

    async def _wake_all(self) -> None:
        self.rings_were_missed()
        for number, device in enumerate(self.waiting, 1):
            self.wake(device)
            if number % SLICE == 0:
                await asyncio.sleep(SLICE_SECONDS)


class SharedClaims:
    """``portal.wakeups.claims.Claims``: a lock of PostgreSQL each, all on one connection, whose end frees them."""

    def __init__(self, line: Line, server: Server) -> None:
        self._line = line
        self._server = server
        self._connection: Connection | None = None
        self._one_at_a_time = asyncio.Lock()
        self._held: dict[str, Callable[[], None]] = {}

    async def take(self, name: str, lost: Callable[[], None]) -> bool:
        return await asyncio.shield(asyncio.ensure_future(self._take(name, lost)))

    async def release(self, name: str) -> None:
        await asyncio.shield(asyncio.ensure_future(self._release(name)))

    def ask_for(self, name: str) -> None:
        self._line.say("ask", name)

    def when_asked(self, answer: Callable[[str], None]) -> None:
        self._line.on("ask", answer)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with beside(self._watch()):
            try:
                yield
            finally:
                async with self._one_at_a_time:
                    await self._drop()

    async def _take(self, name: str, lost: Callable[[], None]) -> bool:
        async with self._one_at_a_time:
            try:
                if self._connection is None:
                    self._connection = await _connect(self._server)
                mine = await self._ask("SELECT pg_try_advisory_lock(%s)", number_of("claim", name))
            except (psycopg.Error, OSError):
                await self._drop()
                raise StoreUnavailable(
                    "The portal's database does not answer.", do="Try again in a moment; what was sent is kept."
                ) from None
            if mine:
                self._held[name] = lost
            return mine

    async def _release(self, name: str) -> None:
        async with self._one_at_a_time:
            if self._held.pop(name, None) is None or self._connection is None:
                return
            try:
                await self._ask("SELECT pg_advisory_unlock(%s)", number_of("claim", name))
            except (psycopg.Error, OSError):
                await self._drop()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            async with self._one_at_a_time:
                if self._connection is None:
                    continue
                try:
                    await self._ask("SELECT %s = 0", 0)
                except (psycopg.Error, OSError):
                    await self._drop()

    async def _ask(self, statement: str, number: int) -> bool:
        assert self._connection is not None
        cursor = await self._connection.execute(statement, [number])
        row = await cursor.fetchone()
        return bool(row and row[0])

    async def _drop(self) -> None:
        """The connection is gone, and with it every claim: whoever held one must stop."""
        connection, self._connection = self._connection, None
        held, self._held = self._held, {}
        for lost in held.values():
            lost()
        if connection is not None:
            await connection.close()


def _notify(channel: str, words: list[str], session: Session) -> None:
    say = text("SELECT pg_notify(:channel, word) FROM unnest(CAST(:words AS text[])) AS word")
    session.execute(say, {"channel": channel, "words": words})


def _channel(db: PostgresDatabase) -> str:
    return CHANNEL if db.force in (None, ALONE) else f"{CHANNEL}_of_{db.force}"


def has_replicas(db: PostgresDatabase) -> bool:
    """Whether one serves this force now. Blocks."""
    query = (
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = :name)"
    )
    return bool(db.read_now(lambda session: session.scalar(text(query), {"name": f"{REPLICA} {_channel(db)}"})))


async def _connect(server: Server, name: str | None = None) -> Connection:
    """``name``: as what PostgreSQL lists it."""
    parameters = await asyncio.to_thread(server.parameters)
    if name is not None:
        parameters["application_name"] = name
    return await psycopg.AsyncConnection.connect(**parameters, autocommit=True)
