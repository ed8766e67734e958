"""Cases, what is new in them, and packages that are fetched and checked from the page."""

import asyncio

from portal.officer.casework.standing import case_id
from tests.portal.answers.casefiles import CRIME, ask, hand_over, owner, send
from tests.portal.desk.desks import Desk

CASE = f"/cases/{case_id(CRIME)}"


async def open_case(desk: Desk) -> str:
    """Open all packages by the page, and its text when that has ended."""
    assert (await desk.post(f"{CASE}/open", {})).status == 303
    for _ in range(600):
        shown = (await desk.get(f"{CASE}/part")).text
        if 'role="status"' not in shown:
            return shown
        await asyncio.sleep(0.05)
    raise AssertionError(shown)


def later(desk: Desk) -> None:
    """So much that the portal may be asked again."""
    desk.town.clock.forward(60_000_000)


async def test_requests_of_a_case_stand_in_one_view_and_what_is_new_is_new_once(desk: Desk) -> None:
    yes, no = await owner(desk), await owner(desk)
    declined = await send(desk, await ask(desk, no))
    await hand_over(desk, yes)
    quiet = (await desk.get("/cases")).text
    assert "2 asked" in quiet
    assert "A package came." in quiet
    await no.decide(declined, no.no(declined))
    later(desk)
    shown = (await desk.get("/cases")).text
    assert "Declined." in shown
    assert "1 declined" in shown
    case = (await desk.get(CASE)).text
    assert case.count('<span class="new">') == 2
    assert "not opened yet" in case
    assert "Nothing." in (await desk.get("/cases")).text
    assert '<span class="new">' not in (await desk.get(CASE)).text


async def test_a_package_is_opened_from_the_page_told_in_words_and_receipted(desk: Desk) -> None:
    agent = await owner(desk)
    request = await hand_over(desk, agent)
    assert "everything holds" in await open_case(desk)
    path = f"/packages/{request.request_id}/{request.request_id}-del"
    page = (await desk.get(path)).text
    assert "Everything holds" in page
    assert "What holds" in page
    assert "Shop front &lt;door&gt;" in page
    assert "3.2 seconds fast" in page
    assert (await desk.post(f"{path}/receipt", {"remarks": "Thank you."})).status == 303
    assert "The receipt was sent." in (await desk.get(path)).text
    assert "1 receipted" in (await desk.get(CASE)).text
    name = f"{request.request_id}-del.receipt"
    assert await asyncio.to_thread(desk.state.kept, request.request_id, name) is not None
