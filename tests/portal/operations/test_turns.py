"""Agents' calls begin a few at a time, and too many are sent away, each to come again at another time; held polls share
one timer."""

import asyncio

import pytest

from portal.callers import turns
from portal.callers.turns import Turns
from portal.problems import ProblemError
from portal.wakeups import rings
from portal.wakeups.rings import Ends, Ring
from tests.portal.conftest import Town


async def test_a_few_calls_begin_in_each_round_of_the_loop_and_none_is_passed_by() -> None:
    taking, begun = Turns(a_round=3), []

    async def call(number: int) -> None:
        await taking.take()
        begun.append(number)

    calls = [asyncio.create_task(call(number)) for number in range(10)]
    counts = []
    while len(begun) < 10:
        await asyncio.sleep(0)
        counts.append(len(begun))
    assert begun == list(range(10))
    assert max(later - earlier for earlier, later in zip([0, *counts], counts, strict=False)) == 3
    await asyncio.gather(*calls)


async def test_those_for_whom_there_is_no_room_are_told_different_times() -> None:
    taking = Turns(a_round=1, most_waiting=2)
    calls = [asyncio.create_task(taking.take()) for _ in range(43)]
    ended = await asyncio.gather(*calls, return_exceptions=True)
    refused = [each for each in ended if isinstance(each, ProblemError)]
    assert len(refused) == 40
    times = {int(each.headers["Retry-After"]) for each in refused}
    assert {each.status for each in refused} == {503}
    assert len(times) > 5
    assert turns.SOONEST <= min(times) <= max(times) <= turns.LATEST


async def test_a_call_that_ended_while_it_waited_takes_nobodys_turn() -> None:
    taking = Turns(a_round=1)
    calls = [asyncio.create_task(taking.take()) for _ in range(4)]
    await asyncio.sleep(0)
    calls[1].cancel()
    assert taking.waiting == 3
    await asyncio.gather(*calls, return_exceptions=True)
    assert taking.waiting == 0
    assert [call.cancelled() for call in calls] == [False, True, False, False]


async def test_after_a_rush_polls_end_at_random_times(monkeypatch: pytest.MonkeyPatch) -> None:
    taking = Turns(a_round=1)
    assert taking.held_for(50) == 50
    await asyncio.gather(taking.take(), taking.take())
    held = {taking.held_for(50) for _ in range(20)}
    assert len(held) > 10
    assert 25 <= min(held) <= max(held) <= 50
    monkeypatch.setattr(turns, "RUSH_SECONDS", -1)
    await asyncio.gather(taking.take(), taking.take())
    assert taking.held_for(50) == 50


async def test_an_officer_is_served_while_agents_wait_for_their_turn(town: Town) -> None:
    agent = await town.agent().join(town.place)
    portal = town.running.portal
    portal.turns._a_round = 0
    poll = asyncio.create_task(agent.inbox())
    while not portal.turns.waiting:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert (await town.officer.call("GET", "/v1/officer/requests")).status == 200
    assert not poll.done()
    portal.turns._a_round = 1
    assert (await poll).items == ()


async def test_held_polls_end_in_their_time_with_one_timer_and_a_ring_ends_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rings, "TICK", 0.001)
    ends = Ends()
    short, long, rung = Ring(ends), Ring(ends), Ring(ends)
    waits = [asyncio.create_task(ring.wait(seconds)) for ring, seconds in ((short, 0.01), (long, 0.02), (rung, 9999))]
    await asyncio.sleep(0)
    timer = ends._timer
    rung.set()
    assert await waits[2] is True
    assert timer is not None
    assert [await waits[0], await waits[1]] == [False, False]
    while ends._due:
        await asyncio.sleep(0)
        ends._due = {number: due for number, due in ends._due.items() if due}
    assert await rung.wait(9999) is True
