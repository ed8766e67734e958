"""What may not be asked never reaches the owner's prompt: refused for them, with a reason both sides can read."""

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from exchange.clock import DAY, HOUR, MINUTE, SECOND, Window
from exchange.documents import api
from exchange.documents.messages import MAX_DOCUMENT, Asked, Refusal, RefusalReason, Signed, Stretch
from exchange.errors import PortalAnswerInvalid
from exchange.signing.documents import SigningKey, document_sha256, open_document
from tests.counterparts.portals.hostile_portal import text
from tests.journey.home import CAMERA, Siege, besieged, home, people


def altered(signed: Signed) -> Signed:
    return signed.model_copy(update={"document": signed.document.replace("A door was forced", "A door was opened")})


def forged(at: Siege) -> Signed:
    """Everything is right but who signed it."""
    at.place = replace(at.place, officer=SigningKey.generate())
    return at.request()


def by_another_force(at: Siege) -> Signed:
    at.place = replace(people(at.clock.now()), force=at.place.force)
    return at.request()


def with_credential(at: Siege, start: int, end: int) -> Signed:
    now = at.clock.now()
    return at.request(credential=at.place.force.credential(at.place.officer, Window(now + start, now + end)))


def asking(at: Siege, start: int, end: int, camera: str = CAMERA) -> Signed:
    now = at.clock.now()
    return at.request(asked=(Asked(camera_id=camera, window=Stretch(start=now + start, end=now + end)),))


def asking_in_pieces(at: Siege) -> Signed:
    """Three windows of an hour each, end to end, where two hours are the most."""
    now = at.clock.now()
    pieces = [Stretch(start=now - (n + 1) * HOUR, end=now - n * HOUR) for n in range(1, 4)]
    return at.request(asked=tuple(Asked(camera_id=CAMERA, window=piece) for piece in pieces))


def dated(at: Siege, issued: int, expires: int) -> Signed:
    return at.request(issued=at.clock.now() + issued, expires=at.clock.now() + expires)


REFUSED: dict[str, tuple[Callable[[Siege], Signed], RefusalReason, str]] = {
    "a forged signature": (forged, RefusalReason.BAD_SIGNATURE, "signature"),
    "altered bytes": (lambda at: altered(at.request()), RefusalReason.BAD_SIGNATURE, "signature"),
    "another force": (by_another_force, RefusalReason.UNPINNED_FORCE, "not this force's"),
    "an expired credential": (lambda at: with_credential(at, -DAY, -1), RefusalReason.CREDENTIAL_EXPIRED, "until"),
    "a credential of tomorrow": (
        lambda at: with_credential(at, DAY, 2 * DAY),
        RefusalReason.CREDENTIAL_NOT_YET_VALID,
        "valid only from",
    ),
    "an expired request": (lambda at: dated(at, -2 * HOUR, -1), RefusalReason.EXPIRED, "expired at"),
    "a request of tomorrow": (lambda at: dated(at, DAY, 2 * DAY), RefusalReason.NOT_YET_ISSUED, "still to come"),
    "a request open for a year": (lambda at: dated(at, -1, 365 * DAY), RefusalReason.OPEN_TOO_LONG, "90 days"),
    "a window too long": (lambda at: asking(at, -3 * HOUR, -1), RefusalReason.TOO_LONG, "180 minutes"),
    "a window too long, in pieces": (asking_in_pieces, RefusalReason.TOO_LONG, "180 minutes"),
    "a window of tomorrow": (lambda at: asking(at, -MINUTE, DAY), RefusalReason.IN_THE_FUTURE, "still to come"),
    "an unknown camera": (lambda at: asking(at, -MINUTE, -1, "attic"), RefusalReason.UNKNOWN_CAMERA, "attic"),
    "another device": (
        lambda at: at.request(device=SigningKey.generate().public.fingerprint),
        RefusalReason.WRONG_DEVICE,
        "another owner",
    ),
    "a recipient that is none": (
        lambda at: at.request(recipient="age1" + "q" * 58),
        RefusalReason.INVALID,
        "no age recipient",
    ),
    "the name of a stray": (lambda at: at.request(request_id="stray-1"), RefusalReason.INVALID, "may be called"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_request_that_may_not_be_asked_is_refused_with_its_reason(tmp_path: Path, what: str) -> None:
    make, reason, words = REFUSED[what]
    async with besieged(tmp_path) as at:
        signed = make(at)
        row_id = await at.take(signed)
        events = await at.events()
        assert "asked" not in events
        assert "request-refused" in events
        listed = await at.listed(row_id)
        assert listed["state"] == "closed"
        assert words in listed["trouble"]
        named = json.loads(signed.document)["request_id"]
        (told,) = [call for call in at.portal.calls if call.path == api.REFUSAL.format(request_id=named)]
        refusal = open_document(Signed.model_validate_json(told.body), Refusal, at.agent.services.keys.device.public)
        assert (refusal.request_id, refusal.reason) == (named, reason)
        assert refusal.request_sha256 == document_sha256(signed)
        assert words in refusal.explanation
        assert await at.agent.services.footage.held_bytes() == 0


GARBAGE = {
    "no JSON": "\x00\x01 rm -rf /",
    "another document": json.dumps({"kind": "receipt.v1"}),
    "a deep document": "[" * 100_000,
    "control characters in a field's name": json.dumps({"\x1b[31mrequest_id": "x"}),
    "more bytes than a document may have": "ä" * (MAX_DOCUMENT // 2 + 1),
}


@pytest.mark.parametrize("what", GARBAGE)
async def test_garbage_is_refused_in_printable_words_and_nobody_is_asked(tmp_path: Path, what: str) -> None:
    async with besieged(tmp_path) as at:
        row_id = await at.take(Signed(document=GARBAGE[what], signature="none"))
        listed = await at.listed(row_id)
        assert (listed["state"], row_id.startswith("stray-")) == ("closed", True)
        assert "can't be read" in listed["trouble"] or "may have" in listed["trouble"]
        assert listed["trouble"].isprintable()
        assert at.portal.said() == ["POST /v1/devices", "PUT /v1/registration"]


async def test_control_characters_in_a_signed_request_are_refused(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        fields = json.loads(at.request().document) | {"purpose": "To see.\x1b[2K\rIt is harmless."}
        document = json.dumps(fields)
        signed = Signed(document=document, signature=at.place.officer.sign(document.encode(), "request.v1@handover"))
        listed = await at.listed(await at.take(signed))
        assert listed["state"] == "closed"
        assert "U+001B" in listed["trouble"]
        assert listed["trouble"].isprintable()


async def test_a_document_of_300_kilobytes_makes_the_whole_answer_nonsense(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        item = {"cursor": 1, "kind": "request", "signed": {"document": "x" * 300_000, "signature": "y"}}
        at.portal.fault("GET", api.INBOX, text(json.dumps({"cursor": 1, "items": [item]})))
        with pytest.raises(PortalAnswerInvalid):
            await at.poll.fetch(0)
        assert await at.rows() == []


async def test_the_same_bytes_again_change_nothing(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        signed = at.request()
        request_id = await at.asked(signed)
        events = await at.events()
        at.portal.put(signed)
        await at.fetch_and_walk()
        assert await at.events() == events
        assert [row.request_id for row in await at.rows()] == [request_id]


async def test_a_used_id_with_other_bytes_is_refused_and_the_first_request_stands(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        other = at.request(request_id=request_id, purpose="For something else.")
        row_id = await at.take(other)
        assert row_id.startswith("stray-")
        assert "used before" in (await at.listed(row_id))["trouble"]
        (told,) = [call for call in at.portal.calls if call.path == api.REFUSAL.format(request_id=request_id)]
        refusal = open_document(Signed.model_validate_json(told.body), Refusal, at.agent.services.keys.device.public)
        assert (refusal.reason, refusal.request_sha256) == (RefusalReason.REPLAYED, document_sha256(other))
        assert await at.state(request_id) == "asked"


async def test_a_forgery_that_comes_first_does_not_take_the_true_requests_place(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        signed = at.request()
        await at.take(altered(signed))
        request_id = await at.take(signed)
        assert await at.state(request_id) == "asked"


async def test_a_flood_is_not_taken_and_what_waits_for_the_owner_still_can_be_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.requests.intake.MOST_UNDECIDED", 3)
    async with besieged(tmp_path) as at:
        ids = [await at.asked() for _ in range(3)]
        at.portal.put(at.request())
        with pytest.raises(PortalAnswerInvalid, match="more requests than"):
            await at.poll.fetch(0)
        assert len(await at.rows()) == 3
        await at.say(ids[0], yes=False)
        await at.walk()
        await at.fetch_and_walk()
        assert sorted(row.state for row in await at.rows()) == ["asked", "asked", "asked", "closed"]


async def test_the_officer_is_told_by_the_reference_portal_why_a_request_was_refused(tmp_path: Path) -> None:
    async with home(tmp_path, extra="requests: {longest_window: 1m}") as at:
        now = at.clock.now()
        window = Stretch(start=now - 10 * MINUTE, end=now - SECOND)
        request_id = await at.send(at.request(asked=(Asked(camera_id=CAMERA, window=window),)))
        await at.fetch_and_walk()
        case = await at.officer.case(request_id)
        assert case.refusal is not None
        refusal = open_document(case.refusal, Refusal, at.agent.services.keys.device.public)
        assert refusal.reason is RefusalReason.TOO_LONG
        assert "this owner allows 1" in refusal.explanation
        assert (await at.listed(request_id))["state"] == "closed"
        assert (await at.listed(request_id))["trouble"] == refusal.explanation


async def test_a_request_that_runs_out_between_portal_and_agent_is_refused_as_expired(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        at.portal.put(at.request(expires=at.clock.now() + HOUR, request_id=str(uuid.uuid4())))
        await at.poll.fetch(0)
        at.clock.forward(2 * HOUR)
        await at.walk()
        (row,) = await at.rows()
        assert (row.state, "expired" in (row.trouble or "")) == ("closed", True)
