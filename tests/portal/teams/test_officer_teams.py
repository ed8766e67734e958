"""Officers of a team at their own machines, and a portal that does not show them what it was given."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import delete, update

from exchange.documents.messages import Request
from exchange.errors import (
    EvidenceMismatch,
    InputInvalid,
    KeyDoesNotOpen,
    NotFound,
    PortalUnreachable,
    SignatureInvalid,
)
from exchange.signing.documents import sign_document
from portal.force import officers
from portal.officer.client import OfficerClient
from portal.officer.state import OfficerState, Setup
from portal.officer.teams.changing import change_team, found_team, with_members, without
from portal.officer.teams.record import KnownTeam, chosen_team, take_keys, team_of
from portal.officer.teams.restoring import bring_request
from portal.officer.teams.sealed_for import sealed_for
from portal.storage.models import StoredRequest
from portal.storage.team_tables import StoredTeam, TeamCase
from tests.exchange.teams.unit import Member, Unitary
from tests.portal.conftest import NOON, Town
from tests.portal.wire import Officer

CRIME = "EX/26/004711"


@dataclass
class Desk:
    """An officer's machine, without the screen."""

    member: Member
    state: OfficerState
    client: OfficerClient

    async def team(self) -> KnownTeam:
        return (await team_of(self.state, self.client, CRIME))[0]

    async def open_keys(self) -> KnownTeam:
        known, current = await team_of(self.state, self.client, CRIME)
        take_keys(self.state, known, current, [self.member.identity])
        return known


class Unit:
    """A unit of officers at one portal."""

    def __init__(self, town: Town, folder: Path) -> None:
        self.town, self.folder = town, folder
        self.unit = Unitary(town.place.force.key, town.place.force.name, NOON, CRIME)

    async def desk(self, machine: str, collar: str) -> Desk:
        member = self.unit.member(collar)
        portal = self.town.running.portal
        await portal.db.write(lambda s: officers.add(s, member.credential, portal.settings, NOON))
        state = OfficerState(self.folder / machine)
        state.make_key()
        (state.folder / "officer.key").unlink()
        member.key.save(state.folder / "officer.key")
        (state.folder / "officer.identity").write_text(f"{member.identity}\n")
        (state.folder / "officer.identity").chmod(0o600)
        force_key = self.town.place.force.key.public.line
        state.save_setup(Setup(portal=self.town.origin, force=self.unit.name, force_key=force_key), member.credential)
        return Desk(member, state, OfficerClient(self.town.origin, member.key, self.town.clock, self.town.session))

    async def found(self, by: Desk, *others: Desk) -> KnownTeam:
        credentials = [other.member.credential for other in others]
        return await found_team(by.state, by.client, CRIME, self.unit.unit(), credentials, self.town.clock.now())

    async def change(self, by: Desk, known: KnownTeam, *added: Desk, **how: Any) -> KnownTeam:
        members = with_members(known, [each.member.credential for each in added])
        now = self.town.clock.now()
        return await change_team(by.state, by.client, known, members, by.state.case_keys(CRIME), now, **how)

    async def tamper(self, *statements: Any) -> None:
        """What whoever runs the portal could do."""

        def work(session: Any) -> None:
            for statement in statements:
                session.execute(statement)

        await self.town.running.portal.db.write(work)


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """The officer's program waits for nobody else: it may block."""


@pytest.fixture
async def unit(town: Town, tmp_path: Path) -> Unit:
    return Unit(town, tmp_path)


async def test_an_older_version_that_the_portal_shows_again_is_found(unit: Unit) -> None:
    ada, bo = await unit.desk("ada", "1"), await unit.desk("bo", "2")
    first = await unit.found(ada, bo)
    wrapped = (await ada.client.team(first.case_id)).wrapped
    members = without(first.latest.document.members, "2")
    await change_team(ada.state, ada.client, first, members, ada.state.case_keys(CRIME), NOON)
    await unit.tamper(
        update(TeamCase).values(version=1, wrapped=wrapped), delete(StoredTeam).where(StoredTeam.version == 2)
    )
    with pytest.raises(EvidenceMismatch, match="version 1 of the team, and version 2 was seen"):
        await ada.team()
    with pytest.raises(EvidenceMismatch):
        await sealed_for(ada.state, ada.client, CRIME, None, NOON)


async def test_another_past_than_was_seen_is_found(unit: Unit) -> None:
    """A member and the portal make a second past in which an outsider was on the team all along."""
    ada, bo, cy = await unit.desk("ada", "1"), await unit.desk("bo", "2"), await unit.desk("cy", "3")
    first = await unit.found(ada, bo)
    await bo.open_keys()
    second = await unit.change(bo, first, cy)
    assert [member.collar_number for member in (await ada.team()).latest.members] == ["1", "2", "3"]
    other = sign_document(second.latest.document.model_copy(update={"issued": NOON + 1}), bo.member.key)
    await unit.tamper(
        update(StoredTeam).where(StoredTeam.version == 2).values(document=other.document, signature=other.signature)
    )
    with pytest.raises(EvidenceMismatch, match="another version 2"):
        await ada.team()


async def test_a_version_that_nobody_of_the_team_signed_is_found(unit: Unit) -> None:
    ada, mallory = await unit.desk("ada", "1"), await unit.desk("mallory", "9")
    first = await unit.found(ada)
    forged = unit.unit.team(ada.member, mallory.member, by=mallory.member, after=first.versions[0],
                            case_id=first.case_id, recipient=first.latest.document.recipient)  # fmt: skip
    await unit.tamper(
        update(StoredTeam).where(StoredTeam.version == 1).values(
            version=2, document=forged.document, signature=forged.signature
        ),
        update(TeamCase).values(version=2),
    )  # fmt: skip
    with pytest.raises(SignatureInvalid, match="none of the team's version 1"):
        await ada.team()


async def test_keys_that_are_not_the_teams_are_found(unit: Unit) -> None:
    ada = await unit.desk("ada", "1")
    await unit.found(ada)
    await unit.tamper(update(TeamCase).values(wrapped="QUJD"))
    with pytest.raises(EvidenceMismatch, match="sealed keys"):
        await ada.open_keys()


async def test_the_team_of_another_case_is_found(unit: Unit) -> None:
    ada = await unit.desk("ada", "1")
    known = await unit.found(ada)
    other = await found_team(ada.state, ada.client, "EX/26/2", unit.unit.unit(), (), NOON)
    (signed,) = other.versions
    await unit.tamper(
        update(StoredTeam)
        .where(StoredTeam.case_id == known.case_id)
        .values(document=signed.document, signature=signed.signature)
    )
    with pytest.raises(EvidenceMismatch, match="the team of another case"):
        await ada.team()


async def test_a_new_machine_finds_that_newer_versions_are_hidden_by_the_requests_that_name_them(unit: Unit) -> None:
    ada, bo = await unit.desk("ada", "1"), await unit.desk("bo", "2")
    agent = await unit.town.agent().join(unit.town.place)
    first = await unit.found(ada, bo)
    wrapped = (await ada.client.team(first.case_id)).wrapped
    await unit.change(ada, first, new_key=True)
    key, team = await sealed_for(ada.state, ada.client, CRIME, None, NOON)
    calls = Officer(unit.town.session, unit.town.origin, unit.town.clock, ada.member.key, ada.member.credential,
                    unit.unit.name)  # fmt: skip
    await calls.ask(agent, recipient=str(key.recipient), team=team)
    await unit.tamper(update(TeamCase).values(version=1, wrapped=wrapped))
    with pytest.raises(EvidenceMismatch, match="does not show"):
        await bring_request(bo.state, bo.client, "r-1")


async def test_a_strangers_request_is_not_taken_for_the_teams(unit: Unit) -> None:
    ada, bo, mallory = await unit.desk("ada", "1"), await unit.desk("bo", "2"), await unit.desk("mallory", "9")
    agent = await unit.town.agent().join(unit.town.place)
    await unit.found(ada, bo)
    key, team = await sealed_for(ada.state, ada.client, CRIME, None, NOON)
    calls = Officer(unit.town.session, unit.town.origin, unit.town.clock, ada.member.key, ada.member.credential,
                    unit.unit.name)  # fmt: skip
    asked = await calls.ask(agent, recipient=str(key.recipient), team=team)
    await bring_request(bo.state, bo.client, "r-1")
    assert bo.state.kept("r-1", "request") == asked
    request = Request.model_validate_json(asked.document)
    forged = sign_document(request.model_copy(update={"credential": mallory.member.credential}), mallory.member.key)
    elsewhere = sign_document(request.model_copy(update={"request_id": "r-2"}), ada.member.key)
    for signed, said in ((forged, "never on the case's team"), (elsewhere, "another request than was asked for")):
        (bo.state.request_folder("r-1") / "request.json").unlink(missing_ok=True)
        await unit.tamper(update(StoredRequest).values(document=signed.document, signature=signed.signature))
        with pytest.raises(EvidenceMismatch, match=said):
            await bring_request(bo.state, bo.client, "r-1")
    assert bo.state.kept("r-1", "request") is None


async def test_a_colleague_puts_in_the_new_key_after_a_lost_laptop(unit: Unit) -> None:
    ada, bo = await unit.desk("ada", "1"), await unit.desk("bo", "2")
    known = await unit.found(ada, bo)
    anew = await unit.desk("ada-again", "1")
    with pytest.raises(KeyDoesNotOpen):
        await anew.open_keys()
    await bo.open_keys()
    made = await unit.change(bo, known, anew)
    assert made.latest.document.recipient != known.latest.document.recipient
    await anew.open_keys()
    recipients = [str(key.recipient) for key in anew.state.case_keys(CRIME)]
    assert recipients == [made.latest.document.recipient, known.latest.document.recipient]
    with pytest.raises(KeyDoesNotOpen):
        await ada.open_keys()


async def test_a_case_with_an_older_kind_of_key_gets_one_that_a_team_can_have(unit: Unit) -> None:
    ada = await unit.desk("ada", "1")
    before = ada.state.case_key(CRIME, "x25519")
    await unit.found(ada)
    kinds = [key.kind for key in ada.state.case_keys(CRIME)]
    assert kinds == ["hybrid", "x25519"]
    assert ada.state.has_case_key(CRIME, str(before.recipient))
    with pytest.raises(InputInvalid, match="belongs to a team, whose key is hybrid"):
        await sealed_for(ada.state, ada.client, CRIME, "x25519", NOON)


async def test_what_an_officer_mistypes_of_a_team_is_told(unit: Unit) -> None:
    ada = await unit.desk("ada", "1")
    known = await unit.found(ada)
    members = known.latest.document.members
    with pytest.raises(InputInvalid, match="Nobody on the team is 7"):
        without(members, "7")
    with pytest.raises(InputInvalid, match="Nobody would be left"):
        without(members, "1")
    with pytest.raises(InputInvalid, match="belongs to a team already"):
        await unit.found(ada)
    plain, over = unit.unit.member("4", recipient=None), unit.unit.member("5", days=0)
    for member, said in ((plain, "names no recipient"), (over, "Officer 5 can't be used")):
        with pytest.raises(InputInvalid, match=said):
            await change_team(
                ada.state, ada.client, known, [*members, member.credential], ada.state.case_keys(CRIME), NOON
            )


async def test_two_changes_at_once_leave_one_and_the_other_is_made_anew(unit: Unit) -> None:
    ada, bo = await unit.desk("ada", "1"), await unit.desk("bo", "2")
    known = await unit.found(ada, bo)
    await bo.open_keys()
    cy, dee = await unit.desk("cy", "3"), await unit.desk("dee", "4")
    results = await asyncio.gather(unit.change(ada, known, cy), unit.change(bo, known, dee), return_exceptions=True)
    assert sum(isinstance(result, KnownTeam) for result in results) == 1
    after = await bo.team()
    loser, missing = (bo, dee) if len(after.latest.members) == 3 and after.latest.members[2].collar_number == "3" else (
        ada, cy
    )  # fmt: skip
    await loser.open_keys()
    made = await unit.change(loser, await loser.team(), missing)
    assert {member.collar_number for member in made.latest.members} == {"1", "2", "3", "4"}


async def test_two_who_founded_a_team_each_open_what_the_other_asked(unit: Unit) -> None:
    ada, bo = await unit.desk("ada", "1"), await unit.desk("bo", "2")
    agent = await unit.town.agent().join(unit.town.place)
    first = await unit.found(ada)
    unit.town.clock.forward(1)
    second = await unit.found(bo)
    assert first.case_id != second.case_id
    key, team = await sealed_for(ada.state, ada.client, CRIME, None, NOON)
    calls = Officer(unit.town.session, unit.town.origin, unit.town.clock, ada.member.key, ada.member.credential,
                    unit.unit.name)  # fmt: skip
    await calls.ask(agent, recipient=str(key.recipient), team=team)
    await unit.change(ada, first, bo)
    await bring_request(bo.state, bo.client, "r-1")
    assert bo.state.has_case_key(CRIME, str(key.recipient))
    _, named = await sealed_for(bo.state, bo.client, CRIME, None, NOON)
    assert named == second.versions[-1]  # nobody leads an officer's requests into another team


async def test_of_two_teams_for_one_crime_a_person_says_which(unit: Unit) -> None:
    ada, bo = await unit.desk("ada", "1"), await unit.desk("bo", "2")
    first = await unit.found(ada)
    assert (await chosen_team(ada.state, ada.client, CRIME, None))[0].case_id == first.case_id
    second = await unit.found(bo)
    await unit.change(bo, second, ada)
    with pytest.raises(InputInvalid, match=f"2 teams have the case.*{second.case_id}.*--case ID"):
        await chosen_team(ada.state, ada.client, CRIME, None)
    for each in (first, second):
        known, _ = await chosen_team(ada.state, ada.client, CRIME, each.case_id)
        assert known.case_id == each.case_id
    with pytest.raises(NotFound):
        await chosen_team(bo.state, bo.client, CRIME, first.case_id)


async def test_a_team_whose_founding_was_not_heard_of_is_not_founded_twice(unit: Unit) -> None:
    ada = await unit.desk("ada", "1")
    known = await unit.found(ada)
    for path in ada.state.case_folder(CRIME).glob("teams/*/*"):
        path.unlink()
    with pytest.raises(InputInvalid, match="belongs to a team already"):
        await unit.found(ada)
    assert (await ada.team()).case_id == known.case_id


async def test_a_case_whose_team_could_not_be_founded_gets_it_with_the_next_request(unit: Unit) -> None:
    ada = await unit.desk("ada", "1")
    ada.state.keep_unit(unit.unit.unit())
    ada.state.save_setup(ada.state.setup(), unit.unit.member("1", key=ada.member.key, recipient=None).credential)
    for _ in range(2):
        with pytest.raises(InputInvalid, match="names no recipient"):
            await sealed_for(ada.state, ada.client, CRIME, None, NOON)
    ada.state.save_setup(ada.state.setup(), ada.member.credential)
    with patch.object(ada.client, "put_team", side_effect=PortalUnreachable("gone")), pytest.raises(PortalUnreachable):
        await sealed_for(ada.state, ada.client, CRIME, None, NOON)
    key, team = await sealed_for(ada.state, ada.client, CRIME, None, NOON)
    assert team is not None
    assert (await ada.team()).latest.document.recipient == str(key.recipient)
