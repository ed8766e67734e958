"""Packages of a case side by side, in Chromium: in step by UTC, what does not hold in red, copies named as copies."""

from collections.abc import Sequence

from playwright.async_api import Page, expect

from tests.counterparts.processes.browser import PHONE
from tests.portal.answers.casefiles import RATE, START, Film, hand_over, owner
from tests.portal.answers.test_cases import CASE, open_case
from tests.portal.desk.desks import Desk, look_at

FRAME_MS = 1000 / RATE
BEGUN_MS = START / 1000
SHOP = Film()
PHARMACY = Film(label="Pharmacy", after=1_500_000, host=500_000)
"""Its times come from a clock that was half a second fast."""


async def state(page: Page, wanted: str) -> None:
    await expect(page.locator("#player")).to_have_attribute("data-state", wanted)


async def shown(page: Page) -> Sequence[float]:
    """The UTC of the picture that each camera shows, in milliseconds since START."""
    script = "() => [...document.querySelectorAll('[data-lane]')].map((each) => Number(each.dataset.shown))"
    return [each - BEGUN_MS for each in await page.evaluate(script)]


async def reached(page: Page, ms: float) -> None:
    script = "(ms) => Number(document.getElementById('player').dataset.at) >= ms"
    await page.wait_for_function(script, arg=BEGUN_MS + ms)


async def test_two_cameras_play_in_step_by_utc(desk: Desk) -> None:
    for film in (SHOP, PHARMACY):
        await hand_over(desk, await owner(desk), film)
    await open_case(desk)
    async with desk.opened() as page:
        await page.goto(f"{CASE}/play")
        await state(page, "still")
        await expect(page.locator("[data-lane='1'] .nothing")).to_be_visible()
        await expect(page.locator("[data-lane='1'] p.clock")).to_contain_text("0.5 s fast as its keeper told")
        await page.keyboard.press("Space")
        for at in (2000, 3500):
            await reached(page, at)
            first, second = await shown(page)
            assert abs(first - second) <= FRAME_MS
        await page.keyboard.press("Space")
        await state(page, "still")

        await page.keyboard.press("Home")
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("Shift+ArrowLeft")
        await expect(page.locator("#utc")).to_have_text("09:00:04.000 UTC")
        await page.wait_for_function(
            "(ms) => [...document.querySelectorAll('[data-lane]')].every((each) => Number(each.dataset.shown) === ms)",
            arg=BEGUN_MS + 4000,
        )
        await look_at(page, "player")
        await page.keyboard.press(".")
        await expect(page.locator("#utc")).to_have_text("09:00:04.100 UTC")
        await page.keyboard.press(",")
        await page.keyboard.press(",")
        await expect(page.locator("#utc")).to_have_text("09:00:03.900 UTC")

        await page.keyboard.press("n")
        await page.get_by_label("What is to be seen").fill("=A red car, from the left <b>")
        await page.get_by_label("Of", exact=True).select_option(label="Pharmacy")
        await page.get_by_role("button", name="Note at this moment").click()
        await expect(page.locator(".notes li")).to_contain_text("=A red car, from the left <b>")
        await page.keyboard.press("Tab")
        await page.locator("#toggle").focus()
        await page.keyboard.press("End")
        await page.locator(".notes a").click()
        await expect(page.locator("#utc")).to_have_text("09:00:03.900 UTC")
        await page.get_by_role("button", name="Strike").click()
        await expect(page.locator(".notes .struck")).to_be_visible()
        await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        await look_at(page, "player-notes")
    table = (await desk.get(f"{CASE}/notes.csv")).text
    assert '2026-03-14T09:00:03.900000Z,"14 March 2026, 09:00:03.900 GMT",Pharmacy,ev-1,"\'=A red car' in table
    paper = (await desk.get(f"{CASE}/paper")).text
    assert "from the left &lt;b&gt;" in paper


async def test_what_does_not_verify_is_red_and_a_copy_in_a_masters_place_is_named(desk: Desk) -> None:
    spoilt = await hand_over(desk, await owner(desk), SHOP, custody__jsonl=b"{}\n")
    await hand_over(desk, await owner(desk), Film(label="Garage", codec="libx265", copy=True))
    await hand_over(desk, await owner(desk), Film(label="Yard", codec="libx265"))
    await open_case(desk)
    async with desk.opened(color_scheme="dark") as page:
        await page.goto(f"{CASE}/play")
        await expect(page.locator(".doubtful .doubt")).to_contain_text("Not verified.")
        await expect(page.locator(".doubtful")).to_have_count(1)
        garage = page.locator(".lane", has_text="Garage")
        await expect(garage.locator(".copy")).to_contain_text("working copy (playable), no evidence in itself")
        await expect(page.locator(".lane", has_text="Yard").locator(".nothing")).to_contain_text("can’t play H.265")
        await page.keyboard.press("Space")
        await reached(page, 1500)
        await look_at(page, "player-dark")
        await page.goto(f"/packages/{spoilt.request_id}/{spoilt.request_id}-del")
        await expect(page.locator(".box.bad")).to_be_visible()
        await page.locator("summary", has_text="Receipt").click()
        await expect(page.get_by_label("It came, and did")).to_be_visible()
        await look_at(page, "package-spoilt")
