"""A case that belongs to a team, from the owner who sees who can open it to the colleague who does."""

import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from agent.owner.operations.context import RequestNamed
from agent.owner.terminal.prompt import show_request
from exchange.documents.messages import Request
from exchange.errors import NotFound, PortalRefused
from tests.journey.home import ACTOR, Town, home, owner_does
from tests.journey.teams.colleague import CASE, CRIME, UNIT, Station


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """The officers' commands run in this process too, and may block."""


async def handed_over(at: Town, request_id: str) -> None:
    assert await at.state(request_id) == "asked"
    await at.say(request_id, yes=True)
    await at.walk()


async def test_the_owner_sees_who_can_open_it_and_the_second_officer_opens_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with home(tmp_path) as at:
        station = Station(at, tmp_path, monkeypatch)
        ada, bo = await station.officer("ada", "1"), await station.officer("bo", "2")
        made = await ada.run("team", "new", *CASE, "--credential", str(bo.credential))
        assert [member["collar_number"] for member in made["members"]] == ["1", "2"]
        request_id = await ada.requests()

        shown = await at.shown(request_id)
        others = [officer["name"] for officer in shown["open_to"]["officers"]]
        assert (others, shown["open_to"]["recovery"]) == (["Officer 2"], UNIT)
        screen = io.StringIO()
        show_request(Console(file=screen, width=200), shown)
        assert "Also open to 1 officer of the case's team: “Constable Officer 2”; and to" in screen.getvalue()
        await handed_over(at, request_id)

        assert await bo.opened(request_id, "--receipt", "--tell") == [True]
        await bo.run("ask", request_id, "--text", "Is the clock of this camera right?")
        await at.fetch_and_walk()
        told = await owner_does(at.agent, "feedback", RequestNamed(request_id=request_id), ACTOR)
        assert [entry["kind"] for entry in told["feedback"]] == ["opened", "question"]
        assert await at.state(request_id) == "closed"
        listed = await bo.run("cases", "--crime", CRIME)
        assert [case["request_id"] for case in listed["requests"]] == [request_id]


async def test_a_removed_member_opens_nothing_that_comes_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with home(tmp_path) as at:
        station = Station(at, tmp_path, monkeypatch)
        ada, bo = await station.officer("ada", "1"), await station.officer("bo", "2")
        await ada.run("team", "new", *CASE)
        assert not (await ada.run("team", "add", *CASE, "--credential", str(bo.credential)))["new_key"]
        first = await ada.requests()
        await handed_over(at, first)
        assert await bo.opened(first) == [True]

        assert (await ada.run("team", "remove", *CASE, "--officer", "2"))["new_key"]
        second = await ada.requests()
        await handed_over(at, second)
        await bo.run("open", second, code=PortalRefused.exit_code)
        request = ada.state.request(second, Request)
        assert ada.state.has_case_key(CRIME, request.recipient)
        assert not bo.state.has_case_key(CRIME, request.recipient)
        assert await ada.opened(second) == [True]
        assert await ada.opened(first) == [True]


async def test_after_a_lost_laptop_the_units_recovery_key_brings_everything_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with home(tmp_path) as at:
        station = Station(at, tmp_path, monkeypatch)
        ada = await station.officer("ada", "1")
        request_id = await ada.requests()  # a new case, whose team was founded with the unit that was set up
        await handed_over(at, request_id)
        shutil.rmtree(ada.folder)

        anew = await station.officer("ada-again", "1")
        lost = await anew.run("restore")
        assert (lost["cases"], lost["closed"]) == ([], [CRIME])
        made = await anew.run("team", "open-recovery", *CASE, "--key", str(station.recovery))
        assert [version["signed_by"] for version in made["versions"]] == ["1", "1"]
        assert made["new_key"]
        found = await anew.run("restore")
        assert (found["cases"], found["requests"], found["closed"]) == ([CRIME], [request_id], [])
        assert await anew.opened(request_id, "--receipt", "--tell") == [True]
        await at.fetch_and_walk()
        told = await owner_does(at.agent, "feedback", RequestNamed(request_id=request_id), ACTOR)
        assert [entry["kind"] for entry in told["feedback"]] == ["opened"]


async def test_a_case_is_handed_over_and_its_officer_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with home(tmp_path) as at:
        station = Station(at, tmp_path, monkeypatch)
        ada, bo = await station.officer("ada", "1"), await station.officer("bo", "2")
        request_id = await ada.requests()
        await handed_over(at, request_id)
        made = await ada.run("handover", "--crime", CRIME, "--to", str(bo.credential), "--leave")
        assert [member["collar_number"] for member in made["members"]] == ["2"]
        assert await bo.opened(request_id) == [True]
        assert (await bo.run("team", "new-key", *CASE))["new_key"]
        await ada.run("team", "show", *CASE, code=NotFound.exit_code)
