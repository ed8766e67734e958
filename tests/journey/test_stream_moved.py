"""A camera that gives its stream another address when it starts is recorded at that one."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cameras.stored import NewCamera
from agent.recordings import layout
from exchange.clock import MINUTE
from tests.counterparts.onvif.soap_camera import SoapCamera, soap_camera
from tests.journey.home import Siege, besieged

OLD, NEW = "rtsp://{host}:554/live/7f3a/{number}", "rtsp://{host}:554/live/91bc/{number}"


def recorder_says(at: Siege, state: str, since: int) -> None:
    folder = at.settings.recordings.directory / layout.STATE
    folder.mkdir(parents=True, exist_ok=True)
    cameras = {"yard": {"state": state, "since": since, "error": "The camera has no such stream."}}
    told = {"at": at.clock.now(), "stopped": False, "cameras": cameras}
    (folder / "recorder.json").write_text(json.dumps(told))


async def added(at: Siege, url: str, camera: SoapCamera) -> str:
    new = NewCamera(
        camera_id="yard", address=url, user=camera.user, password=camera.password, label="Yard", latitude=53.0,
        longitude=-2.0,
    )  # fmt: skip
    await at.agent.inventory.add(new)
    return recorded(at)


def recorded(at: Siege) -> str:
    """The address that the recorder is told."""
    told = json.loads(at.settings.recorder_config.read_text())
    (url,) = [each["url"] for each in told["cameras"] if each["id"] == "yard"]
    return str(url)


async def test_the_new_address_is_learnt_and_told_to_the_recorder(tmp_path: Path) -> None:
    camera = SoapCamera(stream=OLD)
    async with soap_camera(camera) as url, besieged(tmp_path) as at:
        before = await added(at, url, camera)
        camera.stream = NEW
        recorder_says(at, "waiting", at.clock.now() - 2 * MINUTE)
        assert await at.agent.inventory.learn_streams() == 1
        assert recorded(at) == before.replace("/7f3a/", "/91bc/")
        assert "/91bc/" in recorded(at)


@pytest.mark.parametrize(("state", "ago"), [("recording", 60), ("waiting", 0), ("refused", 60)])
async def test_a_camera_that_is_recorded_or_only_just_lost_is_not_asked(tmp_path: Path, state: str, ago: int) -> None:
    camera = SoapCamera(stream=OLD)
    async with soap_camera(camera) as url, besieged(tmp_path) as at:
        before = await added(at, url, camera)
        camera.stream = NEW
        recorder_says(at, state, at.clock.now() - ago * MINUTE)
        assert await at.agent.inventory.learn_streams() == 0
        assert recorded(at) == before


async def test_one_that_stays_away_is_asked_every_ten_minutes_only(tmp_path: Path) -> None:
    camera = SoapCamera(stream=OLD)
    async with besieged(tmp_path) as at:
        async with soap_camera(camera) as url:
            await added(at, url, camera)
        asked = []
        for _ in range(21):
            recorder_says(at, "waiting", at.clock.now() - 2 * MINUTE)
            asked.append(await at.agent.inventory.learn_streams())
            at.clock.forward(MINUTE)
        assert [minute for minute, count in enumerate(asked) if count] == [0, 10, 20]


async def test_an_address_of_another_stream_is_never_taken_for_it(tmp_path: Path) -> None:
    camera = SoapCamera(stream=OLD)
    async with soap_camera(camera) as url, besieged(tmp_path) as at:
        before = await added(at, url, camera)
        async with at.agent.services.store.transaction() as tx:
            row = await tx.camera("yard")
            assert row is not None
            facts = json.loads(row.facts)
            for profile in facts["profiles"]:
                profile["token"], profile["width"] = f"gone-{profile['token']}", 123
            row = replace(row, facts=json.dumps(facts))
            await tx.update("cameras", {"camera_id": "yard"}, facts=row.facts)
        camera.stream = NEW
        await at.agent.inventory.check("yard")
        assert recorded(at) == before
