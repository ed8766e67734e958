"""Setting up by questions and by a file: what is added, what is shown, and what fails without stopping the rest."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli.guide import read_answers
from exchange.errors import InputInvalid
from tests.agent.owner.owner_home import OwnerHome, owner_home
from tests.counterparts.onvif.ipycam_camera import ipycam_camera


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnerHome]:
    with owner_home(tmp_path_factory.mktemp("guide")) as made:
        yield made


OWNER = ("--kind", "household", "--name", "Robin Example", "--contact", "01632 960001")


def test_a_file_answers_everything_and_what_fails_stops_nothing_else(home: OwnerHome, tmp_path: Path) -> None:
    answers = tmp_path / "answers.yaml"
    answers.write_text(
        "cameras:\n"
        "  - {camera_id: gone, address: 127.0.0.1:9, label: Gone, latitude: 53.7, longitude: -2.7}\n"
        "  - {camera_id: doorbell, address: ring, source: by_hand, label: Doorbell, latitude: 53.7, longitude: -2.7}\n"
        "people:\n  - {person_id: anna, name: Anna, role: administrator}\n"
    )
    said = home.handover("setup", "--no-portal", *OWNER, "--answers", str(answers))
    assert said.exit_code == 20, said.output
    assert "[2 of 3] add-camera doorbell" in said.output
    cameras = {each["camera_id"] for each in json.loads(home.handover("cameras", "list", "--json").output)["cameras"]}
    assert cameras == {"front-door", "doorbell"}
    assert "Anna (anna)" in home.handover("people", "list").output
    again = home.handover("setup", "--no-portal", *OWNER, "--answers", str(answers))
    assert "[1 of 1] add-camera gone" in again.output  # only what is not there yet


@pytest.mark.parametrize(
    "text",
    [
        "cameras: 7",
        "nothing: []",
        "cameras: [{camera_id: A b}]",
        "people: [{person_id: a}]",
        "[",
        "- 1",
        "cameras: [{}]",
    ],
)
def test_a_file_that_does_not_fit_is_refused_before_anything_is_done(tmp_path: Path, text: str) -> None:
    path = tmp_path / "answers.yaml"
    path.write_text(text)
    with pytest.raises(InputInvalid, match=r"answers\.yaml"):
        read_answers(path)


async def test_questions_add_a_camera_a_person_and_write_the_sheet(home: OwnerHome, tmp_path: Path) -> None:
    sheet, picture = tmp_path / "sheet.html", tmp_path / "now.jpg"
    async with ipycam_camera() as camera:
        typed = [camera.onvif, "yard", "Back yard", "53.7,-2.7", "270", "", "Robin", "robin", "", str(sheet), ""]
        words = ("setup", "--no-portal", *OWNER, "--guide")
        said = await asyncio.to_thread(home.handover, *words, typed="\n".join(typed) + "\n")
        shot = await asyncio.to_thread(home.handover, "cameras", "snapshot", "yard", str(picture))
    assert shot.exit_code == 0, shot.output
    assert picture.read_bytes()[:2] == b"\xff\xd8"
    assert said.exit_code == 0, said.output
    assert "Added: ipycam" in said.output
    assert "Back yard: at 53.7, -2.7, looking 270° from north" in said.output
    assert "AGE-SECRET-KEY" in sheet.read_text()
    assert sheet.stat().st_mode & 0o077 == 0
    await asyncio.to_thread(_changed, home, camera.onvif)


def _changed(home: OwnerHome, address: str) -> None:
    known = home.handover("cameras", "known").output
    assert "Never: its address, user name, password, or any picture." in known
    assert address not in known
    assert home.handover("cameras", "change", "yard", "--direction", "90", "--label", "Yard").exit_code == 0
    assert "Of Yard: at 53.7, -2.7, looking 90° from north" in home.handover("cameras", "known").output
    assert home.handover("cameras", "change", "yard").exit_code == 17
    assert home.handover("cameras", "change", "nothing", "--label", "x").exit_code == 44


def test_the_recovery_sheet_is_written_once_and_opens_what_was_handed_over(home: OwnerHome, tmp_path: Path) -> None:
    target = tmp_path / "sheet.html"
    assert home.handover("recovery-sheet", str(target)).exit_code == 0
    key = next(line for line in home.settings.archive_key.read_text().splitlines() if line.startswith("AGE-SECRET"))
    assert key in re.sub(r"<[^>]+>", "", target.read_text())
    assert home.handover("recovery-sheet", str(target)).exit_code == 17
