"""Polls write nothing: who calls is known, taken once and noted as heard in memory; and they are in nobody's way."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange.clock import MINUTE
from exchange.documents import api
from exchange.errors import StoreUnavailable
from exchange.signing.tokens import mint
from portal.callers import used
from portal.callers.contacts import Contacts
from portal.callers.used import UsedTokens
from portal.problems import ProblemError
from portal.registry import devices
from portal.requests import inbox
from portal.storage.database import open_database
from portal.storage.gathered import Gathered
from portal.storage.lanes import Lane
from portal.storage.models import Device
from portal.tokens import Claims
from tests.portal.conftest import BOTH, Town, on_a_file
from tests.portal.wire import Agent

ENGINES = BOTH
BEAT = api.Heartbeat(version="1.0", cameras_recording=1, cameras_registered=1)


@pytest.fixture
async def agent(town: Town) -> Agent:
    return await town.agent().join(town.place)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The devices whose inbox was looked into."""
    looked, seen = inbox.have_any, []

    def look(session: Session, devices: list[str], now: int) -> dict[str, bool]:
        seen.extend(devices)
        return looked(session, devices, now)

    monkeypatch.setattr(inbox, "have_any", look)
    return seen


@contextlib.asynccontextmanager
async def taken(lane: asyncio.Semaphore) -> AsyncIterator[None]:
    """Every turn of a lane, for the length of a block."""
    count = 0
    while not lane.locked():
        await lane.acquire()
        count += 1
    yield
    for _ in range(count):
        lane.release()


async def last_seen(town: Town, agent: Agent) -> int | None:
    return await town.running.portal.db.read(
        lambda session: session.scalar(select(Device.last_seen).where(Device.fingerprint == agent.name))
    )


@on_a_file
async def test_a_poll_writes_nothing(town: Town, agent: Agent) -> None:
    with sqlite3.connect(town.place.folder.database) as beside:
        before = beside.execute("PRAGMA data_version").fetchone()
        for _ in range(3):
            await agent.inbox(wait=0)
        assert beside.execute("PRAGMA data_version").fetchone() == before
        assert (await agent.call("POST", api.HEARTBEAT, BEAT)).status == 204
        assert beside.execute("PRAGMA data_version").fetchone() != before
    beside.close()


async def test_when_a_device_was_heard_is_written_later_and_once_for_all(town: Town, agent: Agent) -> None:
    joined = town.clock.now()
    town.clock.forward(MINUTE)
    other = await town.agent().join(town.place)
    town.clock.forward(MINUTE)
    await agent.inbox()
    await other.inbox()
    assert await last_seen(town, agent) == joined
    await town.running.portal.devices.contacts.flush(town.running.portal.db)
    assert await last_seen(town, agent) == await last_seen(town, other) == joined + 2 * MINUTE


async def test_what_was_heard_is_written_when_the_portal_ends_and_never_goes_back(town: Town, agent: Agent) -> None:
    db, contacts, now = town.running.portal.db, Contacts(), town.clock.now()
    for at in (now + MINUTE, now - MINUTE):
        contacts.note(agent.name, at)
        await contacts.flush(db)
        assert await last_seen(town, agent) == now + MINUTE


async def test_of_a_device_that_polls_on_it_is_written_every_few_minutes(town: Town, agent: Agent) -> None:
    db, contacts, begun = town.running.portal.db, Contacts(), town.clock.now()
    written = []
    for minute in range(1, 8):
        contacts.note(agent.name, begun + minute * MINUTE)
        await contacts.flush(db)
        written.append(((await last_seen(town, agent) or 0) - begun) // MINUTE)
    assert written == [1, 1, 1, 4, 4, 4, 7]


async def test_a_device_that_was_heard_and_left_stays_erased(town: Town, agent: Agent) -> None:
    await agent.inbox()
    assert (await agent.withdraw()).status == 204
    await town.running.portal.devices.contacts.flush(town.running.portal.db)
    assert await last_seen(town, agent) is None
    assert (await agent.call("GET", api.INBOX)).status == 401


async def test_a_token_of_a_poll_is_good_for_no_other_call_nor_another_calls_token_for_a_poll(agent: Agent) -> None:
    polled, beaten = (mint(agent.key, agent.origin, agent.clock) for _ in range(2))
    assert (await agent.call("GET", api.INBOX, token=polled)).status == 200
    assert (await agent.call("POST", api.HEARTBEAT, BEAT, token=polled)).status == 401
    assert (await agent.call("POST", api.HEARTBEAT, BEAT, token=beaten)).status == 204
    assert (await agent.call("GET", api.INBOX, token=beaten)).status == 401


async def test_a_device_that_a_command_shut_out_is_refused_though_its_key_was_known(town: Town, agent: Agent) -> None:
    portal = town.running.portal
    await portal.devices.look_for_shut_out()
    await agent.inbox()
    assert agent.name in portal.devices._known

    def shut_out() -> None:
        beside = open_database(town.place.folder.where(town.place.settings))
        beside.use_keys(town.place.folder.keys)
        beside.write_now(lambda session: devices.shut_out(session, agent.name, "stolen", town.clock.now()))
        beside.close()

    await asyncio.to_thread(shut_out)
    assert (await agent.call("POST", api.HEARTBEAT, BEAT)).status == 401
    assert (await agent.call("GET", api.INBOX)).status == 401
    await portal.devices.look_for_shut_out()
    assert agent.name not in portal.devices._known


async def test_an_inbox_known_to_be_empty_is_not_looked_into_again_until_something_comes(
    town: Town, agent: Agent, looks: list[str]
) -> None:
    await agent.inbox(wait=1)
    await agent.inbox(wait=1)
    assert looks == [agent.name]
    assert (await agent.inbox(after=1, wait=1)).items == ()
    assert len(looks) == 2, "another cursor is another question"
    listening = town.listening
    held = asyncio.create_task(agent.inbox(after=1, wait=50))
    await listening.wait()
    await town.officer.ask(agent)
    assert [item.kind for item in (await held).items] == [api.InboxKind.REQUEST]
    assert len((await agent.inbox(wait=1)).items) == 1


async def test_what_many_ask_at_once_is_asked_of_the_database_together(town: Town) -> None:
    portal, reads = town.running.portal, []

    def answers(session: Session, names: list[str]) -> dict[str, int]:
        reads.append(list(names))
        return {name: len(name) for name in names if name != "nobody"}

    gathered = Gathered(portal.agents_db, answers)
    names = [*("abc"[: number % 3 + 1] + str(number) for number in range(300)), "nobody", "nobody"]
    found = await asyncio.gather(*(gathered.ask(name) for name in names))
    assert found == [len(name) if name != "nobody" else None for name in names]
    assert [len(each) for each in reads] == [200, 101]
    assert await gathered.ask("nobody") is None
    assert reads[2:] == [["nobody"]], "what was read before is not known of later"


async def test_when_the_database_does_not_answer_all_who_ask_hear_of_it_and_the_next_do_not(town: Town) -> None:
    times = []

    def answers(session: Session, names: list[str]) -> dict[str, int]:
        times.append(names)
        if len(times) == 1:
            raise StoreUnavailable("The portal's database does not answer.")
        return dict.fromkeys(names, 1)

    gathered = Gathered(town.running.portal.agents_db, answers)
    failed = await asyncio.gather(gathered.ask("a"), gathered.ask("b"), return_exceptions=True)
    assert {type(each) for each in failed} == {StoreUnavailable}
    assert await gathered.ask("a") == 1


def claims(jti: str, issuer: str = "SHA256:" + "a" * 43, ends: int = 60) -> Claims:
    return Claims(iss=issuer, aud="https://x.example", iat=ends - 60, exp=ends, jti=jti.rjust(16, "0"))


def test_used_tokens_are_kept_until_they_could_not_be_used() -> None:
    taken = UsedTokens()
    taken.take(claims("1"), now=0)
    with pytest.raises(ProblemError, match="not accepted"):
        taken.take(claims("1"), now=70)
    taken.take(claims("2", ends=160), now=100)
    assert len(taken) == 1


@pytest.mark.parametrize(("bound", "status"), [("MOST_OF_ONE", 429), ("MOST", 503)])
def test_what_is_remembered_is_bounded_and_nothing_is_forgotten_for_it(
    monkeypatch: pytest.MonkeyPatch, bound: str, status: int
) -> None:
    monkeypatch.setattr(used, bound, 2)
    taken = UsedTokens()
    taken.take(claims("1", ends=60), now=0)
    taken.take(claims("2", ends=90), now=0)
    with pytest.raises(ProblemError) as refused:
        taken.take(claims("3"), now=0)
    assert (refused.value.status, "Retry-After" in refused.value.headers) == (status, True)
    with pytest.raises(ProblemError, match="not accepted"):
        taken.take(claims("1"), now=0)
    taken.take(claims("4", ends=200), now=150)


async def test_officers_are_served_while_agents_fill_their_lane_and_more_agents_are_sent_away(
    town: Town, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = town.running.portal.agents_db
    assert isinstance(lane, Lane)
    monkeypatch.setattr(lane, "_most_waiting", 0)
    async with taken(lane._reads), taken(lane._writes):
        for refused in (await agent.call("GET", api.INBOX), await agent.call("POST", api.HEARTBEAT, BEAT)):
            assert refused.status == 503
            assert 3 <= int(refused.headers["Retry-After"]) <= 10
        assert (await town.officer.call("GET", api.OFFICER_REQUESTS)).status == 200
    assert (await agent.call("GET", api.INBOX)).status == 200


def count(session: Session) -> int:
    return len(session.scalars(select(Device)).all())


async def test_calls_in_a_lane_wait_for_their_turn_and_lose_it_only_when_too_many_wait(town: Town) -> None:
    lane = Lane(town.running.portal.db, reads=1, writes=1, most_waiting=1)
    async with taken(lane._reads):
        waits = asyncio.create_task(lane.read(count))
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable):
            await lane.read(count)
        assert not waits.done()
    assert await waits == 0
    assert await lane.read(count) == 0
