"""The recorder and the daemon share a file and no user: it is waited for, and noticed when it changes."""

import signal
import subprocess
import sys
from pathlib import Path

from agent.recorder.config import CameraSource, RecorderConfig, save
from agent.recorder.state import read_state
from agent.recordings import layout
from exchange.clock import SECOND
from tests.agent.owner.owner_home import until
from tests.counterparts.rtsp.gst_server import GstServer, live

_START = "import logging,sys; logging.basicConfig(level=20); from agent.recorder.process import main; main(sys.argv[1])"


def start(file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", _START, str(file)], stderr=subprocess.PIPE, text=True)


def test_a_camera_that_is_added_while_it_runs_is_recorded_and_the_first_one_goes_on(tmp_path: Path) -> None:
    file, root = tmp_path / "recorder.json", tmp_path / "recordings"
    root.mkdir()
    with GstServer({"/one": live(), "/two": live()}) as server, start(file) as recorder:
        try:
            assert recorder.stderr is not None
            assert "waiting for the daemon" in recorder.stderr.readline()
            one, two = (CameraSource(name, server.url(f"/{name}")) for name in ("one", "two"))
            save(file, RecorderConfig(root, (one,), segment=60 * SECOND, reserve=0))
            until("one to be recorded", lambda: state(root, "one") == "recording")
            (begun,) = segments(root, "one")
            save(file, RecorderConfig(root, (one, two), segment=60 * SECOND, reserve=0))
            until("two to be recorded", lambda: state(root, "two") == "recording")
            assert segments(root, "one") == [begun]
            recorder.send_signal(signal.SIGTERM)
            assert recorder.wait(20) == 0
        finally:
            recorder.kill()
    assert len(segments(root, "two")) == 1


def test_a_camera_that_cannot_be_recorded_is_named_in_the_state_and_the_others_are_recorded(tmp_path: Path) -> None:
    file, root = tmp_path / "recorder.json", tmp_path / "recordings"
    root.mkdir()
    with GstServer({"/one": live()}) as server:
        cameras = (
            CameraSource("bad", "rtsp://10.0.0.9/1", "owner", "x" * 257),
            CameraSource("one", server.url("/one")),
        )
        save(file, RecorderConfig(root, cameras, segment=60 * SECOND, reserve=0))
        with start(file) as recorder:
            try:
                until("one to be recorded", lambda: state(root, "one") == "recording")
                assert state(root, "bad") == "unusable"
                told = read_state(root).cameras["bad"].as_text()
                assert "add it again (password: it is longer than 256 letters" in told
                recorder.send_signal(signal.SIGTERM)
                assert recorder.wait(20) == 0
            finally:
                recorder.kill()


def test_a_recorder_that_waits_for_its_file_ends_on_sigterm(tmp_path: Path) -> None:
    with start(tmp_path / "recorder.json") as recorder:
        try:
            assert recorder.stderr is not None
            assert "waiting for the daemon" in recorder.stderr.readline()
            recorder.send_signal(signal.SIGTERM)
            assert recorder.wait(20) == 0
        finally:
            recorder.kill()


def state(root: Path, camera_id: str) -> str | None:
    camera = read_state(root).cameras.get(camera_id)
    return None if camera is None else camera.state


def segments(root: Path, camera_id: str) -> list[int]:
    """When each began, whatever its name is by now."""
    names = [layout.parse(path.name) for path in (root / camera_id).glob("*/2*")]
    return sorted({name.start for name in names if name is not None})
