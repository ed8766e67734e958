"""Packages of a case side by side, in Chromium: in step by UTC, what does not hold in red, copies named as copies."""

from collections.abc import Sequence

from playwright.async_api import Page, expect

from tests.portal.answers.casefiles import RATE, START, Film, hand_over, owner
from tests.portal.answers.test_cases import CASE, open_case
from tests.portal.desk.desks import Desk, look_at

FRAME_MS = 1000 / RATE
FIRST, SECOND_ = Film(seconds=6), Film(label="Pharmacy", after=1_500_000, seconds=6, host=500_000)


async def shown(page: Page, count: int) -> Sequence[float]:
    """The UTC of the picture that each camera shows, in milliseconds."""
    told = [await page.locator(f"[data-lane='{number}']").get_attribute("data-shown") for number in range(count)]
    return [float(each or 0) for each in told]


async def state(page: Page, wanted: str) -> None:
    await expect(page.locator("#player")).to_have_attribute("data-state", wanted)


async def test_two_cameras_play_in_step_by_utc(desk: Desk) -> None:
    for film in (FIRST, SECOND_):
        await hand_over(desk, await owner(desk), film)
    await open_case(desk)
    async with desk.opened() as page:
        await page.goto(f"{CASE}/play")
        await state(page, "still")
        await expect(page.locator("[data-lane='1'] .nothing")).to_be_visible()
        await look_at(page, "player")
        await page.keyboard.press("Space")
        await expect(page.locator(".playing")).to_have_count(2)
        for at in (2000, 3500):
            await page.wait_for_function(
                f"() => Number(document.getElementById('player').dataset.at) > {START / 1000 + at}"
            )
            told = await page.evaluate(
                "() => [...document.querySelectorAll('[data-lane]')].map((each) => Number(each.dataset.shown))"
            )
            assert abs(told[0] - told[1]) <= FRAME_MS, told
        await page.keyboard.press("Space")
        await state(page, "still")
