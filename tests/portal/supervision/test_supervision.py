"""What the portal takes only with a supervisor's signature, and that many small requests are one large one."""

import pytest

from exchange.clock import DAY, HOUR, MINUTE, to_rfc3339
from exchange.documents import api
from exchange.documents.messages import Asked, Role, Stretch
from exchange.documents.supervision import Area
from portal.force import officers
from portal.settings import Limits
from tests.portal.conftest import Town
from tests.portal.supervision.supervisors import authorised, credential, known
from tests.portal.wire import Agent, camera

FEW = pytest.mark.parametrize("limits", [Limits(supervised_owners=2)])
HERE = Area(latitude=53.7632, longitude=-2.7031, radius_m=100)


async def agents(town: Town, count: int) -> list[Agent]:
    return [await town.agent().join(town.place) for _ in range(count)]


async def test_many_owners_need_a_supervisors_word(town: Town) -> None:
    (agent,) = await agents(town, 1)
    supervisor = await known(town, Role.SUPERVISOR)
    refused = await town.officer.send(town.officer.request(agent.name, owners_asked=11))
    assert (refused.status, "11 owners are asked" in refused.title) == (403, True)
    few = authorised(town, supervisor, most_owners=10)
    refused = await town.officer.send(town.officer.request(agent.name, owners_asked=11, authorisation=few))
    assert (refused.status, "at most 10 owners" in refused.title) == (403, True)
    await town.officer.ask(agent, owners_asked=11, authorisation=authorised(town, supervisor, area=HERE))
    (item,) = (await agent.inbox()).items
    assert "authorisation" in item.signed.document


@FEW
async def test_separate_requests_about_one_crime_count_together(town: Town) -> None:
    first, second, third = await agents(town, 3)
    await town.officer.ask(first, "r-1")
    await town.officer.ask(second, "r-2")
    await town.officer.ask(second, "r-3", necessity="The same owner once more is no other owner.")
    refused = await town.officer.send(town.officer.request(third.name, "r-4"))
    assert (refused.status, "3 owners are asked" in refused.title) == (403, True)
    assert (await third.inbox()).items == ()
    await town.officer.ask(third, "r-5", crime_reference="EX/26/009999")
    word = authorised(town, await known(town, Role.SUPERVISOR))
    untrue = await town.officer.send(town.officer.request(third.name, "r-6", authorisation=word, owners_asked=2))
    assert (untrue.status, "it says 2" in untrue.title) == (422, True)
    await town.officer.ask(third, "r-7", authorisation=word, owners_asked=3)


@FEW
async def test_what_was_asked_more_than_a_day_ago_counts_no_more(town: Town) -> None:
    first, second, third = await agents(town, 3)
    await town.officer.ask(first, "r-1")
    await town.officer.ask(second, "r-2")
    town.clock.forward(DAY + MINUTE)
    await town.officer.ask(third, "r-3")


async def test_long_windows_of_a_camera_count_together(town: Town) -> None:
    (agent,) = await agents(town, 1)
    now = town.clock.now()

    def hours(first: int, last: int) -> tuple[Asked, ...]:
        return (Asked(camera_id="front", window=Stretch(start=now - first * HOUR, end=now - last * HOUR)),)

    await town.officer.ask(agent, "r-1", asked=hours(9, 6))
    refused = await town.officer.send(town.officer.request(agent.name, "r-2", asked=hours(6, 4)))
    assert (refused.status, "more than 4 hours of a camera" in refused.title) == (403, True)
    word = authorised(town, await known(town, Role.SUPERVISOR))
    await town.officer.ask(agent, "r-3", asked=hours(6, 4), authorisation=word)


async def test_cameras_inside_of_buildings_and_outside_of_the_area(town: Town) -> None:
    inside = camera(indoors=True)
    agent = await town.agent().join(town.place, inside, camera("gate", at=(53.77, -2.7031)))
    supervisor = await known(town, Role.SUPERVISOR)
    refused = await town.officer.send(town.officer.request(agent.name))
    assert (refused.status, "inside of a building" in refused.title) == (403, True)
    word = authorised(town, supervisor, indoors=True, area=HERE)
    await town.officer.ask(agent, authorisation=word)
    asked = tuple(Asked(camera_id="gate", window=each.window) for each in _asked(town, agent))
    refused = await town.officer.send(town.officer.request(agent.name, "r-2", asked=asked, authorisation=word))
    assert (refused.status, "gate lies outside" in refused.title) == (403, True)


def _asked(town: Town, agent: Agent) -> tuple[Asked, ...]:
    now = town.clock.now()
    return (Asked(camera_id="front", window=Stretch(start=now - HOUR, end=now - HOUR + MINUTE)),)


async def test_a_revoked_supervisor_authorises_nothing(town: Town) -> None:
    (agent,) = await agents(town, 1)
    supervisor = await known(town, Role.SUPERVISOR)
    word = authorised(town, supervisor)
    name = supervisor.key.public.fingerprint
    await town.running.portal.db.write(lambda session: officers.revoke(session, name, town.clock.now()))
    refused = await town.officer.send(town.officer.request(agent.name, owners_asked=11, authorisation=word))
    assert (refused.status, "was revoked" in refused.title) == (403, True)


async def test_whoever_is_no_officer_neither_searches_nor_asks(town: Town) -> None:
    (agent,) = await agents(town, 1)
    auditor = await known(town, Role.AUDITOR)
    refused = await auditor.send(auditor.request(agent.name))
    assert (refused.status, "the role 'officer'" in refused.title) == (403, True)
    now = town.clock.now()
    times = {"from": now - HOUR, "to": now}
    place = {"lat": 53.7632, "lon": -2.7031, "radius_m": 50, "crime_reference": "C-1"}
    query = {**place, **{name: to_rfc3339(at) for name, at in times.items()}}
    assert (await auditor.call("GET", api.SEARCH, query=query)).status == 403


async def test_an_officer_shows_no_newer_credential_than_the_portal_knows(town: Town) -> None:
    """Roles count as the portal was told of them, whatever the request carries."""
    (agent,) = await agents(town, 1)
    auditor = await known(town, Role.AUDITOR)
    auditor.credential = credential(town, auditor.key, Role.OFFICER)
    assert (await auditor.send(auditor.request(agent.name))).status == 403
