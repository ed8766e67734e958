"""Behind nginx as the guide sets it up: what becomes of the calls that a replica had when it died."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from exchange.documents import api
from exchange.documents.answers import retry_after
from tests.counterparts.http.nginx import nginx
from tests.portal.conftest import Town

CALLS = 6
HELD = 1.5
"""Seconds: more than those within which nginx hands on a poll too."""


@contextlib.asynccontextmanager
async def dying() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A replica that ends every connection when it has held a call for a while; its port, and what was called."""
    called: list[bytes] = []

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            called.append((await reader.readuntil(b"\r\n\r\n")).split()[1])
            await asyncio.sleep(HELD)
        writer.transport.abort()

    server = await asyncio.start_server(die, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], called


async def answers(port: int, path: str) -> list[tuple[int, float | None]]:
    async def call(session: aiohttp.ClientSession) -> tuple[int, float | None]:
        async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, retry_after(answer.headers)

    async with aiohttp.ClientSession() as session:
        return await asyncio.gather(*(call(session) for _ in range(CALLS)))


async def test_polls_come_again_at_times_of_their_own_and_no_other_call_is_put_off(town: Town, tmp_path: Path) -> None:
    living = int(town.origin.rpartition(":")[2])
    async with dying() as (port, called), nginx([living, port], tmp_path) as front:
        polls = await answers(front, api.INBOX)
        put_off = [after for status, after in polls if status == 503]
        assert len(put_off) == called.count(api.INBOX.encode()) > 0
        assert all(after is not None and 2 <= after <= 29 for after in put_off)
        assert {status for status, _ in polls} == {401, 503}  # the living one wants a token
        await asyncio.sleep(3.5)  # after 2 seconds, which it counts in whole ones, nginx tries again what failed
        others = await answers(front, api.FORCE)
    assert (tmp_path / "error.log").read_text() == "", "what was called, and from where, is in no log"
    assert others == [(200, None)] * CALLS
    assert api.FORCE.encode() in called
