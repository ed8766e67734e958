"""People who are written to by text: their numbers, the provider's interface, quiet hours, limits, and STOP."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from exchange.clock import DAY, HOUR, SystemClock, from_rfc3339
from exchange.documents import api
from exchange.errors import NotDelivered
from portal.people import sending
from portal.people.addresses import read_address
from portal.people.messages import AddressRefused, Message
from portal.people.quiet_hours import quiet_until
from portal.people.texts import Carriers, NotifyCarrier
from portal.settings import FolderTexts, Limits, NotifyTexts, QuietHours
from tests.counterparts.http.notify_stand_in import KEY, TEMPLATE, NotifyStandIn, notify_stand_in
from tests.counterparts.portals.portal import Place
from tests.portal.conftest import Town
from tests.portal.desk.desks import LONDON
from tests.portal.people.letters import FORM, Letters, settings_for
from tests.portal.people.visits import Visitor, case, nearby, question
from tests.portal.wire import Wire

NUMBER = "+447400123456"
TOLD = Message(NUMBER, "Hello", "What is it?\n", "Hello, here is your link.")
STOP = "a token that was agreed on"


@pytest.fixture(autouse=True)
def _looks_only_when_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is due is sent when a test says so."""
    monkeypatch.setattr(sending, "LOOK_SECONDS", 3600)


@pytest.fixture
def place(place: Place, letters: Letters, room: Path) -> Place:
    (room / "texts").mkdir()
    (room / "stop").write_text(f"{STOP}\n")
    (room / "stop").chmod(0o600)
    texts = FolderTexts(kind="folder", folder=room / "texts", stop_file=room / "stop")
    return replace(place, settings=place.settings.model_copy(update={"people": settings_for(letters, texts=texts)}))


async def spooled(town: Town, count: int) -> list[dict[str, str]]:
    """The texts that lie in the folder, once there are so many."""
    folder = town.place.folder.path.parent / "texts"
    for _ in range(1000):
        paths = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        if len(paths) >= count:
            break
        await asyncio.sleep(0.02)
    assert len(paths) == count
    return [json.loads(path.read_text()) for path in paths]


def code_in(text: str) -> str:
    return text.partition("/link#")[2].split()[0]


async def registered(town: Town, visitor: Visitor) -> str:
    """By a number: the person, as officers find them."""
    shown = await visitor.post("/register", {**FORM, "address": "07400 123456"})
    assert "Look for our message" in shown.text
    (first,) = await spooled(town, 1)
    assert first["to"] == NUMBER
    assert first["text"].endswith("Text back STOP to be deleted here.")
    code = code_in(first["text"])
    assert NUMBER in (await visitor.post("/link", {"code": code})).text
    assert (await visitor.post("/link/confirm", {"code": code})).status == 200
    return (await nearby(town.officer)).cameras[0].person


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("07400 123456", NUMBER),
        ("+44 (0)7400-123456", NUMBER),
        ("Ada@Example.org", "ada@example.org"),
        ("01632 960777", None),
        ("0900 1234567", None),
        ("+1 202 555 0143", None),
        ("+447400123456;rm", None),
        ("call me", None),
        ("+4407400@x", None),
        ("9" * 400, None),
    ],
)
def test_an_address_is_mail_or_a_mobile_of_the_country(letters: Letters, written: str, kept: str | None) -> None:
    people = settings_for(letters, texts=FolderTexts(kind="folder", folder=Path("/nowhere")))
    if kept is None:
        with pytest.raises(ValueError, match="it is "):
            read_address(written, people)
        return
    assert read_address(written, people) == kept


def test_no_number_is_taken_where_no_texts_are_sent(letters: Letters) -> None:
    with pytest.raises(ValueError, match="written to here"):
        read_address("07400 123456", settings_for(letters))


async def test_somebody_with_a_number_registers_is_asked_and_answers(town: Town, visitor: Visitor) -> None:
    person = await registered(town, visitor)
    made = await town.officer.call("POST", api.PERSON_REQUESTS, question(town.officer, person))
    assert made.status == 201
    _, asked = await spooled(town, 2)
    assert "Ada Okafor" in asked["text"]
    assert "A door was forced" not in asked["text"]
    answer = await visitor.post("/link/answer", {"code": code_in(asked["text"]), "answer": "nothing-there"})
    assert answer.status == 200
    assert visitor.letters.taken == []


async def test_no_text_goes_at_night_but_what_somebody_waits_for(town: Town, visitor: Visitor) -> None:
    town.clock.forward(10 * HOUR)  # ten in the evening
    person = await registered(town, visitor)
    await town.officer.call("POST", api.PERSON_REQUESTS, question(town.officer, person))
    outbox = town.running.portal.outbox
    assert outbox is not None
    await outbox.send_due()
    assert len(await spooled(town, 1)) == 1
    assert (await case(town.officer, "p-1")).message.value == "waiting"
    town.clock.forward(10 * HOUR)
    await outbox.send_due()
    assert len(await spooled(town, 2)) == 2
    assert (await case(town.officer, "p-1")).message.value == "sent"


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-21T20:59:59Z", None),
        ("2026-11-21T21:00:00Z", "2026-11-22T08:00:00Z"),
        ("2026-11-22T03:00:00Z", "2026-11-22T08:00:00Z"),
        ("2026-11-22T08:00:00Z", None),
        ("2026-10-25T00:30:00Z", "2026-10-25T08:00:00Z"),
        ("2026-07-01T21:00:00Z", "2026-07-02T07:00:00Z"),
    ],
)
def test_quiet_hours_go_by_the_clock_on_the_wall(now: str, until: str | None) -> None:
    found = quiet_until(QuietHours(), LONDON, from_rfc3339(now))
    assert found == (None if until is None else from_rfc3339(until))


async def test_who_texts_stop_is_erased(town: Town, visitor: Visitor) -> None:
    await registered(town, visitor)
    wire = Wire(town.session, town.origin, town.clock)

    async def text(message: str, token: str = STOP, number: str = NUMBER.removeprefix("+")) -> int:
        told = {"id": "1", "source_number": number, "destination_number": "40604", "message": message}
        headers = {"Authorization": f"Bearer {token}"}
        answer = await wire.call("POST", api.TEXTS_RECEIVED, json.dumps(told), token=None, headers=headers)
        return answer.status

    assert await text("Stop", token="guessed") == 401
    assert await text("I can't stop thinking of it") == 204
    assert await text("STOP", number="sixty") == 204
    assert len((await nearby(town.officer)).cameras) == 1
    assert await text(" Stop. Leave me alone") == 204
    assert (await nearby(town.officer)).cameras == ()
    assert not any(NUMBER.encode() in path.read_bytes() for path in town.place.folder.path.glob("portal.db*"))


@pytest.mark.parametrize("limits", [Limits(form_texts_per_day=1)])
async def test_strangers_cause_only_so_many_texts_a_day(town: Town, visitor: Visitor) -> None:
    for number in ("07400 123456", "07400 123457"):
        assert (await visitor.post("/register", {**FORM, "address": number})).status == 200
    await spooled(town, 1)
    outbox = town.running.portal.outbox
    assert outbox is not None
    assert await outbox.send_due() == 0
    town.clock.forward(DAY)
    await visitor.post("/my-entry", {"address": "07400 123457"})
    assert len(await spooled(town, 2)) == 2


@pytest.fixture
async def provider() -> AsyncIterator[NotifyStandIn]:
    async with notify_stand_in() as provider:
        yield provider


def carrier(provider: NotifyStandIn, folder: Path, key: str = KEY) -> NotifyCarrier:
    path = folder / "texts-key"
    path.write_text(key + "\n")
    path.chmod(0o600)
    settings = NotifyTexts(kind="notify", url=provider.url, template=TEMPLATE, key_file=path)
    return NotifyCarrier(settings, SystemClock())


async def test_the_provider_gets_number_and_text_under_a_token(provider: NotifyStandIn, tmp_path: Path) -> None:
    await Carriers(carrier(provider, tmp_path), carrier(provider, tmp_path)).send(TOLD)
    assert provider.taken == [
        {"phone_number": NUMBER, "template_id": TEMPLATE, "personalisation": {"text": "Hello, here is your link."}}
    ]
    with pytest.raises(AddressRefused, match="No text messages"):
        await Carriers(carrier(provider, tmp_path), None).send(TOLD)


@pytest.mark.parametrize(
    ("refusal", "words", "given_up"),
    [
        ((400, "ValidationError", f"phone_number {NUMBER} is not a valid number"), "not take the number", True),
        ((400, "BadRequestError", "Missing personalisation"), "its template", False),
        ((403, "AuthError", "Invalid token"), "API key", False),
        ((429, "RateLimitError", "Exceeded rate limit"), "no more just now", False),
        ((503, "Exception", "Internal server error"), "failed \\(503\\)", False),
    ],
)
async def test_what_the_provider_refuses_is_said_without_the_number(
    provider: NotifyStandIn, tmp_path: Path, refusal: tuple[int, str, str], words: str, given_up: bool
) -> None:
    provider.refusal = refusal
    with pytest.raises(NotDelivered, match=words) as refused:
        await carrier(provider, tmp_path).send(TOLD)
    assert isinstance(refused.value, AddressRefused) is given_up
    assert "7400123456" not in str(refused.value)


async def test_a_key_that_is_none_or_another_sends_nothing(provider: NotifyStandIn, tmp_path: Path) -> None:
    with pytest.raises(NotDelivered, match="is none"):
        await carrier(provider, tmp_path, "not a key").send(TOLD)
    with pytest.raises(NotDelivered, match="API key") as refused:
        await carrier(provider, tmp_path, KEY[:-1] + "1").send(TOLD)
    assert KEY[-20:-1] not in str(refused.value)
    (tmp_path / "texts-key").chmod(0o644)
    with pytest.raises(NotDelivered, match="can't be read"):
        await replace(carrier(provider, tmp_path), settings=NotifyTexts(kind="notify", template="x")).send(TOLD)
    assert provider.taken == []
    with pytest.raises(ValueError, match="https only"):
        NotifyTexts(kind="notify", template="x", url="http://texts.example.org")


async def test_a_folder_that_is_gone_is_tried_again(town: Town, visitor: Visitor, room: Path) -> None:
    (room / "texts").rmdir()
    await visitor.post("/register", {**FORM, "address": "07400 123456"})
    outbox = town.running.portal.outbox
    assert outbox is not None
    await outbox.send_due()
    (room / "texts").mkdir()
    town.clock.forward(sending.WAITS[0])
    await outbox.send_due()
    assert len(await spooled(town, 1)) == 1
