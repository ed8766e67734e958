"""A laptop is lost: its key is shut out, and a colleague opens the case with the unit's recovery key, and plays it."""

import json
from pathlib import Path

import pytest
from playwright.async_api import expect

from exchange.clock import DAY
from exchange.documents.messages import Role
from exchange.errors import PortalRefused
from portal.force import officers
from portal.officer import cli
from tests.exchange.makers import NOW
from tests.exchange.teams.unit import Unitary
from tests.portal.answers.casefiles import Film, answer
from tests.portal.conftest import Town
from tests.portal.desk.desks import MARKET, look_at, served_from
from tests.portal.desk.test_search_calls import call, progress
from tests.portal.supervision.machines import Machine
from tests.portal.wire import Officer, camera

CRIME = "EX/26/004711"
CIRCLE = {"kind": "circle", "latitude": MARKET[0], "longitude": MARKET[1], "radius_m": 100}
TEXT = {
    "crime_reference": CRIME,
    "kind": "Burglary",
    "place": "Market Street",
    "description": "A door was forced.",
    "purpose": "To identify who broke in.",
    "legal_basis": "Data Protection Act 2018, Part 3",
    "necessity": "No other camera looks there.",
}


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """A command waits for nobody else: it may block."""


class People:
    """A unit of officers with machines of their own."""

    def __init__(self, town: Town, folder: Path) -> None:
        self.town, self.folder = town, folder
        self.unit = Unitary(town.place.force.key, town.place.force.name, NOW, CRIME)
        self.recovery = folder / "recovery.key"
        self.recovery.write_text(f"{self.unit.recovery}\n")
        self.recovery.chmod(0o600)
        self.signed = folder / "unit.json"
        self.signed.write_text(self.unit.unit().model_dump_json())

    async def machine(self, name: str, collar: str, *roles: Role) -> Machine:
        member, portal = self.unit.member(collar, roles=roles or None), self.town.running.portal
        await portal.db.write(lambda session: officers.add(session, member.credential, portal.settings, NOW))
        town, force = self.town, self.town.place.force.name
        who = Officer(town.session, town.origin, town.clock, member.key, member.credential, force)
        machine = Machine(town, self.folder / name, who)
        identity = machine.state.folder / "officer.identity"
        identity.write_text(f"{member.identity}\n")
        identity.chmod(0o600)
        return machine


async def test_a_colleague_plays_what_came_for_a_laptop_that_was_lost(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "SystemClock", lambda: town.clock)
    people = People(town, tmp_path)
    ada, bo = await people.machine("ada", "1"), await people.machine("bo", "2", Role.OFFICER, Role.SUPERVISOR)
    owner = await town.agent().join(town.place, camera(at=MARKET, recordings_since=NOW - 7 * DAY))
    await ada.run("team", "new", "--crime", CRIME, "--unit", str(people.signed))
    async with served_from(town, ada.state) as desk:
        searched = {"crime_reference": CRIME, "time": "today 9:00 to 9:01", "shape": CIRCLE}
        found = await call(desk, "/search", searched)
        to = (await call(desk, "/ask", {"search": found["search"], "chosen": [0], "text": TEXT}))["to"]
        assert (await progress(desk, to))["failed"] == {}
        (item,) = (await owner.inbox()).items
        await answer(desk, owner, item.signed, Film(seconds=60))

    portal = town.running.portal
    await portal.db.write(lambda session: officers.revoke(session, "1", town.clock.now()))
    with pytest.raises(PortalRefused):
        async with ada.client() as client:
            await client.cases()
    recover = ("team", "open-recovery", "--crime", CRIME, "--key", str(people.recovery))
    refused = await bo.run(*recover, code=PortalRefused.exit_code)
    assert "The key of Officer 1 was revoked." in refused["error"]
    shown = await bo.run(*recover, "--remove", "1")
    assert [each["collar_number"] for each in shown["members"]] == ["2"]
    history = (await bo.run("team", "show", "--crime", CRIME))["versions"]
    assert [each["members"] for each in history] == [["1"], ["2"]]

    async with served_from(town, bo.state) as theirs, theirs.opened() as page:
        await page.get_by_role("link", name="Cases").click()
        await page.get_by_role("link", name=CRIME).first.click()
        await page.get_by_role("button", name="Fetch and check all").click()
        await expect(page.get_by_text("opened, everything holds")).to_be_visible()
        await look_at(page, "handed-over")
        await page.get_by_role("link", name="Play", exact=True).click()
        await page.get_by_role("button", name="Play", exact=True).click()
        await page.wait_for_function("() => document.querySelector('video').currentTime > 0.2")
    assert json.loads(item.signed.document)["crime_reference"] == CRIME
