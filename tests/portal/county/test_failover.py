"""PostgreSQL fails over, or answers slowly, under two replicas: callers are told to wait, nothing that was acknowledged
is lost, and both go on by themselves."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from exchange.documents import api
from portal.server import Running
from portal.storage import postgres as engine
from portal.wakeups import shared
from tests.counterparts.portals.portal import in_process
from tests.counterparts.storage.postgres_server import PostgresServer, serving, standby
from tests.portal.conftest import Town
from tests.portal.county.test_replicas import PATIENCE, at
from tests.portal.wire import Agent

ENGINES = ("postgres",)
BEAT = api.Heartbeat(version="1.0", cameras_recording=1, cameras_registered=1)
SOCKET = ".s.PGSQL.5432"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """Of these tests alone: they kill it."""
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def prepared(postgres: PostgresServer, template: object) -> str:
    from portal.force import officers
    from portal.storage.database import open_database
    from tests.counterparts.portals.portal import Place
    from tests.portal.conftest import NOON

    assert isinstance(template, Place)
    name = postgres.create()
    db = open_database(postgres.url(name))
    db.write_now(lambda session: officers.add(session, template.credential, template.settings, NOON))
    db.close()
    return name


def served_from(town: Town, url: str) -> Town:
    settings = town.place.settings.model_copy(update={"database": url})
    return replace(town, place=replace(town.place, settings=settings))


class Slow:
    """A proxy before PostgreSQL's socket that hands on each piece ``seconds`` later."""

    def __init__(self, server: PostgresServer, folder: Path) -> None:
        self.folder = folder
        self.seconds = 0.0
        self._to = str(server.folder / SOCKET)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> asyncio.Server:
        return await asyncio.start_unix_server(self._connect, self.folder / SOCKET)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, beyond = await asyncio.open_unix_connection(self._to)
        for pair in ((reader, beyond), (there, writer)):
            task = asyncio.create_task(self._hand_on(*pair))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(1 << 16):
                await asyncio.sleep(self.seconds)
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def slow(town: Town, postgres: PostgresServer, room: Path) -> AsyncIterator[tuple[Slow, Town]]:
    """A replica whose PostgreSQL is behind the proxy."""
    proxy = Slow(postgres, room)
    server = await proxy.start()
    url = str(town.place.settings.database).replace(str(postgres.folder), str(room))
    place = served_from(town, url).place
    async with in_process(place, town.clock) as running:
        yield proxy, replace(town, place=place, running=running)
    server.close()
    await proxy.end()


async def test_a_slow_postgresql_makes_calls_slow_and_loses_none(town: Town, slow: tuple[Slow, Town]) -> None:
    proxy, there = slow
    agent = await town.agent().join(town.place)
    proxy.seconds = 0.02
    far = Agent(agent.session, there.origin, agent.clock, agent.key)
    signed = await there.officer.ask(far)
    answers = await asyncio.gather(*(far.call("POST", api.HEARTBEAT, BEAT) for _ in range(8)), far.decide(signed))
    assert {answer.status for answer in answers} == {204}
    assert (await town.officer.case()).decision is not None


async def test_while_postgresql_stalls_callers_are_told_to_wait_and_an_answer_that_comes_again_is_taken_once(
    town: Town, slow: tuple[Slow, Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, there = slow
    agent = await town.agent().join(town.place)
    far = Agent(agent.session, there.origin, agent.clock, agent.key)
    signed = await there.officer.ask(far)
    decision = far.decision(signed)
    monkeypatch.setattr(engine, "PATIENCE_SECONDS", 0.3)
    proxy.seconds = 2
    stalled = await far.decide(signed, decision)
    assert stalled.status == 503
    assert 3 <= int(stalled.headers["Retry-After"]) <= 10
    assert (await agent.call("POST", api.HEARTBEAT, BEAT)).status == 204, "the other replica serves on"
    proxy.seconds = 0
    monkeypatch.setattr(engine, "PATIENCE_SECONDS", 20)
    async with asyncio.timeout(PATIENCE):
        while (again := await far.decide(signed, decision)).status == 503:
            pass
    assert again.status == 204
    assert (await town.officer.case()).decision == decision


async def until_served(agent: Agent) -> list[aiohttp.typedefs.LooseHeaders]:
    """Beat until it is taken; the headers of the answers that said to wait."""
    waits = []
    async with asyncio.timeout(PATIENCE):
        while (answer := await agent.call("POST", api.HEARTBEAT, BEAT)).status != 204:
            assert answer.status == 503
            waits.append(answer.headers)
            await asyncio.sleep(0.05)
    return waits


async def test_when_postgresql_fails_over_both_replicas_find_the_other_and_nothing_is_lost(
    town: Town, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "BACK_SECONDS", 0.1)
    with standby(postgres) as second:
        url = str(town.place.settings.database)
        both = url.replace(str(postgres.folder), f"{postgres.folder},{second.folder}")
        place = served_from(town, f"{both}&target_session_attrs=read-write").place
        async with in_process(place, town.clock) as one, in_process(place, town.clock) as other:
            here = replace(town, place=place, running=one)
            agent = await here.agent().join(place)
            signed = await here.officer.ask(agent)
            assert (await agent.decide(signed)).status == 204
            await asyncio.to_thread(postgres.kill)
            try:
                await _goes_on(here, other, agent, second)
            finally:
                await asyncio.to_thread(postgres.start)


async def _goes_on(here: Town, other: Running, agent: Agent, second: PostgresServer) -> None:
    gone = await agent.call("POST", api.HEARTBEAT, BEAT)
    assert gone.status == 503
    assert 3 <= int(gone.headers["Retry-After"]) <= 10
    await asyncio.to_thread(second.promote)
    await until_served(agent)
    await until_served(at(agent, other))
    assert (await here.officer.case()).decision is not None, "what was acknowledged before is there"
    signed = await here.officer.ask(agent, "r-2")
    async with asyncio.timeout(PATIENCE):  # word goes between the replicas again
        while not (found := await at(agent, other).inbox(wait=5)).items:
            pass
    assert signed in [item.signed for item in found.items]
