"""What the daemon does from time to time, on a home of its own."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from agent.background import housekeeping
from agent.host.clock import HostClock
from exchange.clock import DAY, HOUR, SECOND
from exchange.custody.checkpoint import open_checkpoint
from exchange.documents import api
from tests.journey.home import Siege, besieged, settings_at


async def delivered(at: Siege) -> str:
    request_id = await at.asked()
    await at.say(request_id, yes=True)
    await at.walk()
    assert await at.state(request_id) == "delivered"
    return request_id


async def test_the_newest_head_of_the_log_is_sent_once(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        await delivered(at)
        for _ in range(2):
            await housekeeping.send_checkpoints(at.agent.services)
        (call,) = [call for call in at.portal.calls if str(call) == f"POST {api.CHECKPOINTS}"]
        note = api.Checkpoint.model_validate_json(call.body).note
        assert open_checkpoint(note, at.agent.services.keys.device.public).size == len(await at.events())


async def test_a_heartbeat_tells_nothing_of_requests(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        await housekeeping.heartbeat(at.agent.services, at.agent.inventory)
        (call,) = [call for call in at.portal.calls if call.path == api.HEARTBEAT]
        assert set(api.Heartbeat.model_validate_json(call.body).model_dump()) == {
            "version",
            "cameras_recording",
            "cameras_registered",
        }
        assert at.portal.about(request_id) == []


async def test_an_owner_is_reminded_as_often_as_they_set(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with besieged(tmp_path, extra="requests: {remind_after: [1h, 12h]}") as at:
        request_id = await at.asked()
        given = []
        for _ in range(14):
            given.append(await housekeeping.remind(at.agent.services))
            at.clock.forward(HOUR)
        assert (given[0], given[1], sum(given)) == (0, 1, 2)
        assert f"handover review {request_id}" in caplog.text


def test_what_a_killed_process_left_is_cleared_at_the_start_and_clips_stay(tmp_path: Path) -> None:
    settings = settings_at(tmp_path, "http://127.0.0.1:1")
    for folder in (settings.work_dir / "stills-abc", settings.work_dir / "r-1", settings.packages_dir):
        folder.mkdir(parents=True)
    settings.receipts_dir.mkdir()
    partial = settings.packages_dir / ".e-1.zip.age.0011.partial"
    for path in (partial, settings.work_dir / "stills-abc/first.jpg", settings.work_dir / "r-1/master.mp4"):
        path.write_bytes(b"x")
    housekeeping.clear_leftovers(settings)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["master.mp4"]


async def purge(at: Siege, *, synchronised: bool | None) -> int:
    """Recordings removed, where a time server vouches for the host's clock or doesn't."""

    async def told() -> HostClock:
        return HostClock(synchronised)

    parts = replace(at.agent.services, host_clock=told)
    return await housekeeping.keep_recordings_within_bounds(parts, at.agent.recordings)


async def test_a_clock_set_far_ahead_deletes_nothing_until_a_time_server_vouches_for_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with besieged(tmp_path) as at:
        assert await purge(at, synchronised=None) == 0
        at.clock.step(400 * DAY)
        for _ in range(3):
            at.clock.forward(DAY)
            assert await purge(at, synchronised=None) == 0
        assert sum("no time server vouches" in record.message for record in caplog.records) == 1
        assert all(segment.exists() for segment in at.segments)
        assert await purge(at, synchronised=True) == len(at.segments)


async def test_the_doubt_about_a_clock_ends_when_it_is_set_right(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        await purge(at, synchronised=False)
        at.clock.step(400 * DAY)
        await purge(at, synchronised=False)
        at.clock.step(-400 * DAY)
        at.clock.forward((at.settings.recordings.days - 1) * DAY)
        assert await purge(at, synchronised=False) == 0
        at.clock.forward(2 * DAY)
        assert await purge(at, synchronised=False) == len(at.segments)


async def test_time_that_passed_ages_recordings_though_no_time_server_is_known(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        assert await purge(at, synchronised=False) == 0
        at.clock.step(20 * HOUR + 30 * SECOND)  # it was off for the night, and its clock with it
        at.clock.forward(at.settings.recordings.days * DAY)
        assert await purge(at, synchronised=False) == len(at.segments)
