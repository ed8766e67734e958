"""An officer's own machine: nothing under a hold goes, nothing before its time, and what is due goes by a command."""

from pathlib import Path

import pytest

from exchange.clock import DAY
from exchange.documents.messages import Role
from portal.console import INTERRUPTED
from tests.portal.conftest import Town
from tests.portal.keeping.holders import CRIME, bring, placed, renewed
from tests.portal.supervision.machines import Machine
from tests.portal.supervision.supervisors import known

pytestmark = pytest.mark.usefixtures("own_clock")
LATER = 2192 * DAY + 8 * DAY


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """A test of files looks into them itself."""


@pytest.fixture
async def officer(town: Town, tmp_path: Path) -> Machine:
    """With a case of an unknown owner's on the machine."""
    machine = Machine(town, tmp_path / "officer", town.officer)
    agent = await town.agent().join(town.place)
    signed = await town.officer.ask(agent)
    machine.state.keep("r-1", "request", signed)
    machine.state.case_key(CRIME)
    return machine


@pytest.fixture
async def discloser(town: Town, tmp_path: Path) -> Machine:
    return Machine(town, tmp_path / "discloser", await known(town, Role.DISCLOSURE))


async def test_from_a_hold_to_its_end(town: Town, officer: Machine, discloser: Machine) -> None:
    made = await discloser.run("hold", "place", CRIME, "--reason", "The defence asked for it.")
    assert (made["packages"], made["files"]) == (0, 0)
    (shown,) = await officer.run("hold", "list")
    assert (shown["hold_id"], shown["placed_by"], shown["lifted"]) == (made["hold_id"], "Sam Reid", None)
    assert (await officer.run("keeping", "list"))[0]["held"] == "The defence asked for it."
    assert "The defence asked for it." in (await officer.result("keeping", "list")).output
    await discloser.run("hold", "lift", made["hold_id"], "--reason", "The case is over.")
    assert await officer.run("hold", "list") == []
    (ended,) = await officer.run("hold", "list", "--all")
    assert ended["lifted_because"] == "The case is over."
    assert "lifted" in (await officer.result("hold", "list", "--all")).output
    assert (await discloser.run("hold", "lift", "h-9", "--reason", "x", code=44))["error"].startswith(
        "There is no hold"
    )


async def test_who_may_not_hold_is_told_before_anything_is_sent(officer: Machine, discloser: Machine) -> None:
    refused = await officer.run("hold", "place", CRIME, "--reason", "x", code=17)
    assert "neither the role" in refused["error"]
    unsaid = await discloser.run("hold", "place", CRIME, "--reason", "", code=17)
    assert "reason: " in unsaid["error"]


async def test_a_case_goes_once_it_is_due_and_not_before(town: Town, officer: Machine) -> None:
    (case,) = await officer.run("keeping", "list")
    assert (case["retention_class"], case["due"]) == ("standard", False)
    early = await officer.run("keeping", "remove", CRIME, "--yes", code=17)
    assert "days more" in early["error"]
    town.clock.forward(LATER)
    await renewed(town, officer.who)
    assert (await officer.run("keeping", "list"))[0]["due"]
    declined = await officer.result("keeping", "remove", CRIME, said="n\n")
    assert declined.exit_code == INTERRUPTED
    assert officer.state.knows_case(CRIME)
    assert (await officer.run("keeping", "remove", CRIME, "--yes"))["requests"] == 1
    assert not officer.state.knows_case(CRIME)
    assert list((officer.state.folder / "requests").iterdir()) == []
    assert await officer.run("keeping", "list") == []
    await officer.run("keeping", "remove", CRIME, "--yes", code=44)


async def test_a_held_case_stays_on_the_machine_however_old(town: Town, officer: Machine) -> None:
    supervisor = await known(town, Role.SUPERVISOR)
    assert (await bring(supervisor, placed(supervisor, reason="An appeal."))).status == 200
    town.clock.forward(LATER)
    await renewed(town, officer.who)
    refused = await officer.run("keeping", "remove", CRIME, "--yes", code=17)
    assert "An appeal." in refused["error"]
    assert officer.state.knows_case(CRIME)
