"""Pictures of the map's ground: from a file and from a server, and nothing that is no picture."""

import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import expect
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from exchange.errors import SettingsInvalid
from portal.officer.desk.tiles import MOST_BYTES
from tests.portal.conftest import Town
from tests.portal.desk.desks import served

TILES = {(0, 0, 0): (200, 30, 40), (1, 0, 0): (10, 120, 200)}


def picture(colour: tuple[int, int, int], side: int = 256) -> bytes:
    """A PNG of one colour."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = (b"\0" + bytes(colour) * side) * side
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def a_file(path: Path) -> None:
    with path.open("wb") as file:
        writer = Writer(file)
        for key, colour in TILES.items():
            writer.write_tile(zxy_to_tileid(*key), picture(colour))
        places = {f"{name}_e7": 0 for name in ("min_lon", "min_lat", "max_lon", "max_lat", "center_lon", "center_lat")}
        writer.finalize(
            {"tile_type": TileType.PNG, "tile_compression": Compression.NONE, "center_zoom": 0, **places}, {}
        )


async def test_a_file_of_tiles_is_served_tile_by_tile(town: Town, tmp_path: Path) -> None:
    a_file(tmp_path / "county.pmtiles")
    async with served(town, tmp_path / "officer", f"tiles: {tmp_path / 'county.pmtiles'}\n") as desk:
        found = await desk.get("/tiles/1/0/0")
        assert (found.status, found.headers["Content-Type"]) == (200, "image/png")
        for path in ("/tiles/1/1/1", "/tiles/2/0/0", "/tiles/1/2/0", "/tiles/23/0/0", "/tiles/a/0/0", "/tiles/1/0/-1"):
            assert (await desk.get(path)).status == 404, path
        assert (await desk.get("/tiles/1/0/0", Cookie="")).status == 303


@asynccontextmanager
async def a_server(town: Town) -> AsyncIterator[tuple[str, list[str]]]:
    """The force's own; what it was asked for."""
    asked: list[str] = []
    answers = {
        "0/0/0": picture((0, 160, 0)),
        "1/0/0": b"<script>alert(1)</script>",
        "1/1/0": b"\xff\xd8\xff" + b"x" * (MOST_BYTES + 1),
    }

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        name = request.match_info["name"]
        if name == "1/0/1":
            raise web.HTTPFound("http://127.0.0.1:1/")
        return web.Response(body=answers.get(name, picture((0, 0, 160))), content_type="image/png")

    app = web.Application()
    app.router.add_get("/{name:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


async def test_a_server_is_asked_by_the_program_and_only_pictures_pass(town: Town, tmp_path: Path) -> None:
    async with a_server(town) as (origin, asked):
        settings = f"tiles: {origin}/{{z}}/{{x}}/{{y}}\ntiles_by: Example Survey\n"
        async with served(town, tmp_path / "officer", settings) as desk:
            first, again = await desk.get("/tiles/0/0/0"), await desk.get("/tiles/0/0/0")
            assert (first.status, again.status, asked) == (200, 200, ["/0/0/0"])
            for path in ("/tiles/1/0/0", "/tiles/1/1/0", "/tiles/1/0/1"):
                assert (await desk.get(path)).status == 404, path
            async with desk.opened() as page:
                await expect(page.get_by_text("Example Survey")).to_be_visible()
                await page.fill("#middle", "53.7632, -2.7031")
                await page.press("#middle", "Tab")
                seen = "() => [...document.querySelector('#plan').getContext('2d').getImageData(3, 100, 1, 1).data]"
                colour: list[int] = []
                for _ in range(100):
                    colour = await page.evaluate(seen)
                    if colour[:3] == [0, 0, 160]:
                        break
                    await page.wait_for_timeout(50)
                assert colour[:3] == [0, 0, 160]


@pytest.mark.parametrize("tiles", ["ftp://x/{z}/{x}/{y}", "https://maps.example/{z}/{x}", "spoiled", "none"])
async def test_what_are_no_tiles_is_told_before_anything_is_served(town: Town, tmp_path: Path, tiles: str) -> None:
    (tmp_path / "spoiled").write_bytes(b"PMTiles, but no more")
    named = tiles if "://" in tiles else str(tmp_path / tiles)
    with pytest.raises(SettingsInvalid):
        async with served(town, tmp_path / "officer", f'tiles: "{named}"\n'):
            raise AssertionError("it was served")
