"""From a crime to the videos of five owners side by side: what it takes a person, with a mouse and by keys alone."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from exchange.clock import DAY
from exchange.documents.messages import Signed
from portal.settings import Limits
from tests.counterparts.processes.browser import PHONE
from tests.exchange.makers import NOW
from tests.portal.answers.casefiles import Film, answer
from tests.portal.conftest import Town
from tests.portal.desk.desks import MARKET, Desk, look_at, served
from tests.portal.journeys.hands import Hands
from tests.portal.wire import Agent, camera

OWNERS, ANSWERS = 12, 5
MOST_PRESSES, MOST_SECONDS = 12, 90
CRIME = "EX/26/004711"
GAZETTEER = f"street,town,latitude,longitude\nMarket Street,Exmouth,{MARKET[0]},{MARKET[1]}\nMill Road,Exmouth,1,1\n"
pytestmark = pytest.mark.parametrize(
    "limits", [Limits(enrolments_per_minute=1000, supervised_owners=OWNERS)], ids=["twelve"]
)


async def street(town: Town) -> list[Agent]:
    agents = []
    for number in range(OWNERS):
        at = (MARKET[0], MARKET[1] + number * 0.0001)
        front = camera("front", at=at, label=f"Shop {number}", recordings_since=NOW - 7 * DAY)
        agents.append(await town.agent().join(town.place, front))
    return agents


async def asked_of(agent: Agent) -> Signed:
    (item,) = (await agent.inbox()).items
    return item.signed


async def some_answer(desk: Desk, agents: list[Agent]) -> None:
    """Five hand over, one says no, and of six nothing is heard."""
    for number, agent in enumerate(agents[:ANSWERS]):
        await answer(desk, agent, await asked_of(agent), Film(label=f"Shop {number}", seconds=60))
    declined = await asked_of(agents[ANSWERS])
    assert (await agents[ANSWERS].decide(declined, agents[ANSWERS].no(declined))).status == 204
    desk.town.clock.forward(60_000_000)


async def ask(page: Page, hands: Hands) -> None:
    """All that a person types, and what they press, until twelve requests are sent."""
    await hands.write(page.locator("#crime"), CRIME)
    await hands.write(page.locator("#time"), "today 9:00 to 9:01")
    await hands.write(page.locator("#address"), "market st")
    await expect(page.get_by_role("button", name="Market Street Exmouth")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.locator("#middle")).not_to_have_value("")
    await hands.press(page.get_by_role("button", name="Find cameras"))
    await expect(page.get_by_role("heading", name="12 cameras")).to_be_focused()
    hands.look()
    await hands.write(page.locator("#kind"), "Burglary")
    await hands.write(page.locator("#description"), "A door was forced at the back of a shop.")
    await expect(page.locator("#summary")).to_contain_text("12 owners, 12 cameras")
    await hands.press(page.get_by_role("button", name="Sign and send 12 requests"))
    await expect(page.get_by_text("All are sent.")).to_be_visible()
    hands.look()


async def play(page: Page, hands: Hands) -> None:
    """From what came to five videos that run together."""
    await hands.press(page.get_by_role("button", name="Fetch and check all"))
    await expect(page.get_by_text("opened, everything holds")).to_have_count(ANSWERS)
    hands.look()
    await hands.press(page.get_by_role("link", name="Play", exact=True))
    await expect(page.locator("#player")).to_have_attribute("data-state", "still")
    await hands.press(page.get_by_role("button", name="Play", exact=True))
    await page.wait_for_function(
        "(count) => { const all = [...document.querySelectorAll('video')];"
        " return all.length === count && all.every((each) => each.currentTime > 0.2 && !each.paused); }",
        arg=ANSWERS,
    )
    await expect(page.locator(".doubtful")).to_have_count(0)


@pytest.mark.parametrize("keys_alone", [False, True], ids=["mouse", "keys"])
async def test_five_of_twelve_owners_videos_play_after_few_presses_and_little_time(
    town: Town, tmp_path: Path, keys_alone: bool
) -> None:
    agents = await street(town)
    (tmp_path / "places.csv").write_text(GAZETTEER)
    async with (
        served(town, tmp_path / "officer", f"gazetteer: {tmp_path / 'places.csv'}\n") as desk,
        desk.opened() as page,
    ):
        hands = Hands(page, keys_alone)
        await ask(page, hands)
        await some_answer(desk, agents)
        await hands.press(page.get_by_role("link", name="the case"))
        await expect(page.locator(".counts")).to_contain_text("12 asked")
        await expect(page.locator(".counts")).to_contain_text("6 answered")
        hands.look()
        await play(page, hands)
        assert hands.presses <= MOST_PRESSES
        assert hands.seconds <= MOST_SECONDS
        if not keys_alone:
            await page.keyboard.press("Space")
            await look_at(page, "journey-played")
            await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
            await look_at(page, "journey-played")
    quiet = [await agent.inbox() for agent in agents[ANSWERS + 1 :]]
    assert [len(each.items) for each in quiet] == [1] * (OWNERS - ANSWERS - 1)
