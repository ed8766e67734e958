"""What goes beyond the force's limits: refused, asked of a supervisor at their desk, signed there, and sent."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from exchange.clock import DAY
from exchange.documents.messages import Request, Role
from exchange.documents.supervision import Authorisation, AuthorisationAsked
from portal.settings import Limits
from tests.counterparts.processes.browser import PHONE, chromium
from tests.exchange.makers import NOW
from tests.portal.conftest import Town
from tests.portal.desk.desks import MARKET, look_at, served
from tests.portal.supervision.supervisors import known
from tests.portal.wire import Agent, camera

UNIT = "CID Mill Road"
FEW = pytest.mark.parametrize("limits", [Limits(enrolments_per_minute=1000, supervised_owners=2)], ids=["two"])
TEXTS = {"#kind": "Burglary", "#place": "Market Street", "#description": "A door was forced."}


async def street(town: Town) -> list[Agent]:
    """Three owners; the last one's camera is in a shop."""
    agents = []
    for number in range(3):
        at = (MARKET[0], MARKET[1] + number * 0.0001)
        front = camera(at=at, label=f"Shop {number}", recordings_since=NOW - 7 * DAY, indoors=number == 2)
        agents.append(await town.agent().join(town.place, front))
    return agents


async def choose(page: Page) -> None:
    await page.fill("#crime", "EX/26/004711")
    await page.fill("#time", "today 9:00 to 9:01")
    await page.fill("#middle", f"{MARKET[0]}, {MARKET[1]}")
    await page.get_by_role("button", name="Find cameras").click()
    for name, text in TEXTS.items():
        await page.fill(name, text)


@FEW
async def test_a_supervisor_signs_at_their_desk_what_the_officer_then_sends(town: Town, tmp_path: Path) -> None:
    agents = await street(town)
    reid = await known(town, Role.SUPERVISOR, unit=UNIT)
    async with (
        served(town, tmp_path / "officer") as desk,
        served(town, tmp_path / "supervisor", who=reid) as theirs,
        chromium() as browser,
        desk.opened_in(browser) as page,
        theirs.opened_in(browser) as other,
    ):
        await choose(page)
        reasons = "3 owners are asked, and more than 2 are many; it asks for a camera inside of a building"
        await expect(page.locator("#reasons")).to_have_text(reasons)
        await page.get_by_role("button", name="Sign and send 3 requests").click()
        await expect(page.locator("#ask-wrong")).to_contain_text("Press Ask a supervisor")
        await look_at(page, "supervised")
        await page.get_by_role("button", name="Ask a supervisor").click()
        await expect(page.get_by_text("waits for a supervisor of your unit")).to_be_visible()
        assert [len((await agent.inbox()).items) for agent in agents] == [0, 0, 0]

        await other.get_by_role("link", name="Supervision").click()
        await expect(other.get_by_text("asked by Detective Constable Ada Okafor (4711)")).to_be_visible()
        await expect(other.get_by_text("at most 3 owners, for Saturday 14 March 2026, 09:00 to 09:01")).to_be_visible()
        await expect(other.get_by_text("also inside of buildings")).to_be_visible()
        await look_at(other, "supervisor")
        await other.set_viewport_size(PHONE)  # type: ignore[arg-type]
        await look_at(other, "supervisor")
        await other.get_by_role("button", name="Sign it").click()
        await expect(other.get_by_text("You signed it.")).to_be_visible()
        await expect(other.get_by_text("Nothing waits in your unit.")).to_be_visible()

        await page.get_by_role("link", name="Supervision").click()
        await expect(page.get_by_text("signed by Inspector Sam Reid")).to_be_visible()
        await look_at(page, "signed")
        await page.get_by_role("button", name="Sign and send 3 requests").click()
        await expect(page.get_by_text("All are sent.")).to_be_visible()
        await page.get_by_role("link", name="Supervision").click()
        await expect(page.get_by_text("signed by Inspector Sam Reid")).to_be_visible()
        await expect(page.get_by_role("button", name="Sign and send")).to_have_count(0)
    for agent in agents:
        (item,) = (await agent.inbox()).items
        request = Request.model_validate_json(item.signed.document)
        assert request.authorisation is not None
        word = Authorisation.model_validate_json(request.authorisation.document)
        assert (word.most_owners, word.indoors, word.reason) == (3, True, request.necessity)


@FEW
async def test_what_a_supervisor_refuses_says_why_and_is_not_sent(town: Town, tmp_path: Path) -> None:
    agents = await street(town)
    reid = await known(town, Role.SUPERVISOR, unit=UNIT)
    elsewhere = await known(town, Role.SUPERVISOR, unit="Traffic", collar_number="78")
    async with (
        served(town, tmp_path / "officer") as desk,
        served(town, tmp_path / "supervisor", who=reid) as theirs,
        served(town, tmp_path / "elsewhere", who=elsewhere) as others,
        desk.opened() as page,
    ):
        await choose(page)
        await page.get_by_role("button", name="Ask a supervisor").click()
        await expect(page.get_by_text("waits for a supervisor of your unit")).to_be_visible()
        assert "Nothing waits in your unit." in (await others.get("/supervision")).text
        (found,) = await theirs.site.client.asked_authorisations()
        asked_id = AuthorisationAsked.model_validate_json(found.asked.document).asked_id
        assert (await others.post(f"/supervision/{asked_id}/sign", {})).status == 404
        assert (await desk.post(f"/supervision/{asked_id}/sign", {})).status == 400
        assert (await desk.post(f"/supervision/{asked_id}/send", {})).status == 404
        assert (await theirs.post(f"/supervision/{asked_id}/refuse", {"reason": " "})).status == 400
        assert (await theirs.post(f"/supervision/{asked_id}/refuse", {"reason": "Ask <b>fewer</b>."})).status == 303
        assert (await theirs.post(f"/supervision/{asked_id}/sign", {})).status == 404
        await page.reload()
        await expect(page.get_by_text("refused by Inspector Sam Reid: “Ask <b>fewer</b>.”")).to_be_visible()
    assert [len((await agent.inbox()).items) for agent in agents] == [0, 0, 0]
