"""The owner's page on a socket, over a test's home, and people who have come in.

Not for: tests themselves.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from playwright.async_api import Page, expect

from agent.owner.people import proofs, register, sessions
from agent.owner.people.proofs import Proofs
from agent.owner.people.register import NewPerson
from agent.owner.people.roles import Role
from agent.owner.web.server import serve_page
from agent.settings.model import PageSettings
from tests.counterparts.processes.browser import barriers, shoot, too_wide
from tests.journey.home import Siege, Town

PASSWORD = "four plain words here"
LITTLE = {"time_cost": 1, "memory_cost": 64, "parallelism": 1}
SHOTS = Path(os.environ.get("HANDOVER_SHOTS", "/nonexistent"))
"""Where screenshots go, when somebody wants them."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Served:
    at: Town | Siege
    origin: str

    async def person(
        self,
        person_id: str = "robin",
        name: str = "Robin Example",
        role: Role = Role.ADMINISTRATOR,
        cameras: tuple[str, ...] | None = None,
    ) -> None:
        """Somebody who is written down, and has a password. ``cameras``: the only ones that they answer for."""
        services = self.at.agent.services
        async with services.store.transaction() as tx:
            new = NewPerson(person_id=person_id, name=name, role=role, cameras=cameras)
            await register.join(tx, new, services.clock.now())
        await Proofs(services.store, services.run_job, services.clock.now).set_password(person_id, PASSWORD)

    async def session(self, person_id: str = "robin", proven_by: str = "password") -> str:
        """A session's cookie, as a browser that has logged in has it."""
        services = self.at.agent.services
        async with services.store.transaction() as tx:
            return await sessions.open_session(tx, person_id, proven_by, services.clock.now())

    async def log_in(self, page: Page, person_id: str = "robin", to: str = "/") -> None:
        await page.goto(f"/login?to={to}")
        await page.fill("#person", person_id)
        await page.fill("#password", PASSWORD)
        await page.click("main button:not([type=button])")
        await page.wait_for_url(f"**{to}")


@asynccontextmanager
async def served(at: Town | Siege, **page: Any) -> AsyncIterator[Served]:
    """The home's page, on loopback, at a port of its own, where a password costs next to nothing."""
    port = free_port()
    settings = at.settings.model_copy(update={"page": PageSettings(enabled=True, port=port, **page)})
    async with AsyncExitStack() as stack:
        stack.enter_context(mock.patch.object(proofs, "COST", LITTLE))
        await stack.enter_async_context(serve_page(at.agent, at.agent.viewings, settings))
        assert "page" not in at.agent.services.progress.troubles
        secure = "address" in page
        yield Served(at, f"{'https' if secure else 'http'}://localhost:{port}")


async def look_at(page: Page, name: str) -> None:
    """No barrier for anybody, nothing wider than the window; and a picture for whoever wants to see it."""
    assert await barriers(page) == [], name
    assert not await too_wide(page), name
    if SHOTS.name != "nonexistent":
        width = page.viewport_size["width"] if page.viewport_size else 0
        await shoot(page, SHOTS, f"{name}-{width}")


async def plays(page: Page) -> None:
    """The video moves."""
    video = page.locator("video")
    await expect(video).to_have_js_property("readyState", 4)
    await video.evaluate("video => video.play()")
    for _ in range(100):
        if await video.evaluate("video => video.currentTime") > 0.3:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it does not play")


@asynccontextmanager
async def going_on(at: Town) -> AsyncIterator[None]:
    """The daemon's journey goes on, while pages are looked at."""

    async def go_on() -> None:
        while True:
            await at.agent.journey.settle()
            await asyncio.sleep(0.1)

    walking = asyncio.create_task(go_on())
    try:
        yield
    finally:
        walking.cancel()
        await asyncio.gather(walking, return_exceptions=True)
