"""Two forces on one portal: each has its officers, owners, log, figures and pages, and nothing of the other's."""

import asyncio
import json
import re
import shutil
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest
from click.testing import CliRunner

from agent.portal.client import PortalClient
from agent.portal.token_time import TokenTime
from exchange.documents import api
from exchange.errors import SettingsInvalid
from exchange.signing.documents import SigningKey
from portal.api.route import Who
from portal.api.routes import ROUTES
from portal.cli import main
from portal.force.keys import Force, validity
from portal.server import Listen, running
from portal.settings import MailSettings, PeopleSettings, PortalFolder, PortalSettings
from tests.counterparts.portals.portal import DETAILS, Place, PortalProcess
from tests.counterparts.storage.postgres_server import PostgresServer
from tests.portal.conftest import BOTH, on_a_file
from tests.portal.county.two_forces import FILM, NAMES, Two, free_port, hand_over
from tests.portal.wire import SetClock

ENGINES = BOTH


async def test_an_officer_of_one_force_is_nobody_at_another_and_a_token_for_one_is_none_there(two: Two) -> None:
    await hand_over(two, "kent")
    stranger = two.officer("kent", at="essex")
    assert (await stranger.call("GET", api.OFFICER_REQUESTS)).status == 401
    for_kent = two.officer("kent")
    kents = await for_kent.call("GET", api.OFFICER_REQUESTS)
    assert [case["request_id"] for case in kents.json["cases"]] == ["r-1"]
    essex = two.officer("essex")
    made_for_kent = replace(essex, origin=two.origin("kent"))
    assert (await made_for_kent.call("GET", api.OFFICER_REQUESTS)).status == 401


async def test_whatever_an_officer_asks_nothing_of_another_forces_is_in_an_answer(two: Two) -> None:
    """By every call that reads, with the other force's ids, as an officer with every role."""
    agent = await hand_over(two, "kent")
    await two.officer("kent").search(lat=53.7632, lon=-2.7031, radius_m=500)
    ids = defaultdict(lambda: "r-1", delivery_id="r-1-del", version="1")
    essex = two.officer("essex")
    answers = {}
    reading = [route for route in ROUTES if route.method == "GET" and route.who in (Who.OFFICER, Who.ANYONE)]
    for route in reading:
        path = route.path.format_map(ids)
        query: dict[str, Any] = {}
        if (
            route.query is not None
            and "crime_reference" in route.query.model_fields
            and "lat" in route.query.model_fields
        ):
            query = {"lat": 53.7632, "lon": -2.7031, "radius_m": 500, "crime_reference": "C-1",
                     "from": "2026-11-21T09:00:00Z", "to": "2026-11-21T10:00:00Z"}  # fmt: skip
        answers[route.path] = await essex.call("GET", path, query=query)
    assert len(answers) > 12
    tell_tales = (agent.name, "Officer of kent", two.places["kent"].force.key.public.fingerprint, FILM.decode())
    for path, answer in answers.items():
        assert answer.status != 500, path
        assert [word for word in tell_tales if word.encode() in answer.content] == [], path
    assert answers[api.OFFICER_REQUEST].status == answers[api.CONTENT].status == 404
    assert answers[api.SEARCH].json["cameras"] == []
    assert answers[api.OFFICER_REQUESTS].json["cases"] == []


async def test_both_have_the_same_ids_and_neither_answers_for_the_other(two: Two) -> None:
    kents, essexs = await hand_over(two, "kent"), await hand_over(two, "essex")
    for force, other in (("kent", "essex"), ("essex", "kent")):
        content = await two.officer(force).call("GET", api.CONTENT.format(delivery_id="r-1-del"))
        assert content.content == FILM
        uses = await two.officer(force).call("GET", api.USES)
        said = json.dumps(uses.json)
        assert f"Officer of {force}" in said
        assert f"Officer of {other}" not in said
        head = await two.officer(force).call("GET", api.USES_HEAD, query={"since": 0})
        assert head.json["size"] == len(uses.json["lines"]) > 0
    answer = await replace(kents, origin=two.origin("essex")).call("GET", api.INBOX, query={"after": 0, "wait": 0})
    assert answer.status == 401
    assert kents.name != essexs.name


async def test_an_owner_may_be_in_both_with_one_key_and_leaves_one_of_them(two: Two) -> None:
    key = SigningKey.generate()
    both = [replace(two.agent(force), key=key) for force in NAMES]
    for agent, force in zip(both, NAMES, strict=True):
        await agent.join(two.places[force])
    await two.officer("kent").ask(both[0])
    assert [len((await agent.inbox()).items) for agent in both] == [1, 0]
    assert (await both[0].withdraw()).status == 204
    assert (await both[1].inbox()).items == ()
    assert (await both[0].call("GET", api.INBOX, query={"after": 0, "wait": 0})).status == 401


async def test_a_ring_for_one_force_is_heard_in_no_other(two: Two, engine: str, places: dict[str, Place]) -> None:
    rung: list[str] = []
    for portal in two.running.portals:
        name = str(portal.settings.short_name)
        portal.bell.on_ring(lambda device, name=name: rung.append(name), lambda: None)
    if engine == "sqlite":
        await hand_over(two, "kent")
        assert set(rung) == {"kent"}
        return
    url = str(places["kent"].settings.database)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as listening:
        for channel in ("handover_of_kent", "handover_of_essex", "handover"):
            await listening.execute(f'LISTEN "{channel}"'.encode())
        await hand_over(two, "kent")
        heard = [notify.channel async for notify in listening.notifies(timeout=30, stop_after=1)]
    assert heard
    assert set(heard) == {"handover_of_kent"}
    assert set(rung) == {"kent"}


async def test_each_force_has_figures_and_probes_of_its_own(two: Two) -> None:
    await hand_over(two, "kent")
    for force, calls in (("kent", True), ("essex", False)):
        async with two.session.get(f"{two.running.metrics}/{force}") as answer:
            assert (f'route="{api.OFFICER_REQUESTS}"' in await answer.text()) is calls
        async with two.session.get(f"{two.origin(force)}/readyz") as answer:
            assert (await answer.json())["ready"] is True
    async with two.session.get(f"{two.running.address}/readyz") as answer:
        assert (answer.status, (await answer.json())["ready"]) == (200, True)
    async with two.session.get(f"{two.running.address}/v1/force") as answer:
        assert (answer.status, answer.headers["Server"]) == (404, "handover-portal")
        assert answer.content_type == "application/problem+json"


async def test_agents_and_officers_programs_speak_to_a_force_below_a_path(two: Two) -> None:
    device = SigningKey.generate()
    portal = PortalClient(two.session, two.origin("kent") + "/", device, time=TokenTime(two.clock))
    info = await portal.force()
    assert (info.force, info.portal) == ("Kent Police", two.origin("kent"))
    agent = replace(two.agent("kent"), key=device)
    await agent.join(two.places["kent"])
    await two.officer("kent").ask(agent)
    assert len((await portal.inbox(0, 0)).items) == 1
    async with two.places["kent"].client(two.origin("kent"), two.clock) as client:
        assert [case.request_id for case in (await client.all_cases()).cases] == ["r-1"]


@on_a_file
async def test_a_forces_pages_lead_to_its_own_pages(places: dict[str, Place], clock: SetClock) -> None:
    kent = places["kent"]
    origin = str(kent.settings.origin)
    mail = MailSettings(host="127.0.0.1", port=9, security="none", sender="footage@example.org")
    settings = kent.settings.model_copy(update={"people": PeopleSettings(mail=mail, responsible="The force")})
    listen = Listen("127.0.0.1", int(origin.rpartition(":")[2].partition("/")[0]))
    async with running(kent.folder, settings, listen, clock=clock) as now, aiohttp.ClientSession() as session:
        leads = set()
        for page in ("/register", "/my-entry", "/privacy", "/link"):
            async with session.get(origin + page) as answer:
                assert answer.status == 200
                leads |= set(re.findall(r'(?:href|src|action)="(/[^"]*)"', await answer.text()))
        assert len(leads) > 5
        assert [lead for lead in leads if not lead.startswith("/forces/kent/")] == []
        for lead in leads:
            async with session.get(now.address + lead) as answer:
                assert answer.status == 200, lead
                immutable = "immutable" in answer.headers["Cache-Control"]
                assert immutable is ("/pages/" in lead)
        async with session.get(f"{now.address}/register") as answer:
            assert answer.status == 404


async def test_forces_may_have_hosts_of_their_own(places: dict[str, Place], clock: SetClock) -> None:
    port = str(places["kent"].settings.origin).rpartition(":")[2].partition("/")[0]
    hosts = dict(zip(NAMES, ("127.0.0.1", "localhost"), strict=True))
    (kent, kents), (essex, essexs) = (
        (places[name].folder, places[name].settings.model_copy(update={"origin": f"http://{host}:{port}"}))
        for name, host in hosts.items()
    )
    serving = running(kent, kents, Listen("127.0.0.1", int(port)), clock=clock, others=[(essex, essexs)])
    async with serving, aiohttp.ClientSession() as session:
        for name, host in hosts.items():
            async with session.get(f"http://127.0.0.1:{port}/v1/force", headers={"Host": f"{host}:{port}"}) as answer:
                assert (await answer.json())["force"] == f"{name.title()} Police"
        async with session.get(f"http://127.0.0.1:{port}/v1/force", headers={"Host": "elsewhere"}) as answer:
            assert answer.status == 404


# -- commands ----------------------------------------------------------------------------------------------------


def test_the_commands_make_serve_and_administer_several(room: Path, keys: dict[str, Force], clock: SetClock) -> None:
    runner, folder, port = CliRunner(), room / "portal", free_port()
    for name, force in keys.items():
        public = room / f"{name}.pub"
        public.write_text(force.key.public.line + "\n")
        origin = f"http://127.0.0.1:{port}/forces/{name}"
        made = runner.invoke(main, ["init", str(folder), "--force", force.name, "--force-key", str(public),
                                    "--short-name", name, "--origin", origin])  # fmt: skip
        assert made.exit_code == 0, made.output
    without = runner.invoke(main, ["officer", "list", str(folder)])
    assert without.exit_code != 0
    assert "--force NAME" in without.output
    assert "essex, kent" in without.output
    assert runner.invoke(main, ["officer", "list", str(folder), "--force", "../kent"]).exit_code == 2
    assert runner.invoke(main, ["people", "list", str(folder), "--force", "kent", "--json"]).stdout == "[]\n"
    listed = runner.invoke(main, ["officer", "list", str(folder), "--force", "kent", "--json"])
    assert (listed.exit_code, json.loads(listed.output)) == (0, [])
    assert runner.invoke(main, ["upgrade", "--force", "essex", str(folder)]).exit_code == 0
    unnamed = runner.invoke(main, ["init", str(folder), "--force", "X", "--force-key", str(room / "kent.pub"),
                                   "--short-name", "third"])  # fmt: skip
    assert "--origin" in unnamed.output
    settings = PortalFolder(folder).of_force("kent").load()
    place = Place(PortalFolder(folder), settings, keys["kent"], room, SigningKey.generate(), keys["kent"].credential(
        SigningKey.generate().public, DETAILS, validity(clock.now(), 1)))  # fmt: skip
    process = PortalProcess(place)
    process.origin = f"http://127.0.0.1:{port}"
    with process:
        assert process.forces == {name: f"http://127.0.0.1:{port}/forces/{name}" for name in sorted(NAMES)}
    shutil.copytree(folder / "forces" / "kent", folder / "forces" / "again")
    twice = runner.invoke(main, ["serve", str(folder)])
    assert twice.exit_code != 0
    assert "its own short_name" in twice.output


def test_a_user_above_row_security_is_refused_before_anything_is_served(
    postgres: PostgresServer, room: Path, keys: dict[str, Force]
) -> None:
    name = postgres.create()
    settings = PortalSettings(
        force="Kent Police", force_key=keys["kent"].key.public.line, short_name="kent", database=postgres.url(name)
    )
    folder = PortalFolder(room / "portal").of_force("kent")
    folder.save(settings)

    async def serve() -> None:
        async with running(folder, settings, Listen("127.0.0.1", 0)):
            await asyncio.Event().wait()

    with pytest.raises(SettingsInvalid, match="row security"):
        asyncio.run(serve())
    postgres.drop(name)
