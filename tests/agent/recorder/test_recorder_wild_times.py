"""One picture with a wild time stamp moves nothing that follows it; a camera's clock that was set is followed."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from agent.recorder.config import CameraSource, RecorderConfig
from agent.recordings.segments import SegmentStore
from exchange.clock import SECOND, SystemClock, Window
from tests.counterparts.files.footage import assert_plays, probe
from tests.counterparts.processes.recorder_process import RecorderProcess, recorder
from tests.counterparts.rtsp.gst_server import LIVE_ALAW, GstServer, live
from tests.counterparts.rtsp.rtp_times import RtpTimes

HOURS = 3 * 3600 * 90_000


def recorded(tmp_path: Path, change: Callable[[int], int], sound: str = "", segments: int = 4) -> RecorderProcess:
    """What the recorder made of a camera of 25 pictures a second, with a key frame each second."""
    with GstServer({"/cam": live(sound=sound)}) as server, RtpTimes(server.url("/cam"), change) as door:
        root = tmp_path / "recordings"
        root.mkdir()
        config = RecorderConfig(root, (CameraSource("cam", door.url),), segment=SECOND, stall=5 * SECOND, reserve=0)
        with recorder(tmp_path, config) as running:
            running.until("segments", lambda: len(running.finished()) >= segments)
            assert running.state().get("reconnects") == 0
            assert running.stop() == 0
            return running


def steps(part: Path) -> list[float]:
    """Seconds between pictures, in a file."""
    times = [float(time) for time in probe(part, "packet=pts_time")]
    return [later - earlier for earlier, later in pairwise(times)]


@pytest.mark.parametrize("by", [HOURS, -HOURS], ids=["ahead", "back"])
@pytest.mark.parametrize(
    ("number", "sound"), [(40, ""), (50, ""), (50, LIVE_ALAW)], ids=["between", "first", "first-with-sound"]
)
def test_one_wild_time_stamp_moves_nothing(tmp_path: Path, number: int, by: int, sound: str) -> None:
    running = recorded(tmp_path, lambda picture: by if picture == number else 0, sound)
    parts = [path for _, path in running.segments()]
    names = [name for name, _ in running.segments()]
    assert sum(entry.get("wild_times", 0) for entry in running.journal()) == 1
    assert not any(entry.get("why") == "camera_clock_jumped" for entry in running.journal())
    assert all(one.end == following.start for one, following in pairwise(names))
    assert [name for name in names if name.duration is None or name.duration >= 5 * SECOND] == []
    window = Window(names[0].start, names[-1].end)
    assert SegmentStore(running.root, SystemClock()).coverage("cam", window).gaps == ()
    for part in parts[:-1]:
        assert max(steps(part)) < 0.2
        assert min(steps(part)) > 0
        assert assert_plays(part) == 25


@pytest.mark.parametrize("by", [HOURS, -HOURS], ids=["ahead", "back"])
def test_a_clock_that_is_set_in_the_middle_is_followed(tmp_path: Path, by: int) -> None:
    running = recorded(tmp_path, lambda picture: by if picture >= 40 else 0)
    names = [name for name, _ in running.segments()]
    assert sum(entry.get("why") == "camera_clock_jumped" for entry in running.journal()) == 1
    assert not any(entry.get("wild_times") for entry in running.journal())
    assert all(name.duration is not None and name.duration < 5 * SECOND for name in names)
    assert all(abs(following.start - one.end) < SECOND // 2 for one, following in pairwise(names))
    for _, part in running.segments()[:-1]:
        assert max(steps(part)) < 0.2
