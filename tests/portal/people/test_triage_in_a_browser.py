"""An officer works through what came to an appeal, in Chromium: read, opened, played, marked."""

import asyncio
from pathlib import Path

from playwright.async_api import expect

from tests.counterparts.processes.browser import PHONE
from tests.portal.answers.casefiles import recorded
from tests.portal.desk.desks import Desk, look_at
from tests.portal.people.test_appeals import link_script as link_script
from tests.portal.people.test_desk_pages import _no_blocking as _no_blocking
from tests.portal.people.test_desk_pages import contribute, publish
from tests.portal.people.test_desk_pages import desk as desk
from tests.portal.people.visits import Visitor

WORDS = "A red van stood before the chemist’s for a quarter of an hour.\nI filmed it from my window."


async def test_what_came_is_read_opened_played_and_marked(desk: Desk, visitor: Visitor, tmp_path: Path) -> None:
    appeal = await publish(desk)
    film = await asyncio.to_thread(lambda: recorded(tmp_path, "libx264", 6).read_bytes())
    await contribute(visitor, appeal, film, "van.mp4", text=WORDS, contact="The flat above the bakery")
    desk.town.clock.forward(60_000_000)
    await contribute(visitor, appeal, film * 2, "dashcam.mov", text="I drove along there at about four.")
    async with desk.opened() as page:
        await page.goto("/appeals")
        await page.get_by_role("link", name="Did you see a red van?").click()
        first = page.locator("li.card").first
        await expect(first.locator("blockquote")).to_contain_text("I filmed it from my window.")
        await first.get_by_role("button", name="Fetch and open").click()
        await expect(first.get_by_text("“van.mp4”")).to_be_visible()
        await expect(page.locator("video")).to_have_count(1)
        await page.wait_for_function("() => document.querySelector('video').readyState >= 2")
        await look_at(page, "officer-appeal")
        await first.get_by_role("button", name="Relevant", exact=True).click()
        await expect(page.get_by_text("dashcam", exact=False).or_(page.get_by_text("I drove along"))).to_be_visible()
        await expect(page.locator("blockquote")).to_have_count(1)
        await page.get_by_role("link", name="Everything").click()
        await expect(page.locator("li.card .new")).to_have_text("Relevant")
        await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        await look_at(page, "officer-appeal")
