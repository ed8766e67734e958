"""The pages of a case in Chromium: fresh by themselves, without barriers, on a desk and on a phone."""

from playwright.async_api import expect

from tests.counterparts.processes.browser import PHONE
from tests.portal.answers.casefiles import Film, ask, hand_over, owner, send
from tests.portal.answers.test_cases import CASE, later
from tests.portal.desk.desks import Desk, look_at


async def test_an_officer_sees_what_is_new_opens_it_and_finds_every_page_usable(desk: Desk) -> None:
    quiet, agent = await owner(desk), await owner(desk)
    declined = await send(desk, await ask(desk, quiet))
    async with desk.opened() as page:
        await page.goto("/cases")
        await expect(page.get_by_text("1 asked")).to_be_visible()
        request = await hand_over(desk, agent, Film(label="<script>alert(1)</script> & more"))
        await quiet.decide(declined, quiet.no(declined))
        later(desk)
        await expect(page.get_by_text("A package came.")).to_be_visible()
        await expect(page.get_by_text("Declined.")).to_be_visible()
        await look_at(page, "cases")
        await page.locator("#new-1").click()
        await expect(page.get_by_text("not opened yet")).to_be_visible()
        await page.get_by_role("button", name="Fetch and check all").click()
        await expect(page.get_by_text("opened, everything holds")).to_be_visible()
        await look_at(page, "case")
        await page.get_by_role("link", name="Package ev-1").click()
        await expect(page.get_by_text("<script>alert(1)</script> & more")).to_be_visible()
        await look_at(page, "package")
        readme = await desk.get(f"/packages/{request.request_id}/{request.request_id}-del/read-me-first")
        assert readme.headers["Content-Security-Policy"].endswith("; sandbox")
        assert "<script>" not in readme.text
        await page.get_by_role("button", name="Sign and send the receipt").click()
        await expect(page.get_by_text("The receipt is sent.")).to_be_visible()
        await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        for name in ("", "/export", "/paper", "/play"):
            await page.goto(f"{CASE}{name}")
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
            await look_at(page, f"case{name.replace('/', '-')}-phone")
