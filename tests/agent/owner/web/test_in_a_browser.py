"""The owner's page in a real Chromium: looking, watching, shortening, yes and no, on a phone and a desktop."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from agent.owner.people.roles import Role
from agent.owner.people.sessions import invite
from exchange.clock import SECOND, Window
from exchange.documents.messages import Decision, Status
from tests.agent.owner.web.pages import PASSWORD, going_on, look_at, plays, served
from tests.counterparts.processes.browser import DESKTOP, PHONE, chromium, window
from tests.journey.home import Town, home


async def decided(at: Town, request_id: str) -> Decision:
    async with at.agent.services.store.transaction() as tx:
        row = await tx.one("SELECT document FROM decisions WHERE request_id = ?", [request_id])
    assert row is not None
    return Decision.model_validate_json(row["document"])


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_from_the_message_to_sent(tmp_path: Path, size: dict[str, int]) -> None:
    async with home(tmp_path, workers=True) as at, served(at) as site, chromium() as browser:
        await site.person()
        request_id = await at.asked()
        async with window(browser, site.origin, viewport=size) as page:
            await site.log_in(page)
            await look_at(page, "home")
            await page.click("a.ask")
            await expect(page.locator("h1")).to_have_text("The police ask for your help")
            await plays(page)
            await page.locator("video").evaluate("video => video.pause()")
            await expect(page.locator(".timeline svg path")).to_have_count(1)
            await look_at(page, "review")
            await page.locator(".handle[data-end=from]").evaluate(
                "handle => { handle.value = 20; handle.dispatchEvent(new Event('input', {bubbles: true})); }"
            )
            await page.click("text=Shorten to this")
            await expect(page.locator("dl.facts")).to_contain_text("Shortened to")
            shown = (await at.shown(request_id))["plan"]["cameras"][0]
            assert shown["narrowed"]["from"] > shown["requested"]["from"]
            await page.click("text=Say what you see, at a moment")
            await page.click("text=Note the moment that is shown")
            await page.keyboard.type("a van stops")
            await page.click("text=What it is called in court")
            await page.fill("#exhibit", "abc")
            await page.click("text=Yes, go on")
            await expect(page.locator(".sentence")).to_contain_text("Detective Constable Ada Okafor of")
            await expect(page.locator(".sentence")).to_contain_text("In court its name begins with ABC.")
            await expect(page.locator(".sentence")).to_contain_text("a van stops")
            await look_at(page, "check")
            assert await at.state(request_id) == "asked"
            await page.fill("#password", "not this one")
            await page.click("text=Yes, send it")
            await expect(page.locator("main")).to_contain_text("That is not right. Type your password again.")
            assert await at.state(request_id) == "asked"
            await page.fill("#password", PASSWORD)
            async with going_on(at):
                await page.click("text=Yes, send it")
                await expect(page.locator("#stands")).to_have_text("handed over; the police have not confirmed it yet")
            await look_at(page, "sent")
            decision = await decided(at, request_id)
            assert decision.status is Status.APPROVED
            assert decision.decided_by is not None
            assert decision.decided_by.method == "password on the owner's page, as robin"
            assert decision.cameras[0].observed_sha256 is not None
            assert decision.exhibit_prefix == "ABC"
            for link in ("requests", "cameras", "recordings", "records", "log", "people", "settings"):
                await page.goto(f"/{link}")
                await look_at(page, link)


async def test_a_no_is_two_steps_too_and_says_nothing_else(tmp_path: Path) -> None:
    async with home(tmp_path, pictures=True) as at, served(at) as site, chromium() as browser:
        await site.person()
        request_id = await at.asked()
        async with window(browser, site.origin) as page:
            await site.log_in(page, to=f"/requests/{request_id}")
            await page.click("text=No …")
            await expect(page.locator(".sentence")).to_contain_text("They learn that you decline, and nothing else.")
            await page.fill("#password", PASSWORD)
            await page.click("text=Yes, decline")
            await expect(page.locator("#stands")).to_have_text("you said no")
            assert (await decided(at, request_id)).cameras == ()


async def test_where_nothing_was_recorded_that_can_be_said(tmp_path: Path) -> None:
    async with home(tmp_path, pictures=True) as at, served(at) as site, chromium() as browser:
        await site.person()
        hour_before = Window(at.window.start - 3600 * SECOND, at.window.start - 3590 * SECOND)
        request_id = await at.asked(at.request(hour_before))
        async with window(browser, site.origin) as page:
            await site.log_in(page, to=f"/requests/{request_id}")
            await expect(page.locator("main")).to_contain_text("No recording of this time was found. Nobody was told.")
            await look_at(page, "nothing")
            await page.click("text=Say that there is nothing")
            await page.fill("#password", PASSWORD)
            await page.click("text=Yes, tell them")
            await expect(page.locator("#stands")).to_have_text("you said that there is nothing")
            assert (await decided(at, request_id)).status is Status.UNAVAILABLE


async def test_two_people_each_on_a_phone_of_their_own(tmp_path: Path) -> None:
    extra = "decide: {people: 2}"
    async with home(tmp_path, pictures=True, extra=extra) as at, served(at) as site, chromium() as browser:
        await site.person()
        await site.person("anna", "Anna Other", Role.APPROVER)
        request_id = await at.asked()
        async with window(browser, site.origin) as one, window(browser, site.origin) as other:
            await site.log_in(one, to=f"/requests/{request_id}")
            await one.click("text=Yes, go on")
            await expect(one.locator(".sentence")).to_contain_text("once another person agrees")
            await one.fill("#password", PASSWORD)
            await one.click("text=Yes, send it")
            await expect(one.locator("main")).to_contain_text("Robin Example said yes.")
            await expect(one.locator("text=I agree: send it")).to_have_count(0)
            await site.log_in(other, "anna", f"/requests/{request_id}")
            await look_at(other, "agree")
            await other.fill("#password", PASSWORD)
            await other.click("text=I agree: send it")
            await expect(other.locator("#stands")).to_contain_text("you said yes")
            await expect(one.locator("#changed")).to_be_visible()
            decision = await decided(at, request_id)
            assert decision.people == {"robin", "anna"}


async def test_h265_is_watched_too(tmp_path: Path) -> None:
    async with home(tmp_path, pictures=True, kind="h265") as at, served(at) as site, chromium() as browser:
        await site.person()
        request_id = await at.asked()
        async with window(browser, site.origin) as page:
            await site.log_in(page, to=f"/requests/{request_id}")
            await plays(page)
            await expect(page.locator("[data-kind=small]")).to_be_visible()
            await page.locator("video").evaluate("video => { video.pause(); video.currentTime = 4; }")
            await expect(page.locator("video")).to_have_js_property("seeking", False)
            before = await page.locator("[data-at]").text_content()
            await page.click("text=One picture on")
            await expect(page.locator("img.frame")).to_be_visible()
            assert await page.locator("[data-at]").text_content() != before


async def test_a_code_a_passkey_and_a_decision_by_it(tmp_path: Path) -> None:
    async with home(tmp_path, pictures=True) as at, served(at) as site, chromium() as browser:
        await site.person()
        services = at.agent.services
        async with services.store.transaction() as tx:
            await tx.execute("UPDATE people SET password = NULL")
            code = await invite(tx, "robin", services.clock.now())
        request_id = await at.asked()
        async with window(browser, site.origin) as page:
            devtools = await page.context.new_cdp_session(page)
            await devtools.send("WebAuthn.enable")
            options = {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
            await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
            await page.goto(f"/pair#{code}")
            await expect(page.locator("#code")).to_have_value(code)
            assert code not in page.url
            await look_at(page, "pair")
            await page.click("text=Go on")
            await look_at(page, "welcome")
            await page.goto(f"/requests/{request_id}")
            await page.wait_for_url("**/welcome")  # a code alone shows nothing of a crime
            await page.click("text=Make a passkey")
            await page.wait_for_url(site.origin + "/")
            await page.goto(f"/requests/{request_id}")
            await page.click("text=No …")
            await page.click("text=Use a passkey instead")
            await expect(page.locator("#stands")).to_have_text("you said no")
            await page.click("text=Log out")
            await page.wait_for_url("**/login")
            await look_at(page, "login")
            await page.click("text=Use a passkey instead")
            await expect(page.locator("h1")).to_have_text("Nothing waits for you")
            async with services.store.transaction() as tx:
                rows = await tx.all("SELECT proven_by FROM sessions")
            assert "passkey" in {row["proven_by"] for row in rows}


async def test_pausing_and_taking_the_yes_back(tmp_path: Path) -> None:
    async with home(tmp_path, pictures=True) as at, served(at) as site, chromium() as browser:
        await site.person()
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        async with window(browser, site.origin) as page:
            await site.log_in(page, to=f"/requests/{request_id}")
            await page.click("text=Pause")
            await expect(page.locator("main")).to_contain_text("paused")
            await at.agent.journey.settle()
            assert await at.state(request_id) == "approved"
            await look_at(page, "paused")
            await page.click("text=Stop it and take the yes back")
            await page.fill("#password", PASSWORD)
            await page.click("button.danger")
            await expect(page.locator("#stands")).to_have_text("stopped")
            await at.agent.journey.settle()
            assert await at.state(request_id) == "closed"
            case = await at.officer.case(request_id)
            assert case.status is Status.WITHDRAWN
            assert case.deliveries == ()
            assert await at.packages(request_id) == []


async def test_german_is_chosen_by_the_browser_and_by_hand(tmp_path: Path) -> None:
    async with home(tmp_path, pictures=True) as at, served(at) as site, chromium() as browser:
        await site.person()
        request_id = await at.asked()
        async with window(browser, site.origin, locale="de-DE") as page:
            await page.goto("/login")
            await expect(page.locator("html")).to_have_attribute("lang", "de")
            await expect(page.locator("h1")).to_have_text("Anmelden")
            await site.log_in(page, to=f"/requests/{request_id}")
            await expect(page.locator("h1")).to_have_text("Die Polizei bittet um Ihre Hilfe")
            await look_at(page, "german")
            await page.click("text=Ja, weiter …")
            await expect(page.locator(".sentence")).to_contain_text("ohne Ton")
            await look_at(page, "german-check")
            await page.goto("/login")
            await page.click("text=English")
            await expect(page.locator("html")).to_have_attribute("lang", "en")
