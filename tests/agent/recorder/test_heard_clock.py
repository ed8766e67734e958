"""A camera's clock, as the stream that is recorded from it told it."""

from pathlib import Path

import pytest

from agent.cameras.stored import facts_of
from agent.devices.clock import ClockCheck
from agent.recorder.config import CameraSource, RecorderConfig
from agent.recordings import journal, layout
from agent.recordings.stream_clock import latest_stream_check
from exchange.clock import DAY, HOUR, MINUTE, SECOND, SystemClock
from tests.counterparts.processes.recorder_process import recorder
from tests.counterparts.rtsp.gst_server import LIVE_AAC, GstServer, live
from tests.journey.home import CAMERA, besieged

NOON = 1_790_000_000_000_000


def test_a_real_stream_tells_the_clock_of_the_machine_that_it_comes_from(tmp_path: Path) -> None:
    root = tmp_path / "recordings"
    root.mkdir()
    with GstServer({"/live": live(sound=LIVE_AAC)}) as server:
        config = RecorderConfig(root, (CameraSource("cam", server.url("/live")),), segment=SECOND, stall=SECOND)
        with recorder(tmp_path, config) as running:
            running.until(
                "a word of its clock", lambda: latest_stream_check(root, "cam", SystemClock().now()) is not None
            )
            told = latest_stream_check(root, "cam", SystemClock().now())
            assert told is not None
            assert abs(told.offset_us) <= told.uncertainty_us < SECOND
            assert told.device_time - told.reference_time == told.offset_us
            assert running.stop() == 0


def note(root: Path, start: int, ahead: int, clock: int | None = None) -> None:
    folder = layout.day_folder(root, CAMERA, start)
    folder.mkdir(parents=True, exist_ok=True)
    clock = start + ahead if clock is None else clock
    journal.append(folder, {"event": "segment", "start": start, "camera_clock": clock, "camera_ahead": ahead})


def test_the_quickest_picture_of_the_hour_bounds_how_far_off_it_is(tmp_path: Path) -> None:
    for minute, ahead in enumerate((-300_000, -80_000, -900_000)):
        note(tmp_path, NOON - 10 * MINUTE + minute * MINUTE, 7 * SECOND + ahead)
    note(tmp_path, NOON - 2 * HOUR, 90 * SECOND)
    note(tmp_path, NOON + MINUTE, 90 * SECOND)
    told = latest_stream_check(tmp_path, CAMERA, NOON)
    assert told is not None
    assert told.offset_us - told.uncertainty_us == 7 * SECOND - 80_000
    assert told.offset_us + told.uncertainty_us == 8 * SECOND - 80_000
    assert NOON - 10 * MINUTE <= told.at <= NOON


@pytest.mark.parametrize(("start", "clock"), [(NOON - DAY, None), (NOON - MINUTE, 3 * SECOND)])
def test_what_was_told_long_ago_or_by_a_clock_that_counts_from_its_start_is_no_comparison(
    tmp_path: Path, start: int, clock: int | None
) -> None:
    note(tmp_path, start, SECOND, clock)
    assert latest_stream_check(tmp_path, CAMERA, NOON) is None


async def test_a_camera_that_does_not_answer_is_compared_by_its_stream(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        note(at.settings.recordings.directory, at.clock.now() - MINUTE, -40 * SECOND)
        await at.agent.inventory.check_clocks()
        async with at.agent.services.store.transaction() as tx:
            row = await tx.camera(CAMERA)
            kept = await tx.all("SELECT result FROM clock_checks WHERE camera_id = ?", [CAMERA])
        assert row is not None
        clock = facts_of(row).clock
        assert clock is not None
        assert abs(clock.offset_us + 40 * SECOND) <= SECOND
        assert "RTCP" in clock.method
        assert [ClockCheck.model_validate_json(each["result"]) for each in kept] == [clock]
