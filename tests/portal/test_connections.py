"""Connections on which nobody asks anything shut nobody out; those that wait for an answer are left alone."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from aiohttp import web

from exchange.documents import api
from portal.api import connections
from portal.api.connections import Connections, raise_descriptor_limit
from portal.wakeups import bell
from tests.portal.conftest import Town

HALF_A_HEADER = b"GET / HTTP/1.1\r\nHost: portal\r\nX-Slow: "


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[web.AppRunner, int, asyncio.Event]]:
    """A server with one call that is held until the event is set."""
    release = asyncio.Event()

    async def held(_request: web.Request) -> web.Response:
        await release.wait()
        return web.Response(text="done")

    app = web.Application()
    app.router.add_get("/", held)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    try:
        yield runner, site._server.sockets[0].getsockname()[1], release  # type: ignore[attr-defined]
    finally:
        release.set()
        await runner.cleanup()


async def until_open(server: web.Server, count: int) -> None:
    async with asyncio.timeout(60):
        while len(server.connections) != count:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("sent", [b"", HALF_A_HEADER, b"\r\n", b"POST / HTTP/1.1\r\n"])
async def test_what_asks_nothing_ends_in_time_and_what_waits_for_an_answer_does_not(sent: bytes) -> None:
    async with serving() as (runner, port, release), aiohttp.ClientSession() as session:
        assert runner.server is not None
        watched = Connections(runner.server, most=1000, idle=30)
        asking = asyncio.create_task(session.get(f"http://127.0.0.1:{port}/"))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        await writer.drain()
        await until_open(runner.server, 2)
        await asyncio.sleep(0.05)  # until both were read as far as they go
        assert watched.end_idle(now=100.0) == 0
        assert watched.end_idle(now=129.0) == 0
        assert watched.end_idle(now=130.0) == 1
        with suppress(ConnectionError):  # reset, or ended
            assert await reader.read() == b""
        writer.close()
        await until_open(runner.server, 1)
        release.set()
        async with await asking as answer:
            assert await answer.text() == "done"


async def test_when_there_are_too_many_the_idlest_end_at_once() -> None:
    async with serving() as (runner, port, release), aiohttp.ClientSession() as session:
        assert runner.server is not None
        watched = Connections(runner.server, most=20, idle=1000)
        asking = asyncio.create_task(session.get(f"http://127.0.0.1:{port}/"))
        await until_open(runner.server, 1)
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
        await until_open(runner.server, 11)
        assert watched.end_idle(now=0.0) == 0
        opened += [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        await until_open(runner.server, 31)
        assert watched.end_idle(now=1.0) == 31 - 18
        await until_open(runner.server, 18)
        release.set()
        async with await asking as answer:
            assert answer.status == 200
        for _, writer in opened:
            writer.close()


@pytest.mark.parametrize(("most", "idle"), [(1000, 0.0), (1, 1000.0)])
async def test_while_it_is_watched_what_is_idle_or_too_much_ends(most: int, idle: float) -> None:
    async with serving() as (runner, port, _):
        assert runner.server is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await until_open(runner.server, 1)
        watching = asyncio.create_task(Connections(runner.server, most, idle).watch(every=0.001))
        with suppress(ConnectionError):  # reset, or ended
            assert await reader.read() == b""
        await until_open(runner.server, 0)
        writer.close()
        watching.cancel()


def test_as_many_descriptors_are_taken_as_the_system_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda _what, limits: told.append(limits))
    assert raise_descriptor_limit() == 4096 - connections._SPARE
    assert told == [(4096, 4096)]


async def test_when_the_portal_ends_polls_are_answered_without_a_look_and_lose_nothing(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, looks, portal = await town.agent().join(town.place), 0, town.running.portal
    ask = portal.inboxes.ask

    async def counted(device: str) -> bool | None:
        nonlocal looks
        found = await ask(device)
        looks += 1
        return found

    monkeypatch.setattr(portal.inboxes, "ask", counted)
    polls = [asyncio.create_task(agent.inbox(after=number, wait=50)) for number in range(bell.MOST_POLLS)]
    async with asyncio.timeout(60):
        while looks < bell.MOST_POLLS:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    portal.bell.close()
    for number, found in enumerate(await asyncio.gather(*polls)):
        assert found == api.Inbox(cursor=number, items=())
    assert looks == bell.MOST_POLLS
