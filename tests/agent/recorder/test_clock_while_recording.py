"""The host's clock is set while a camera is recorded: all footage is kept, and is found by its true time."""

import contextlib
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agent.host.wall_clock import WallClock, boot_id
from agent.recorder import copying
from agent.recorder.config import CameraSource
from agent.recorder.segment_writer import SegmentWriter
from agent.recordings.clock_set import ClockSeen
from agent.recordings.segments import SegmentStore
from exchange.clock import DAY, HOUR, MINUTE, SECOND, Window
from tests.agent.recorder.one_camera import SteppedClock, camera_thread, config
from tests.counterparts.files.footage import assert_plays
from tests.counterparts.processes.recorder_process import RecorderProcess
from tests.counterparts.rtsp.gst_server import GstServer, live


def test_when_the_host_s_clock_is_set_all_footage_is_kept_and_the_step_is_noted(tmp_path: Path) -> None:
    steps = {"back": -20 * SECOND, "ahead": 3600 * SECOND}
    watch = RecorderProcess.__new__(RecorderProcess)  # only reads what is written
    # Not shared: GStreamer's server can fall over an assertion of its own when two clients begin one pipeline together.
    with GstServer({"/cam": live()}, shared=False) as server, contextlib.ExitStack() as stack:
        cameras = {name: CameraSource(name, server.url("/cam")) for name in steps}
        wanted = config(tmp_path, *cameras.values())
        watch.root = wanted.root
        clocks = {name: SteppedClock() for name in steps}
        for name in steps:
            stack.enter_context(camera_thread(cameras[name], wanted, clocks[name]))
        _until(lambda: all(len(watch.finished(name)) >= 2 for name in steps))
        before = {name: len(watch.finished(name)) for name in steps}
        for name, step in steps.items():
            clocks[name].by = step
        _until(lambda: all(len(watch.finished(name)) >= before[name] + 3 for name in steps))
    for name, step in steps.items():
        entries = [entry for entry in watch.journal(name) if entry["event"] == "segment"]
        entries.sort(key=lambda entry: entry["media_start"])  # a day's journal is the day that the clock said
        assert len(watch.finished(name)) == len(entries)
        assert all(entry["end"] > entry["start"] for entry in entries)
        files = {path.name: path for path in watch.finished(name)}
        assert all(entry["frames"] == assert_plays(files[entry["name"]]) >= 15 for entry in entries[:-1])
        (noted,) = [each["by"] for entry in entries for each in entry.get("host_steps", [])]
        assert abs(noted - step) < SECOND // 10
        starts = [entry["start"] for entry in entries]
        jump = max((later - earlier - SECOND for earlier, later in pairwise(starts)), key=abs)
        assert abs(jump - step) < SECOND


@pytest.mark.parametrize("step", [21 * DAY, -HOUR])
@pytest.mark.parametrize("opening", [False, True], ids=["between segments", "as a segment is opened"])
def test_once_the_clock_is_right_what_was_recorded_before_has_no_gap_to_what_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, opening: bool
) -> None:
    clock = SteppedClock()
    clock.by = -step
    if opening:
        monkeypatch.setattr(copying, "SegmentWriter", _setting_the_clock(clock))
    with GstServer({"/cam": live()}) as server:
        camera = CameraSource("cam", server.url("/cam"))
        wanted = config(tmp_path, camera)
        watch = RecorderProcess.__new__(RecorderProcess)
        watch.root = wanted.root
        with camera_thread(camera, wanted, clock):
            _until(lambda: len(watch.finished("cam")) >= 2)
            clock.by = clock.by if opening else 0
            _until(lambda: len(watch.finished("cam")) >= 5)
    assert clock.by == 0
    opened = [entry["at"] for entry in watch.journal("cam") if entry["event"] == "opened"]
    store, files = SegmentStore(wanted.root, clock), len(watch.finished("cam"))
    assert len(opened) == files
    now, uptime = clock.now(), clock.monotonic()
    right = ClockSeen(boot=boot_id(), uptime=uptime, offset=now - uptime, synchronised=True)
    assert 2 <= store.settle((right,)) < files
    spans = store.coverage("cam", Window(now - MINUTE, now)).spans
    assert len(spans) == files
    assert all(abs(after.window.start - before.window.end) < SECOND // 2 for before, after in pairwise(spans))
    assert any("was set" in note for note in store.coverage("cam", Window(now - MINUTE, now)).notes)


def _setting_the_clock(clock: SteppedClock) -> Callable[..., SegmentWriter]:
    """As the third file is made, the clock is set right: after its start was told, before all else is."""
    opened = 0

    def open_one(*args: Any) -> SegmentWriter:
        nonlocal opened
        opened += 1
        if opened == 3:
            clock.by = 0
        return SegmentWriter(*args)

    return open_one


def _until(true: object) -> None:
    done = threading.Event()
    for _ in range(400):
        if true():  # type: ignore[operator]
            return
        done.wait(0.05)
    raise AssertionError("not in time")


def test_a_slow_drift_of_the_clock_is_no_step() -> None:
    clock = SteppedClock()
    host = WallClock(clock)
    for _ in range(20):
        clock.by += 50_000
        assert host.step() == 0
    clock.by -= 10 * SECOND
    assert abs(host.step() + 10 * SECOND) < 10_000
    assert host.step() == 0
