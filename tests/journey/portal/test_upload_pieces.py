"""An upload goes in pieces as large as the way there takes, and nothing is sent again without end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from agent.portal.tus import Breaks, TusUpload
from agent.portal.tus_pieces import PROBE, SMALLEST, Pieces
from agent.requests.on_the_way import sent_ahead
from exchange.clock import HOUR
from exchange.documents import api
from exchange.errors import PortalAnswerInvalid, PortalRefused, PortalUnreachable
from exchange.signing.documents import SigningKey
from tests.counterparts.portals.hostile_portal import Call, Handler, HostilePortal, each, status
from tests.journey.home import besieged

KIB = 1024
SIZE = 900 * KIB
QUICK = Breaks(first=0.001, longest=0.002, tries=8)


@dataclass
class Way:
    """A file on its way to a portal."""

    portal: HostilePortal
    source: Path
    session: aiohttp.ClientSession
    resumed: list[int]
    kept: Pieces

    async def note_break(self, offset: int) -> None:
        self.resumed.append(offset)

    async def keep(self, pieces: Pieces) -> None:
        self.kept = Pieces(pieces.size, pieces.largest, pieces.sent, pieces.counted)

    def upload(self) -> TusUpload:
        """As after a restart: with what the last try kept."""
        return TusUpload(
            self.session,
            dict,
            self.source,
            SIZE,
            pieces=replace(self.kept),
            breaks=QUICK,
            on_break=self.note_break,
            on_learnt=self.keep,
        )

    async def begin(self) -> str:
        return await self.upload().create(self.portal.origin + api.UPLOADS, {})

    @property
    def arrived(self) -> bytes:
        (upload,) = self.portal.uploads.values()
        return bytes(upload.content)

    @property
    def lengths(self) -> list[int]:
        """Bytes of the pieces that were tried."""
        return [int(call.headers["Content-Length"]) for call in self.portal.calls if call.method == "PATCH"]


@asynccontextmanager
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    source = tmp_path / "package.zip.age"
    source.write_bytes(bytes(range(256)) * (SIZE // 256))
    portal = HostilePortal("Force", SigningKey.generate().public)
    async with portal.running(), aiohttp.ClientSession() as session:
        yield Way(portal, source, session, [], Pieces(SIZE))


def limited(portal: HostilePortal, limit: int, *, cut: bool = False, patient: bool = False) -> Handler:
    """A proxy that passes on no body above ``limit`` bytes: it says so, or just closes the connection.

    A ``patient`` one takes the body first: else its answer may be lost with the connection, which looks like a break.
    """

    async def handler(call: Call, request: web.Request) -> web.StreamResponse:
        if int(call.headers["Content-Length"]) <= limit:
            return await portal.answer(call, request)
        if cut:
            assert request.transport is not None
            request.transport.abort()
        if patient:
            async for _ in request.content.iter_any():
                pass
        return web.Response(status=413, text="<html>413 Request Entity Too Large</html>")

    return handler


def buffering(portal: HostilePortal, breaks_after: int, answer: int | None = None) -> Handler:
    """A proxy that takes a body whole before it passes it on, on a line that breaks after so many bytes."""

    async def handler(call: Call, request: web.Request) -> web.StreamResponse:
        if int(call.headers["Content-Length"]) <= breaks_after:
            return await portal.answer(call, request)
        await request.content.readexactly(breaks_after)
        assert request.transport is not None
        if answer is None:
            request.transport.abort()
        return web.Response(status=answer or 500)

    return handler


def swallowing(*, claims: bool) -> Handler:
    """Take a piece, count nothing of it, and say that it is there."""

    async def handler(call: Call, request: web.Request) -> web.StreamResponse:
        end = int(call.headers["Upload-Offset"]) + len(await request.read())
        return web.Response(status=204, headers={"Upload-Offset": str(end)} if claims else {})

    return handler


async def dropping(call: Call, request: web.Request) -> web.StreamResponse:
    """Take a piece whole, count nothing of it, and close the connection."""
    await request.read()
    assert request.transport is not None
    request.transport.abort()
    return web.Response(status=500)


async def test_where_nothing_is_in_the_way_a_file_goes_in_one_piece(tmp_path: Path) -> None:
    async with way(tmp_path) as at:
        await at.upload().send(await at.begin())
        assert [call.method for call in at.portal.calls] == ["POST", "HEAD", "PATCH", "HEAD"]
        assert at.lengths == [SIZE]


@pytest.mark.parametrize("cut", [False, True], ids=["413", "closed"])
@pytest.mark.parametrize("limit", [256 * KIB, 100_000, SMALLEST])
async def test_a_proxy_that_allows_only_small_bodies_gets_small_pieces(tmp_path: Path, limit: int, cut: bool) -> None:
    async with way(tmp_path) as at:
        at.portal.fault("PATCH", api.UPLOADS, limited(at.portal, limit, cut=cut), times=999)
        await at.upload().send(await at.begin())
        assert at.arrived == at.source.read_bytes()
        assert at.resumed == []


async def test_the_size_that_worked_is_used_for_the_next_file_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent_ahead, "PATIENCE", 120.0)  # else a slow machine's rest is a second call's
    async with besieged(tmp_path) as at:
        at.portal.fault("PATCH", api.UPLOADS, limited(at.portal, SMALLEST, patient=True), times=999)
        lengths: list[list[int]] = []
        for _ in range(2):
            before = len(at.portal.calls)
            request_id = await at.asked()
            await at.say(request_id, yes=True)
            await at.walk()
            assert await at.state(request_id) == "delivered"
            patches = [call for call in at.portal.calls[before:] if call.method == "PATCH"]
            lengths.append([int(call.headers["Content-Length"]) for call in patches])
        first, second = lengths
        assert first[0] > 2 * SMALLEST
        assert second[0] == SMALLEST
        assert sum(length > SMALLEST for length in second) <= 1, "only whether it takes more by now"
        assert "upload-resumed" not in await at.events()


@pytest.mark.parametrize("answer", [None, 408, 500, 502, 504])
async def test_a_line_that_breaks_before_a_proxy_has_the_whole_piece_gets_smaller_ones(
    tmp_path: Path, answer: int | None
) -> None:
    async with way(tmp_path) as at:
        at.portal.fault("PATCH", api.UPLOADS, buffering(at.portal, 150_000, answer), times=999)
        await at.upload().send(await at.begin())
        assert at.arrived == at.source.read_bytes()
        assert max(at.lengths[3:]) <= 150_000


async def test_a_server_that_is_busy_gets_the_whole_file_once_it_is_not(tmp_path: Path) -> None:
    async with way(tmp_path) as at:
        busy = (status(409), status(423), status(429), status(503), status(507))
        at.portal.fault("PATCH", api.UPLOADS, each(*busy), times=len(busy))
        await at.upload().send(await at.begin())
        assert at.lengths == [SIZE] * 6


async def test_a_server_that_does_not_tell_its_offset_is_asked_after_each_piece(tmp_path: Path) -> None:
    async with way(tmp_path) as at:
        at.kept.largest = 256 * KIB

        async def mute(call: Call, request: web.Request) -> web.StreamResponse:
            await at.portal.answer(call, request)
            return web.Response(status=204)

        at.portal.fault("PATCH", api.UPLOADS, mute, times=999)
        await at.upload().send(await at.begin())
        assert at.arrived == at.source.read_bytes()
        assert at.resumed == []


async def test_a_server_that_takes_no_piece_at_all_is_not_asked_for_ever(tmp_path: Path) -> None:
    async with way(tmp_path) as at:
        at.portal.fault("PATCH", api.UPLOADS, status(413), times=999)
        with pytest.raises(PortalRefused, match=f"takes no piece of {SMALLEST} bytes.*medium"):
            await at.upload().send(await at.begin())
        assert len(at.lengths) < 12


NEVER_COUNTING = {
    "says taken": swallowing(claims=False),
    "names the offset": swallowing(claims=True),
    "drops": dropping,
}


@pytest.mark.parametrize("handler", NEVER_COUNTING.values(), ids=NEVER_COUNTING)
async def test_a_server_that_never_counts_what_it_got_is_sent_a_bounded_amount_and_this_is_told(
    tmp_path: Path, handler: Any
) -> None:
    async with way(tmp_path) as at:
        at.portal.fault("PATCH", api.UPLOADS, handler, times=9999)
        url = await at.begin()
        told = []
        for _ in range(60):
            with pytest.raises((PortalUnreachable, PortalAnswerInvalid)) as caught:
                await at.upload().send(url)
            told.append(caught.value)
        bound = 3 * SIZE + 4 * KIB * KIB + SIZE
        assert sum(at.lengths) <= bound + 60 * PROBE
        assert at.lengths[-1] == PROBE
        assert f"counts 0 of the package's {SIZE}" in told[-1].what
        assert "handed over on a medium" in told[-1].do


async def test_a_server_that_counts_again_gets_the_whole_file(tmp_path: Path) -> None:
    async with way(tmp_path) as at:
        url = await at.begin()
        at.kept.sent = 3 * SIZE + 4 * KIB * KIB
        at.portal.fault("PATCH", api.UPLOADS, swallowing(claims=True), times=1)
        with pytest.raises(PortalAnswerInvalid):
            await at.upload().send(url)
        await at.upload().send(url)
        assert at.arrived == at.source.read_bytes()
        assert at.lengths[:2] == [PROBE, PROBE]
        assert len(at.lengths) < 20


async def test_a_server_that_forgets_every_upload_is_sent_a_bounded_amount_too(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        await at.say(request_id, yes=True)

        async def forget(call: Call, request: web.Request) -> web.StreamResponse:
            await request.read()
            at.portal.uploads.clear()
            return web.Response(status=204)

        at.portal.fault("PATCH", api.UPLOADS, forget, times=9999)
        await at.walk()
        (package,) = await at.packages(request_id)
        bound = 4 * (package.size or 0) + 4 * KIB * KIB
        await at.execute("UPDATE packages SET bytes_sent = ?", bound - 2 * (package.size or 0))
        before = len(at.portal.calls)
        for _ in range(10):
            await at.walk(later=HOUR)
        lengths = [int(call.headers["Content-Length"]) for call in at.portal.calls[before:] if call.method == "PATCH"]
        assert sum(lengths) <= 4 * (package.size or 0) + len(lengths) * PROBE
        assert lengths[-1] == PROBE
        assert f"counts 0 of the package's {package.size}" in (await at.listed(request_id))["trouble"]


def test_pieces_grow_again_after_some_in_a_row_arrived_and_slower_after_each_break() -> None:
    pieces = Pieces(1 << 30)
    pieces.broke(8 << 20, 0)
    assert pieces.largest == 4 << 20
    for _ in range(8):
        pieces.taken(4 << 20)
    assert pieces.largest == 8 << 20
    pieces.broke(8 << 20, 0)
    for _ in range(8):
        pieces.taken(4 << 20)
    assert pieces.largest == 4 << 20


def test_pieces_never_grow_to_a_size_that_was_called_too_large() -> None:
    pieces = Pieces(1 << 30)
    while pieces.next(0) > 1 << 20:
        assert pieces.too_large(pieces.next(0))
    for _ in range(99):
        pieces.taken(1 << 20)
    assert pieces.next(0) == 1 << 20


def test_a_break_far_into_a_piece_that_was_mostly_counted_makes_none_smaller() -> None:
    pieces = Pieces(1 << 30)
    pieces.broke(300 << 20, 297 << 20)
    assert pieces.next(297 << 20) == (1 << 30) - (297 << 20)
