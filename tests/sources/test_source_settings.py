"""A camera's source, as the owner sets it up, tests it, and finds it again after an upgrade."""

import json
import sqlite3
from pathlib import Path

import pytest

from agent.cameras.footage_sources import SetSource, SetStart, TestSources
from agent.cameras.stored import NewCamera
from agent.devices.passwords import Passwords
from agent.owner.operations.context import Nothing, RequestNamed
from agent.recorder.config import load
from agent.sources.registry import kind_of, kinds, setting_of
from agent.store import schema
from agent.store.database import Store
from exchange.errors import CameraUnreachable, DecisionRefused, InputInvalid, SettingsInvalid
from tests.journey.home import ACTOR, CAMERA, home, owner_does
from tests.sources.test_kept_windows import asked, on_a_folder, sealed


async def test_a_database_of_the_first_version_is_upgraded_and_its_cameras_stay_recorded(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    with sqlite3.connect(path) as old:
        old.executescript(schema.V1 + "PRAGMA user_version = 1;")
        old.execute("INSERT INTO cameras VALUES ('gate', '{}', '{}', 'rtsp://192.0.2.7/', '{}', 1, 5)")
    old.close()
    store = await Store.open(path)
    try:
        async with store.transaction() as tx:
            row = await tx.camera("gate")
            version = await tx.one("PRAGMA user_version")
        assert row is not None
        assert setting_of(row).kind == "recorder"
        assert version is not None
        assert version[0] == len(schema.STEPS)
    finally:
        await store.close()


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_says_of_itself_what_the_manifest_needs(kind: str) -> None:
    found = kind_of(kind)
    assert found is not None
    assert 10 < len(found.how_read) <= 200
    assert 10 < len(found.utc_from) <= 200
    assert found.title
    assert all(field.description for name, field in found.options.model_fields.items()), "an option nobody explained"


async def test_a_camera_is_given_a_folder_tested_and_given_back(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        await on_a_folder(at, tmp_path / "exports")
        wanted = SetSource(camera_id=CAMERA, kind="folder", options={"path": str(tmp_path / "exports"), "zone": "UTC"})
        assert (await owner_does(at.agent, "camera-source", wanted, ACTOR))["source"] == "folder"
        told = await owner_does(at.agent, "test-sources", TestSources(camera_id=CAMERA), ACTOR)
        (camera,) = told["cameras"]
        assert camera["ok"], camera
        assert camera["sample"]["codec"] == "h264"
        assert camera["sample"]["copied_out_of"] == "avi"
        assert 15 <= camera["sample"]["frames"] <= 25
        assert camera["oldest"]
        assert not list(at.settings.work_dir.glob("stills-*"))
        assert [each.camera_id for each in load(at.settings.recorder_config).cameras] == []
        await owner_does(at.agent, "camera-source", SetSource(camera_id=CAMERA, kind="recorder"), ACTOR)
        assert [each.camera_id for each in load(at.settings.recorder_config).cameras] == [CAMERA]
        (camera,) = (await owner_does(at.agent, "test-sources", TestSources(), ACTOR))["cameras"]
        assert camera["ok"], camera


async def test_a_source_that_can_not_be_used_changes_nothing_and_a_test_says_what_to_do(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        with pytest.raises(CameraUnreachable):
            await owner_does(
                at.agent,
                "camera-source",
                SetSource(camera_id=CAMERA, kind="folder", options={"path": str(tmp_path / "nowhere")}),
                ACTOR,
            )
        with pytest.raises(SettingsInvalid, match="no source 'vhs'"):
            await owner_does(at.agent, "camera-source", SetSource(camera_id=CAMERA, kind="vhs"), ACTOR)
        async with at.agent.services.store.transaction() as tx:
            row = await tx.camera(CAMERA)
        assert row is not None
        assert setting_of(row).kind == "recorder"
        await on_a_folder(at, tmp_path / "exports")
        (tmp_path / "exports").rename(tmp_path / "gone")
        (camera,) = (await owner_does(at.agent, "test-sources", TestSources(), ACTOR))["cameras"]
        assert (camera["ok"], camera["reachable"], camera["exit_code"]) == (False, False, 20)
        assert "mounted" in camera["do"]


async def test_a_camera_known_only_by_its_folder_is_added_listed_and_removed(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        await on_a_folder(at, tmp_path / "exports")
        path = str(tmp_path / "exports")
        new = NewCamera(
            camera_id="yard",
            address=path,
            source="folder",
            options={"zone": "UTC"},
            label="Yard",
            latitude=1,
            longitude=2,
        )
        assert (await owner_does(at.agent, "add-camera", new, ACTOR))["registered"]
        listed = {
            each["camera_id"]: each for each in (await owner_does(at.agent, "cameras", Nothing(), ACTOR))["cameras"]
        }
        assert (listed["yard"]["source"], listed["yard"]["address"]) == ("folder", path)
        assert listed["yard"]["recording"] == "elsewhere: folder"
        await at.agent.inventory.check_clocks()
        await at.agent.inventory.remove("yard")
        assert not (at.settings.sources_dir / "yard").exists()


async def test_a_file_without_a_time_is_given_one_by_hand(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        await on_a_folder(at, tmp_path / "exports")
        wanted = SetStart(camera_id=CAMERA, file="clip 7.mp4", time="2026-06-10T11:00:00+01:00")
        assert (await owner_does(at.agent, "source-start", wanted, ACTOR))["start"] == "2026-06-10T10:00:00.000000Z"
        with pytest.raises(InputInvalid):
            await owner_does(at.agent, "source-start", wanted.model_copy(update={"time": "yesterday"}), ACTOR)
        async with at.agent.services.store.transaction() as tx:
            row = await tx.camera(CAMERA)
        assert row is not None
        assert setting_of(row).options["starts"] == {"clip 7.mp4": "2026-06-10T10:00:00.000000Z"}


async def test_an_owner_who_is_asked_first_can_have_it_kept(tmp_path: Path) -> None:
    async with home(tmp_path, extra="requests: {preserve: ask}") as at:
        request_id = await asked(at, await on_a_folder(at, tmp_path / "exports"))
        assert sealed(at) == []
        assert (await owner_does(at.agent, "keep", RequestNamed(request_id=request_id), ACTOR))["held_bytes"] > 0
        assert len(sealed(at)) == 1
        told = await at.shown(request_id)
        assert told["plan"]["cameras"][0]["source"]["kept"] is True
        assert told["kept_bytes"] == sealed(at)[0].stat().st_size
        await at.say(request_id, yes=False)
        await at.agent.journey.settle()
        with pytest.raises(DecisionRefused):
            await owner_does(at.agent, "keep", RequestNamed(request_id=request_id), ACTOR)


def test_passwords_are_kept_apart_and_readable_by_nobody_else(tmp_path: Path) -> None:
    from agent.devices.address import Credentials

    passwords = Passwords(tmp_path / "sources.json")
    passwords.keep("gate", Credentials("viewer", "right horse"))
    assert passwords.of("gate") == Credentials("viewer", "right horse")
    assert (tmp_path / "sources.json").stat().st_mode & 0o077 == 0
    passwords.keep("gate", None)
    assert json.loads((tmp_path / "sources.json").read_text()) == {}
