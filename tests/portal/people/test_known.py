"""What whoever runs the portal types about people: who there is, what is kept of one, and erasing them."""

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from portal.cli import main
from portal.settings import PortalFolder
from tests.counterparts.portals.portal import Place
from tests.portal.conftest import Town
from tests.portal.people.letters import ADA
from tests.portal.people.visits import Visitor, case, nearby


@pytest.fixture
def place(place: Place) -> Place:
    """With its settings in the folder, where a command finds them."""
    place.folder.settings_file.unlink(missing_ok=True)
    place.folder.save(place.settings)
    return place


@pytest.fixture
async def person(visitor: Visitor) -> str:
    """Somebody who registered, answered one request, and has begun to answer another."""
    person = await visitor.register()
    _, code = await visitor.asked(person)
    upload = await visitor.upload(code, b"sealed")
    await visitor.answer(code, upload.headers["Location"])
    _, code = await visitor.asked(person, request_id="p-2")
    await visitor.upload(code, b"begun")
    return person


async def typed(folder: PortalFolder, group: str, command: str, *rest: str, code: int = 0) -> Any:
    args = [group, command, str(folder.path), *rest, "--json"]
    result = await asyncio.to_thread(CliRunner().invoke, main, args)
    assert result.exit_code == code, (result.output, result.exception)
    return json.loads(result.stdout if code == 0 else result.stderr.splitlines()[-1])


async def test_everything_that_is_kept_of_one_is_written_for_them(town: Town, person: str, tmp_path: Path) -> None:
    folder, out = town.place.folder, tmp_path / "ada.json"
    (listed,) = await typed(folder, "people", "list")
    assert (listed["person"], listed["address"], listed["cameras"]) == (person, ADA, 1)
    await typed(folder, "people", "export", ADA.upper(), "--out", str(out))
    found = json.loads(out.read_text())
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert (found["name"], found["kind"], found["cameras"][0]["label"]) == ("Ada Byron", "household", "Door")
    first, second = found["asked"]
    assert (first["answer"], first["what"], first["files"][0]["size"]) == ("files", "A door was forced.", 6)
    assert (second["answer"], second["files"]) == (None, [])
    assert {each["for"] for each in found["messages"]} == {"confirm", "answer"}


async def test_erasing_says_what_it_did_and_leaves_what_is_the_forces(town: Town, person: str) -> None:
    done = await typed(town.place.folder, "people", "erase", person)
    assert done == {"person": person, "cameras": 1, "links": 1, "messages": 3, "uploads": 1, "requests_kept": 2}
    assert (await nearby(town.officer)).cameras == ()
    (file,) = (await case(town.officer, "p-1")).files
    assert file.available
    assert len(await town.running.portal.uploads.names(0)) == 1
    assert not any(ADA.encode() in path.read_bytes() for path in town.place.folder.path.glob("portal.db*"))
    again = await typed(town.place.folder, "people", "erase", person, code=17)
    assert "Nobody is registered" in again["error"]
    assert (await typed(town.place.folder, "people", "erase", ADA, code=44))["exit_code"] == 44


async def test_the_words_for_people_name_what_was_done(town: Town, person: str, tmp_path: Path) -> None:
    async def said(command: str, *more: str) -> str:
        args = ["people", command, str(town.place.folder.path), *more]
        result = await asyncio.to_thread(CliRunner().invoke, main, args)
        assert result.exit_code == 0, result.output
        return result.stdout

    assert f"{person}  {ADA}  1 camera, confirmed" in await said("list")
    assert "only its sizes and hashes" in await said("export", ADA, "--out", str(tmp_path / "all.json"))
    assert "Kept: 2 requests, with what was answered" in await said("erase", ADA)
    assert "Nobody registered." in await said("list")
