"""Two replicas of a portal on one PostgreSQL: what reaches one is known at the other, and of two at once one wins."""

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TypeVar

import aiohttp
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from exchange.clock import SECOND
from exchange.documents import api
from exchange.signing.documents import SigningKey
from exchange.signing.tokens import mint
from portal.server import Running
from portal.settings import Limits
from portal.storage import locks
from portal.storage import postgres as engine
from portal.storage.models import Device, StoredUpload
from portal.uploads import turns
from portal.uploads.bucket import layout
from portal.wakeups import shared
from tests.counterparts.portals.portal import Place, add_officer, in_process
from tests.counterparts.storage.postgres_server import PostgresServer
from tests.portal.conftest import STORES, Town
from tests.portal.wire import Agent, Officer, SetClock, Wire

ENGINES = ("postgres",)
W = TypeVar("W", bound=Wire)
FILM = b"sealed film " * 1000
in_both = pytest.mark.parametrize("store", STORES, indirect=True)
PATIENCE = 60
"""Seconds after which a test that waits has failed."""


@pytest.fixture(autouse=True)
def _small_parts(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that ``FILM`` has three."""
    monkeypatch.setattr(layout, "PART", 5000)


@pytest.fixture
async def twin(town: Town, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """The other replica."""
    monkeypatch.setattr(shared, "BACK_SECONDS", 0.1)
    async with in_process(town.place, town.clock) as running:
        yield running


@pytest.fixture
async def agent(town: Town) -> Agent:
    return await town.agent().join(town.place)


def at(who: W, running: Running) -> W:
    """The same, speaking to another replica."""
    return replace(who, origin=running.portal.origin)


async def another_officer(town: Town) -> Officer:
    key = SigningKey.generate()
    place = town.place
    credential = await asyncio.to_thread(add_officer, place.folder, place.settings, place.force, key, town.clock.now())
    return Officer(town.session, town.origin, town.clock, key, credential, place.force.name)


class Slow:
    """A body that stops in its middle until it is told to go on."""

    def __init__(self, first: bytes, rest: bytes) -> None:
        self.first, self.rest = first, rest
        self.go_on = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.first
        await self.go_on.wait()
        yield self.rest


async def begin(agent: Agent, size: int) -> str:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(size)}
    made = await agent.call("POST", api.UPLOADS, headers=headers)
    assert made.status == 201, made.content
    return f"{api.UPLOADS}/{made.headers['Location'].rpartition('/')[2]}"


async def held(running: Running, url: str) -> None:
    """Until a replica receives an upload."""
    async with asyncio.timeout(PATIENCE):
        while running.portal.uploads.turns.of(url.rpartition("/")[2]) is None:  # noqa: ASYNC110  it is the portal's
            await asyncio.sleep(0.01)


async def test_a_poll_at_one_replica_ends_when_a_request_comes_to_the_other(
    town: Town, twin: Running, agent: Agent
) -> None:
    listening = replace(town, running=twin).listening
    async with asyncio.timeout(PATIENCE):
        poll = asyncio.create_task(at(agent, twin).inbox(wait=50))
        await listening.wait()
        town.clock.forward(1)
        signed = await town.officer.ask(agent)
        assert [item.signed for item in (await poll).items] == [signed]


async def test_of_two_answers_at_two_replicas_one_is_final(town: Town, twin: Running, agent: Agent) -> None:
    signed = await town.officer.ask(agent)
    yes, no = agent.decision(signed), agent.no(signed)
    answers = await asyncio.gather(agent.decide(signed, yes), at(agent, twin).decide(signed, no))
    assert sorted(answer.status for answer in answers) == [204, 409]
    case = await town.officer.case()
    kept = yes if answers[0].status == 204 else no
    assert case.decision == kept
    assert (await at(agent, twin).inbox()).items == ()


async def test_two_officers_ask_one_device_at_once_and_neither_request_is_lost(
    town: Town, twin: Running, agent: Agent
) -> None:
    one, other = town.officer, at(await another_officer(town), twin)
    sent = [
        who.send(who.request(agent.name, f"{name}-{number}"))
        for number in range(4)
        for who, name in ((one, "one"), (other, "other"))
    ]
    assert {answer.status for answer in await asyncio.gather(*sent)} == {201}
    items = (await agent.inbox()).items
    assert len({item.cursor for item in items}) == 8


@pytest.mark.parametrize("limits", [Limits(open_requests_per_device=1)])
async def test_two_officers_at_two_replicas_do_not_pass_a_limit_together(
    town: Town, twin: Running, agent: Agent
) -> None:
    one, other = town.officer, at(await another_officer(town), twin)
    sent = (one.send(one.request(agent.name, "one")), other.send(other.request(agent.name, "other")))
    assert sorted(answer.status for answer in await asyncio.gather(*sent)) == [201, 429]


async def test_one_request_sent_to_two_replicas_at_once_is_one(town: Town, twin: Running, agent: Agent) -> None:
    signed = town.officer.request(agent.name)
    answers = await asyncio.gather(town.officer.send(signed), at(town.officer, twin).send(signed))
    assert sorted(answer.status for answer in answers) == [200, 201]
    assert len((await agent.inbox()).items) == 1


@pytest.mark.parametrize("limits", [Limits(devices=1)])
async def test_the_last_place_for_a_device_is_given_once(town: Town, twin: Running) -> None:
    one, other = town.agent(), at(town.agent(), twin)
    answers = await asyncio.gather(one.enrol(town.place), other.enrol(town.place))
    assert sorted(answer.status for answer in answers) == [201, 503]


async def test_a_token_changes_something_at_one_replica_only(place: Place, clock: SetClock) -> None:
    origin = "https://share.example.police.uk"
    behind_one_address = replace(place, settings=place.settings.model_copy(update={"origin": origin}))
    async with (
        in_process(behind_one_address, clock) as one,
        in_process(behind_one_address, clock) as other,
        aiohttp.ClientSession() as session,
    ):
        agents = [Agent(session, each.address, clock) for each in (one, other)]
        agents[1].key = agents[0].key
        assert (await agents[0].enrol(place, portal=origin)).status == 201
        token = mint(agents[0].key, origin, clock)
        beat = api.Heartbeat(version="1", cameras_recording=0, cameras_registered=0)
        answers = await asyncio.gather(*(agent.call("POST", api.HEARTBEAT, beat, token=token) for agent in agents))
        assert sorted(answer.status for answer in answers) == [204, 401]
        fresh = mint(agents[1].key, origin, clock)
        assert (await agents[1].call("POST", api.HEARTBEAT, beat, token=fresh)).status == 204


async def test_what_comes_by_a_replica_whose_clock_is_behind_is_not_lost(town: Town, agent: Agent) -> None:
    slow = SetClock(town.clock.now() - 3 * SECOND)
    async with in_process(town.place, slow) as twin:
        await town.officer.ask(agent, "r-1")
        seen = (await agent.inbox()).cursor
        town.clock.forward(-3 * SECOND)
        signed = town.officer.request(agent.name, "r-2")
        assert (await at(town.officer, twin).send(signed)).status == 201
        assert [item.signed for item in (await at(agent, twin).inbox(after=seen)).items] == [signed]


async def test_owners_words_come_to_light_in_the_order_of_their_numbers(town: Town, twin: Running) -> None:
    """Else an officer who reads on from the last number would miss one."""
    holding, may_end = threading.Event(), threading.Event()

    def first(session: Session) -> None:
        locks.hold(session, "feedback", "officer")
        number = session.scalar(text("SELECT nextval('feedback_number_seq')"))
        holding.set()
        may_end.wait(PATIENCE)
        order.append(number)

    def second(session: Session) -> None:
        locks.hold(session, "feedback", "officer")
        order.append(session.scalar(text("SELECT nextval('feedback_number_seq')")))

    order: list[int | None] = []
    one = asyncio.create_task(town.running.portal.db.write(first))
    await asyncio.to_thread(holding.wait, PATIENCE)
    other = asyncio.create_task(twin.portal.db.write(second))
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    async with asyncio.timeout(PATIENCE):
        while await twin.portal.db.read(lambda session: session.scalar(text(waiting))) != 1:
            pass
    may_end.set()
    await asyncio.gather(one, other)
    assert order == [order[0], (order[0] or 0) + 1]


# -- uploads -----------------------------------------------------------------------------------------------------


@in_both
async def test_an_upload_goes_on_at_another_replica_and_is_whole(town: Town, twin: Running, agent: Agent) -> None:
    signed = await town.officer.ask(agent)
    await agent.decide(signed)
    url = await begin(agent, len(FILM))
    assert (await agent.patch(url, 0, FILM[:100])).status == 204
    assert (await at(agent, twin).patch(url, 100, FILM[100:5000])).status == 204
    assert (await agent.patch(url, 5000, FILM[5000:])).status == 204
    assert (await at(agent, twin).deliver(signed, FILM, url)).status == 204


@in_both
async def test_while_one_replica_receives_an_upload_the_other_takes_nothing_for_it(
    town: Town, twin: Running, agent: Agent
) -> None:
    url, slow = await begin(agent, len(FILM)), Slow(FILM[:100], FILM[100:])
    sending = asyncio.create_task(agent.patch(url, 0, slow))
    await held(town.running, url)
    assert (await at(agent, twin).patch(url, 0, FILM)).status == 423
    slow.go_on.set()
    assert (await sending).status == 204
    name = url.rpartition("/")[2]
    row = await twin.portal.db.read(lambda session: session.get(StoredUpload, name))
    assert row is not None
    assert row.sha256 == hashlib.sha256(FILM).hexdigest()


@in_both
async def test_a_sender_that_fell_silent_at_one_replica_is_let_go_for_the_other(
    town: Town, twin: Running, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "IDLE_SECONDS", 0)
    url, slow = await begin(agent, len(FILM)), Slow(FILM[:100], FILM[100:])
    sending = asyncio.create_task(agent.patch(url, 0, slow))
    await held(town.running, url)
    other, status = at(agent, twin), 423
    async with asyncio.timeout(PATIENCE):
        while status == 423:
            found = await other.head(url)
            status = found.status
    done = await other.patch(url, int(found.headers["Upload-Offset"]), FILM[int(found.headers["Upload-Offset"]) :])
    assert done.status == 204
    with pytest.raises(aiohttp.ClientError):
        await sending


@in_both
async def test_a_replica_that_lost_its_claim_stops_receiving_and_the_other_may_go_on(
    town: Town, twin: Running, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, slow = await begin(agent, len(FILM)), Slow(FILM[:100], FILM[100:])
    monkeypatch.setattr(shared, "CHECK_SECONDS", 0.05)
    async with in_process(town.place, town.clock) as third:
        sending = asyncio.create_task(at(agent, third).patch(url, 0, slow))
        claim = locks.number_of("claim", url.rpartition("/")[2])
        ended = (
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted "
            f"AND ((classid::bigint << 32) | objid::bigint) = {claim}"
        )
        async with asyncio.timeout(PATIENCE):
            while not await twin.portal.db.read(lambda session: session.execute(text(ended)).all()):
                pass
            with pytest.raises(aiohttp.ClientError):
                await sending
        other, status = at(agent, twin), 409
        async with asyncio.timeout(PATIENCE):
            while status == 409:  # what the third one had may be written down only now
                there = int((await other.head(url)).headers["Upload-Offset"])
                status = (await other.patch(url, there, FILM[there:])).status
        assert status == 204


@in_both
async def test_an_owner_who_leaves_at_one_replica_leaves_no_upload_at_the_other(
    town: Town, twin: Running, agent: Agent
) -> None:
    url, slow = await begin(agent, len(FILM)), Slow(FILM[:100], FILM[100:])
    sending = asyncio.create_task(agent.patch(url, 0, slow))
    await held(town.running, url)
    assert (await at(agent, twin).withdraw()).status == 204
    slow.go_on.set()
    assert (await sending).status == 410
    assert await town.running.portal.uploads.names() == set()
    assert await twin.portal.db.read(lambda session: session.query(StoredUpload).count()) == 0


# -- PostgreSQL goes away ----------------------------------------------------------------------------------------


async def test_while_postgresql_is_gone_callers_are_told_to_wait_and_then_all_is_well(
    town: Town, twin: Running, agent: Agent, postgres: PostgresServer
) -> None:
    await asyncio.to_thread(postgres.kill)
    try:
        answer = await agent.call("GET", api.INBOX)
        assert answer.status == 503
        assert 3 <= int(answer.headers["Retry-After"]) <= 10
        assert b"postgres" not in answer.content.lower()
    finally:
        await asyncio.to_thread(postgres.start)
    url = await begin(agent, len(FILM))
    assert (await agent.patch(url, 0, FILM)).status == 204  # with claims on a new connection
    signed = await town.officer.ask(agent)
    async with asyncio.timeout(PATIENCE):  # the line is up again when words arrive
        while not (found := await at(agent, twin).inbox(wait=5)).items:
            pass
    assert found.items[0].signed == signed


async def test_a_postgresql_that_hangs_holds_nobody_for_ever(
    town: Town, agent: Agent, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PATIENCE_SECONDS", 0.2)
    with postgres.hanging():
        assert (await agent.call("GET", api.INBOX)).status == 503
    monkeypatch.setattr(engine, "PATIENCE_SECONDS", 20)
    assert (await agent.call("GET", api.INBOX)).status == 200


async def test_a_device_is_the_same_at_both(town: Town, twin: Running, agent: Agent) -> None:
    row = await twin.portal.db.read(lambda session: session.get(Device, agent.name))
    assert row is not None
    await at(agent, twin).withdraw()
    assert (await agent.call("GET", api.INBOX)).status == 401
    assert (await town.officer.search(lat=53.7632, lon=-2.7031, radius_m=100)).cameras == ()
