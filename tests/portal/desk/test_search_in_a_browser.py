"""From a crime to sent requests, as an officer does it in Chromium."""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from exchange.clock import DAY
from exchange.documents.messages import Request
from portal.settings import Limits
from tests.counterparts.processes.browser import PHONE
from tests.portal.conftest import NOON, Town
from tests.portal.desk.desks import MARKET, Desk, look_at, owners, served
from tests.portal.wire import camera

PLACE = f"{MARKET[0]:.5f}, {MARKET[1]:.5f}"


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
        await page.get_by_role("link", name="Requests").click()
        await expect(page.get_by_text("5 owners, asked 21 November 2026, 12:00 GMT")).to_be_visible()
        await look_at(page, "batches")
    asked = [await agent.inbox() for agent in (*agents, silent, gone)]
    assert [len(each.items) for each in asked] == [1, 1, 1, 1, 1, 0, 0]
    first = Request.model_validate_json(asked[0].items[0].signed.document)
    assert [each.camera_id for each in first.asked] == ["front"]
    assert (first.owners_asked, first.incident.place) == (5, "Market Street")


GAZETTEER = f"street,town,latitude,longitude\nMarket Street,Exmouth,{MARKET[0]},{MARKET[1]}\nMill Road,Exmouth,1,1\n"


async def test_a_phone_in_the_dark_shows_all_of_it(town: Town, tmp_path: Path) -> None:
    await owners(town, 11, recordings_since=NOON - 7 * DAY)
    (tmp_path / "places.csv").write_text(GAZETTEER)
    async with (
        served(town, tmp_path / "officer", f"gazetteer: {tmp_path / 'places.csv'}\n") as desk,
        desk.opened(viewport=PHONE, color_scheme="dark") as page,
    ):
        await page.fill("#address", "market st")
        await expect(page.get_by_role("button", name="Market Street Exmouth")).to_be_visible()
        await page.press("#address", "Enter")
        await expect(page.locator("#middle")).to_have_value(PLACE)
        assert await page.input_value("#place") == "Market Street Exmouth"  # hidden until something was found
        await page.get_by_role("radio", name="Box").check()
        await page.get_by_role("button", name="Draw").click()
        plan = page.locator("#plan")
        await plan.scroll_into_view_if_needed()
        box = await plan.bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + 100, box["y"] + 100)
        await page.mouse.down()
        await page.mouse.move(box["x"] + 200, box["y"] + 180, steps=3)
        await page.mouse.up()
        await expect(page.locator("#northeast")).to_have_value(re.compile(r"^53\.76\d+, -2\.70\d+$"))
        low, high = [float((await page.input_value(name)).split(",")[0]) for name in ("#southwest", "#northeast")]
        assert 0 < high - low < 0.01
        await page.get_by_role("button", name="Draw").click()
        await page.fill("#crime", "C-1")
        await page.fill("#time", "today 9:00")
        await page.get_by_role("radio", name="Way").check()
        await page.fill("#points", f"{PLACE}\n{MARKET[0]}, {MARKET[1] + 0.004}")
        await page.get_by_role("button", name="Find cameras").click()
        await expect(page.get_by_text("11 owners are asked, and more than 10 are many")).to_be_visible()
        await look_at(page, "found-dark")
        await page.get_by_role("button", name="Sign and send 11 requests").click()
        await expect(page.locator("#ask-wrong")).to_contain_text("The kind is missing")


@pytest.mark.parametrize("limits", [Limits(supervised_owners=50, enrolments_per_minute=100)])
async def test_what_most_owners_programs_will_refuse_is_said_and_sent_all_the_same(desk: Desk, town: Town) -> None:
    agents = await owners(town, 11, recordings_since=NOON - 7 * DAY)
    async with desk.opened() as page:
        await page.fill("#crime", "C-1")
        await page.fill("#time", "today 9:00 to 9:15")
        await page.get_by_role("radio", name="Way").check()
        await page.fill("#points", f"{PLACE}\n{MARKET[0]}, {MARKET[1] + 0.004}")
        await page.get_by_role("button", name="Find cameras").click()
        told = page.get_by_text("Most owners' programs will refuse this")
        await expect(told).to_be_visible()
        await expect(page.locator("#warnings")).to_have_text("11 owners are asked, and more than 10 are many")
        await expect(page.get_by_text("A supervisor must allow this")).to_be_hidden()
        await look_at(page, "found-should")
        await page.fill("#kind", "Burglary")
        await page.fill("#place", "Market Street")
        await page.fill("#description", "A door was forced.")
        await page.get_by_role("button", name="Sign and send 11 requests").click()
        await expect(page.get_by_text("All are sent.")).to_be_visible()
    assert [len((await agent.inbox()).items) for agent in agents] == [1] * 11
