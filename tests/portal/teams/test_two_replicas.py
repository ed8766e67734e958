"""Changes of one team that reach two replicas at once: one is taken, and the chain stays one chain."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from exchange.documents.teams import CaseTeam
from exchange.signing.teams import check_follows, open_team
from portal.server import Running
from tests.counterparts.portals.portal import in_process
from tests.exchange.teams.unit import Unitary
from tests.portal.conftest import NOON, Town
from tests.portal.teams.test_teams import Station, put, read, teams

ENGINES = ("postgres",)
ROUNDS = 3


@pytest.fixture
async def twin(town: Town) -> AsyncIterator[Running]:
    async with in_process(town.place, town.clock) as running:
        yield running


@pytest.fixture
async def station(town: Town) -> Station:
    unit = Unitary(town.place.force.key, town.place.force.name, NOON)
    return Station(town, unit, await town.agent().join(town.place))


async def test_of_two_changes_at_two_replicas_one_is_taken_each_time(station: Station, twin: Running) -> None:
    ada, first = await station.officer("1")
    bo, second = await station.officer("2")
    second = replace(second, origin=twin.portal.origin)
    founded = station.version(ada, bo)
    twice = await asyncio.gather(put(first, founded), put(replace(first, origin=twin.portal.origin), founded))
    assert 204 in {answer.status for answer in twice}
    assert {answer.status for answer in twice} <= {204, 409}
    members = [ada, bo]
    for number in range(ROUNDS):
        before = (await read(first)).signed
        one, other = station.unit.member(f"1{number}"), station.unit.member(f"2{number}")
        answers = await asyncio.gather(
            put(first, station.version(*members, one, after=before)),
            put(second, station.version(*members, other, after=before, by=bo)),
        )
        assert sorted(answer.status for answer in answers) == [204, 409]
        members.append(one if answers[0].status == 204 else other)
        force = station.unit.force.public
        after = (await read(second)).signed
        check_follows(open_team(before, force), open_team(after, force))
        named = CaseTeam.model_validate_json(after.document).members
        assert named == tuple(member.credential for member in members)
    assert await teams(second) == [("case-1", 1 + ROUNDS)]
