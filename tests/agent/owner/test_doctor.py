"""What the doctor finds, and that what is packed for a maintainer holds nothing private."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.host import checkup
from agent.host.checkup import State
from agent.owner.operations import doctor, support
from agent.owner.operations.context import Nothing
from agent.owner.operations.doctor import Examine
from agent.workers import examine
from tests.agent.owner.owner_home import OwnerHome, owner_home
from tests.journey.home import ACTOR, Siege, besieged, owner_does


async def found(at: Siege) -> dict[str, list[str]]:
    """By state, what it says."""
    reply = await owner_does(at.agent, "doctor", Examine(), ACTOR)
    return {state: [each["text"] for each in reply["findings"] if each["state"] == state] for state in State}


async def test_what_is_right_and_what_is_missing_is_told_worst_first(tmp_path: Path) -> None:
    async with besieged(tmp_path, workers=True) as at:
        reply = await owner_does(at.agent, "doctor", Examine(), ACTOR)
        states = [each["state"] for each in reply["findings"]]
        assert states == sorted(states, key=["bad", "note", "good"].index)
        said = await found(at)
        assert "Recordings can be worked on." in said["good"]
        assert "Keys and passwords can be read by the daemon alone." in said["good"]
        assert "Nobody is told when a request comes: you would have to look." in said["note"]
        assert any("no recorder runs" in text for text in said["bad"])
        assert all(each["do"] for each in reply["findings"] if each["state"] == "bad")


async def test_keys_that_others_read_and_disks_without_room_are_found(tmp_path: Path) -> None:
    async with besieged(tmp_path, extra="decide: {people: 2}") as at:
        at.settings.device_key.chmod(0o644)
        assert f"Others may read {at.settings.device_key}." in (await found(at))["bad"]
        assert "Two people must say yes, and 0 are written down." in (await found(at))["bad"]
        recordings = at.settings.recordings.directory
        texts = [each.text for each in checkup.disks(at.settings.data, recordings, 1 << 60)]
        assert any(text.startswith("Only ") for text in texts)
        (gone,) = [each for each in checkup.disks(tmp_path / "gone", recordings, 0) if each.state is State.BAD]
        assert "is not there" in gone.text


async def test_a_source_that_is_away_is_named(tmp_path: Path) -> None:
    async with besieged(tmp_path, workers=True) as at:
        reply = await owner_does(at.agent, "doctor", Examine(cameras=True), ACTOR)
        assert [each for each in reply["findings"] if each["about"] == "sources"]
        assert doctor.as_text([{"state": "bad", "about": "disk", "text": "x", "do": "y"}]) == "bad   disk: x y\n"


def test_the_worker_says_which_libraries_it_has() -> None:
    assert set(examine.job({}, lambda _: None)) == {"av", "cv2"}


async def test_what_is_packed_holds_nothing_private(tmp_path: Path) -> None:
    async with besieged(tmp_path, workers=True) as at:
        await at.asked()
        packed = await owner_does(at.agent, "support", Nothing(), ACTOR)
        everything = "\n".join(packed["files"].values())
        for word in ("Robin", "01632", "Front door", "front-door", "53.7632", "Burglary", "Mill Road", "Ada Okafor"):
            assert word not in everything, word
        assert at.origin.rpartition(":")[2] not in everything
        assert '"schema": ' in packed["files"]["about.json"]
        assert "av " in packed["files"]["about.json"]
        assert '"state": "asked"' in packed["files"]["requests.json"]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("rtsp://robin:s3cret@192.0.2.7/x", "rtsp://***@(address)/x"),
        ("at 2001:db8::1:2 and fe80:0:0:1", "at (address) and (address)"),
        ("mail robin@example.org now", "mail (address) now"),
        ("Authorization: Bearer abc", "Authorization: ***"),
        ("The Garage is dark", "The (left out) is dark"),
        ("12:30:05 is a time", "12:30:05 is a time"),
    ],
)
def test_addresses_and_secrets_are_left_out(text: str, left: str) -> None:
    assert support.cleaned(text, ["Garage"]) == left


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnerHome]:
    with owner_home(tmp_path_factory.mktemp("doctor")) as made:
        yield made


def test_both_work_without_the_daemon(home: OwnerHome, tmp_path: Path) -> None:
    told = home.handover("doctor")
    assert told.exit_code == 1
    assert "WRONG" in told.output
    assert "sudo systemctl start handover-recorder" in told.output
    target = tmp_path / "support.zip"
    packed = home.handover("support", str(target))
    assert packed.exit_code == 0, packed.output
    with zipfile.ZipFile(target) as opened:
        assert {"about.json", "doctor.txt", "settings.json"} <= set(opened.namelist())
        assert "Robin" not in opened.read("settings.json").decode()
    assert home.handover("support", str(target)).exit_code == 17


def test_an_owner_without_a_portal_sets_up_and_writes_requests_down(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from agent.cli.main import main

    config = tmp_path / "handover.yaml"
    config.write_text(f"data: {tmp_path / 'a'}\npage: {{enabled: false}}\n")
    words = ["setup", "--no-portal", "--kind", "household", "--name", "Robin", "--contact", "01632"]
    said = CliRunner().invoke(main, ["--config", str(config), *words])
    assert said.exit_code == 0, said.output
    assert "No portal was joined." in said.output
    assert "none yet" not in CliRunner().invoke(main, ["--config", str(config), "people", "list"]).output
