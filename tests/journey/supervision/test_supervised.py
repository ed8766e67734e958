"""What an officer may not ask alone: refused without a supervisor's word, and shown with whose word it is."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from agent.cameras.stored import change_registration
from agent.owner.terminal.prompt import show_request
from agent.records.register.gather import entry_of, stored_requests
from exchange.clock import DAY, MINUTE, Window
from exchange.documents.messages import Refusal, RefusalReason, Role, Signed, Stretch
from exchange.documents.supervision import Area, Authorisation
from exchange.signing.credentials import issue_credential
from exchange.signing.documents import SigningKey, open_document, sign_document
from tests.journey.home import CAMERA, Home, Siege, besieged, home

SUPERVISOR = SigningKey.generate()
HERE = Area(latitude=53.7640, longitude=-2.7031, radius_m=150)
FAR = Area(latitude=53.7732, longitude=-2.7031, radius_m=1000)
REASON = "A series of burglaries in one night."


def credential(at: Home, key: SigningKey, *roles: Role) -> Signed:
    now = at.clock.now()
    return issue_credential(
        at.place.force.key, force=at.place.force.name, credential_id="c-77", name="Sam Reid", rank="Inspector",
        collar_number="77", unit="CID", contact="sam.reid@example.police.uk", public_key=key.public,
        valid=Window(now - DAY, now + DAY), roles=roles,
    )  # fmt: skip


def authorised(at: Home, **changed: object) -> Signed:
    now = at.clock.now()
    fields: dict[str, object] = {
        "authorisation_id": "a-1",
        "force": at.place.force.name,
        "credential": credential(at, SUPERVISOR, Role.SUPERVISOR),
        "officer": at.place.officer.public.fingerprint,
        "crime_reference": "04/1234/26",
        "window": Stretch.of(at.window),
        "area": HERE,
        "most_owners": 40,
        "reason": REASON,
        "issued": now - MINUTE,
        "expires": now + DAY,
    }
    return sign_document(Authorisation.model_validate(fields | changed), SUPERVISOR)


def for_many(at: Home, **changed: object) -> Signed:
    return at.request(**{"owners_asked": 40, "authorisation": authorised(at), **changed})


REFUSED: dict[str, tuple[Callable[[Siege], Signed], str]] = {
    "no supervisor's word": (lambda at: for_many(at, authorisation=None), "40 owners are asked"),
    "more owners": (lambda at: for_many(at, owners_asked=41), "at most 40"),
    "another area": (lambda at: for_many(at, authorisation=authorised(at, area=FAR)), "outside of the area"),
    "another crime": (lambda at: for_many(at, crime_reference="04/9/26"), "another crime"),
    "a word that is not needed and does not hold": (
        lambda at: for_many(at, owners_asked=2, crime_reference="04/9/26"),
        "another crime",
    ),
    "an officer who may not ask": (
        lambda at: at.request(credential=credential(at, at.place.officer, Role.AUDITOR)),
        "does not let Sam Reid ask",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_it_is_refused_before_anybody_is_asked(tmp_path: Path, what: str) -> None:
    asks, words = REFUSED[what]
    async with besieged(tmp_path) as at:
        row_id = await at.take(asks(at))
        listed = await at.listed(row_id)
        assert (listed["state"], words in listed["trouble"]) == ("closed", True), listed["trouble"]
        told = next(call for call in at.portal.calls if call.path.endswith("/refusal"))
        refusal = open_document(Signed.model_validate_json(told.body), Refusal, at.agent.services.keys.device.public)
        assert refusal.reason is RefusalReason.NOT_AUTHORISED
        assert "asked" not in await at.events()


async def test_a_camera_inside_of_a_building_needs_a_word_that_names_such(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        async with at.agent.services.store.transaction() as tx:
            row = await tx.camera(CAMERA)
            assert row is not None
            await change_registration(tx, row, {"indoors": True})
        row_id = await at.take(at.request())
        assert "inside of a building" in (await at.listed(row_id))["trouble"]
        row_id = await at.take(for_many(at))
        assert "not given for cameras inside" in (await at.listed(row_id))["trouble"]
        await at.asked(for_many(at, authorisation=authorised(at, indoors=True)))


async def test_the_owner_sets_what_is_many(tmp_path: Path) -> None:
    async with home(tmp_path, extra="requests: {supervised: {owners: 5}}") as at:
        request_id = await at.asked(at.request(owners_asked=5))
        shown = await at.shown(request_id)
        assert (shown["request"]["owners_asked"], shown["supervisor"]) == (5, None)
        refused = await at.send(at.request(owners_asked=6))
        await at.fetch_and_walk()
        assert "6 owners are asked, and more than 5 are many" in (await at.listed(refused))["trouble"]


async def test_the_owner_sees_who_signed_it_too_and_the_record_keeps_it(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked(for_many(at))
        shown = await at.shown(request_id)
        assert shown["supervisor"] == {"name": "Sam Reid", "rank": "Inspector", "unit": "CID", "reason": REASON}
        assert "authorisation" not in json.dumps(shown)
        screen = io.StringIO()
        show_request(Console(file=screen, width=100), shown)
        for words in ("by “Inspector Sam Reid, CID”, a supervisor", REASON, "40, you among them"):
            assert words in screen.getvalue()
        async with at.agent.services.store.transaction() as tx:
            (stored,) = await stored_requests(tx, None, request_id)
        kept = entry_of(stored, at.settings, 2, {}).supervisor
        assert kept is not None
        assert (kept.name, kept.reason) == ("Inspector Sam Reid, CID", REASON)
