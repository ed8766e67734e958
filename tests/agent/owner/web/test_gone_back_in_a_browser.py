"""Records that were put back to an earlier state, on the page: the owner says there what nobody else can know."""

from pathlib import Path

from playwright.async_api import expect

from agent.owner.people.roles import Role
from agent.requests.restored import doubts
from tests.agent.owner.web.pages import PASSWORD, look_at, served
from tests.counterparts.processes.browser import PHONE, chromium, window
from tests.journey.backups.keeping import custody
from tests.journey.home import home
from tests.journey.test_records_went_back import put_back, status


async def test_the_owner_says_on_the_page_why_the_records_went_back_and_what_had_gone(tmp_path: Path) -> None:
    async with home(tmp_path) as at, served(at) as site, chromium() as browser:
        await site.person()
        await site.person("sam", "Sam Example", Role.APPROVER)
        await put_back(at, yes=False)
        await at.fetch_and_walk()
        went = await at.asked()
        async with window(browser, site.origin, viewport=PHONE) as page:
            await site.log_in(page)
            await expect(page.locator("main")).to_contain_text("is older than what the police hold")
            await page.click("summary")
            await page.fill("#what", "I put back an older card")
            await page.fill("#password", "not this one")
            await page.click("text=Write it down, and go on")
            assert (await status(at))["records_trouble"]
            await page.goto("/")
            await page.click("summary")
            await look_at(page, "gone-back")
            await page.fill("#what", "I put back an older card")
            await page.fill("#password", PASSWORD)
            await page.click("text=Write it down, and go on")
            await expect(page.locator("main")).not_to_contain_text("is older than what the police hold")
            assert (await status(at))["records_trouble"] is None
            (told,) = await custody(at, "records-restored")
            assert told["reason"] == "I put back an older card"

            await at.say(went, yes=True)
            async with at.agent.services.store.transaction() as tx:
                await doubts.ask_owner(tx, went, "It may have gone.")
            await page.goto(f"/requests/{went}")
            await expect(page.locator("#trouble")).to_have_text("")
            await page.check("text=Yes, they have it")
            await page.fill("#what", "I asked the officer")
            await look_at(page, "in-doubt")
            await page.fill("#password", PASSWORD)
            await page.click("text=Write it down")
            await expect(page.locator("main")).not_to_contain_text("Did the police get this already?")
            assert await at.state(went) == "withdrawn"
        async with at.agent.services.store.transaction() as tx:
            await tx.execute("UPDATE requests SET state = 'approved' WHERE request_id = ?", [went])
            await doubts.ask_owner(tx, went, "It may have gone.")
        async with window(browser, site.origin, viewport=PHONE) as page:
            await site.log_in(page, "sam", f"/requests/{went}")
            await expect(page.locator("main")).to_contain_text("Somebody who looks after this box must say it.")
            assert await page.locator("form[action$=gone-back]").count() == 0
