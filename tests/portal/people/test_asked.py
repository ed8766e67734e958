"""An officer asks somebody without an agent; the link answers once; files come sealed, and by nobody else."""

import asyncio
import hashlib
import json

import pytest

from exchange.clock import DAY, HOUR, Window
from exchange.documents import api
from exchange.documents.messages import Asked, Stretch
from exchange.documents.people import MessageState, PersonAnswer
from exchange.signing.documents import SigningKey
from portal.force.keys import OfficerDetails
from portal.settings import Limits
from portal.sweep import sweep
from tests.counterparts.portals.portal import add_officer
from tests.portal.conftest import Town
from tests.portal.people.letters import Letters
from tests.portal.people.visits import Visitor, case, question
from tests.portal.wire import Officer


@pytest.fixture
async def person(visitor: Visitor) -> str:
    return await visitor.register()


async def test_a_message_says_who_asks_and_the_page_why(visitor: Visitor, person: str, letters: Letters) -> None:
    _, code = await visitor.asked(person)
    text = (await letters.letter(2)).get_content()
    for words in ("Detective Constable Ada Okafor (4711)", "Example Constabulary", "EX/26/004711"):
        assert words in text
    assert "A door was forced." not in text
    page = await visitor.post("/link", {"code": code})
    for words in ("Ada Okafor", "A door was forced.", "No other camera looks at the door.", "Door"):
        assert words in page.text
    assert "Saturday 21 November 2026, 09:00:00 GMT" in page.text
    assert "Files can’t be sent by this page" in page.text


async def test_files_that_came_by_the_link_reach_the_officer(town: Town, visitor: Visitor, person: str) -> None:
    request_id, code = await visitor.asked(person)
    content = b"sealed" * 1000
    sha256 = hashlib.sha256(content).hexdigest()
    upload = await visitor.upload(code, content)
    receipt = await visitor.answer(code, upload.headers["Location"])
    assert receipt.status == 200
    assert receipt.json["ciphertext_sha256"] == [sha256]
    found = await case(town.officer, request_id)
    assert (found.answer, found.message) == (PersonAnswer.FILES, MessageState.SENT)
    (file,) = found.files
    assert (file.size, file.ciphertext_sha256) == (len(content), sha256)
    path = api.PERSON_FILE.format(request_id=request_id, file_id=file.file_id)
    assert (await town.officer.call("GET", path)).content == content
    assert (await visitor.answer(code, upload.headers["Location"])).status == 403
    assert (await visitor.upload(code, content)).status == 403
    assert (await visitor.post("/link", {"code": code})).status == 403


@pytest.mark.parametrize("answer", [PersonAnswer.DECLINED, PersonAnswer.NOTHING_THERE])
async def test_a_no_needs_no_script_and_is_final(
    town: Town, visitor: Visitor, person: str, answer: PersonAnswer
) -> None:
    request_id, code = await visitor.asked(person)
    assert (await visitor.post("/link/answer", {"code": code, "answer": "files"})).status == 422
    assert (await visitor.post("/link/answer", {"code": code, "answer": answer.value})).status == 200
    assert (await case(town.officer, request_id)).answer is answer
    assert (await visitor.post("/link/answer", {"code": code, "answer": "declined"})).status == 403


async def test_looking_tells_the_officer_nothing(town: Town, visitor: Visitor, person: str) -> None:
    request_id, code = await visitor.asked(person)
    before = await case(town.officer, request_id)
    await visitor.post("/link", {"code": code})
    await visitor.upload(code, b"half an answer")
    assert await case(town.officer, request_id) == before


async def test_a_link_is_for_one_request_and_no_other_upload(town: Town, visitor: Visitor, person: str) -> None:
    _, first = await visitor.asked(person)
    _, second = await visitor.asked(person, request_id="p-2")
    upload = await visitor.upload(first, b"sealed")
    assert (await visitor.answer(second, upload.headers["Location"])).status == 404
    agent = await town.agent().join(town.place)
    of_agent = await agent.upload(b"an agent's")
    assert (await visitor.answer(first, of_agent)).status == 404
    assert (await visitor.answer(first, "https://example.org/v1/uploads/" + "0" * 32)).status == 422
    assert (await visitor.answer("x" * 43, upload.headers["Location"])).status == 403


async def test_a_part_of_an_upload_is_no_answer(town: Town, visitor: Visitor, person: str) -> None:
    _, code = await visitor.asked(person)
    headers = {"Tus-Resumable": "1.0.0", "Handover-Link": code, "Upload-Length": "10"}
    made = await town.officer.call("POST", api.UPLOADS, token=None, headers=headers)
    assert (await visitor.answer(code, made.headers["Location"])).status == 409


@pytest.mark.parametrize("limits", [Limits(person_file_bytes=100)])
async def test_a_file_has_a_limit(visitor: Visitor, person: str) -> None:
    _, code = await visitor.asked(person)
    assert (await visitor.upload(code, b"x" * 101)).status == 413


async def test_a_link_ends_with_its_request_and_with_its_officer(town: Town, visitor: Visitor, person: str) -> None:
    _, code = await visitor.asked(person)
    assert (await visitor.post("/link", {"code": code})).status == 200
    town.clock.forward(7 * DAY)
    assert (await visitor.post("/link", {"code": code})).status == 403


async def test_what_an_officer_asked_another_does_not_see(town: Town, visitor: Visitor, person: str) -> None:
    request_id, _ = await visitor.asked(person)
    key = SigningKey.generate()
    details = OfficerDetails("Bo Day", "Constable", "4712", "CID", "bo@example.police.uk")
    place, now = town.place, town.clock.now()
    signed = await asyncio.to_thread(add_officer, place.folder, place.settings, place.force, key, now, details)
    other = Officer(town.session, town.origin, town.clock, key, signed, town.place.force.name)
    assert (await other.call("GET", api.PERSON_REQUEST.format(request_id=request_id))).status == 404
    assert (await other.call("GET", api.PERSON_REQUESTS)).json == {"cases": [], "more": False}
    stolen = await other.call("POST", api.PERSON_REQUESTS, question(town.officer, person, request_id="p-9"))
    assert stolen.status == 422


async def test_the_same_request_again_changes_nothing(town: Town, visitor: Visitor, person: str) -> None:
    signed = question(town.officer, person)
    statuses = [(await town.officer.call("POST", api.PERSON_REQUESTS, signed)).status for _ in range(2)]
    assert statuses == [201, 200]
    other = question(town.officer, person, crime_reference="EX/26/1")
    assert (await town.officer.call("POST", api.PERSON_REQUESTS, other)).status == 409
    listed = await town.officer.call("GET", api.PERSON_REQUESTS)
    assert [each["request_id"] for each in listed.json["cases"]] == ["p-1"]


async def test_what_may_not_be_asked_is_refused(town: Town, person: str) -> None:
    now = town.clock.now()

    def asked(start: int, end: int, camera: str = "camera-1") -> tuple[Asked, ...]:
        return (Asked(camera_id=camera, window=Stretch.of(Window(start, end))),)

    wrong: list[dict[str, object]] = [
        {"person": "nobody"},
        {"force": "Another Force"},
        {"asked": asked(now - HOUR, now + HOUR)},
        {"asked": asked(now - 26 * HOUR, now - HOUR)},
        {"asked": asked(now - 2 * HOUR, now - HOUR, "camera-2")},
        {"issued": now - 2 * DAY},
        {"expires": now + 91 * DAY},
        {"recipient": "age1" + "q" * 58},
    ]
    for changed in wrong:
        signed = question(town.officer, **{"person": person, **changed})  # type: ignore[arg-type]
        answer = await town.officer.call("POST", api.PERSON_REQUESTS, signed)
        assert answer.status == 422, changed


@pytest.mark.parametrize("limits", [Limits(open_requests_per_person=1), Limits(requests_per_officer_per_day=1)])
async def test_nobody_is_asked_more_than_may_be(town: Town, visitor: Visitor, person: str) -> None:
    await visitor.asked(person)
    again = question(town.officer, person, request_id="p-2")
    assert (await town.officer.call("POST", api.PERSON_REQUESTS, again)).status == 429


async def test_what_reaches_far_is_not_asked_of_people(town: Town, person: str) -> None:
    now = town.clock.now()

    def asked(start: int, end: int) -> tuple[Asked, ...]:
        return (Asked(camera_id="camera-1", window=Stretch.of(Window(start, end))),)

    long = question(town.officer, person, asked=asked(now - 6 * HOUR, now - HOUR))
    assert (await town.officer.call("POST", api.PERSON_REQUESTS, long)).status == 403
    first = question(town.officer, person, asked=asked(now - 6 * HOUR, now - 3 * HOUR))
    assert (await town.officer.call("POST", api.PERSON_REQUESTS, first)).status == 201
    rest = question(town.officer, person, request_id="p-2", asked=asked(now - 3 * HOUR, now - HOUR))
    answer = await town.officer.call("POST", api.PERSON_REQUESTS, rest)
    assert (answer.status, "4 hours" in answer.title) == (403, True)


async def test_files_go_after_their_time(town: Town, visitor: Visitor, person: str) -> None:
    request_id, code = await visitor.asked(person)
    upload = await visitor.upload(code, b"sealed")
    await visitor.answer(code, upload.headers["Location"])
    portal = town.running.portal
    town.clock.forward(91 * DAY)
    await sweep(portal.db, portal.uploads, town.place.settings, town.clock.now())
    (file,) = (await case(town.officer, request_id)).files
    assert not file.available
    path = api.PERSON_FILE.format(request_id=request_id, file_id=file.file_id)
    assert (await town.officer.call("GET", path)).status == 410
    assert await portal.uploads.names(0) == set()


async def test_a_search_for_people_is_on_record_too(town: Town, person: str) -> None:
    from portal.registry.searches import list_searches

    found = await town.running.portal.db.read(lambda session: list_searches(session))
    assert [each["crime_reference"] for each in found] == ["EX/26/004711"]


async def test_a_body_that_is_no_answer_is_refused(town: Town, visitor: Visitor, person: str) -> None:
    _, code = await visitor.asked(person)
    for body in ("{", json.dumps({"files": []}), json.dumps({"files": [{"upload": "x"}]})):
        answer = await town.officer.call("PUT", api.LINK_ANSWER, body, token=None, headers={"Handover-Link": code})
        assert answer.status == 422
