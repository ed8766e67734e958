"""What people without an agent see: registering, changing, leaving; and what nobody can learn."""

import re

import pytest

from exchange.clock import DAY
from exchange.documents import api
from portal.public.site import HEADERS
from portal.settings import Limits
from portal.sweep import sweep
from tests.portal.conftest import Town
from tests.portal.people.letters import ADA, FORM, HERE, Letters, code_of
from tests.portal.people.visits import Visitor, nearby


async def test_who_confirmed_is_found_and_nobody_learns_who_they_are(town: Town, visitor: Visitor) -> None:
    assert (await visitor.post("/register", FORM)).status == 200
    code = await visitor.next_code()
    assert (await nearby(town.officer)).cameras == ()
    looked = await visitor.post("/link", {"code": code})
    assert "Is this right?" in looked.text
    assert ADA in looked.text
    assert (await visitor.post("/link/confirm", {"code": code})).status == 200
    (found,) = (await nearby(town.officer)).cameras
    assert (found.label, found.doorbell, found.direction, found.retention_days) == ("Door", True, 90.0, 30)
    assert (found.place.latitude, found.place.longitude, found.distance_m) == (*HERE, 0.0)
    told = found.model_dump_json()
    assert ADA not in told
    assert "Byron" not in told
    assert (await nearby(town.officer, lat=HERE[0] + 0.1)).cameras == ()


async def test_the_answer_is_the_same_whether_an_address_is_known(visitor: Visitor, letters: Letters) -> None:
    await visitor.register()
    again = await visitor.post("/register", FORM)
    anew = await visitor.post("/register", {**FORM, "address": "new@example.org"})
    asked = await visitor.post("/my-entry", {"address": ADA})
    nobody = await visitor.post("/my-entry", {"address": "nobody@example.org"})
    assert again.text == anew.text == asked.text == nobody.text
    assert {again.status, anew.status, asked.status, nobody.status} == {200}
    await letters.letter(4)
    assert sorted(letter["To"] for letter in letters.taken[1:]) == [ADA, ADA, "new@example.org"]


async def test_a_known_entry_is_not_changed_by_registering_again(town: Town, visitor: Visitor) -> None:
    await visitor.register()
    await visitor.post("/register", {**FORM, "label1": "Another's words"})
    assert [camera.label for camera in (await nearby(town.officer)).cameras] == ["Door"]


async def test_a_link_changes_the_entry_once(town: Town, visitor: Visitor) -> None:
    await visitor.register()
    await visitor.post("/my-entry", {"address": ADA.upper()})
    code = await visitor.next_code()
    shown = await visitor.post("/link", {"code": code})
    assert 'value="12 High Street"' in shown.text
    two = {**FORM, "code": code, "count": "2", "label2": "Yard", "where2": "53.7633 -2.7032", "label1": "Front"}
    assert (await visitor.post("/link/change", two)).status == 200
    assert sorted(camera.label for camera in (await nearby(town.officer)).cameras) == ["Front", "Yard"]
    again = await visitor.post("/link/change", two)
    assert (again.status, "This link does not work" in again.text) == (403, True)


async def test_leaving_erases_the_person_and_every_link(town: Town, visitor: Visitor, letters: Letters) -> None:
    person = await visitor.register()
    request_id, for_answer = await visitor.asked(person)
    await visitor.post("/my-entry", {"address": ADA})
    assert (await visitor.post("/link/delete", {"code": await visitor.next_code()})).status == 200
    assert (await nearby(town.officer)).cameras == ()
    assert (await visitor.post("/link", {"code": for_answer})).status == 403
    files = list(town.place.folder.path.glob("portal.db*"))
    assert files
    assert not any(ADA.encode() in file.read_bytes() for file in files)
    case = await town.officer.call("GET", api.PERSON_REQUEST.format(request_id=request_id))
    assert case.json["person"] == person


async def test_a_link_ends_after_two_days_and_an_unconfirmed_entry_with_it(town: Town, visitor: Visitor) -> None:
    await visitor.post("/register", FORM)
    code = await visitor.next_code()
    town.clock.forward(2 * DAY + 1)
    assert (await visitor.post("/link/confirm", {"code": code})).status == 403
    await sweep(town.running.portal.db, town.running.portal.uploads, town.place.settings, town.clock.now())
    assert ADA.encode() not in b"".join(file.read_bytes() for file in town.place.folder.path.glob("portal.db"))


async def test_no_code_lies_in_the_database(town: Town, visitor: Visitor) -> None:
    await visitor.post("/register", FORM)
    code = await visitor.next_code()
    files = list(town.place.folder.path.glob("portal.db*"))
    assert not any(code.encode() in file.read_bytes() for file in files)


@pytest.mark.parametrize("limits", [Limits(registrations_per_minute=2)])
async def test_one_network_sends_only_so_many_forms(visitor: Visitor, letters: Letters) -> None:
    statuses = [(await visitor.post("/my-entry", {"address": f"{n}@example.org"})).status for n in range(3)]
    assert statuses == [200, 200, 429]


@pytest.mark.parametrize("limits", [Limits(messages_per_person_per_day=2)])
async def test_nobody_is_flooded_with_letters(town: Town, visitor: Visitor, letters: Letters) -> None:
    for _ in range(4):
        assert (await visitor.post("/register", FORM)).status == 200
    await letters.letter(2)
    assert town.running.portal.outbox is not None
    assert await town.running.portal.outbox.send_due() == 0
    assert len(letters.taken) == 2


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"address": "ada@example.org\r\nBcc: all@example.org"}, "E-mail"),
        ({"address": "no address"}, "E-mail"),
        ({"where1": "at home"}, "Camera 1, where it is"),
        ({"where1": "91.0, 0.0"}, "Camera 1, where it is"),
        ({"label1": ""}, "Camera 1, its name"),
        ({"label1": "a\u202eb"}, "Camera 1, its name"),
        ({"days1": "9999"}, "Camera 1, days"),
        ({"person_kind": "king"}, "Who registers"),
        ({"agreed": ""}, "privacy notice"),
        ({"where1": "", "label1": ""}, "at least one camera"),
    ],
)
async def test_a_form_says_what_is_wrong_with_it(
    visitor: Visitor, letters: Letters, changed: dict[str, str], words: str
) -> None:
    answer = await visitor.post("/register", {**FORM, **changed})
    assert answer.status == 422
    assert words in answer.text
    assert letters.taken == []


async def test_a_strangers_words_are_no_markup(visitor: Visitor) -> None:
    hostile = '"><script>alert(1)</script>'
    answer = await visitor.post("/register", {**FORM, "label1": hostile, "agreed": ""})
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text


async def test_more_cameras_are_added_without_a_script(visitor: Visitor, letters: Letters) -> None:
    answer = await visitor.post("/register", {**FORM, "more": "yes"})
    assert 'name="label2"' in answer.text
    assert 'value="12 High Street"' in answer.text
    most = await visitor.post("/register", {**FORM, "count": "99", "more": "yes"})
    assert 'name="label12"' in most.text
    assert 'name="label13"' not in most.text
    assert 'name="more"' not in most.text
    assert letters.taken == []


@pytest.mark.parametrize("limits", [Limits(person_file_days=1, not_relevant_days=2)])
async def test_a_single_day_is_said_as_one(visitor: Visitor) -> None:
    text = (await visitor.get("/privacy")).text
    assert "it deletes them 1 day after you sent them" in text
    assert "is deleted here 2 days later" in text


@pytest.mark.parametrize("path", ["/register", "/my-entry", "/privacy", "/link"])
async def test_every_page_has_the_headers_that_protect_its_reader(visitor: Visitor, path: str) -> None:
    answer = await visitor.get(path)
    assert answer.status == 200
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers
    assert not re.search(r"<script(?! (type=\"module\" )?src=)|\son\w+=|style=", answer.text)


async def test_static_files_are_served_under_their_hash_and_the_script_only_where_it_was_made(visitor: Visitor) -> None:
    page = await visitor.get("/link")
    found = re.search(r'src="(/pages/[0-9a-f]{12}/door\.js)"', page.text)
    assert found
    script = await visitor.get(found[1])
    assert (script.status, script.headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert "immutable" in script.headers["Cache-Control"]
    assert (await visitor.get("/pages/0/nothing.js")).status == 404
    assert (await visitor.get("/link-script/answer.js")).status == 404


async def test_a_message_names_the_portal_and_holds_a_link_of_256_bits(visitor: Visitor, letters: Letters) -> None:
    await visitor.post("/register", FORM)
    letter = await letters.letter()
    assert letter["From"] == "footage@police.example"
    assert "Example Constabulary" in letter["Subject"]
    assert len(code_of(await letters.link())) * 6 >= 256
