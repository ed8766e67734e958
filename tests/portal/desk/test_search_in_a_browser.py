"""From a crime to sent requests, as an officer does it in Chromium."""

from playwright.async_api import expect

from exchange.clock import DAY
from exchange.documents.messages import Request
from tests.counterparts.processes.browser import PHONE
from tests.portal.conftest import NOON, Town
from tests.portal.desk.desks import MARKET, Desk, look_at, owners
from tests.portal.wire import camera

PLACE = f"{MARKET[0]}, {MARKET[1]}"


async def test_twelve_clicks_ask_every_owner_in_the_street(desk: Desk, town: Town) -> None:
    agents = await owners(town, 5, recordings_since=NOON - 7 * DAY)
    silent = await town.agent().join(town.place, camera(at=(MARKET[0] + 0.0002, MARKET[1]), recordings_since=None))
    gone = await town.agent().join(town.place, camera(at=(MARKET[0] - 0.0002, MARKET[1]), recordings_since=NOON))
    async with desk.opened() as page:
        await look_at(page, "map")
        await page.fill("#crime", "EX/26/004711")
        await page.fill("#time", "today 9:00 to 9:15")
        await expect(page.get_by_text("Means Saturday 21 November 2026, 09:00 to 09:15 GMT.")).to_be_visible()
        await page.fill("#middle", PLACE)
        await page.get_by_role("button", name="Find cameras").click()
        await expect(page.get_by_role("heading", name="12 cameras")).to_be_focused()
        await expect(page.locator("#summary")).to_contain_text("5 owners, 10 cameras")
        await page.fill("#kind", "Burglary")
        await expect(page.get_by_label("Purpose")).to_have_value(
            "To identify who broke in, and the way they came and went."
        )
        await page.fill("#place", "Market Street")
        await page.fill("#description", "A door was forced.")
        await look_at(page, "found")
        await page.get_by_label("Shop 0, yard").uncheck()
        await page.get_by_role("button", name="Sign and send 5 requests").click()
        await expect(page.get_by_text("All are sent.")).to_be_visible()
        await look_at(page, "sent")
    asked = [await agent.inbox() for agent in (*agents, silent, gone)]
    assert [len(each.items) for each in asked] == [1, 1, 1, 1, 1, 0, 0]
    first = Request.model_validate_json(asked[0].items[0].signed.document)
    assert [each.camera_id for each in first.asked] == ["front"]
    assert (first.owners_asked, first.incident.place) == (5, "Market Street")


async def test_a_phone_in_the_dark_shows_all_of_it(desk: Desk, town: Town) -> None:
    await owners(town, 11, recordings_since=NOON - 7 * DAY)
    async with desk.opened(viewport=PHONE, color_scheme="dark") as page:
        await page.fill("#crime", "C-1")
        await page.fill("#time", "today 9:00")
        await page.get_by_role("radio", name="Way").check()
        await page.fill("#points", f"{PLACE}\n{MARKET[0]}, {MARKET[1] + 0.004}")
        await page.get_by_role("button", name="Find cameras").click()
        await expect(page.get_by_text("11 owners are asked, and more than 10 are many")).to_be_visible()
        await look_at(page, "found-dark")
        await page.get_by_role("button", name="Sign and send 11 requests").click()
        await expect(page.locator("#ask-wrong")).to_contain_text("The kind is missing")
