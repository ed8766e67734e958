"""One crime, many owners: a request for each, narrowed to their cameras, sent once each whatever happens on the way."""

from dataclasses import replace
from typing import Any

import pytest

from exchange.clock import DAY, HOUR, MINUTE, Window
from exchange.documents.api import SearchResult
from exchange.documents.messages import Place, Request, Role, Signed, Stretch
from exchange.documents.supervision import Authorisation
from exchange.errors import DeviceKeyChanged, InputInvalid, NotFound, PortalUnreachable, SettingsInvalid
from exchange.signing.authorisations import AuthorisationInvalid
from exchange.signing.documents import SigningKey, sign_document
from portal.force.keys import validity
from portal.officer import trust
from portal.officer.client import OfficerClient
from portal.officer.crime import batches, texts
from portal.officer.crime.batches import Asking
from portal.officer.crime.shapes import Circle, find
from portal.officer.supervised.rules import Rules
from tests.counterparts.portals.portal import DETAILS
from tests.portal.conftest import NOON, Town
from tests.portal.desk.desks import MARKET, Desk, owners
from tests.portal.wire import Agent, camera

SPOT = Place(latitude=1, longitude=2)
WINDOW = Window(NOON - 2 * HOUR, NOON - HOUR)
TEXT = {
    "crime_reference": "EX/26/004711",
    "kind": "Burglary",
    "place": "Market Street",
    "description": "A door was forced.",
    "purpose": "Identify who did it",
    "legal_basis": "Data Protection Act 2018, Part 3",
    "necessity": "No other camera looks there.",
    "sound": True,
}


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """Signing and keeping are called in a thread by the page; here they may block."""


async def found(desk: Desk) -> SearchResult:
    result = await find(desk.site.client, Circle(latitude=MARKET[0], longitude=MARKET[1], radius_m=900), "C-1", WINDOW)
    trust.remember(desk.state, result)
    return result


async def asking(desk: Desk, **changed: Any) -> Asking:
    return replace(Asking(texts.read_text(TEXT), WINDOW, (await found(desk)).cameras), **changed)


async def asked(agent: Agent) -> list[Request]:
    return [Request.model_validate_json(item.signed.document) for item in (await agent.inbox()).items]


async def test_each_owner_gets_one_request_for_their_cameras_alone(desk: Desk, town: Town) -> None:
    agents = await owners(town, 3)
    batch = await batches.prepare(desk.state, desk.site.client, await asking(desk, location=SPOT), NOON)
    assert [await asked(agent) for agent in agents] == [[], [], []]  # signed, and nothing is sent
    progress = batches.load(desk.state, batch.batch_id)
    told: list[int] = []
    await batches.send(desk.state, desk.site.client, progress, lambda: told.append(len(progress.sent)))
    assert progress.is_done
    assert told == [1, 2, 3]
    requests = [await asked(agent) for agent in agents]
    assert [len(each) for each in requests] == [1, 1, 1]
    for agent, (request,) in zip(agents, requests, strict=True):
        assert request.device == agent.name
        assert {each.camera_id for each in request.asked} == {"front", "yard"}
        assert all(each.window == Stretch.of(WINDOW) and each.sound for each in request.asked)
        assert request.owners_asked == 3
        assert request.incident.location == SPOT
    assert len({request.recipient for (request,) in requests}) == 1
    assert batches.load(desk.state, batch.batch_id).is_done


class Broken(OfficerClient):
    """A line that breaks: after so many requests, or before the answer to one came."""

    def __init__(self, desk: Desk, works: int) -> None:
        setup = desk.state.setup()
        super().__init__(setup.portal, desk.state.key(), desk.site.tools.clock)
        self.works = works

    async def send(self, request: Signed) -> Any:
        left, self.works = self.works, self.works - 1
        if left <= 0:
            raise PortalUnreachable("The portal does not answer.", do="Check the network.")
        answer = await super().send(request)
        if left == 1:
            raise PortalUnreachable("The answer was lost.")
        return answer


async def test_what_broke_off_goes_on_and_nothing_is_sent_twice(desk: Desk, town: Town) -> None:
    agents = await owners(town, 6)
    batch = await batches.prepare(desk.state, desk.site.client, await asking(desk), NOON)
    progress = batches.load(desk.state, batch.batch_id)
    async with Broken(desk, 2) as broken:
        await batches.send(desk.state, broken, progress)
    assert "lost" in progress.trouble or "does not answer" in progress.trouble
    arrived = sum([len(await asked(agent)) for agent in agents])
    assert (len(progress.sent), arrived) == (1, 2)
    again = batches.load(desk.state, batch.batch_id)  # as after a crash
    assert again.sent == progress.sent
    await batches.send(desk.state, desk.site.client, again)
    assert again.is_done
    assert again.trouble == ""
    assert [len(await asked(agent)) for agent in agents] == [1] * 6


async def test_what_the_portal_refuses_is_told_for_its_owner_and_the_others_are_asked(desk: Desk, town: Town) -> None:
    agents = await owners(town, 3)
    batch = await batches.prepare(desk.state, desk.site.client, await asking(desk), NOON)
    await agents[1].withdraw()
    progress = batches.load(desk.state, batch.batch_id)
    await batches.send(desk.state, desk.site.client, progress)
    assert len(progress.sent) == 2
    assert list(progress.failed) == [each.request_id for each in batch.sendings if each.device == agents[1].name]
    assert progress.trouble == ""


async def test_an_owner_with_many_cameras_is_one_owner(desk: Desk, town: Town) -> None:
    cameras = [camera(f"cam-{number}", at=MARKET) for number in range(70)]
    agent = await town.agent().join(town.place, *cameras)
    batch = await batches.prepare(desk.state, desk.site.client, await asking(desk), NOON)
    assert [len(each.cameras) for each in batch.sendings] == [64, 6]
    assert batch.owners == 1
    assert {each.device for each in batch.sendings} == {agent.name}


def word(town: Town, **changed: Any) -> Signed:
    """A supervisor's."""
    supervisor = SigningKey.generate()
    details = replace(DETAILS, name="Sam Reid", collar_number="77", roles=(Role.SUPERVISOR,))
    force = town.place.force
    credential = force.credential(supervisor.public, details, validity(NOON, 365))
    fields = {
        "authorisation_id": "a-1",
        "force": force.name,
        "credential": credential,
        "officer": town.place.officer.public.fingerprint,
        "crime_reference": TEXT["crime_reference"],
        "window": Stretch.of(WINDOW),
        "most_owners": 20,
        "reason": "Every shop in the street was asked for.",
        "issued": NOON - MINUTE,
        "expires": NOON + DAY,
    }
    return sign_document(Authorisation(**{**fields, **changed}), supervisor)


async def test_many_owners_need_a_supervisors_word_and_go_with_it(desk: Desk, town: Town) -> None:
    agents = await owners(town, 11)
    for bad in (None, word(town, most_owners=10), word(town, crime_reference="C-9")):
        with pytest.raises(AuthorisationInvalid):
            await batches.prepare(desk.state, desk.site.client, await asking(desk, authorisation=bad), NOON)
    assert batches.all_batches(desk.state) == []
    good = word(town)
    batch = await batches.prepare(desk.state, desk.site.client, await asking(desk, authorisation=good), NOON)
    progress = batches.load(desk.state, batch.batch_id)
    await batches.send(desk.state, desk.site.client, progress)
    assert progress.is_done
    (request,) = await asked(agents[0])
    assert request.authorisation == good
    every = (await found(desk)).cameras
    assert batches.why_supervised(every, WINDOW, Rules()) == ("11 owners are asked, and more than 10 are many",)
    assert batches.why_supervised((), WINDOW, Rules()) == ()


async def test_a_camera_under_another_key_is_asked_only_when_that_is_right(desk: Desk, town: Town) -> None:
    (before,) = await owners(town, 1)
    await batches.prepare(desk.state, desk.site.client, await asking(desk), NOON)
    await before.withdraw()
    await owners(town, 1)
    with pytest.raises(DeviceKeyChanged):
        await batches.prepare(desk.state, desk.site.client, await asking(desk), NOON)
    batch = await batches.prepare(desk.state, desk.site.client, await asking(desk, accept_changed=True), NOON + 1)
    asked_for = [each.batch.batch_id for each in batches.all_batches(desk.state)]
    assert (len(asked_for), asked_for[0]) == (2, batch.batch_id)


async def test_nothing_chosen_asks_nobody(desk: Desk) -> None:
    with pytest.raises(InputInvalid, match="No camera"):
        await batches.prepare(desk.state, desk.site.client, Asking(texts.read_text(TEXT), WINDOW, ()), NOON)
    for name in ("no-such", "../officer", "", "A" * 100):
        with pytest.raises(NotFound):
            batches.load(desk.state, name)


def test_what_was_written_is_remembered_by_crime(desk: Desk) -> None:
    first = texts.read_text(TEXT)
    other = texts.read_text(TEXT | {"crime_reference": "C-2", "exhibit_prefix": "ABC"})
    for each in (first, other, first.model_copy(update={"place": "Mill Road"})):
        texts.remember(desk.state, each)
    assert [(each.crime_reference, each.place) for each in texts.remembered(desk.state)] == [
        (TEXT["crime_reference"], "Mill Road"),
        ("C-2", "Market Street"),
    ]
    (desk.state.folder / "texts" / "spoiled.yaml").write_text("{")
    (desk.state.folder / "texts" / "other.yaml").write_text("a: b")
    assert len(texts.remembered(desk.state)) == 2


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({}, "crime reference is missing"),
        (TEXT | {"purpose": ""}, "purpose is missing"),
        (TEXT | {"kind": "a\nb"}, "kind can't be used"),
        (TEXT | {"necessity": "\u202eabc"}, "necessity can't be used"),
        (TEXT | {"answer_within_days": 91}, "answer within days can't be used"),
        (TEXT | {"surplus": 1}, "surplus can't be used"),
    ],
)
def test_a_text_that_owners_could_not_read_is_told_by_its_field(values: dict[str, Any], word: str) -> None:
    with pytest.raises(InputInvalid, match=word):
        texts.read_text(values)


def test_an_officers_own_templates_go_over_those_that_come_with_the_program(desk: Desk) -> None:
    built_in = {each.kind for each in texts.templates(desk.state)}
    assert {"Burglary", "Missing person"} <= built_in
    own = desk.state.folder / "templates"
    own.mkdir()
    (own / "mine.yaml").write_text("- kind: Burglary\n  purpose: Ours.\n- kind: Arson\n")
    found = {each.kind: each for each in texts.templates(desk.state)}
    assert found["Burglary"].purpose == "Ours."
    assert set(found) == built_in | {"Arson"}
    for content, word in (("{", "no YAML"), ("- kind: 5", "kind"), ("x: y", "can't be used"), ("#" * 70_000, "large")):
        (own / "mine.yaml").write_text(content)
        with pytest.raises(SettingsInvalid, match=word):
            texts.templates(desk.state)
