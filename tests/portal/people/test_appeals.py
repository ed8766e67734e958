"""A public appeal: made by an officer, answered by anybody within bounds, looked through in order, and closed."""

import asyncio
import hashlib
import json
from pathlib import Path

import pytest

from exchange.clock import DAY, HOUR, Window
from exchange.documents import api
from exchange.documents.messages import Stretch
from exchange.documents.people.appeals import Appeal, AppealCase, Contribution, Contributions
from exchange.signing.documents import SigningKey
from portal.force.keys import OfficerDetails
from portal.public.link_script import LINK_SCRIPT, LinkScript
from portal.settings import Limits
from portal.sweep import sweep
from tests.counterparts.portals.portal import Place, add_officer
from tests.portal.conftest import BOTH, Town, on_a_file
from tests.portal.people.visits import Visitor, an_appeal
from tests.portal.wire import Answer, Officer

ENGINES = BOTH
NAME = "abcdefgh23"


def a_script(room: Path) -> Path:
    """A folder with a script; these tests run none."""
    folder = room / "link-script"
    folder.mkdir()
    content = b"// none"
    (folder / "answer.js").write_bytes(content)
    (folder / "answer.js.sha256").write_text(f"{hashlib.sha256(content).hexdigest()}  answer.js\n")
    return folder


@pytest.fixture
def link_script(room: Path) -> Path:
    return a_script(room)


async def make(officer: Officer, **changed: object) -> AppealCase:
    answer = await officer.call("POST", api.APPEALS, an_appeal(officer, **changed))
    assert answer.status == 201, answer.content
    return AppealCase.model_validate_json(answer.content)


async def begin(visitor: Visitor, name: str = NAME) -> Answer:
    wire = visitor.town.officer
    return await wire.call("POST", api.BEGIN_CONTRIBUTION.format(appeal_id=name), token=None)


async def contribute(visitor: Visitor, content: bytes = b"sealed", note: str | None = None) -> str:
    """The contribution's id."""
    code = (await begin(visitor)).json["code"]
    upload = await visitor.upload(code, content)
    sent = await visitor.answer(code, upload.headers["Location"], note=note)
    assert sent.status == 200, sent.content
    return str(sent.json["request_id"])


async def queue(officer: Officer, status: int = 200, name: str = NAME) -> tuple[Contribution, ...]:
    answer = await officer.call("GET", api.CONTRIBUTIONS.format(appeal_id=name))
    assert answer.status == status, answer.content
    return Contributions.model_validate_json(answer.content).contributions if status == 200 else ()


async def another(town: Town) -> Officer:
    key = SigningKey.generate()
    details = OfficerDetails("Bo Day", "Constable", "4712", "CID", "bo@example.police.uk")
    place, now = town.place, town.clock.now()
    signed = await asyncio.to_thread(add_officer, place.folder, place.settings, place.force, key, now, details)
    return Officer(town.session, town.origin, town.clock, key, signed, town.place.force.name)


async def test_what_anybody_sends_comes_into_the_queue_in_order(town: Town, visitor: Visitor) -> None:
    made = await make(town.officer)
    assert made.address == f"{town.origin}/a/{NAME}"
    page = await visitor.get(f"/a/{NAME}")
    assert (page.status, "Did you see a red van?" in page.text) == (200, True)
    first = await contribute(visitor, b"first", note="c2VhbGVk")
    town.clock.forward(1000)
    second = await contribute(visitor, b"second")
    found = await queue(town.officer)
    assert [each.contribution_id for each in found] == [first, second]
    assert (found[0].sealed_note, found[1].sealed_note, found[0].mark) == ("c2VhbGVk", None, None)
    path = api.CONTRIBUTION_FILE.format(appeal_id=NAME, contribution_id=first, file_id=found[0].files[0].file_id)
    assert (await town.officer.call("GET", path)).content == b"first"
    assert (await visitor.get(f"/a/{NAME}")).text == page.text


async def test_a_code_is_for_one_contribution(town: Town, visitor: Visitor) -> None:
    await make(town.officer)
    one, other = [(await begin(visitor)).json["code"] for _ in range(2)]
    upload = await visitor.upload(one, b"sealed")
    assert (await visitor.answer(other, upload.headers["Location"])).status == 404
    assert (await visitor.answer(one, upload.headers["Location"])).status == 200
    assert (await visitor.answer(one, upload.headers["Location"])).status == 403
    assert (await visitor.upload(one, b"more")).status == 403
    town.clock.forward(DAY)
    assert (await visitor.upload(other, b"late")).status == 403


async def test_nobody_but_its_officer_reads_the_queue_or_marks_it(town: Town, visitor: Visitor) -> None:
    await make(town.officer)
    sent = await contribute(visitor)
    other = await another(town)
    await queue(other, 404)
    assert (await other.call("GET", api.APPEALS)).json == {"appeals": [], "more": False}
    assert (await other.call("PUT", api.APPEAL_CLOSED.format(appeal_id=NAME))).status == 404
    mark = api.CONTRIBUTION_MARK.format(appeal_id=NAME, contribution_id=sent)
    assert (await other.call("PUT", mark, json.dumps({"mark": "duplicate"}))).status == 404
    stolen = await other.call("POST", api.APPEALS, an_appeal(town.officer, appeal_id="zzzzzzzzzz"))
    assert stolen.status == 422


async def test_a_closed_appeal_takes_nothing_and_looks_like_none(town: Town, visitor: Visitor) -> None:
    await make(town.officer)
    code = (await begin(visitor)).json["code"]
    for _ in range(2):
        assert (await town.officer.call("PUT", api.APPEAL_CLOSED.format(appeal_id=NAME))).status == 204
    closed, never = await visitor.get(f"/a/{NAME}"), await visitor.get("/a/zzzzzzzzzz")
    assert (closed.status, closed.text) == (never.status, never.text)
    assert closed.status == 404
    assert (await begin(visitor)).status == 404
    assert (await visitor.upload(code, b"sealed")).status == 403
    found = await town.officer.call("GET", api.APPEAL.format(appeal_id=NAME))
    assert found.json["closed"]


async def test_an_appeal_ends_by_itself(town: Town, visitor: Visitor) -> None:
    await make(town.officer)
    town.clock.forward(7 * DAY)
    assert (await visitor.get(f"/a/{NAME}")).status == 404
    assert (await begin(visitor)).status == 404


@pytest.mark.parametrize("limits", [Limits(contributions_per_address_per_hour=2)])
@on_a_file
async def test_one_network_begins_only_so_many_in_an_hour(town: Town, visitor: Visitor) -> None:
    await make(town.officer)
    answers = [await begin(visitor) for _ in range(3)]
    assert [each.status for each in answers] == [201, 201, 429]
    assert "network" in answers[2].title
    town.clock.forward(HOUR)
    assert (await begin(visitor)).status == 201


@on_a_file
async def test_another_sites_visitors_use_up_nothing(town: Town, visitor: Visitor) -> None:
    await make(town.officer)
    path = api.BEGIN_CONTRIBUTION.format(appeal_id=NAME)
    answer = await town.officer.call("POST", path, token=None, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 403
    answer = await town.officer.call("POST", path, token=None, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status == 201


@pytest.mark.parametrize("limits", [Limits(contributions_per_hour=2)])
async def test_an_appeal_takes_only_so_many_in_an_hour(town: Town, visitor: Visitor) -> None:
    await make(town.officer)
    assert [(await begin(visitor)).status for _ in range(3)] == [201, 201, 429]


@pytest.mark.parametrize("limits", [Limits(contribution_bytes=100, appeal_bytes=150)])
async def test_neither_one_sender_nor_all_of_them_fill_the_disk(town: Town, visitor: Visitor) -> None:
    await make(town.officer)
    one, other = [(await begin(visitor)).json["code"] for _ in range(2)]
    assert (await visitor.upload(one, b"x" * 90)).status == 201
    assert (await visitor.upload(one, b"x" * 20)).status == 413
    assert (await visitor.upload(other, b"x" * 70)).status == 429
    assert (await visitor.upload(other, b"x" * 60)).status == 201


async def test_what_is_not_relevant_goes_by_itself_and_can_be_taken_back(town: Town, visitor: Visitor) -> None:
    await make(town.officer)
    kept, back, away = [await contribute(visitor, name.encode(), note="c2VhbGVk") for name in ("a", "b", "c")]

    async def mark(contribution: str, what: str | None) -> None:
        path = api.CONTRIBUTION_MARK.format(appeal_id=NAME, contribution_id=contribution)
        assert (await town.officer.call("PUT", path, json.dumps({"mark": what}))).status == 204

    await mark(kept, "relevant")
    await mark(back, "duplicate")
    await mark(back, None)
    await mark(away, "not-relevant")
    portal = town.running.portal
    town.clock.forward(31 * DAY)
    await sweep(portal.db, portal.uploads, town.place.settings, town.clock.now())
    found = {each.contribution_id: each for each in await queue(town.officer)}
    assert [found[each].files[0].available for each in (kept, back, away)] == [True, True, False]
    assert (found[away].sealed_note, found[away].files[0].sealed_name, found[away].mark) == (None, "", "not-relevant")
    assert found[kept].sealed_note == "c2VhbGVk"
    path = api.CONTRIBUTION_FILE.format(appeal_id=NAME, contribution_id=away, file_id=found[away].files[0].file_id)
    assert (await town.officer.call("GET", path)).status == 410
    assert len(await portal.uploads.names(0)) == 2


async def test_what_nobody_finished_goes_after_a_day(town: Town, visitor: Visitor) -> None:
    await make(town.officer)
    code = (await begin(visitor)).json["code"]
    await visitor.upload(code, b"half")
    assert await queue(town.officer) == ()
    portal = town.running.portal
    town.clock.forward(DAY)
    await sweep(portal.db, portal.uploads, town.place.settings, town.clock.now())
    assert await portal.uploads.names(0) == set()


async def test_what_may_not_be_an_appeal_is_refused(town: Town) -> None:
    now = town.clock.now()
    wrong: list[dict[str, object]] = [
        {"force": "Another Force"},
        {"issued": now - 2 * DAY, "happened": Stretch.of(Window(now - 4 * DAY, now - 3 * DAY))},
        {"expires": now + 91 * DAY},
        {"recipient": "age1" + "q" * 58},
    ]
    for changed in wrong:
        answer = await town.officer.call("POST", api.APPEALS, an_appeal(town.officer, **changed))
        assert answer.status == 422, changed
    with pytest.raises(ValueError, match="must be over"):
        an_appeal(town.officer, happened=Stretch.of(Window(now, now + HOUR)))


@pytest.mark.parametrize("limits", [Limits(appeals_per_officer_per_day=1)])
async def test_the_same_appeal_again_changes_nothing_and_many_are_too_many(town: Town) -> None:
    signed = an_appeal(town.officer)
    assert [(await town.officer.call("POST", api.APPEALS, signed)).status for _ in range(2)] == [201, 200]
    other = an_appeal(town.officer, title="Another")
    assert (await town.officer.call("POST", api.APPEALS, other)).status == 409
    second = an_appeal(town.officer, appeal_id="zzzzzzzzzz")
    assert (await town.officer.call("POST", api.APPEALS, second)).status == 429
    listed = await town.officer.call("GET", api.APPEALS)
    (shown,) = [Appeal.model_validate_json(each["signed"]["document"]) for each in listed.json["appeals"]]
    assert shown.appeal_id == NAME


@on_a_file
async def test_a_strangers_appeal_page_has_no_markup_of_others(town: Town, visitor: Visitor, place: Place) -> None:
    hostile = '"><script>alert(1)</script>'
    await make(town.officer, title=hostile, area=hostile, description=hostile)
    page = await visitor.get(f"/a/{NAME}")
    assert "<script>alert" not in page.text
    assert page.text.count("&lt;script&gt;alert") >= 3
    assert isinstance(town.running.app[LINK_SCRIPT], LinkScript)
