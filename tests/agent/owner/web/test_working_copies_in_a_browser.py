"""Working copies on the owner's page: seen before, chosen, previewed, and named once more before they are agreed to."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from agent.owner.web import copying
from exchange.documents.copies import CopyKind, WantedCopies
from exchange.errors import InputInvalid
from tests.agent.owner.web.pages import PASSWORD, look_at, served
from tests.agent.owner.web.test_in_a_browser import decided
from tests.counterparts.processes.browser import PHONE, chromium, window
from tests.journey.home import home

USUAL = "copies: {playable: true, quality: true}"


async def test_copies_are_chosen_on_a_phone_with_a_picture_of_what_an_enhanced_one_makes(tmp_path: Path) -> None:
    async with (
        home(tmp_path, pictures=True, kind="h265", extra=USUAL) as at,
        served(at) as site,
        chromium() as browser,
    ):
        await site.person()
        wanted = WantedCopies(kinds=(CopyKind.SMALLER, CopyKind.ENHANCED), most_bytes=25_000_000)
        request_id = await at.asked(at.request(copies=wanted))
        async with window(browser, site.origin, viewport=PHONE) as page:
            await site.log_in(page, to=f"/requests/{request_id}")
            await page.click("text=Copies beside the original")
            for kind in CopyKind.PLAYABLE, CopyKind.QUALITY, CopyKind.SMALLER, CopyKind.ENHANCED:
                await expect(page.locator(f"[name=copy-0-{kind}]")).to_be_checked()
            await expect(page.locator("[name=copy-0-avi]")).not_to_be_checked()
            await expect(page.locator("text=(the officer says that it would help)")).to_have_count(2)
            await expect(page.locator("#most-0")).to_have_value("25")
            await page.click("text=How it is changed")
            await page.fill("#gamma-0", "0,5")
            await page.click("text=Show what that makes of the picture above")
            await expect(page.locator("[data-enhanced]")).to_be_visible(timeout=30_000)
            await look_at(page, "copies")
            await page.fill("#contrast-0", "99")
            await page.click("text=Show what that makes of the picture above")
            await expect(page.locator("[data-enhance-wrong]")).to_be_visible()
            await page.fill("#contrast-0", "")
            await page.uncheck("[name=copy-0-quality]")
            await page.uncheck("[name=caption-0]")
            await page.click("text=Yes, go on")
            for kind in CopyKind.PLAYABLE, CopyKind.SMALLER, CopyKind.ENHANCED:
                await expect(page.locator(".sentence")).to_contain_text(copying.NAMES[kind])
            await look_at(page, "check-copies")
            await page.fill("#password", PASSWORD)
            await page.click("text=Yes, send it")
            await expect(page.locator("#stands")).to_be_visible()
            copies = (await decided(at, request_id)).cameras[0].copies or ()
            by_kind = {copy.kind: copy for copy in copies}
            assert list(by_kind) == [CopyKind.PLAYABLE, CopyKind.ENHANCED, CopyKind.SMALLER]
            assert by_kind[CopyKind.SMALLER].most_bytes == 25_000_000
            enhancement = by_kind[CopyKind.ENHANCED].enhancement
            assert enhancement is not None
            assert (enhancement.gamma, enhancement.contrast) == (0.5, None)
            assert by_kind[CopyKind.ENHANCED].caption is False


@pytest.mark.parametrize(
    ("form", "copies"),
    [
        ({}, None),
        ({"copies-0": "1"}, []),
        ({"copies-0": "1", "copy-0-tight": "1"}, [{"kind": "tight", "caption": False}]),
        ({"copies-0": "1", "copy-0-tight": "1", "caption-0": "1"}, [{"kind": "tight"}]),
        (
            {"copies-0": "1", "copy-0-avi": "1", "pictures-0": "mjpeg", "caption-0": "1"},
            [{"kind": "avi", "pictures": "mjpeg"}],
        ),
        ({"copies-0": "1", "copy-0-smaller": "1", "most-0": " 2,5 MB"}, [{"kind": "smaller", "most_bytes": 2_500_000}]),
        ({"copies-0": "1", "copy-0-enhanced": "1", "caption-0": "1"}, [{"kind": "enhanced"}]),
    ],
)
def test_a_form_is_read_as_it_was_filled_in(form: dict[str, str], copies: list[dict[str, object]] | None) -> None:
    assert copying.chosen(form, 0) == copies


@pytest.mark.parametrize(
    "wrong",
    [
        {"copy-0-smaller": "1"},
        {"copy-0-smaller": "1", "most-0": "0"},
        {"copy-0-smaller": "1", "most-0": "a lot"},
        {"copy-0-enhanced": "1", "gamma-0": "nan"},
        {"copy-0-enhanced": "1", "denoise-0": "41"},
        {"copy-0-enhanced": "1", "contrast-0": "much"},
    ],
)
def test_a_form_that_cannot_be_meant_is_told(wrong: dict[str, str]) -> None:
    with pytest.raises(InputInvalid):
        copying.chosen({"copies-0": "1"} | wrong, 0)
