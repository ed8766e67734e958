"""A case's file for the defence is whole, can be checked without the program, and says nothing of what is sensitive."""

import asyncio
import json
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import bagit
import pytest
from click.testing import CliRunner

from exchange.age.files import decrypt_file, generate_identity
from exchange.custody.uses import Deed, UsesAbout
from exchange.documents import api
from exchange.documents.messages import Role
from exchange.errors import CustodyBroken
from portal.force import officers
from portal.officer import cli
from portal.officer.casework.notes import write_note
from portal.officer.keeping.disclosed import checked_lines
from tests.counterparts.portals.portal import Place, make_place
from tests.counterparts.processes.browser import DESKTOP, PHONE, chromium, window
from tests.exchange.makers import NOW
from tests.portal.answers.casefiles import CRIME, START, Film, hand_over, owner
from tests.portal.conftest import Town
from tests.portal.desk.desks import Desk, look_at, served
from tests.portal.supervision.supervisors import credential, known
from tests.portal.wire import SetClock


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
def place(room: Path, clock: SetClock) -> Place:
    return make_place(room, clock=clock)


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """A command waits for nobody else: it may block."""


@pytest.fixture
async def desk(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """Of an officer who discloses, too, with a package that holds, one that doesn't, and two notes."""
    monkeypatch.setattr(cli, "SystemClock", lambda: town.clock)
    async with served(town, tmp_path / "officer") as desk:
        signed = credential(town, town.place.officer, Role.OFFICER, Role.DISCLOSURE)
        portal = town.running.portal
        await portal.db.write(lambda session: officers.add(session, signed, portal.settings, town.clock.now()))
        desk.state.save_setup(desk.state.setup(), signed)
        await hand_over(desk, await owner(desk))
        await hand_over(desk, await owner(desk), Film(label="Yard"), custody__jsonl=b"{}\n")
        write_note(desk.state, CRIME, "A red car.", at=START, now=NOW, by="DC Okafor", camera="Shop front")
        write_note(desk.state, CRIME, "Told by an informant: Smith.", at=START, now=NOW, by="DC Okafor")
        yield desk


async def officer(desk: Desk, *args: str, code: int = 0) -> Any:
    command = ["--state", str(desk.state.folder), *args, "--json"]
    result = await asyncio.to_thread(CliRunner().invoke, cli.main, command, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return json.loads(result.stdout if code == 0 else result.stderr.splitlines()[-1])


async def marked(desk: Desk) -> dict[str, Any]:
    """The sound package is used; the second note is sensitive. All items, by what they are."""
    items = await officer(desk, "disclosure", "list", CRIME)
    sound = next(each for each in items if "Everything holds" in each["description"])
    await officer(desk, "disclosure", "mark", CRIME, sound["item"], "--as", "used")
    informant = [each["item"] for each in items if each["what"] == "Note"][1]
    refused = await officer(desk, "disclosure", "mark", CRIME, informant, "--as", "sensitive", code=17)
    assert "why it is sensitive" in refused["error"]
    await officer(
        desk, "disclosure", "mark", CRIME, informant, "--as", "sensitive", "--reason", "It would name an informant."
    )
    await officer(desk, "disclosure", "mark", CRIME, "nothing", "--as", "used", code=44)
    return {"sound": sound["item"], "informant": informant}


async def test_the_file_is_whole_and_says_nothing_of_what_is_sensitive(desk: Desk, tmp_path: Path) -> None:
    items = await marked(desk)
    into = tmp_path / "out"
    into.mkdir()
    told = await officer(desk, "disclosure", "make", CRIME, "--into", str(into))
    assert (told["used"], told["unused"], told["sensitive"]) == (1, 5, 1)
    folder, schedule = Path(told["disclosure"]), Path(told["sensitive_schedule"])
    for each in (folder, schedule):
        bagit.Bag(str(each)).validate()
    given = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"informant" not in given
    assert items["informant"].encode() not in given
    assert b"sensitive" not in (folder / "data/index.html").read_bytes()
    assert "It would name an informant." in (schedule / "data/index.html").read_text()
    assert [each["item"] for each in json.loads((schedule / "data/schedule.json").read_text())["items"]] == [
        items["informant"]
    ]
    index = (folder / "data/index.html").read_text()
    assert "A red car." in index
    assert "A door was forced." in index
    categories = {
        each["item"]: each["category"] for each in json.loads((folder / "data/schedule.json").read_text())["items"]
    }
    assert categories[items["sound"]] == "used"
    package = folder / "data/packages" / items["sound"] / "package"
    force = tmp_path / "force.pub"
    force.write_text(desk.town.place.force.key.public.line + "\n")
    checked = await asyncio.to_thread(
        subprocess.run,
        [Path(sys.executable).parent / "handover-verify", package, "--force-key", force],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Everything holds" in checked.stdout, checked.stdout
    log = [
        UsesAbout.model_validate(page | {"more": False})
        for page in json.loads((folder / "data/log-of-use.json").read_text())
    ]
    deeds = [use.deed for _, use in checked_lines(log, CRIME)]
    assert deeds.count(Deed.ASKED) == 2
    assert Deed.FETCHED in deeds
    with pytest.raises(CustodyBroken):
        checked_lines(log, "EX/1")
    spoilt = log[0].lines[0].model_copy(update={"line": log[0].lines[0].line + " "})
    with pytest.raises(CustodyBroken, match="not in the log"):
        checked_lines([log[0].model_copy(update={"lines": (spoilt,)})], CRIME)


async def test_the_file_is_sealed_for_whom_it_is_for(desk: Desk, tmp_path: Path) -> None:
    defence = generate_identity("x25519")
    told = await officer(
        desk, "disclosure", "make", CRIME, "--into", str(tmp_path), "--recipient", str(defence.recipient)
    )
    sealed = Path(told["disclosure"])
    assert sealed.name.endswith(".zip.age")
    assert told["sensitive_schedule"] is None
    decrypt_file(sealed, tmp_path / "open.zip", [defence])
    with zipfile.ZipFile(tmp_path / "open.zip") as archive:
        archive.extractall(tmp_path / "open")
    (folder,) = (tmp_path / "open").iterdir()
    bagit.Bag(str(folder)).validate()
    assert (folder / "data/index.html").is_file()
    refused = await officer(desk, "disclosure", "make", CRIME, "--into", str(tmp_path), "--recipient", "age1x", code=17)
    assert "no age recipient" in refused["error"]


async def test_who_may_not_see_the_log_makes_the_file_without_it(desk: Desk, tmp_path: Path) -> None:
    plain = credential(desk.town, desk.town.place.officer, Role.OFFICER)
    portal = desk.town.running.portal
    await portal.db.write(lambda session: officers.add(session, plain, portal.settings, desk.town.clock.now() + 1))
    told = await officer(desk, "disclosure", "make", CRIME, "--into", str(tmp_path))
    assert not (Path(told["disclosure"]) / "data/log-of-use.json").exists()
    assert "No extract" in (Path(told["disclosure"]) / "data/index.html").read_text()


async def test_the_log_of_a_crime_is_for_disclosers_and_auditors(town: Town) -> None:
    agent = await town.agent().join(town.place)
    for number in range(3):
        await town.officer.ask(agent, f"r-{number}")
    await town.officer.ask(agent, "r-9", crime_reference='EX/"9%"')
    query = {"crime_reference": CRIME}
    assert (await town.officer.call("GET", api.USES_ABOUT, query=query)).status == 403
    for role in (Role.DISCLOSURE, Role.AUDITOR):
        answer = await (await known(town, role)).call("GET", api.USES_ABOUT, query=query)
        lines = checked_lines([UsesAbout.model_validate_json(answer.content)], CRIME)
        assert [use.request_id for _, use in lines] == ["r-0", "r-1", "r-2"]
    answer = await (await known(town, Role.AUDITOR)).call("GET", api.USES_ABOUT, query={"crime_reference": 'EX/"9%"'})
    assert [each.seq for each in UsesAbout.model_validate_json(answer.content).lines] == [3]


async def test_the_file_reads_well_in_a_browser(desk: Desk, tmp_path: Path) -> None:
    await marked(desk)
    told = await officer(desk, "disclosure", "make", CRIME, "--into", str(tmp_path))
    async with chromium() as browser:
        for size in (PHONE, DESKTOP):
            async with window(browser, "http://localhost", viewport=size) as page:
                for which in ("disclosure", "sensitive_schedule"):
                    await page.goto(f"file://{told[which]}/data/index.html")
                    await look_at(page, which)
