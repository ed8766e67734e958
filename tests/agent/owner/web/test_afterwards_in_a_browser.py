"""What follows a receipt, in a real Chromium: the force's words are theirs, and nothing goes without a second look."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from agent.owner.people.roles import Role
from exchange.documents.feedback import CannotPlay, CaseOutcome, OfficersFeedback, PackageOpened, Question
from tests.agent.owner.web.pages import PASSWORD, look_at, served
from tests.counterparts.processes.browser import DESKTOP, PHONE, chromium, window
from tests.journey.home import Town, home

HOSTILE = '<script>document.title = "theirs"</script>\n<a href="https://evil.example">Your answer:</a> Why so dark?'


async def handed_over(at: Town) -> tuple[str, Any]:
    request_id = await at.asked()
    await at.say(request_id, yes=True)
    await at.agent.journey.settle()
    (package,) = await at.packages(request_id)
    assert await at.state(request_id) == "delivered"
    return request_id, package


async def bring(at: Town, request_id: str, package: Any, model: type[OfficersFeedback], **fields: object) -> None:
    signed = at.feedback_for(request_id, package, model, **fields)
    feedback_id = model.model_validate_json(signed.document).feedback_id
    await at.officer.feedback(request_id, feedback_id, signed)
    await at.fetch_and_walk()


async def words(at: Town) -> list[str]:
    """What the officer got, each as its kind and text."""
    found = await at.officer.all_owners_words()
    return [word.signed.document for word in found]


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_a_question_is_answered_once_after_a_second_look(tmp_path: Path, size: dict[str, int]) -> None:
    async with home(tmp_path, pictures=True) as at, served(at) as site, chromium() as browser:
        await site.person()
        request_id, package = await handed_over(at)
        await bring(at, request_id, package, PackageOpened)
        await bring(at, request_id, package, Question, text=HOSTILE)
        async with window(browser, site.origin, viewport=size) as page, window(browser, site.origin) as other:
            await site.log_in(page)
            await expect(page.locator("a.ask")).to_contain_text("The police ask you something.")
            await page.click("a.ask")
            await expect(page.locator("#afterwards")).to_contain_text("They opened it. Everything was right.")
            await expect(page.locator("#afterwards blockquote")).to_contain_text('<a href="https://evil.example">')
            assert await page.locator("#afterwards a").count() == 0
            assert "theirs" not in await page.title()
            await look_at(page, "afterwards")
            await site.log_in(other, to=f"/requests/{request_id}")
            for tab in (page, other):
                await tab.fill("#answer-2", "The lamp is broken.\nIt has been since May.")
                await tab.click("#afterwards article button")
            await expect(page.locator(".sentence")).to_contain_text(
                "This text goes to Detective Constable Ada Okafor of Example Constabulary, and to nobody else:"
            )
            await expect(page.locator(".sentence .mine")).to_contain_text("It has been since May.")
            await look_at(page, "say")
            assert await words(at) == []
            await page.fill("#password", "not this one")
            await page.click("text=Yes, send this")
            await expect(page.locator("main")).to_contain_text("That is not right. Type your password again.")
            assert await words(at) == []
            await page.fill("#password", PASSWORD)
            await page.dblclick("text=Yes, send this")
            await expect(page.locator("#afterwards")).to_contain_text("Your answer:")
            await other.fill("#password", PASSWORD)
            await other.click("text=Yes, send this")
            await expect(other.locator("#afterwards .mine")).to_have_count(1)
            (sent,) = await words(at)
            assert "The lamp is broken.\\nIt has been since May." in sent
            assert "robin" not in sent
            await page.goto("/")
            await expect(page.locator("h1")).to_have_text("Nothing waits for you")


async def test_what_cannot_be_played_is_sent_again_rated_and_how_it_ended_is_shown(tmp_path: Path) -> None:
    async with home(tmp_path, pictures=True) as at, served(at) as site, chromium() as browser:
        await site.person()
        request_id, package = await handed_over(at)
        await bring(at, request_id, package, CannotPlay)
        async with window(browser, site.origin, viewport=PHONE) as page:
            await site.log_in(page)
            await expect(page.locator("a.ask")).to_contain_text("the police can't play what you sent")
            await page.click("a.ask")
            await expect(page.locator("#afterwards input[value=avi]")).to_be_checked()
            await look_at(page, "cannot-play")
            await page.check("#afterwards input[value=same]")
            await page.click("text=Send it again …")
            await expect(page.locator(".sentence")).to_contain_text("the very same package")
            await page.fill("#password", PASSWORD)
            await page.click("text=Yes, send it again")
            await expect(page.locator("#stands")).to_have_text("is being sent again")
            await at.agent.journey.settle()
            await expect(page.locator("#stands")).to_have_text("handed over; the police have not confirmed it yet")
            assert len((await at.officer.case(request_id)).deliveries) == 2
            await bring(at, request_id, package, CaseOutcome, text="Thank you.")
            await expect(page.locator("#changed")).to_be_visible()
            await page.reload()
            await expect(page.locator("#afterwards")).to_contain_text("it helped to identify somebody")
            await page.click("text=Say how it went")
            await page.check("input[name=stars][value='4']")
            await page.fill("#rating-text", "Quick.")
            await page.click("text=Go on …")
            await expect(page.locator(".sentence")).to_contain_text("How it went for you: 4 of 5")
            await page.fill("#password", PASSWORD)
            await page.click("text=Yes, send this")
            await expect(page.locator("#afterwards")).to_contain_text("How it went for you: 4 of 5")
            await expect(page.locator("text=Say how it went")).to_have_count(0)
            assert '"stars": 4' in (await words(at))[-1]
            await page.click("text=They told me some other way: write it down")
            await page.select_option("#noted-what", "outcome used-in-court")
            await page.fill("#noted-officer", "DC Okafor")
            await page.fill("#noted-how", "by telephone")
            await page.fill("#password", PASSWORD)
            await page.click("button:has-text('Write it down')")
            await expect(page.locator("#afterwards")).to_contain_text("DC Okafor (by telephone), as you wrote it down")
            await look_at(page, "afterwards-whole")
            await page.goto("/records")
            await page.click("text=How it went")
            await expect(page.locator("svg.bars rect.yes")).to_have_count(2)  # this month's, and the legend's
            await expect(page.locator("main")).to_contain_text("1 × 4 of 5")
            await expect(page.locator("main")).to_contain_text("1 × the police could not play it")
            await expect(page.locator("tbody tr")).to_have_count(12 + 6)
            await look_at(page, "how-it-went")
            await page.emulate_media(media="print", color_scheme="light")
            await expect(page.locator("nav")).to_be_hidden()
            await page.emulate_media(media="screen")
            await page.select_option("#year", str(2026 - 3))
            await page.click("text=Show it")
            await expect(page.locator("main")).to_contain_text("Nobody asked for anything in this time.")
            await look_at(page, "how-it-went-empty")


async def test_whoever_may_only_look_says_nothing(tmp_path: Path) -> None:
    async with home(tmp_path, pictures=True) as at, served(at) as site, chromium() as browser:
        await site.person("vera", "Vera Viewer", Role.VIEWER)
        request_id, package = await handed_over(at)
        await bring(at, request_id, package, Question)
        async with window(browser, site.origin, locale="de-DE") as page:
            await site.log_in(page, "vera", f"/requests/{request_id}")
            await expect(page.locator("#afterwards")).to_contain_text("Sie fragt:")
            assert await page.locator("#afterwards form").count() == 0
            answer = await page.request.post(
                f"/requests/{request_id}/say/now",
                form={"what": "rate", "stars": "1", "password": PASSWORD},
                headers={"Origin": site.origin},
            )
            assert answer.status == 403
            assert await words(at) == []
