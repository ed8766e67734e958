"""Cases, what is new in them, and packages that are fetched and checked from the page."""

import asyncio
import json

from exchange.documents.api import InboxKind
from portal.officer.casework.standing import case_id
from portal.storage.use_tables import UseLine
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


async def test_files_go_to_this_session_in_ranges_and_only_of_packages_that_are_open(desk: Desk) -> None:
    request = await hand_over(desk, await owner(desk))
    file = f"/files/{request.request_id}/{request.request_id}-del"
    assert (await desk.get(f"{file}/0")).status == 404
    await open_case(desk)
    part = await desk.get(f"{file}/0", Range="bytes=4-7")
    assert (part.status, part.text, part.headers["Content-Type"]) == (206, "ftyp", "video/mp4")
    assert (await desk.get(f"{file}/0", Cookie="")).status == 303
    for path in (f"{file}/2", f"{file}/..%2F0", f"/files/other/{request.request_id}-del/0"):
        assert (await desk.get(path)).status == 404, path
    bag = next((desk.state.request_folder(request.request_id) / "packages").glob("*/ev-1"))
    (bag / "data/master/front-1.mp4").write_bytes(b"other")
    changed = await desk.get(f"{file}/0")
    assert "changed since it was checked" in changed.text


async def test_what_was_opened_before_is_checked_again_and_not_unsealed_anew(desk: Desk) -> None:
    request = await hand_over(desk, await owner(desk))
    packages = desk.state.request_folder(request.request_id) / "packages"
    for _ in range(2):
        await open_case(desk)
        assert (await desk.post(f"/packages/{request.request_id}/{request.request_id}-del/open", {})).status == 303
    await open_case(desk)
    (folder,) = [path for path in packages.iterdir() if path.is_dir()]
    (folder / "ev-1/data/master/front-1.mp4").write_bytes(b"other")
    await desk.post(f"/packages/{request.request_id}/{request.request_id}-del/open", {})
    assert "everything holds" in await open_case(desk)
    assert len([path for path in packages.iterdir() if path.is_dir()]) == 2


async def test_a_package_that_was_altered_at_the_portal_is_not_opened_and_says_what_to_do(desk: Desk) -> None:
    request = await hand_over(desk, await owner(desk))
    size = (await desk.town.officer.case(request.request_id)).deliveries[0].size
    (stored,) = [
        path for path in desk.town.place.folder.path.rglob("*") if path.is_file() and path.stat().st_size == size
    ]
    content = stored.read_bytes()
    stored.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "Not opened: What the portal sent is not what" in await open_case(desk)
    path = f"/packages/{request.request_id}/{request.request_id}-del"
    page = (await desk.get(path)).text
    assert "ask the owner to hand it over again" in page
    assert (await desk.post(f"{path}/receipt", {})).status == 404
    stored.write_bytes(content)
    assert "everything holds" in await open_case(desk)


async def test_the_owner_is_told_and_asked_from_the_page(desk: Desk) -> None:
    agent = await owner(desk)
    request = await hand_over(desk, agent)
    path = f"/packages/{request.request_id}/{request.request_id}-del"
    await open_case(desk)
    assert "This is asked once." in (await desk.get(path)).text
    for below, form in (
        ("tell", {"tell": "yes"}),
        ("cannot-play", {"reason": "no-picture"}),
        ("ask", {"text": "Why is it so dark?"}),
        ("outcome", {"result": "helped-identify", "text": "Thank you."}),
    ):
        assert (await desk.post(f"{path}/{below}", form)).status == 303, below
    kinds = [item.kind for item in (await agent.inbox(kinds="request receipt feedback")).items]
    assert kinds.count(InboxKind.FEEDBACK) == 4
    for below, form in (("cannot-play", {"reason": "other"}), ("ask", {"text": " "}), ("outcome", {"result": "x"})):
        assert (await desk.post(f"{path}/{below}", form)).status == 400, below
    assert "This is asked once." not in (await desk.get(path)).text


async def test_what_is_opened_and_printed_stands_in_the_log_of_use_and_a_log_cut_back_in_red(desk: Desk) -> None:
    await hand_over(desk, await owner(desk))
    await open_case(desk)
    assert (await desk.get(f"{CASE}/paper")).status == 200
    rows = await desk.town.running.portal.db.read(lambda session: [row.line for row in session.query(UseLine)])
    deeds = [json.loads(row)["deed"] for row in rows]
    assert deeds[-2:] == ["opened", "printed"]
    later(desk)
    assert 'role="alert"' not in (await desk.get("/cases")).text
    await asyncio.to_thread(desk.state.save_log_head, 10_000, "0" * 64, desk.town.clock.now())
    later(desk)
    shown = (await desk.get("/cases")).text
    assert "10000 lines" in shown
    assert 'role="alert"' in shown


async def test_a_portal_that_is_nearly_full_is_told_before_it_is(desk: Desk) -> None:
    room = desk.town.running.portal.room
    assert "% full" not in (await desk.get("/cases")).text
    room.most = 100
    for taken, told in ((79, False), (80, True), (12, False)):
        room.note(taken)
        later(desk)
        assert (f"The portal is {taken} % full" in (await desk.get("/cases")).text) is told
