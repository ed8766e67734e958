"""What people without an agent send belongs to the case's team; each look is logged; they hear what became of it."""

import json
from pathlib import Path

import pytest

from exchange.age.files import Encryptor, parse_recipient
from exchange.clock import HOUR, Window
from exchange.custody.uses import Deed, Use
from exchange.documents import api
from exchange.documents.feedback import CaseResult
from exchange.documents.messages import Role
from exchange.errors import PortalRefused, PortalUnreachable
from portal.force import officers
from portal.officer.asking import Signer
from portal.officer.people.brought import open_brought
from portal.officer.people.questions import KEPT_AS, PersonQuestion, sign_question, was_asked_of_a_person
from portal.officer.supervised.log import say_opened
from portal.officer.supervised.reading import read_log
from portal.officer.teams.sealed_for import sealed_for
from tests.portal.conftest import BOTH, Town, on_a_file
from tests.portal.people.letters import Letters
from tests.portal.people.visits import Visitor
from tests.portal.teams.test_officer_teams import CRIME, Desk, Unit

ENGINES = BOTH


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """An officer's machine is on this loop, too, and reads its files as it likes."""


@pytest.fixture
def unit(town: Town, tmp_path: Path) -> Unit:
    return Unit(town, tmp_path)


async def ask(desk: Desk, person: str) -> str:
    now = desk.client._clock.now()
    question = PersonQuestion(
        person, ["camera-1"], Window(now - 2 * HOUR, now - HOUR), CRIME, "Burglary", "12 High Street",
        "A door was forced.", "Identify who did it", "Data Protection Act 2018", "No other camera looks there.", 7,
    )  # fmt: skip
    sealed = await sealed_for(desk.state, desk.client, CRIME, None, now)
    signer = Signer(desk.state.key(), desk.member.credential, desk.state.setup().force)
    made, signed = sign_question(question, signer, sealed, now)
    desk.state.keep(made.request_id, KEPT_AS, signed)
    await desk.client.ask_person(signed)
    return made.request_id


async def answer(visitor: Visitor, desk: Desk, folder: Path, content: bytes) -> None:
    """By the link, sealed for the case's present key."""
    code = await visitor.next_code()
    path = folder / "sealed"
    recipient = parse_recipient(str(desk.state.case_key(CRIME).recipient))
    with path.open("wb") as file, Encryptor(file, [recipient]) as encryptor:
        encryptor.write(content)
    upload = await visitor.upload(code, path.read_bytes())
    assert (await visitor.answer(code, upload.headers["Location"])).status == 200


async def deeds(town: Town, unit: Unit, request_id: str) -> list[tuple[str, Deed]]:
    """Who did what with a request, as an auditor reads it."""
    member = unit.unit.member("9", roles=(Role.AUDITOR,))
    portal = town.running.portal
    await portal.db.write(lambda s: officers.add(s, member.credential, portal.settings, town.clock.now()))
    auditor = await unit.desk("auditor", "8")
    client = type(auditor.client)(town.origin, member.key, town.clock, town.session)
    uses: list[Use] = []
    await read_log(auditor.state, client, town.clock.now(), uses.extend)
    return [(use.collar_number, use.deed) for use in uses if use.request_id == request_id]


async def test_a_colleague_opens_what_came_and_a_stranger_sees_nothing(
    town: Town, visitor: Visitor, unit: Unit, tmp_path: Path
) -> None:
    person = await visitor.register()
    ada, bo, stranger = [await unit.desk(name, collar) for name, collar in (("a", "1"), ("b", "2"), ("c", "3"))]
    await unit.found(ada, bo)
    request_id = await ask(ada, person)
    await answer(visitor, ada, tmp_path, b"what the doorbell saw")
    assert [each.request_id for each in await bo.client.all_person_cases()] == [request_id]
    assert await was_asked_of_a_person(bo.state, bo.client, request_id)
    (file,) = await open_brought(bo.state, bo.client, request_id)
    await say_opened(bo.client, request_id)
    assert file.path is not None
    assert file.path.read_bytes() == b"what the doorbell saw"
    assert await stranger.client.all_person_cases() == []
    assert not await was_asked_of_a_person(stranger.state, stranger.client, request_id)
    for refused in (stranger.client.person_document(request_id), stranger.client.say_used(request_id, "opened")):
        with pytest.raises(PortalRefused):
            await refused
    told = await deeds(town, unit, request_id)
    assert told == [("1", Deed.ASKED), ("2", Deed.FETCHED), ("2", Deed.OPENED)]


async def test_what_was_asked_before_there_was_a_team_becomes_the_teams(
    town: Town, visitor: Visitor, unit: Unit, tmp_path: Path
) -> None:
    person = await visitor.register()
    ada, bo = await unit.desk("a", "1"), await unit.desk("b", "2")
    request_id = await ask(ada, person)
    assert await bo.client.all_person_cases() == []
    await unit.found(ada, bo)
    await answer(visitor, ada, tmp_path, b"sent later")
    (file,) = await open_brought(bo.state, bo.client, request_id)
    assert file.path is not None
    assert file.path.read_bytes() == b"sent later"


@on_a_file
async def test_a_person_hears_once_that_it_was_opened_and_what_became_of_it(
    town: Town, visitor: Visitor, letters: Letters
) -> None:
    person = await visitor.register()
    request_id, code = await visitor.asked(person)
    client = town.place.client(town.origin, town.clock)
    async with client:
        with pytest.raises(PortalRefused, match="sent nothing"):
            await client.tell_person(request_id, None)
        upload = await visitor.upload(code, b"sealed")
        await visitor.answer(code, upload.headers["Location"])
        for _ in range(2):
            await client.tell_person(request_id, None)
        await letters.letter(3)
        for _ in range(2):
            await client.tell_person(request_id, CaseResult.HELPED_IDENTIFY)
        with pytest.raises(PortalUnreachable, match="today already"):
            await client.tell_person(request_id, CaseResult.NOT_USED)
        await letters.letter(5)
    opened, became, _ = [letter.get_content() for letter in letters.taken[2:]]
    assert "EX/26/004711 was opened by Example Constabulary. Thank you." in opened
    assert "it helped to identify somebody" in became
    for text in (opened, became):
        assert "http" not in text
    words = json.dumps({"result": "a word of the officer's own"})
    answer = await town.officer.call("POST", api.PERSON_WORD.format(request_id=request_id), words)
    assert answer.status == 422


@on_a_file
async def test_who_left_is_told_nothing(town: Town, visitor: Visitor, letters: Letters) -> None:
    person = await visitor.register()
    request_id, code = await visitor.asked(person)
    upload = await visitor.upload(code, b"sealed")
    await visitor.answer(code, upload.headers["Location"])
    await visitor.post("/my-entry", {"address": "ada@example.org"})
    await visitor.post("/link/delete", {"code": await visitor.next_code()})
    answer = await town.officer.call("POST", api.PERSON_WORD.format(request_id=request_id), "{}")
    assert answer.status == 204
    assert town.running.portal.outbox is not None
    assert await town.running.portal.outbox.send_due() == 0
    assert len(letters.taken) == 3
