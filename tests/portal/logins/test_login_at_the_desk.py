"""The officer's page where the force wants a login: a button, the force's own page, and back; nothing typed is lost."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from playwright.async_api import Page, expect

from tests.counterparts.http.openid_provider import OpenIdProvider
from tests.portal.conftest import Town
from tests.portal.desk.desks import MARKET, Desk, look_at, owners, served
from tests.portal.logins.conftest import ACCOUNT


@pytest.fixture
async def desk(town: Town, tmp_path: Path) -> AsyncIterator[Desk]:
    async with served(town, tmp_path / "officer") as desk:
        yield desk


async def log_in(page: Page) -> None:
    """As a person does it, in the window that opens; it closes by itself."""
    async with page.expect_popup() as opened:
        await page.get_by_role("button", name="Log in", exact=True).click()
    there = await opened.value
    closed = asyncio.Event()
    there.on("close", lambda _: closed.set())
    if await _is_asked_who(there):
        await there.fill("input[name=login]", ACCOUNT)
        await there.fill("input[name=password]", "any")
        await there.get_by_role("button", name="Sign-in").click()
    await there.get_by_role("button", name="Continue").click()
    await closed.wait()


async def _is_asked_who(there: Page) -> bool:
    await there.locator("input[name=login], button[autofocus]").first.wait_for()
    return await there.locator("input[name=login]").count() > 0


async def log_out_elsewhere(desk: Desk) -> None:
    kept = await asyncio.to_thread(desk.state.logins.read)
    assert kept is not None
    await desk.site.client.end_session(kept.session)


async def test_a_login_that_is_missing_or_ran_out_costs_a_press_and_nothing_that_was_typed(desk: Desk) -> None:
    await owners(desk.town, 1)
    async with desk.opened() as page:
        await page.fill("#crime", "26/1234")
        await page.fill("#time", "yesterday 9:00")
        await page.fill("#middle", f"{MARKET[0]}, {MARKET[1]}")
        await page.get_by_role("button", name="Find cameras").click()
        await expect(page.locator("#login")).to_contain_text("wants you to be logged in")
        await look_at(page, "login")
        await log_in(page)
        await expect(page.get_by_role("heading", name="2 cameras")).to_be_visible()
        await expect(page.locator("#crime")).to_have_value("26/1234")
        await expect(page.locator("#login")).to_be_hidden()
        await log_out_elsewhere(desk)
        await page.fill("#place", "Mill Road")
        await page.get_by_role("link", name="Appeals").click()
        await expect(page.get_by_role("heading", name="Log in to go on")).to_be_visible()
        await look_at(page, "login-page")
        await log_in(page)
        await expect(page.get_by_role("heading", name="Appeals to the public")).to_be_visible()
        await log_out_elsewhere(desk)
        for name, text in {"crime_reference": "26/1234", "title": "Did you see “it”?", "area": "Mill Road & about",
                           "when": "yesterday 9:00 to 9:30", "description": "A van\nleft."}.items():  # fmt: skip
            await page.fill(f"[name={name}]", text)
        await page.get_by_role("button", name="Sign and publish").click()
        await expect(page.get_by_text("with what you typed")).to_be_visible()
        async with page.expect_request(lambda sent: sent.method == "POST" and sent.url.endswith("/appeals")) as sent:
            await log_in(page)
        fields = parse_qs((await sent.value).post_data or "")
        assert (fields["area"], fields["description"]) == (["Mill Road & about"], ["A van\r\nleft."])
        await expect(page.get_by_text("This portal takes no files from the public.")).to_be_visible()


async def test_what_is_being_sent_goes_on_after_a_login(desk: Desk) -> None:
    """Ends in the middle of what was signed."""
    await owners(desk.town, 1)
    async with desk.opened() as page:
        await page.goto("/cases")
        await expect(page.locator("#login")).to_contain_text("wants you to be logged in")
        await log_in(page)
        await expect(page.get_by_text("No request was sent yet.")).to_be_visible()
        await page.goto("/")
        await page.fill("#crime", "26/1234")
        await page.fill("#time", "yesterday 9:00")
        await page.fill("#middle", f"{MARKET[0]}, {MARKET[1]}")
        await page.get_by_role("button", name="Find cameras").click()
        await page.get_by_role("button", name="None").click()
        await page.locator("#cameras input").first.check()
        await page.fill("#kind", "Burglary")
        await page.fill("#place", "Mill Road")
        await page.fill("#description", "A door was forced.")
        await page.fill("#purpose", "Who did it")
        await page.fill("#necessity", "No other")
        await page.fill("#legal", "DPA")
        await log_out_elsewhere(desk)
        await page.get_by_role("button", name="Sign and send", exact=True).click()
        await log_in(page)
        await expect(page.get_by_text("All are sent.")).to_be_visible()


async def test_only_the_answer_to_a_login_of_this_page_is_taken(desk: Desk, provider: OpenIdProvider) -> None:
    stranger = {"Sec-Fetch-Site": "cross-site", "Cookie": ""}
    assert (await desk.get("/logged-in?code=stolen&state=", **stranger)).status == 404
    assert (await desk.post("/login", {}, **{"Origin": provider.issuer, "Sec-Fetch-Site": "cross-site"})).status == 403
    begun = await desk.post("/login", {})
    assert provider.issuer in begun.text
    for query in ("code=stolen", "code=stolen&state=", "code=stolen&state=another"):
        assert (await desk.get(f"/logged-in?{query}", **stranger)).status == 400
    assert (await desk.get("/login")).text == '{"done": false, "error": null}'
    state = begun.text.partition("state=")[2].partition("&")[0]
    assert (await desk.get(f"/logged-in?error=access_denied&state={state}", **stranger)).status == 200
    assert await asyncio.to_thread(desk.state.logins.read) is None


async def test_a_provider_that_is_away_is_told_on_the_page(desk: Desk, provider: OpenIdProvider) -> None:
    settings = desk.town.running.portal.settings
    login = settings.login
    assert login is not None
    object.__setattr__(settings, "login", login.model_copy(update={"issuer": "http://127.0.0.1:1"}))
    answer = await desk.post("/login", {}, **{"Sec-Fetch-Mode": "cors"})
    assert answer.status == 502
    assert "does not answer" in answer.text
    object.__setattr__(settings, "login", None)
    assert (await desk.post("/login", {})).text == '{"address": null}'
