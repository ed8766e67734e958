"""What a supervisor, Prometheus and a log's reader learn of a portal; and that none of them learns who, or where."""

import json
import logging
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from exchange.clock import SECOND, ShiftedClock
from exchange.documents import api
from exchange.errors import StoreUnavailable
from exchange.signing.tokens import mint
from portal.api import logs
from portal.api.probes import HEALTH, READY
from portal.server import Listen, running
from portal.settings import Limits
from tests.counterparts.portals.portal import Place
from tests.portal.conftest import BOTH, Town, on_a_file
from tests.portal.wire import OWNER, SetClock

ENGINES = BOTH


async def test_a_portal_that_lives_says_so_and_that_it_is_ready(town: Town) -> None:
    async with town.session.get(town.origin + HEALTH) as lives, town.session.get(town.origin + READY) as ready:
        assert (lives.status, ready.status) == (200, 200)
        said = await ready.json()
        said.pop("clock", None)
        assert said == {"ready": True, "database": True, "disk": True, "stays": True}
        assert ready.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("limits", [Limits(free_bytes=1 << 60)])
async def test_a_portal_without_room_is_not_ready(town: Town) -> None:
    async with town.session.get(town.origin + READY) as ready:
        assert (ready.status, (await ready.json())["disk"]) == (503, False)


async def test_a_portal_without_its_database_or_about_to_end_is_not_ready_but_lives(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(_: object) -> None:
        raise StoreUnavailable("The portal's database does not answer.")

    monkeypatch.setattr(town.running.portal.db, "read", gone)
    town.running.portal.bell.close()
    async with town.session.get(town.origin + READY) as ready, town.session.get(town.origin + HEALTH) as lives:
        assert (ready.status, lives.status) == (503, 200)
        said = await ready.json()
        said.pop("clock", None)
        assert said == {"ready": False, "database": False, "disk": True, "stays": False}


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
@pytest.mark.parametrize(("seconds", "right"), [(0, True), (-8, True), (12, False), (-3600, False)])
async def test_a_replica_whose_clock_is_not_the_databases_says_so_and_goes_on(
    place: Place, seconds: int, right: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        running(place.folder, place.settings, Listen("127.0.0.1", 0), clock=ShiftedClock(seconds * SECOND)) as shown,
        aiohttp.ClientSession() as session,
        session.get(shown.address + READY) as ready,
    ):
        said = await ready.json()
    assert (ready.status, said["ready"], said["clock"]) == (200, True, right)
    assert ("tokens may be refused" in caplog.text) is not right


async def test_figures_are_shown_at_an_address_of_their_own_and_name_nobody(place: Place, clock: SetClock) -> None:
    anywhere = Listen("127.0.0.1", 0)
    async with (
        running(place.folder, place.settings, anywhere, clock=clock, metrics=anywhere) as shown,
        aiohttp.ClientSession() as session,
    ):
        town = Town(place, clock, shown, session)
        agent = await town.agent().join(place)
        await town.officer.ask(agent)
        await agent.inbox()
        await agent.call("GET", "/secret-place", token=None)
        assert (await agent.call("GET", "/metrics", token=None)).status == 404
        assert shown.metrics is not None
        async with session.get(shown.metrics) as answer:
            text = await answer.text()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    calls = {tuple(sample.labels.values()): sample.value for sample in families["handover_calls"].samples}
    assert calls["GET", api.INBOX, "200"] == 1
    assert calls["-", "(no route)", "404"] == 2
    assert families["handover_keys_known"].samples[0].value == 1
    for secret in (agent.name, town.officer.key.public.fingerprint, "secret-place", "r-1", OWNER):
        assert secret not in text


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """What ``--log-format json --verbose`` writes."""
    caplog.set_level(logging.INFO, "handover.portal")
    form = logs.JsonLines()
    return lambda: [json.loads(form.format(record)) for record in caplog.records if record.name == "handover.portal"]


@on_a_file
async def test_the_log_for_programs_tells_of_each_call_and_not_who_called(
    town: Town, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    agent = await town.agent().join(town.place)
    await town.officer.ask(agent)
    await town.officer.case()
    text = json.dumps(lines())
    told = [(line["call"]["method"], line["call"]["route"], line["call"]["caller"]) for line in lines()]
    assert told == [
        ("POST", api.DEVICES, "anyone"),
        ("PUT", api.REGISTRATION, "device"),
        ("POST", api.OFFICER_REQUESTS, "officer"),
        ("GET", api.OFFICER_REQUEST, "officer"),
    ]
    for secret in (agent.name, town.officer.key.public.fingerprint, "r-1", OWNER):
        assert secret not in text


@on_a_file
async def test_of_a_fault_the_log_for_programs_has_the_place_in_the_program_and_not_its_words(
    town: Town, lines: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: object) -> None:
        raise RuntimeError(f"cannot store {OWNER}")

    agent = await town.agent().join(town.place)
    monkeypatch.setattr(town.running.portal.agents_db, "read", fail)
    headers = {"Authorization": f"Bearer {mint(agent.key, agent.origin, town.clock)}"}
    async with town.session.get(town.origin + api.INBOX, headers=headers) as answer:
        assert answer.status == 500
    [fault] = [line["fault"] for line in lines() if "fault" in line]
    assert fault["kind"] == "RuntimeError"
    assert any("portal/api/app.py" in place for place in fault["at"])
    assert OWNER not in json.dumps(lines())


@pytest.mark.parametrize("form", [logs.TEXT, logs.JSON])
def test_the_log_is_set_up_in_the_form_that_was_asked_for(form: str) -> None:
    root, ours = logging.getLogger(), logging.getLogger("handover")
    before, level, root.handlers = root.handlers, (root.level, ours.level), []
    try:
        logs.set_up(form, verbose=True)
        assert isinstance(root.handlers[0].formatter, logs.JsonLines) is (form == logs.JSON)
        assert ours.level == logging.INFO
    finally:
        root.handlers = before
        root.setLevel(level[0])
        ours.setLevel(level[1])
