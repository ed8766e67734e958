"""Very many cameras on the map, in Chromium: each is drawn and can be pressed, and the list grows by pieces."""

from playwright.async_api import Page, Route, expect

from tests.portal.desk.desks import Desk, look_at

MANY = 900
SIDE = 30
"""Cameras in a row of the grid that they stand in."""
_COLOURS = """(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const pixels = new Uint32Array(data.buffer), probe = document.createElement("canvas").getContext("2d");
  const colour = (name) => {
    probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
    probe.fillRect(0, 0, 1, 1);
    return new Uint32Array(probe.getImageData(0, 0, 1, 1).data.buffer)[0];
  };
  const count = (name) => { const wanted = colour(name); return pixels.filter((each) => each === wanted).length; };
  const highest = pixels.indexOf(colour("maybe"));
  return {
    likely: count("good"), unsure: count("maybe"), no: count("quiet"),
    highest: [highest % canvas.width, Math.floor(highest / canvas.width)].map((each) => each / devicePixelRatio),
  };
}"""
"""How many pixels there are of each kind of mark, and where the highest one of an unsure one is."""


def camera(number: int) -> dict[str, object]:
    return {
        "owner": f"o{number}", "kind": "business", "label": f"Camera {number}", "place": "",
        "latitude": 53.76 + (number // SIDE) * 0.0004, "longitude": -2.7 + (number % SIDE) * 0.0008,
        "direction": 90.0, "field_of_view": 80.0, "range_m": 40.0, "distance_m": float(number), "looks": None,
        "sound": False, "footage": "likely" if number < 600 else "unsure", "since": None, "heard": None,
    }  # fmt: skip


async def find(page: Page) -> None:
    """The program answers as a portal with many cameras would have it."""

    async def answer(route: Route) -> None:
        cameras = [camera(number) for number in range(MANY)]
        await route.fulfill(json={"search": "s", "shown": "", "truncated": False, "cameras": cameras})

    await page.route("**/search", answer)
    await page.fill("#crime", "C-1")
    await page.fill("#time", "today 9:00 to 9:15")
    await page.fill("#middle", "53.766, -2.69")
    await page.get_by_role("button", name="Find cameras").click()
    await expect(page.get_by_role("heading", name=f"{MANY} cameras")).to_be_focused()


async def test_many_cameras_are_all_drawn_and_listed_piece_by_piece(desk: Desk) -> None:
    async with desk.opened() as page:
        await find(page)
        await look_at(page, "many")
        rows, drawn = page.locator("#cameras li"), await page.locator("#plan").evaluate(_COLOURS)
        assert drawn["likely"] > 600 * 30
        assert drawn["unsure"] > 300 * 30
        assert drawn["no"] == 0
        await expect(rows).to_have_count(400)
        await expect(page.locator("#summary")).to_contain_text("600 cameras")
        await page.get_by_role("button", name="List more of the other 500").click()
        await expect(rows).to_have_count(800)
        await expect(page.get_by_label("Camera 400: likely")).to_be_focused()
        await expect(page.get_by_label("Camera 400: likely")).to_be_checked()
        await expect(page.get_by_label("Camera 799: unsure")).not_to_be_checked()


async def test_a_mark_that_is_pressed_is_listed_and_chosen(desk: Desk) -> None:
    async with desk.opened() as page:
        await find(page)
        plan = page.locator("#plan")
        found, box = await plan.evaluate(_COLOURS), await plan.bounding_box()
        assert box is not None
        x, y = found["highest"]  # the tip of a mark in the northernmost row: one of the last thirty
        await page.mouse.click(box["x"] + x + 1, box["y"] + y + 6)
        await expect(page.locator("#summary")).to_contain_text("601 cameras")
        chosen = page.get_by_label("unsure").and_(page.locator(":checked"))
        await expect(chosen).to_have_count(1)
        assert await page.locator("#cameras li").count() > 870
