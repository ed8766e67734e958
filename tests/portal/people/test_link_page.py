"""From an officer's question to the opened file: a letter, its link in Chromium, a file sealed there."""

import asyncio
import json
import re
import subprocess
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from exchange.clock import HOUR, to_rfc3339
from portal.officer import cli
from portal.officer.people.brought import BROUGHT
from tests.counterparts.processes.browser import DESKTOP, barriers, chromium, too_wide, window
from tests.portal.conftest import Town
from tests.portal.people.bundles import made_script, make_script
from tests.portal.people.letters import ADA, FORM, HERE, Letters
from tests.portal.people.visits import Visitor
from tests.portal.test_officer import REQUEST, Desk

CONTENT = b"\x00\x00\x00\x20ftypisom" + bytes(range(256)) * 20_000
"""Five megabytes: more than a piece of an upload."""


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """A command waits for nobody else: it may block."""


@pytest.fixture(scope="session")
def script_folder() -> Path:
    return made_script()


@pytest.fixture
def link_script(script_folder: Path) -> Path:
    return script_folder


@pytest.fixture
async def desk(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(cli, "SystemClock", lambda: town.clock)
    desk = Desk(town, tmp_path)
    await desk.set_up()
    return desk


async def ask(desk: Desk, *more: str) -> str:
    """The request's id, by the officer's own commands."""
    now = desk.town.clock.now()
    times = ("--from", to_rfc3339(now - 2 * HOUR), "--to", to_rfc3339(now - HOUR))
    near = ("--near", f"{HERE[0]},{HERE[1]}", "--crime", "EX/26/004711")
    (found,) = (await desk.run("people", *near, *times))["cameras"]
    who = ("--person", found["person"], "--camera", found["camera_id"])
    return str((await desk.run("ask-person", *who, *times, *REQUEST, *more))["request_id"])


async def test_from_the_question_to_the_opened_file(
    town: Town, visitor: Visitor, letters: Letters, desk: Desk, tmp_path: Path
) -> None:
    await visitor.register()
    request_id = await ask(desk, "--case-key", "x25519")
    async with chromium() as browser, window(browser, town.origin) as page:
        broken: list[str] = []

        async def break_once(route: Route) -> None:
            """The second piece's connection breaks: it goes on from where the portal has it."""
            if route.request.method == "PATCH" and route.request.headers["upload-offset"] != "0" and not broken:
                broken.append(route.request.url)
                await route.abort("connectionreset")
                return
            await route.continue_()

        await page.route("**/v1/uploads/*", break_once)
        await page.goto(await letters.link(2))
        await expect(page.get_by_role("heading", level=1)).to_have_text("Did your camera record something?")
        assert page.url == f"{town.origin}/link"
        assert await barriers(page) == []
        assert not await too_wide(page)
        await page.get_by_label("Files").set_input_files(
            {"name": "Front <door>.MP4", "mimeType": "video/mp4", "buffer": CONTENT}
        )
        await page.get_by_role("button", name="Seal and send").click()
        await expect(page.get_by_role("heading", name="Your receipt")).to_be_visible()
        receipt = await page.locator("#receipt").inner_text()
        assert await barriers(page) == []
        assert len(broken) == 1
    said = await desk.run("open", request_id)
    (file,) = said["files"]
    opened = Path(file["opened"])
    assert (said["what"], file["name_by_the_sender"], opened.suffix) == (BROUGHT, "Front <door>.MP4", ".mp4")
    assert opened.read_bytes() == CONTENT
    assert file["ciphertext_sha256"] in receipt
    note = json.loads(opened.with_suffix(".json").read_text())
    assert (note["sha256"], note["what"]) == (file["sha256"], BROUGHT)
    key = desk.state.case_key_file("EX/26/004711")
    sealed = opened.with_suffix(".age")
    by_age = await asyncio.to_thread(
        subprocess.run, ["age", "-d", "-i", key, sealed], check=True, capture_output=True, timeout=60
    )
    assert by_age.stdout == CONTENT
    (listed,) = await desk.run("asked")
    assert (listed["request_id"], listed["answer"], listed["message"]) == (request_id, "files", "sent")


async def test_the_page_seals_for_a_hybrid_key_too_and_says_what_it_cannot_take(
    town: Town, visitor: Visitor, letters: Letters, desk: Desk
) -> None:
    await visitor.register()
    request_id = await ask(desk)
    assert "There is no answer" in (await desk.run("open", request_id, code=44))["error"]
    async with chromium() as browser, window(browser, town.origin, viewport=DESKTOP, color_scheme="dark") as page:
        await page.goto(f"{town.origin}/link")
        await page.get_by_label("The link").fill(await letters.link(2))
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Seal and send").click()
        await expect(page.get_by_role("status")).to_have_text("Choose a file first.")
        assert await barriers(page) == []
        await send(page, b"one frame")
    (file,) = (await desk.run("open", request_id))["files"]
    assert Path(file["opened"]).read_bytes() == b"one frame"


async def send(page: Page, content: bytes) -> None:
    await page.get_by_label("Files").set_input_files({"name": "clip.mp4", "mimeType": "video/mp4", "buffer": content})
    await page.get_by_role("button", name="Seal and send").click()
    await expect(page.get_by_role("heading", name="Your receipt")).to_be_visible()


async def test_somebody_registers_in_a_browser_by_keyboard(town: Town, letters: Letters) -> None:
    async with chromium() as browser, window(browser, town.origin) as page:
        await page.goto("/register")
        assert await barriers(page) == []
        assert not await too_wide(page)
        await page.get_by_label("Your e-mail address").fill(ADA)
        for label, name in (("What you call it", "label1"), ("Where it is", "where1")):
            await page.get_by_label(label).fill(FORM[name])
        await page.get_by_label("I have read").check()
        await page.get_by_label("I have read").press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")
        await page.goto(await letters.link())
        await page.get_by_role("button", name="Yes, register this").click()
        await expect(page.get_by_role("status")).to_contain_text("confirmed")
        for path in ("/my-entry", "/privacy"):
            await page.goto(path)
            assert await barriers(page) == []
            assert not await too_wide(page)


async def test_the_script_is_reproducible_and_published_with_its_hash(
    visitor: Visitor, script_folder: Path, tmp_path: Path
) -> None:
    again = await asyncio.to_thread(make_script, tmp_path / "again")
    script = (again / "answer.js").read_text()
    assert script == (script_folder / "answer.js").read_text()
    assert not re.search(r"https?://(?!www\.w3\.org)[\w.]+", script.partition("/*!")[0])
    told = await visitor.get("/link-script/sha256")
    assert told.text == (again / "answer.js.sha256").read_text()
    assert (await visitor.get("/link-script/answer.js")).text == script
