"""What officers ask supervisors for by the portal: carried to their unit, answered once; limits told; quotas kept."""

import asyncio
from typing import Any

import pytest

from exchange.clock import DAY, HOUR, to_rfc3339
from exchange.documents import api
from exchange.documents.messages import Role, Signed, Stretch
from exchange.documents.supervision import (
    AskedAuthorisations,
    AuthorisationAsked,
    CameraName,
    Quotas,
    RulesQuestion,
    SupervisionRules,
    SupervisorsWord,
)
from portal.requests import authorisations
from portal.settings import Limits
from portal.storage.supervision_tables import AskedWord
from portal.sweep import sweep
from tests.portal.conftest import BOTH, Town
from tests.portal.supervision.supervisors import authorised, known
from tests.portal.wire import Officer, camera

ENGINES = BOTH
UNIT = "CID Mill Road"
PLACE = {"lat": 53.7632, "lon": -2.7031, "radius_m": 50}
WORD = api.AUTHORISATION.format(asked_id="asked-1")


def asked(town: Town, who: Officer, **changed: Any) -> Signed:
    now = town.clock.now()
    fields = {
        "asked_id": "asked-1",
        "force": town.place.force.name,
        "credential": who.credential,
        "crime_reference": "EX/26/004711",
        "window": Stretch(start=now - 2 * HOUR, end=now - HOUR),
        "most_owners": 20,
        "reason": "A series of burglaries.",
        "issued": now,
    }
    return who.sign(AuthorisationAsked.model_validate(fields | changed))


async def shown(who: Officer) -> AskedAuthorisations:
    answer = await who.call("GET", api.AUTHORISATIONS)
    assert answer.status == 200, answer.content
    return AskedAuthorisations.model_validate_json(answer.content)


async def test_supervisors_of_the_unit_see_it_and_the_first_word_stands(town: Town) -> None:
    reid, other = await known(town, Role.SUPERVISOR, unit=UNIT), await known(town, Role.SUPERVISOR, unit="Traffic")
    question = asked(town, town.officer)
    for _ in range(2):
        assert (await town.officer.call("POST", api.AUTHORISATIONS, question)).status == 204
    changed = asked(town, town.officer, reason="Another one.")
    assert (await town.officer.call("POST", api.AUTHORISATIONS, changed)).status == 409
    assert [each.asked for each in (await shown(reid)).items] == [question]
    assert (await shown(other)).items == ()
    word = SupervisorsWord(authorisation=authorised(town, reid))
    assert (await other.call("PUT", WORD, word)).status == 404
    assert (await town.officer.call("PUT", WORD, word)).status == 403
    for _ in range(2):
        assert (await reid.call("PUT", WORD, word)).status == 204
    assert (await reid.call("PUT", WORD, SupervisorsWord(refused="No."))).status == 409
    (mine,) = (await shown(town.officer)).items
    assert (mine.authorisation, mine.refused) == (word.authorisation, None)
    assert (await shown(reid)).items == ()


async def test_only_a_word_for_what_was_asked_is_kept(town: Town) -> None:
    reid, twin = await known(town, Role.SUPERVISOR, unit=UNIT), await known(town, Role.SUPERVISOR, unit=UNIT)
    await town.officer.call("POST", api.AUTHORISATIONS, asked(town, town.officer))
    for wrong in (
        authorised(town, twin),
        authorised(town, reid, crime_reference="EX/26/000001"),
        authorised(town, reid, officer=twin.key.public.fingerprint),
        authorised(town, reid, expires=town.clock.now()),
        authorised(town, await known(town, Role.OFFICER)),
    ):
        assert (await reid.call("PUT", WORD, SupervisorsWord(authorisation=wrong))).status == 422
    assert (await reid.call("PUT", WORD, SupervisorsWord(refused="Too many."))).status == 204
    (mine,) = (await shown(town.officer)).items
    assert (mine.refused, mine.refused_by) == ("Too many.", "Inspector Sam Reid")


async def test_nobody_asks_in_anothers_name_or_signs_their_own(town: Town) -> None:
    both = await known(town, Role.SUPERVISOR, Role.OFFICER, unit=UNIT)
    other = await known(town, Role.OFFICER)
    assert (await other.call("POST", api.AUTHORISATIONS, asked(town, town.officer))).status == 422
    supervisor = await known(town, Role.SUPERVISOR, unit=UNIT)
    assert (await supervisor.call("POST", api.AUTHORISATIONS, asked(town, supervisor))).status == 403
    assert (await both.call("POST", api.AUTHORISATIONS, asked(town, both))).status == 204
    assert (await both.call("PUT", WORD, SupervisorsWord(refused="Mine."))).status == 403


async def test_it_is_forgotten_and_too_many_are_refused(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorisations, "MOST_A_DAY", 1)
    portal = town.running.portal
    assert (await town.officer.call("POST", api.AUTHORISATIONS, asked(town, town.officer))).status == 204
    second = asked(town, town.officer, asked_id="asked-2")
    assert (await town.officer.call("POST", api.AUTHORISATIONS, second)).status == 429
    town.clock.forward(31 * DAY)
    assert (await shown(town.officer)).items == ()
    town.clock.forward(150 * DAY)
    async with asyncio.timeout(30):  # the portal's own sweep may hold the lock: then this one does nothing
        while await portal.db.read(lambda session: session.get(AskedWord, "asked-1")) is not None:
            await sweep(portal.db, portal.uploads, portal.settings, town.clock.now())
    town.clock.forward(-181 * DAY)
    assert (await shown(town.officer)).items == ()


@pytest.mark.parametrize("limits", [Limits(supervised_owners=3, supervised_window_hours=2)])
async def test_the_forces_limits_and_cameras_indoors_are_told(town: Town) -> None:
    agent = await town.agent().join(town.place, camera(), camera("shop", indoors=True))
    names = [CameraName(device=agent.name, camera_id=each) for each in ("front", "shop", "gone")]
    names.append(CameraName(device=town.officer.key.public.fingerprint, camera_id="shop"))
    answer = await town.officer.call("POST", api.SUPERVISION, RulesQuestion(cameras=tuple(names)))
    found = SupervisionRules.model_validate_json(answer.content)
    assert (found.limits.owners, found.limits.window, found.limits.indoors) == (3, 2 * HOUR, True)
    assert found.cameras_indoors == (names[1],)


@pytest.mark.parametrize("limits", [Limits(searches_per_officer_per_hour=2, fetches_per_officer_per_hour=1)])
async def test_an_hours_quota_is_kept_and_seen(town: Town) -> None:
    content = b"sealed" * 100
    agent = await town.agent().join(town.place)
    for number in (1, 2):
        request = await town.officer.ask(agent, f"r-{number}")
        await agent.decide(request)
        await agent.deliver(request, content, await agent.upload(content))
    path = api.CONTENT.format(delivery_id="r-1-del")
    assert (await town.officer.call("GET", path)).status == 200
    assert (await town.officer.call("GET", path, headers={"Range": "bytes=5-"})).status == 206
    refused = await town.officer.call("GET", api.CONTENT.format(delivery_id="r-2-del"))
    assert (refused.status, refused.title) == (429, "An officer may fetch 1 package an hour.")
    for _ in range(2):
        await town.officer.search(**PLACE)
    times = {"from": to_rfc3339(town.clock.now() - HOUR), "to": to_rfc3339(town.clock.now())}
    refused = await town.officer.call("GET", api.SEARCH, query=times | PLACE | {"crime_reference": "C-1"})
    assert (refused.status, refused.title) == (429, "An officer may search 2 times an hour.")
    auditor, other = await known(town, Role.AUDITOR, name="Kim Patel"), await known(town, Role.OFFICER)
    seen = Quotas.model_validate_json((await auditor.call("GET", api.QUOTAS)).content)
    assert [(each.name, each.searches_hour, each.requests_day, each.fetches_hour) for each in seen.officers] == [
        ("Ada Okafor", 2, 2, 1),
        ("Kim Patel", 0, 0, 0),
    ]
    own = Quotas.model_validate_json((await other.call("GET", api.QUOTAS)).content)
    assert [each.name for each in own.officers] == ["Sam Reid"]
    town.clock.forward(HOUR)
    portal = town.running.portal
    await sweep(portal.db, portal.uploads, portal.settings, town.clock.now())
    assert (await town.officer.call("GET", api.CONTENT.format(delivery_id="r-2-del"))).status == 200
