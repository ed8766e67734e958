"""Something on the way to the portal ends calls that stay silent: polls keep their pace, and what comes is taken."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web

from agent.background.inbox import InboxPoll
from agent.owner.operations.context import Nothing
from agent.settings.model import PollSettings
from exchange.clock import SECOND
from exchange.documents import api
from tests.counterparts.portals.hostile_portal import Call, Handler, HostilePortal, text
from tests.journey.home import ACTOR, HomeClock, Siege, besieged, owner_does

EVERY_30_S = PollSettings(every=30 * SECOND, jitter=0)
Ending = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answered(number: int, page: str) -> Ending:
    async def end(request: web.Request) -> web.StreamResponse:
        return web.Response(status=number, text=page, content_type="text/html")

    return end


async def closed(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def closed_within_the_answer(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": "1000"})
    await answer.prepare(request)
    await answer.write(b'{"cursor": ')
    return await closed(request)


ENDINGS = {
    "504": answered(504, "<html><h1>504 Gateway Time-out</h1></html>"),
    "502": answered(502, "<html>502 Bad Gateway</html>"),
    "524": answered(524, "<html>A timeout occurred</html>"),
    "408": answered(408, ""),
    "500": answered(500, "The operation timed out"),
    "503": answered(503, "upstream connect error"),
    "a page": answered(200, "<html>The server took too long to respond.</html>"),
    "nothing": answered(200, ""),
    "closed": closed,
    "closed within the answer": closed_within_the_answer,
}


def behind_a_proxy(portal: HostilePortal, clock: HomeClock, limit: float, end: Ending) -> Handler:
    """Holds a poll as long as it asks; what is held ``limit`` seconds or more is ended after these."""

    async def handler(call: Call, request: web.Request) -> web.StreamResponse:
        wait = int(call.query["wait"])
        empty = all(item.cursor <= int(call.query["after"]) for item in portal.items)
        if empty and wait >= limit:
            clock.forward(int(limit * SECOND))
            return await end(request)
        if empty:
            clock.forward(wait * SECOND)
        return await portal.answer(call, request)

    return handler


async def polled(at: Siege, times: int) -> tuple[list[int], list[float]]:
    """What so many polls asked to be held (seconds), and when each began (seconds)."""
    waits: list[int] = []
    began: list[float] = []
    done = asyncio.Event()

    async def sleep(seconds: float) -> None:
        at.clock.forward(int(seconds * SECOND))
        polls = [call for call in at.portal.calls if call.path == api.INBOX]
        waits.append(int(polls[-1].query["wait"]))
        began.append(at.clock.monotonic() / SECOND)
        if len(began) == times:
            done.set()
            await asyncio.Event().wait()

    settings = at.settings.model_copy(update={"poll": EVERY_30_S})
    parts = replace(at.agent.services, settings=settings)
    polling = asyncio.create_task(InboxPoll(parts, at.agent.journey, sleep).run())
    await asyncio.wait_for(done.wait(), 60)
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    return waits, began


def longest(began: list[float]) -> float:
    """Seconds from one poll to the next, at most."""
    return max(later - earlier for earlier, later in pairwise(began))


async def trouble(at: Siege) -> str | None:
    told: str | None = (await owner_does(at.agent, "status", Nothing(), ACTOR))["portal_trouble"]
    return told


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_poll_that_a_proxy_cuts_is_no_trouble_and_the_next_asks_for_less(tmp_path: Path, ending: str) -> None:
    async with besieged(tmp_path) as at:
        at.portal.fault("GET", api.INBOX, behind_a_proxy(at.portal, at.clock, 20, ENDINGS[ending]), times=999)
        waits, began = await polled(at, 8)
        assert waits[0] == 30
        assert 14 <= waits[-1] < 20
        assert len(set(waits[3:])) == 1
        assert longest(began[3:]) <= 30  # before: aiohttp repeats a call by itself when a connection it kept is closed
        assert await trouble(at) is None


@pytest.mark.parametrize("limit", [0.3, 1, 2.5, 5, 10, 15, 25, 29.9, 30])
async def test_the_length_that_a_proxy_allows_is_learnt_whatever_it_is(tmp_path: Path, limit: float) -> None:
    async with besieged(tmp_path) as at:
        at.portal.fault("GET", api.INBOX, behind_a_proxy(at.portal, at.clock, limit, closed), times=999)
        waits, began = await polled(at, 6)
        assert limit * 0.75 - 1 <= waits[-1] < limit
        assert longest(began[3:]) <= 30
        assert await trouble(at) is None


async def test_a_longer_hold_is_tried_again_after_many_that_were_kept(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        at.portal.fault("GET", api.INBOX, behind_a_proxy(at.portal, at.clock, 20, ENDINGS["504"]), times=1)
        at.portal.fault("GET", api.INBOX, behind_a_proxy(at.portal, at.clock, 99, closed), times=999)
        waits, _ = await polled(at, 50)
        assert waits[:2] == [30, 16]
        assert waits[-1] == 30


async def test_what_came_meanwhile_is_taken_with_the_next_poll(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        at.portal.fault("GET", api.INBOX, behind_a_proxy(at.portal, at.clock, 20, closed), times=999)
        await polled(at, 2)
        at.portal.put(at.request())
        await polled(at, 1)
        assert len(await at.rows()) == 1


async def test_a_portal_that_is_away_behind_its_proxy_is_told_after_minutes_and_asked_at_the_same_pace(
    tmp_path: Path,
) -> None:
    async with besieged(tmp_path) as at:
        at.portal.fault("GET", api.INBOX, text("<html>502 Bad Gateway</html>", 502), times=30)
        _, began = await polled(at, 9)
        assert await trouble(at) is None
        _, began = await polled(at, 15)
        assert "status 502" in (await trouble(at) or "")
        assert longest(began) <= 30
        at.portal.faults.clear()
        await polled(at, 1)
        assert await trouble(at) is None


async def test_a_page_in_place_of_the_answer_that_comes_at_once_is_trouble(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        at.portal.fault("GET", api.INBOX, text("<html>Please log in to the hotel's network</html>"), times=9)
        await polled(at, 1)
        assert "In the portal's place came a page" in (await trouble(at) or "")


async def test_a_portal_that_answers_polls_but_not_whose_it_is_is_no_trouble(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        at.portal.fault("GET", api.FORCE, text("", 504), times=3)
        before = len(at.portal.calls)
        _, began = await polled(at, 5)
        assert longest(began) <= 30
        assert await trouble(at) is None
        assert sum(call.path == api.FORCE for call in at.portal.calls[before:]) == 3 + 1
