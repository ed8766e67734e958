"""What an owner's agent checks of the team that a request names, what the owner sees of it, and who may speak after."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from exchange.age.files import generate_identity
from exchange.documents.api import REFUSAL, InboxKind
from exchange.documents.feedback import CannotPlay, CaseOutcome, Question
from exchange.documents.messages import Refusal, RefusalReason, Role, Signed
from exchange.signing.documents import SigningKey, open_document
from tests.exchange.teams.unit import Member, Unitary
from tests.journey.home import Siege, besieged

CRIME = "04/1234/26"


def staffed(at: Siege) -> tuple[Unitary, Member]:
    """A unit of the home's force; the officer who asks is one of it from now on."""
    unit = Unitary(at.place.force.key, at.place.force.name, at.clock.now(), CRIME, case=at.case)
    asks = unit.member("4711", key=at.place.officer)
    at.place = replace(at.place, credential=asks.credential)
    return unit, asks


BROKEN: dict[str, tuple[Callable[[Unitary, Member], Signed], str]] = {
    "another key": (
        lambda unit, asks: unit.team(asks, recipient=str(generate_identity("hybrid").recipient)),
        "sealed for another key",
    ),
    "a team without the officer who asks": (lambda unit, asks: unit.team(unit.member("2")), "none of the team"),
    "a recovery key that the force does not know": (
        lambda unit, asks: unit.team(asks, recovery=unit.unit(by=SigningKey.generate())),
        "not vouched for",
    ),
    "a member of another force": (
        lambda unit, asks: unit.team(asks, unit.member("2", by=SigningKey.generate())),
        "not this force",
    ),
    "an auditor who would open it": (
        lambda unit, asks: unit.team(asks, unit.member("2", roles=(Role.AUDITOR,))),
        "may not open",
    ),
    "another crime's team": (lambda unit, asks: unit.team(asks, crime_reference="EX/1"), "another case"),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_a_request_whose_team_does_not_hold_is_refused_before_the_owner_hears_of_it(
    tmp_path: Path, what: str
) -> None:
    make, words = BROKEN[what]
    async with besieged(tmp_path) as at:
        unit, asks = staffed(at)
        signed = at.request(team=make(unit, asks))
        row_id = await at.take(signed)
        assert (await at.listed(row_id))["state"] == "closed"
        assert "asked" not in await at.events()
        named = json.loads(signed.document)["request_id"]
        (told,) = [call for call in at.portal.calls if call.path == REFUSAL.format(request_id=named)]
        refusal = open_document(Signed.model_validate_json(told.body), Refusal, at.agent.services.keys.device.public)
        assert refusal.reason is RefusalReason.INVALID
        assert words in refusal.explanation


async def test_those_whom_the_team_names_and_their_unit_may_speak_of_it_and_nobody_else(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        unit, asks = staffed(at)
        colleague, later, stranger = unit.member("2"), unit.member("3"), unit.member("4", unit="Traffic")
        request_id = await at.asked(at.request(team=unit.team(asks, colleague)))
        await at.say(request_id, yes=True)
        await at.walk()
        (package,) = await at.packages(request_id)
        for who, model in ((stranger, CannotPlay), (colleague, CaseOutcome), (later, Question)):
            at.place = replace(at.place, officer=who.key, credential=who.credential)
            at.portal.put(at.feedback_for(request_id, package, model), InboxKind.FEEDBACK)
        await at.fetch_and_walk()
        async with at.agent.services.store.transaction() as tx:
            rows = await tx.all("SELECT kind FROM feedback WHERE request_id = ?", [request_id])
        assert sorted(row["kind"] for row in rows) == ["outcome", "question"]
