"""The officer's page on a socket, over a real portal with owners' agents; as HTTP, and as a window of Chromium.

``Desk.get``/``Desk.post`` are the officer's own browser as far as headers go; ``desk.opened()`` is Chromium, logged in
by the one-time link. ``owners`` lets agents join. Not for: tests themselves.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
from playwright.async_api import Browser, Page, expect
from rich.console import Console

from exchange.documents.messages import CameraRegistration
from portal.force.keys import write_public
from portal.officer.desk.server import serve_desk
from portal.officer.desk.site import Site
from portal.officer.state import OfficerState, Setup
from portal.officer.tools import Tools
from tests.counterparts.processes.browser import DESKTOP, barriers, chromium, shoot, too_wide, window
from tests.portal.conftest import Town
from tests.portal.wire import Agent, Officer, camera

LONDON = ZoneInfo("Europe/London")
MARKET = (53.7632, -2.7031)
"""Where ``owners`` stand."""
SHOTS = Path(os.environ.get("HANDOVER_SHOTS", "/nonexistent"))
"""Where screenshots go, when somebody wants them."""


@dataclass
class Shown:
    """An answer of the desk."""

    status: int
    text: str
    headers: Any


@dataclass
class Desk:
    town: Town
    site: Site
    http: aiohttp.ClientSession
    cookie: str = field(default="")

    @property
    def state(self) -> OfficerState:
        return self.site.state

    @property
    def link(self) -> str:
        """A new one-time link."""
        return f"{self.site.origin}/come-in#{self.site.door.new_code()}"

    async def get(self, path: str, **headers: str) -> Shown:
        usual = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Cookie": self.cookie}
        return await self._call("GET", path, None, usual | headers)

    async def post(self, path: str, form: Any, **headers: str) -> Shown:
        usual = {
            "Origin": self.site.origin,
            "Sec-Fetch-Site": "same-origin",
            "Sec-Fetch-Mode": "navigate",
            "Cookie": self.cookie,
        }
        return await self._call("POST", path, form, usual | headers)

    async def _call(self, method: str, path: str, form: Any, headers: dict[str, str]) -> Shown:
        sent = {name: value for name, value in headers.items() if value}
        how: dict[str, Any] = {"json": form} if sent.pop("As", "") == "json" else {"data": form}
        url = self.site.origin + path
        async with self.http.request(method, url, headers=sent, allow_redirects=False, **how) as answer:
            return Shown(answer.status, (await answer.read()).decode("utf-8", "replace"), answer.headers)

    async def come_in(self) -> None:
        """By the one-time link, as a browser does it."""
        answer = await self.post("/come-in", {"code": self.link.partition("#")[2]})
        assert answer.status == 303, answer.text
        self.cookie = answer.headers["Set-Cookie"].partition(";")[0]

    @asynccontextmanager
    async def opened(self, **how: object) -> AsyncIterator[Page]:
        """Chromium at the first page; ``viewport``, ``color_scheme``… as Playwright's ``new_context`` takes them."""
        async with chromium() as browser, self.opened_in(browser, **how) as page:
            yield page

    @asynccontextmanager
    async def opened_in(self, browser: Browser, **how: object) -> AsyncIterator[Page]:
        """The same in a browser that others use too."""
        async with window(browser, self.site.origin, **({"viewport": DESKTOP} | how)) as page:
            await page.goto(self.link)
            await expect(page.get_by_role("button", name="Log out")).to_be_visible()
            yield page


@asynccontextmanager
async def served(town: Town, folder: Path, settings: str = "", who: Officer | None = None) -> AsyncIterator[Desk]:
    """The desk of the town's officer, or of somebody else, whose folder is made and set up here; logged in.

    ``settings``: ``desk.yaml``.
    """
    state = OfficerState(folder)
    await asyncio.to_thread(set_up, town, state, who)
    (folder / "desk.yaml").write_text(settings)
    async with served_from(town, state) as desk:
        yield desk


@asynccontextmanager
async def served_from(town: Town, state: OfficerState) -> AsyncIterator[Desk]:
    """The desk of an officer whose folder is set up; logged in."""
    tools = Tools(state, town.clock, Console(highlight=False, quiet=True))
    async with serve_desk(tools, LONDON) as site, aiohttp.ClientSession() as http:
        desk = Desk(town, site, http)
        await desk.come_in()
        yield desk


def set_up(town: Town, state: OfficerState, who: Officer | None = None) -> None:
    """As ``handover-officer setup`` leaves it, with the officer whom the town's portal knows; or with somebody else."""
    key, credential = (town.place.officer, town.place.credential) if who is None else (who.key, who.credential)
    assert credential is not None
    state.folder.mkdir(mode=0o700, parents=True)
    key.save(state.folder / "officer.key")
    write_public(state.folder / "officer.pub", key.public, "officer")
    force = town.place.force
    state.save_setup(Setup(portal=town.origin, force=force.name, force_key=force.key.public.line), credential)


async def owners(town: Town, count: int, **changed: Any) -> list[Agent]:
    """So many owners, each with an agent and two cameras, every 20 m along a street that leads east from MARKET."""
    agents = []
    for number in range(count):
        at = (MARKET[0], MARKET[1] + number * 0.0003)
        agents.append(await town.agent().join(town.place, *_cameras(number, at, changed)))
    return agents


def _cameras(number: int, at: tuple[float, float], changed: dict[str, Any]) -> tuple[CameraRegistration, ...]:
    front = camera("front", at=at, label=f"Shop {number}, front door", **changed)
    yard = camera("yard", at=(at[0] + 0.0001, at[1]), label=f"Shop {number}, yard", direction=0.0, **changed)
    return front, yard


async def look_at(page: Page, name: str) -> None:
    """No barrier for anybody, nothing wider than the window; and a picture for whoever wants to see it."""
    assert await barriers(page) == [], name
    assert not await too_wide(page), name
    if SHOTS.name != "nonexistent":
        width = page.viewport_size["width"] if page.viewport_size else 0
        await shoot(page, SHOTS, f"{name}-{width}")
