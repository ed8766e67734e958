"""The page for people in a real Chromium, from a file: light, dark, on a phone, with a keyboard, and on paper."""

import re
import subprocess
from pathlib import Path

import pytest

from exchange.documents.messages import GapNote, Place
from exchange.package.writing import open_package
from tests.counterparts.processes.browser import DESKTOP, PHONE, barriers, chromium, too_wide, window
from tests.exchange.packages import DELIVERED, Case, entries, replaced, sha256, zipped


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package as an officer has it on their disk, with a real contact sheet, a place and a gap."""
    folder = tmp_path_factory.mktemp("package")
    case = Case.make(folder, sound=True)
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", case.master, "-frames:v", "1", "-vf", "tile=4x4", folder / "sheet.jpg"],
        check=True,
        timeout=60,
    )
    case.working = (folder / "sheet.jpg").read_bytes()
    where = Place(latitude=53.76345, longitude=-2.7028)
    case.request = replaced(case.request, incident=replaced(case.request.incident, location=where))
    (sheet,) = case.evidence.working_copies
    sheet = replaced(sheet, sha256=sha256(case.working), size=len(case.working))
    gap = GapNote(start=DELIVERED.start, end=DELIVERED.start + 1000, reason="the camera was not reached")
    case.evidence = replaced(case.evidence, working_copies=(sheet,), gaps=(gap,))
    case.relink()
    return open_package(zipped(case, folder, entries(case)), folder).folder / "data" / "READ-ME-FIRST.html"


async def test_the_page_keeps_nobody_out_on_a_phone_and_a_desktop_light_and_dark(opened: Path) -> None:
    picture = opened.parent / "working" / "contact-sheet.jpg"
    async with chromium() as browser:
        for size, scheme in ((PHONE, "light"), (PHONE, "dark"), (DESKTOP, "light"), (DESKTOP, "dark")):
            async with window(browser, "", viewport=size, color_scheme=scheme) as page:
                loaded: list[str] = []
                page.on("request", lambda request, loaded=loaded: loaded.append(request.url))
                await page.goto(opened.as_uri())
                assert await barriers(page) == []
                assert not await too_wide(page)
                assert await page.evaluate("document.images[0].naturalWidth") > 100
                assert sorted(loaded) == [opened.as_uri(), picture.as_uri()]
                assert await page.locator("svg.plan .incident").count() == 1


async def test_the_page_is_walked_with_the_keyboard_and_is_whole_without_the_picture(
    opened: Path, tmp_path: Path
) -> None:
    async with chromium() as browser, window(browser, "", viewport=DESKTOP) as page:
        await page.goto(opened.as_uri())
        links = await page.locator("a").count()
        for _ in range(links):
            await page.keyboard.press("Tab")
            assert await page.evaluate("document.activeElement.tagName") == "A"
            assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        await page.locator("nav a", has_text="Form for a statement").press("Enter")
        assert await page.evaluate("location.hash") == "#statement"
        alone = tmp_path / opened.name
        alone.write_bytes(opened.read_bytes())
        await page.goto(alone.as_uri())
        assert (await page.locator("img").get_attribute("alt") or "").startswith("Contact sheet: pictures")
        assert await barriers(page) == []


async def test_on_paper_each_sheet_names_the_exhibit_and_the_form_has_one_of_its_own(
    opened: Path, tmp_path: Path
) -> None:
    async with chromium() as browser, window(browser, "", viewport=DESKTOP, color_scheme="dark") as page:
        await page.goto(opened.as_uri())
        await page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True, print_background=True)
    text = subprocess.run(
        ["pdftotext", "-layout", tmp_path / "page.pdf", "-"], capture_output=True, check=True, timeout=60, text=True
    ).stdout
    sheets = text.split("\f")[:-1]
    for number, sheet in enumerate(sheets, 1):
        assert re.search(rf"Exhibit EX/26/004711/HO-1 +Page {number} of {len(sheets)}\s*$", sheet), sheet[-200:]
    form = sheets[-1]
    assert form.strip().startswith("Form for a statement")
    for fact in ("Clock check", "seconds fast", "Declaration", "Signature, date", "referred to in the statement of"):
        assert fact in form, fact
    size = subprocess.run(["pdfinfo", tmp_path / "page.pdf"], capture_output=True, check=True, timeout=60, text=True)
    assert "A4" in size.stdout
