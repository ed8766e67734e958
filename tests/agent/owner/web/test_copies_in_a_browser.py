"""The page shows how the owner's own copies are, brings and checks them, and holds what must stay."""

import asyncio
from pathlib import Path

from playwright.async_api import expect

from tests.agent.owner.web.pages import look_at, served
from tests.counterparts.processes.browser import DESKTOP, chromium, window
from tests.journey.backups.keeping import handed_over, kept
from tests.journey.backups.test_integrity import flip


async def test_copies_are_shown_brought_held_and_told_to_be_damaged(tmp_path: Path) -> None:
    extra = "backups: {places: [{place: nas}, {place: away}], tell_after: 1h}"
    async with kept(tmp_path, extra) as at, served(at) as site, chromium() as browser:
        evidence_id = await handed_over(at)
        await at.agent.backups.run()
        await site.person()
        async with window(browser, site.origin) as page:
            await site.log_in(page, to="/copies")
            await expect(page.locator("main")).to_contain_text("1 copy, ")
            await expect(page.locator("main")).to_contain_text("There is no place away")
            await look_at(page, "copies")
            await page.click("text=Keep it longer")
            await page.fill("#reason-1", "an appeal")
            await page.click("text=Hold it")
            await expect(page.locator("main")).to_contain_text("Held: nothing is deleted. an appeal")
            await page.click("text=End the hold")
            await expect(page.locator("main")).to_contain_text("kept until")
            await asyncio.to_thread(flip, at.settings.package(evidence_id))
            await asyncio.to_thread(flip, next((tmp_path / "places/nas").rglob(f"{evidence_id}.zip.age")))
            await page.click("text=Check all of them now")
            for _ in range(200):
                if at.agent.backups.last is not None:
                    break
                await asyncio.sleep(0.05)
            await page.reload()
            await expect(page.locator("main")).to_contain_text("1 damaged")
            await look_at(page, "copies-damaged")
        async with window(browser, site.origin, viewport=DESKTOP, locale="de-DE", color_scheme="dark") as page:
            await site.log_in(page, to="/copies")
            await expect(page.locator("h1")).to_have_text("Ihre Kopien")
            await look_at(page, "copies-german")
