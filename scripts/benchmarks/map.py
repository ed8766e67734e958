"""The map of the officer's page in a real Chromium, with ten thousand cameras in view: how soon it is drawn, and how
smoothly it moves. The browser draws without a graphics card.

Not for: how cameras are found (``scripts.benchmarks.search``): the page's script gets them at once.
"""

import asyncio
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import Page

from scripts.benchmarks.row import Row
from tests.counterparts.portals.portal import in_process, make_place
from tests.portal.conftest import NOON, Town
from tests.portal.desk.desks import served
from tests.portal.wire import SetClock

_CAMERAS = 10_000
_FIRST_DRAWINGS = 5
_MOVES = 240
_PAUSE = 0.012
"""Seconds between two moves of the hand; frames come every 0.0167."""

_SCRIPT = Path(__file__).with_suffix(".js")


@dataclass
class _Measured:
    """Milliseconds."""

    drawn: list[float]
    frames: list[float]
    scripts: list[float]


def rows(work: Path) -> Iterator[Row]:
    measured = asyncio.run(_measure(work / "map"))
    yield Row("map of 10,000 cameras: first drawn", max(measured.drawn), None, "ms", 500)
    yield Row("from frame to frame while it is moved, p95", _p95(measured.frames), None, "ms", 17)
    yield Row("a frame's script, p95", _p95(measured.scripts), None, "ms", 16)


async def _measure(folder: Path) -> _Measured:
    folder.mkdir()  # noqa: ASYNC240 nothing else runs yet
    clock = SetClock(NOON)
    place = make_place(folder / "force", clock=clock)
    async with (
        in_process(place, clock) as running,
        aiohttp.ClientSession() as session,
        served(Town(place, clock, running, session), folder / "officer") as desk,
        desk.opened() as page,
    ):
        await page.evaluate(_SCRIPT.read_text())
        await page.evaluate("count => bench.prepare(count)", _CAMERAS)
        await page.fill("#crime", "C-1")
        await page.fill("#time", "today 9:00 to 10:00")
        await page.fill("#middle", "53.75, -2.65")
        for _ in range(_FIRST_DRAWINGS):
            await page.get_by_role("button", name="Find cameras").click()
            await asyncio.sleep(1)
        drawn = await page.evaluate("() => bench.drawn")
        found = await _moved(page)
        return _Measured(drawn, found["frames"], found["scripts"])


async def _moved(page: Page) -> dict[str, Any]:
    """Drawn about by the mouse, and nearer and farther by its wheel."""
    box = await page.locator("#plan").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.evaluate("() => bench.record()")
    for number in range(_MOVES):
        away = abs(number % 120 - 60)
        await page.mouse.move(x + away * 3, y + away)
        await asyncio.sleep(_PAUSE)
    await page.mouse.up()
    for number in range(_MOVES):
        await page.mouse.wheel(0, 8 if number % 60 < 30 else -8)
        await asyncio.sleep(_PAUSE)
    found: dict[str, Any] = await page.evaluate("() => bench")
    return found


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]
