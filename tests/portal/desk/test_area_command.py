"""``handover-officer area``: the same as the page, typed."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from exchange.clock import DAY
from exchange.documents.messages import Request
from exchange.errors import PortalUnreachable
from portal.console import INTERRUPTED
from portal.force.keys import write_signed
from portal.officer import cli
from portal.officer.client import OfficerClient
from portal.officer.state import OfficerState
from portal.settings import Limits
from tests.portal.conftest import NOON, Town
from tests.portal.desk.desks import MARKET, owners, set_up
from tests.portal.desk.test_batches import word
from tests.portal.wire import camera

NEAR = f"{MARKET[0]},{MARKET[1]}"
ASKED = ("--crime", "EX/26/004711", "--when", "today 10:00 to 11:00", "--tz", "Europe/London")
TEXTS = ("--incident", "Burglary", "--place", "Market Street", "--description", "A door was forced.")


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """A command waits for nobody else: it may block."""


class Typed:
    def __init__(self, state: OfficerState) -> None:
        self.state = state

    async def result(self, *args: str, typed: str = "") -> Result:
        command = ["--state", str(self.state.folder), "area", *args]
        return await asyncio.to_thread(CliRunner().invoke, cli.main, command, input=typed, catch_exceptions=False)

    async def run(self, *args: str) -> dict[str, Any]:
        result = await self.result(*args, "--json")
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    async def refused(self, *args: str) -> str:
        result = await self.result(*args, "--json")
        assert result.exit_code != 0, result.output
        return str(json.loads(result.stderr.splitlines()[-1])["error"])


@pytest.fixture
def typed(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    monkeypatch.setattr(cli, "SystemClock", lambda: town.clock)
    state = OfficerState(tmp_path / "officer")
    set_up(town, state)
    return Typed(state)


async def test_one_line_asks_every_owner_near_and_a_person_is_asked_back(typed: Typed, town: Town) -> None:
    agents = await owners(town, 2, recordings_since=NOON - 7 * DAY)
    unsure = await town.agent().join(town.place, camera("lane", at=MARKET, recordings_since=None))
    no = await typed.result(*ASKED, *TEXTS, "--near", NEAR, typed="n\n")
    assert no.exit_code == INTERRUPTED
    assert "Saturday 21 November 2026, 10:00 to 11:00 GMT" in no.output
    assert "Chosen: 2 owners, 4 cameras." in no.output
    assert [len((await agent.inbox()).items) for agent in (*agents, unsure)] == [0, 0, 0]
    yes = await typed.result(*ASKED, *TEXTS, "--near", NEAR, typed="y\n")
    assert "2 of 2 requests sent." in yes.output
    assert [len((await agent.inbox()).items) for agent in (*agents, unsure)] == [1, 1, 0]
    more = await typed.run(*ASKED, "--near", NEAR, "--choose", "unsure", "--exhibit-prefix", "abc", "--sound")
    assert (more["owners"], len(more["sent"])) == (3, 3)
    (item,) = (await unsure.inbox()).items
    request = Request.model_validate_json(item.signed.document)
    assert (request.incident.description, request.exhibit_prefix) == ("A door was forced.", "ABC")
    assert request.purpose.startswith("To identify who broke in")


async def test_what_the_portal_did_not_take_is_sent_later(
    typed: Typed, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents = await owners(town, 2, recordings_since=NOON - 7 * DAY)

    async def gone(*_: object) -> None:
        raise PortalUnreachable("The portal does not answer.")

    way = ("--way", f"{NEAR} {MARKET[0]},{MARKET[1] + 0.001}", "--width", "10")
    with monkeypatch.context() as broken:
        broken.setattr(OfficerClient, "send", gone)
        told = await typed.run(*ASKED, *TEXTS, *way)
        person = await typed.result("--resume", told["id"])
    assert (told["sent"], told["trouble"]) == ([], "The portal does not answer.")
    assert f"handover-officer area --resume {told['id']}" in person.output
    assert [len((await agent.inbox()).items) for agent in agents] == [0, 0]
    again = await typed.run("--resume", told["id"])
    assert again["sent"] == sorted(told["requests"])
    assert [len((await agent.inbox()).items) for agent in agents] == [1, 1]
    assert "no such requests" in await typed.refused("--resume", "other")


async def test_an_address_a_box_and_a_supervisors_word(typed: Typed, town: Town, tmp_path: Path) -> None:
    await owners(town, 11, recordings_since=NOON - 7 * DAY)
    (typed.state.folder / "desk.yaml").write_text("gazetteer: places.csv\n")
    places = f"street,town,latitude,longitude\nMarket Street,Exmouth,{MARKET[0]},{MARKET[1]}\nMarket Hill,Exmouth,1,1\n"
    (typed.state.folder / "places.csv").write_text(places)
    written = tmp_path / "texts.yaml"
    written.write_text("kind: Burglary\nplace: Market Street\ndescription: A door was forced.\n")
    told = await typed.run(*ASKED, "--file", str(written), "--address", "market street", "--radius", "5")
    assert told["owners"] == 1
    assert "2 addresses" in await typed.refused(*ASKED, "--address", "market")
    box = f"{MARKET[0] - 0.01},{MARKET[1] - 0.01} {MARKET[0] + 0.01},{MARKET[1] + 0.01}"
    assert "No supervisor" in await typed.refused(*ASKED, "--box", box)
    person = await typed.result(*ASKED, "--box", box, typed="n\n")
    assert "because 11 owners are asked" in person.output
    write_signed(tmp_path / "word.json", word(town, crime_reference="EX/26/004711"))
    told = await typed.run(*ASKED, "--box", box, "--authorisation", str(tmp_path / "word.json"))
    assert told["owners"] == 11


@pytest.mark.parametrize("limits", [Limits(supervised_owners=50, enrolments_per_minute=100)])
async def test_it_is_told_what_most_owners_programs_will_refuse_where_the_force_would_not(
    typed: Typed, town: Town
) -> None:
    await owners(town, 11, recordings_since=NOON - 7 * DAY)
    person = await typed.result(*ASKED, *TEXTS, "--near", NEAR, "--radius", "500", typed="n\n")
    assert "Most owners' programs will refuse this" in person.output
    assert "because 11 owners are asked" in person.output


async def test_one_camera_of_one_owner_is_said_as_one(typed: Typed, town: Town) -> None:
    await town.agent().join(town.place, camera("lane", at=MARKET, recordings_since=NOON - 7 * DAY))
    said = (await typed.result(*ASKED, *TEXTS, "--near", NEAR, typed="n\n")).output
    assert "Chosen: 1 owner, 1 camera." in said
    assert "Sign and send 1 request?" in said


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "--crime and --when"),
        (ASKED, "One place"),
        ((*ASKED, "--near", "1,1", "--way", "1,1 2,2"), "One place"),
        ((*ASKED, "--box", "1,1"), "two corners"),
        ((*ASKED, "--near", "here"), "no place"),
        ((*ASKED, "--address", "here"), "no gazetteer"),
        ((*ASKED, "--near", "1,1"), "No such camera"),
        ((*ASKED, "--near", NEAR), "kind is missing"),
        ((*ASKED, "--near", NEAR, "--file", "/dev/null"), "no YAML file"),
    ],
)
async def test_what_is_missing_is_told(typed: Typed, town: Town, args: tuple[str, ...], said: str) -> None:
    await owners(town, 1, recordings_since=NOON - 7 * DAY)
    assert said in await typed.refused(*args, *(() if "--tz" in args else ("--tz", "Europe/London")))
