"""An appeal from its making to the opened film, in Chromium: the desk, the public page on a phone, the queue."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from exchange.clock import SECOND
from tests.counterparts.processes.browser import PHONE, chromium, window
from tests.counterparts.processes.clamd import HARMFUL, clamd
from tests.portal.answers.casefiles import recorded
from tests.portal.conftest import Town
from tests.portal.desk.desks import Desk, look_at, served
from tests.portal.people.asking import ask_as
from tests.portal.people.bundles import made_script
from tests.portal.people.letters import Letters
from tests.portal.people.test_link_page import send
from tests.portal.people.visits import Visitor

HOSTILE = "<b>Bold</b> \u202egnp.exe \u200b"


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
async def desk(town: Town, tmp_path: Path) -> AsyncIterator[Desk]:
    async with served(town, tmp_path / "officer") as desk:
        yield desk


async def publish(page: Page) -> str:
    """By the desk's form: the public page's address."""
    await page.get_by_role("link", name="Appeals").click()
    await page.get_by_label("Crime reference").fill("EX/26/004711")
    await page.get_by_label("Heading").fill("Did you see a red van?")
    await page.get_by_label("Where, in words").fill("Between Market Street and the canal")
    await page.get_by_label("When").fill("yesterday 15:00 to 16:30")
    await page.get_by_label("What happened").fill("A shop was broken into.\nThe van left towards the canal.")
    await look_at(page, "appeal-new")
    await page.get_by_role("button", name="Sign and publish").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Did you see a red van?")
    return await page.get_by_role("main").get_by_role("link", name="http").inner_text()


async def contribute(page: Page, address: str, files: list[dict[str, object]], text: str, contact: str) -> None:
    """As somebody with a phone does it."""
    await page.goto(address)
    await expect(page.get_by_text("Between Market Street and the canal")).to_be_visible()
    await page.get_by_label("Files").set_input_files(files)  # type: ignore[arg-type]
    await page.get_by_label("What it shows").fill(text)
    await page.get_by_label("How the police may reach you").fill(contact)
    await look_at(page, "appeal-public")
    await page.get_by_role("button", name="Seal and send").click()
    await expect(page.get_by_role("heading", name="Your receipt")).to_be_visible()


async def test_from_an_appeal_to_the_film(town: Town, desk: Desk, tmp_path: Path) -> None:
    film = recorded(tmp_path, "libx264", 2).read_bytes()
    with clamd() as listening:
        (desk.state.folder / "scanner.yaml").write_text(f"clamd: {listening}\n")
        async with desk.opened() as officer:
            address = await publish(officer)
            await officer.get_by_role("link", name="Poster").click()
            await expect(officer.locator("img.code")).to_be_visible()
            await look_at(officer, "appeal-poster")
            async with chromium() as browser, window(browser, town.origin, viewport=PHONE) as phone:
                van = {"name": f"{HOSTILE}.MP4", "mimeType": "video/mp4", "buffer": film}
                await contribute(phone, address, [van], f"{HOSTILE}\nThe van, at about four", "")
                town.clock.forward(SECOND)
                bad = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": HARMFUL}
                await contribute(phone, address, [bad], "", "07700 900123 <script>alert(1)</script>")
                assert "2" not in await phone.get_by_role("heading", level=1).inner_text()
            await officer.go_back()
            await officer.reload()
            cards = officer.locator("li.card[id]")
            await expect(cards).to_have_count(2)
            first, second = cards.nth(0), cards.nth(1)
            await expect(first).to_contain_text("<b>Bold</b>")
            await expect(first).to_contain_text("They left no contact.")
            await expect(second).to_contain_text("<script>alert(1)</script>")
            await first.get_by_role("button", name="Fetch and open").click()
            await expect(first.locator("video")).to_be_visible()
            await expect(first).to_contain_text("No malware was found in it")
            await officer.wait_for_function("() => document.querySelector('video').readyState >= 1")
            await second.get_by_role("button", name="Fetch and open").click()
            await expect(second.get_by_role("alert")).to_contain_text("Malware was found")
            await look_at(officer, "appeal-queue")
            await officer.set_viewport_size(PHONE)  # type: ignore[arg-type]
            await look_at(officer, "appeal-queue")
            await second.get_by_role("button", name="Not relevant").click()
            await expect(cards).to_have_count(1)
            closing = officer.get_by_text("Close the appeal", exact=True)
            await expect(officer.get_by_role("button", name="Close it for good")).to_be_hidden()
            await closing.click()
            await expect(officer.get_by_text("This can’t be taken back")).to_be_visible()
            await look_at(officer, "appeal-closing")
            await closing.click()
            await expect(officer.get_by_role("button", name="Close it for good")).to_be_hidden()
            await expect(officer.get_by_text("Everybody can send until")).to_be_visible()
            await closing.click()
            await officer.get_by_role("button", name="Close it for good").click()
            await expect(officer.get_by_text("Closed")).to_be_visible()
    assert "\u202e" not in (await desk.get("/appeals")).text
    assert HARMFUL not in [path.read_bytes() for path in desk.state.folder.rglob("brought/*")]


async def test_what_a_person_sent_is_found_in_the_case(
    town: Town, visitor: Visitor, letters: Letters, desk: Desk, tmp_path: Path
) -> None:
    person = await visitor.register()
    request_id = await ask_as(desk, person)
    link = await letters.link(2)
    async with chromium() as browser, window(browser, town.origin) as phone:
        await phone.goto(link)
        await send(phone, recorded(tmp_path, "libx264", 2).read_bytes())
    desk.state.save_choice(tell_opened=True)
    async with desk.opened() as page:
        await page.get_by_role("link", name="Cases").click()
        await expect(page.get_by_text("Somebody without an agent: files were sent.")).to_be_visible()
        await page.get_by_role("link", name="EX/26/004711").first.click()
        await expect(page.get_by_role("main")).to_contain_text("no proof of the cut")
        await look_at(page, "people-case")
        await page.get_by_role("link", name="1 file").click()
        await page.get_by_role("button", name="Fetch and open").click()
        await expect(page.locator("video")).to_be_visible()
        await expect(page.get_by_role("main")).to_contain_text("Nobody looked for malware in it")
        await look_at(page, "people-brought")
        await page.locator("summary", has_text="What became of it").click()
        await page.get_by_role("button", name="Tell them").click()
        await expect(page.get_by_role("status")).to_contain_text("They are told")
        await page.goto(f"/people/{request_id}")
        await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        await look_at(page, "people-brought")
    assert "was opened by Example Constabulary" in (await letters.letter(3)).get_content()
    paper = await desk.get("/cases")
    assert "brought by hand" in paper.text
