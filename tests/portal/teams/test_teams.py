"""Teams at the portal: version upon version, who sees a case and who does not, and keys that the portal can't open."""

import asyncio
import base64
import hashlib
from dataclasses import dataclass
from typing import Any

import pytest

from exchange.age.files import Identity, generate_identity
from exchange.clock import DAY
from exchange.documents import api
from exchange.documents.feedback import CannotPlay, Question
from exchange.documents.messages import Role, Signed
from exchange.documents.teams import CaseTeam, Teams, TeamVersion
from exchange.errors import KeyDoesNotOpen
from exchange.signing.teams import open_team
from portal.force import officers
from portal.officer.teams.sealed_keys import open_keys, seal_keys
from tests.exchange.teams.unit import Member, Unitary
from tests.portal.conftest import BOTH, NOON, Town
from tests.portal.wire import Agent, Answer, Officer

ENGINES = BOTH

SEALED = b"what only the team can open"


@dataclass
class Station:
    """Officers of a unit at a portal, and an owner's agent."""

    town: Town
    unit: Unitary
    agent: Agent

    async def officer(self, collar: str, **details: Any) -> tuple[Member, Officer]:
        """Another one, let in at the portal."""
        member = self.unit.member(collar, **details)
        await self.let_in(member)
        return member, self.calls(member)

    async def let_in(self, member: Member) -> None:
        portal = self.town.running.portal
        await portal.db.write(lambda s: officers.add(s, member.credential, portal.settings, portal.clock.now()))

    def calls(self, member: Member) -> Officer:
        town = self.town
        return Officer(town.session, town.origin, town.clock, member.key, member.credential, self.unit.name)

    def version(
        self, *members: Member, keys: tuple[Identity, ...] = (), recovery: bool = True, **changed: Any
    ) -> TeamVersion:
        """A version whose keys are really sealed for its members."""
        keys = keys or (self.unit.case,)
        recipients = [str(member.identity.recipient) for member in members]
        wrapped = seal_keys(keys, [*recipients, *([str(self.unit.recovery.recipient)] if recovery else [])])
        fields = {"recipient": str(keys[0].recipient), "wrapped_sha256": hashlib.sha256(wrapped).hexdigest()}
        signed = self.unit.team(*members, **{**fields, "issued": self.town.clock.now(), **changed})
        return TeamVersion(signed=signed, wrapped=base64.b64encode(wrapped).decode())


async def put(officer: Officer, made: TeamVersion, **named: Any) -> Answer:
    document = CaseTeam.model_validate_json(made.signed.document)
    where = {"case_id": document.case_id, "version": document.version} | named
    return await officer.call("PUT", api.TEAM_VERSION.format(**where), made)


async def teams(officer: Officer, **query: Any) -> list[tuple[str, int]]:
    answer = await officer.call("GET", api.TEAMS, query=query)
    assert answer.status == 200, answer.content
    return [(brief.case_id, brief.version) for brief in Teams.model_validate_json(answer.content).teams]


async def read(officer: Officer, case_id: str = "case-1") -> TeamVersion:
    answer = await officer.call("GET", api.TEAM.format(case_id=case_id))
    assert answer.status == 200, answer.content
    return TeamVersion.model_validate_json(answer.content)


@pytest.fixture
async def station(town: Town) -> Station:
    unit = Unitary(town.place.force.key, town.place.force.name, NOON)
    return Station(town, unit, await town.agent().join(town.place))


async def test_a_team_sees_the_case_and_everything_that_answers_it(station: Station) -> None:
    ada, first = await station.officer("1")
    bo, second = await station.officer("2")
    _, stranger = await station.officer("3")
    made = station.version(ada, bo)
    assert (await put(first, made)).status == 204
    assert (await put(first, made)).status == 204  # the same again
    assert await teams(second) == [("case-1", 1)]
    assert await teams(stranger) == []

    asked = await first.ask(station.agent, team=made.signed, recipient=str(station.unit.case.recipient))
    await station.agent.decide(asked)
    assert (await station.agent.deliver(asked, SEALED, await station.agent.upload(SEALED))).status == 204
    content = api.CONTENT.format(delivery_id="r-1-del")
    document = api.OFFICER_DOCUMENT.format(request_id="r-1")
    assert (await second.case()).status == "approved"
    assert (await second.call("GET", content)).content == SEALED
    assert Signed.model_validate_json((await second.call("GET", document)).content) == asked
    listed = api.Cases.model_validate_json((await second.call("GET", api.OFFICER_REQUESTS)).content)
    assert [case.request_id for case in listed.cases] == ["r-1"]
    for path in (content, document, api.OFFICER_REQUEST.format(request_id="r-1")):
        assert (await stranger.call("GET", path)).status == 404
    assert (await stranger.call("GET", api.TEAM.format(case_id="case-1"))).status == 404
    assert (await stranger.call("GET", api.TEAM_VERSION.format(case_id="case-1", version=1))).status == 404
    assert (await stranger.call("GET", api.OFFICER_REQUESTS, query={"case_id": "case-1"})).json["cases"] == []


async def test_the_case_keys_open_for_the_team_and_the_unit_and_for_nobody_else(station: Station) -> None:
    ada, first = await station.officer("1")
    await put(first, station.version(ada))
    found = await read(first)
    team = open_team(found.signed, station.unit.force.public)
    for opener in (ada.identity, station.unit.recovery):
        assert open_keys(found.wrapped, team, [opener]) == (station.unit.case,)
    with pytest.raises(KeyDoesNotOpen):
        open_keys(found.wrapped, team, [generate_identity("hybrid")])


async def test_a_member_who_was_taken_off_sees_nothing_any_more(station: Station) -> None:
    ada, first = await station.officer("1")
    bo, second = await station.officer("2")
    made = station.version(ada, bo)
    await put(first, made)
    await first.ask(station.agent, team=made.signed, recipient=str(station.unit.case.recipient))
    again = station.version(ada, keys=(generate_identity("hybrid"), station.unit.case), after=made.signed)
    assert (await put(first, again)).status == 204
    assert await teams(second) == []
    assert (await second.call("GET", api.OFFICER_REQUEST.format(request_id="r-1"))).status == 404
    assert (await second.call("GET", api.TEAM.format(case_id="case-1"))).status == 404
    stale = first.request(station.agent.name, "r-2", team=made.signed, recipient=str(station.unit.case.recipient))
    refused = await first.send(stale)
    assert (refused.status, refused.title) == (409, "The case's team has changed since.")
    version = await first.call("GET", api.TEAM_VERSION.format(case_id="case-1", version=1))
    assert Signed.model_validate_json(version.content) == made.signed


async def test_of_two_changes_at_once_one_is_taken(station: Station) -> None:
    ada, first = await station.officer("1")
    bo, second = await station.officer("2")
    made = station.version(ada, bo)
    await put(first, made)
    cy, dee = station.unit.member("3"), station.unit.member("4")
    changes = [
        put(first, station.version(ada, bo, cy, after=made.signed)),
        put(second, station.version(ada, bo, dee, after=made.signed, by=bo)),
    ]
    statuses = [answer.status for answer in await asyncio.gather(*changes)]
    assert sorted(statuses) == [204, 409]
    assert CaseTeam.model_validate_json((await read(first)).signed.document).version == 2


async def test_what_a_portal_does_not_take(station: Station) -> None:
    ada, first = await station.officer("1")
    bo, second = await station.officer("2")
    made = station.version(ada)
    assert (await put(second, made)).title == "The team's version is signed by another officer."
    assert (await put(first, made, version=2)).title == "The team's version is another one."
    assert (await put(first, made, version="x")).status == 404
    assert (await put(first, made.model_copy(update={"wrapped": "QQ=="}))).status == 422
    assert (await put(first, made.model_copy(update={"wrapped": "QQQQQ"}))).title == "The case's keys are no base64."
    short = await put(first, station.version(ada, recovery=False))
    assert short.title == "The case's keys are not sealed for as many as the team has."
    ahead = await put(first, station.version(ada, issued=NOON + DAY // 2))
    assert ahead.title == "The team's version is dated in a time that is still to come."
    assert (await put(first, station.version(ada, after=made.signed))).status == 404  # there is no first one
    unknown = first.request(station.agent.name, team=made.signed, recipient=str(station.unit.case.recipient))
    assert (await first.send(unknown)).title == "The team that the request names isn't known here."
    assert (await put(first, made)).status == 204
    stolen = await put(second, station.version(bo, after=made.signed, by=bo, keys=(generate_identity("hybrid"),)))
    assert (stolen.status, stolen.title) == (422, "Officer 2 is none of the team's version 1, and changed it.")
    assert (await second.call("GET", api.TEAM_VERSION.format(case_id="case-1", version=7))).status == 404
    assert (await first.call("GET", api.TEAM_VERSION.format(case_id="case-1", version=7))).status == 404


async def test_a_revoked_key_comes_onto_no_team(station: Station) -> None:
    ada, first = await station.officer("1")
    bo, _ = await station.officer("2")
    portal = station.town.running.portal
    await portal.db.write(lambda s: officers.revoke(s, "2", portal.clock.now()))
    answer = await put(first, station.version(ada, bo))
    assert (answer.status, answer.title) == (422, "The key of Officer 2 was revoked.")


async def test_a_lost_laptop_is_put_right_by_a_colleague_or_the_units_supervisor(station: Station) -> None:
    ada, first = await station.officer("1")
    made = station.version(ada)
    await put(first, made)
    anew, again = await station.officer("1")
    chief, chiefs = await station.officer("9", roles=(Role.SUPERVISOR,))
    _, elsewhere = await station.officer("8", roles=(Role.SUPERVISOR,), unit="Traffic")
    assert await teams(again) == [("case-1", 1)]
    assert await read(again) == made
    assert await teams(chiefs) == []
    assert await teams(chiefs, crime_reference="EX/26/004711") == [("case-1", 1)]
    assert await teams(elsewhere, crime_reference="EX/26/004711") == []
    keys = (generate_identity("hybrid"), station.unit.case)
    assert (await put(chiefs, station.version(anew, after=made.signed, by=chief, keys=keys))).status == 204
    assert await teams(first) == [("case-1", 2)]  # still the same officer, whose old key opens nothing of it
    assert (await first.call("GET", api.TEAM.format(case_id="case-1"))).status == 200


async def test_what_was_asked_before_the_case_had_a_team_comes_into_it(station: Station) -> None:
    ada, first = await station.officer("1")
    bo, second = await station.officer("2")
    key = str(station.unit.case.recipient)
    await first.ask(station.agent, "r-1", recipient=key)
    await first.ask(station.agent, "r-2")  # another key
    await first.ask(station.agent, "r-3", recipient=key, crime_reference="EX/26/1")
    await put(first, station.version(ada, bo))
    listed = await second.call("GET", api.OFFICER_REQUESTS, query={"case_id": "case-1"})
    assert [case["request_id"] for case in listed.json["cases"]] == ["r-1"]


async def test_a_colleague_gives_the_receipt_and_the_feedback(station: Station) -> None:
    ada, first = await station.officer("1")
    bo, second = await station.officer("2")
    made = station.version(ada, bo)
    await put(first, made)
    asked = await first.ask(station.agent, team=made.signed, recipient=str(station.unit.case.recipient))
    await station.agent.decide(asked)
    await station.agent.deliver(asked, SEALED, await station.agent.upload(SEALED))
    receipt = second.receipt(SEALED)
    assert (await second.call("PUT", api.RECEIPT.format(delivery_id="r-1-del"), receipt)).status == 204
    said = second.feedback(station.agent.name, SEALED, Question)
    assert (await second.bring(said)).status == 204
    items = (await station.agent.inbox(kinds="request receipt feedback")).items
    assert [item.kind for item in items] == [api.InboxKind.RECEIPT, api.InboxKind.FEEDBACK]
    assert (await station.agent.bring(station.agent.answer(said))).status == 204
    heard = [[word.request_id for word in (await officer.owners_words()).items] for officer in (first, second)]
    assert heard == [["r-1"], ["r-1"]]
    _, stranger = await station.officer("3")
    assert (await stranger.owners_words()).items == ()
    assert (await stranger.bring(stranger.feedback(station.agent.name, SEALED, CannotPlay))).status == 404
