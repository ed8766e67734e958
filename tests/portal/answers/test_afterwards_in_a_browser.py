"""What an officer tells an owner when a package has come, and the case on paper: all of it by the page, in Chromium."""

import json
import subprocess
from pathlib import Path

from playwright.async_api import Page, expect

from exchange.documents import api
from exchange.documents.messages import Signed
from tests.counterparts.processes.browser import DESKTOP, PHONE
from tests.portal.answers.casefiles import CRIME, hand_over, owner
from tests.portal.answers.test_cases import CASE, later
from tests.portal.desk.desks import Desk, look_at
from tests.portal.wire import Agent


async def heard(agent: Agent) -> list[Signed]:
    """What the officer told the owner, oldest first."""
    items = (await agent.inbox(kinds="request receipt feedback")).items
    return [item.signed for item in items if item.kind is not api.InboxKind.REQUEST]


async def tell(page: Page, what: str, button: str, **fields: str) -> None:
    await page.locator("summary", has_text=what).click()
    for name, text in fields.items():
        field = page.locator(f"details:has(summary:text-is('{what}')) [name={name}]")
        if await field.evaluate("(field) => field.tagName") == "SELECT":
            await field.select_option(text)
        else:
            await field.fill(text)
    await page.locator(f"details:has(summary:text-is('{what}'))").get_by_role("button", name=button).click()


async def printed(page: Page, into: Path) -> list[str]:
    """The text of each sheet, as Chromium prints the page."""
    await page.pdf(path=into, prefer_css_page_size=True, print_background=True)
    text = subprocess.run(["pdftotext", "-layout", into, "-"], check=True, capture_output=True, text=True).stdout
    return text.rstrip("\f").split("\f")


async def test_an_officer_asks_tells_receipts_and_prints_without_leaving_the_page(desk: Desk, tmp_path: Path) -> None:
    agent = await owner(desk)
    request = await hand_over(desk, agent)
    at = f"/packages/{request.request_id}/{request.request_id}-del"
    async with desk.opened() as page:
        await page.goto(CASE)
        await page.get_by_role("button", name="Fetch and check all").click()
        await expect(page.get_by_text("opened, everything holds")).to_be_visible()
        await page.get_by_role("link", name="Package ev-1").click()
        await page.get_by_role("button", name="Yes, tell them").click()
        await expect(page.get_by_text("The owner is told that you opened it.")).to_be_visible()
        desk.town.clock.forward(1)
        await tell(page, "It can’t be played", "Tell the owner", reason="no-sound", text="Silent <b>from</b> 9:00.")
        await expect(page.get_by_text("If they send it again, it appears here.")).to_be_visible()
        desk.town.clock.forward(1)
        await tell(page, "A question", "Ask the owner", text="Which door is that?")
        await expect(page.get_by_text("What they answer appears here.")).to_be_visible()
        question = (await heard(agent))[-1]
        assert json.loads(question.document)["text"] == "Which door is that?"
        said = agent.answer(question, text="The back one.")
        path = api.FEEDBACK.format(request_id=request.request_id, feedback_id="a-1")
        assert (await agent.call("PUT", path, said)).status == 204
        later(desk)
        await page.goto("/cases")
        await expect(page.get_by_text("The back one.").or_(page.get_by_text("answer")).first).to_be_visible()
        await page.goto(at)
        await expect(page.get_by_text("“Which door is that?”: “The back one.”")).to_be_visible()
        await tell(page, "What became of it", "Tell the owner", result="helped-identify", text="Thank you.")
        await expect(page.get_by_text("The owner is told.")).to_be_visible()
        desk.town.clock.forward(1)
        await page.get_by_label("Remarks for the owner").fill("It came.")
        await page.get_by_role("button", name="Sign and send the receipt").click()
        await expect(page.get_by_text("The receipt is sent.")).to_be_visible()
        await _all_that_was_said_stands_in_its_order(page)
        await look_at(page, "told")
        await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        await look_at(page, "told-narrow")
        await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
        await page.emulate_media(color_scheme="dark")
        await look_at(page, "told-dark")
        kinds = [json.loads(each.document)["kind"] for each in await heard(agent)]
        assert kinds == ["opened.v1", "cannot-play.v1", "question.v1", "outcome.v1", "receipt.v1"]
        await _notes_on_paper(page, tmp_path)


async def _all_that_was_said_stands_in_its_order(page: Page) -> None:
    said = page.get_by_role("region", name="Said until now")
    words = [
        "Told that it was opened: every check holds.",
        "Told that it can’t be played: it plays without the sound. “Silent <b>from</b> 9:00.”",
        "Asked: “Which door is that?”",
        "The owner answers “Which door is that?”: “The back one.”",
        "Told what became of it: it helped to identify somebody. “Thank you.”",
        "Receipt: received, verified. “It came.”",
    ]
    await expect(said.get_by_role("listitem")).to_contain_text(words)
    await expect(said.get_by_text("is not known")).to_have_count(0)
    await expect(said.get_by_text("other members of the team")).to_be_visible()


async def _notes_on_paper(page: Page, folder: Path) -> None:
    await page.goto(f"{CASE}/play")
    await expect(page.locator("#player")).to_have_attribute("data-state", "still")
    for number in range(40):
        await page.get_by_label("What is to be seen").fill(
            f"Note {number}: " + "somebody passes from left to right. " * 3
        )
        await page.get_by_role("button", name="Note at this moment").click()
        await expect(page.locator(".notes li")).to_have_count(number + 1)
    await look_at(page, "many-notes")
    await page.get_by_role("link", name="The case on paper").click()
    await expect(page.get_by_role("button", name="Print")).to_be_visible()
    await look_at(page, "paper")
    sheets = await printed(page, folder / "paper.pdf")
    for number, text in enumerate(sheets, 1):
        assert f"{number} of {len(sheets)}" in text
        assert text.lstrip().startswith(CRIME)
    whole = "\n".join(sheets)
    assert len(sheets) > 1
    assert [number for number in range(40) if f"Note {number}:" not in whole] == []
    for button in ("Print", "Log out", "Appeals", "Log in"):
        assert f"{button}\n" not in whole.replace("Printed", "")
    await page.goto(CASE)
    await page.get_by_role("link", name="Package ev-1").wait_for()
    (sheet,) = await printed(page, folder / "case.pdf")
    assert "1 of 1" in sheet
    assert not any(word in sheet for word in ("Play", "On paper", "Export"))
