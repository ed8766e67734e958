"""The recorder copies what cameras send, whole and in order, into segments that survive whatever ends them."""

import contextlib
import json
import socket
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agent.recorder.config import CameraSource, RecorderConfig, save
from agent.recorder.state import CameraRecording
from agent.recordings import layout
from agent.recordings.layout import SegmentName, SegmentState
from agent.recordings.segments import SegmentStore
from exchange.clock import SECOND, SystemClock, Window
from tests.counterparts.files.footage import (
    assert_plays,
    joined_stream_hash,
    make_media,
    packet_hashes,
    probe,
    stream_hash,
)
from tests.counterparts.processes.recorder_process import RecorderProcess, recorder
from tests.counterparts.rtsp.gst_server import LIVE_AAC, LIVE_ALAW, LIVE_G722, GstServer, live, replay

PASSWORD = "s3cret &/p@ss"


def config(folder: Path, *cameras: CameraSource, segment: int = SECOND, reserve: int = 0) -> RecorderConfig:
    root = folder / "recordings"
    root.mkdir(exist_ok=True)
    return RecorderConfig(root, cameras, segment=segment, stall=SECOND, reserve=reserve)


def recorded(running: RecorderProcess, count: int, camera_id: str = "cam") -> list[Path]:
    """Wait for so many finished segments."""
    running.until(f"{count} segments of {camera_id}", lambda: len(running.finished(camera_id)) >= count)
    return running.finished(camera_id)


@dataclass(frozen=True)
class Gallery:
    """What one recorder made of several cameras at once, and what was seen of its process."""

    folder: Path
    running: RecorderProcess
    states: dict[str, dict[str, Any]]
    seen: tuple[bytes, ...]
    exit_code: int

    def first_connection(self, camera_id: str) -> list[Path]:
        names: list[str] = []
        for entry in self.running.journal(camera_id):
            if entry["event"] == "segment":
                if entry["why"] == "reconnected":
                    break
                names.append(entry["name"])
        return [path for path in self.running.finished(camera_id) if path.name in names]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    folder = tmp_path_factory.mktemp("gallery")
    make_media(folder / "h264.mp4", seconds=3, sound="aac")
    make_media(folder / "h265.mp4", seconds=3, codec="libx265", bframes=0, sound="aac")
    mounts = {
        "/h264": replay(folder / "h264.mp4", sound="aac"),
        "/h265": replay(folder / "h265.mp4", codec="h265", sound="aac"),
        "/alaw": live(sound=LIVE_ALAW),
        "/aac": live(sound=LIVE_AAC),
        "/g722": live(sound=LIVE_G722),
    }
    with GstServer(mounts, users={"owner": PASSWORD}, shared=False) as server:
        cameras = [CameraSource(mount[1:], server.url(mount), "owner", PASSWORD) for mount in mounts]
        cameras.append(CameraSource("silent", server.url("/aac"), "owner", PASSWORD, sound=False))
        cameras.append(CameraSource("bad", server.url("/aac"), "owner", "Wr0ng-passw0rd"))
        with recorder(folder, config(folder, *cameras)) as running:
            for camera_id in ("h264", "h265"):
                running.until("its end", lambda camera_id=camera_id: running.state(camera_id).get("reconnects"))
            for camera_id in ("alaw", "aac", "silent", "g722"):
                recorded(running, 3, camera_id)
            running.until("refused", lambda: running.state("bad").get("state") == "refused")
            running.until("its rate", lambda: running.state("aac").get("fps", 0) > 20)
            states = {camera.camera_id: running.state(camera.camera_id) for camera in cameras}
            process = Path(f"/proc/{running.process.pid}")
            seen = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
            return Gallery(folder, running, states, seen, running.stop())


@pytest.mark.parametrize("camera_id", ["h264", "h265"])
def test_the_recorded_packets_are_the_source_s_and_none_is_lost_between_segments(
    gallery: Gallery, camera_id: str
) -> None:
    source, parts = gallery.folder / f"{camera_id}.mp4", gallery.first_connection(camera_id)
    assert len(parts) == 3
    assert joined_stream_hash(parts, "v") == stream_hash(source, "v")
    heard = [each for part in parts for each in packet_hashes(part, "a")]
    assert heard == packet_hashes(source, "a")[-len(heard) :]
    assert len(packet_hashes(source, "a")) - len(heard) <= 2  # before the first picture
    assert sum(assert_plays(part) for part in parts) == 3 * 25


def test_h265_is_tagged_so_that_every_player_takes_it(gallery: Gallery) -> None:
    tags = {line for part in gallery.first_connection("h265") for line in probe(part, "stream=codec_tag_string")}
    assert tags == {"hvc1"}


@pytest.mark.parametrize("camera_id", ["h264", "h265", "aac"])
def test_segments_start_at_key_frames_and_follow_each_other_without_gap_or_overlap(
    gallery: Gallery, camera_id: str
) -> None:
    parts = gallery.first_connection(camera_id)
    names = [name for part in parts if (name := layout.parse(part.name)) is not None]
    window = Window(names[0].start, names[-1].end)
    assert SegmentStore(gallery.running.root, SystemClock()).coverage(camera_id, window).gaps == ()
    assert all(one.end == following.start for one, following in pairwise(names))
    for part in parts:
        assert "K" in probe(part, "packet=flags")[0]
    entries = [entry for entry in gallery.running.journal(camera_id) if entry["event"] == "segment"]
    assert [entry["frames"] for entry in entries[: len(parts)]] == [assert_plays(part) for part in parts]
    if camera_id != "aac":
        assert abs(window.duration - 3 * SECOND) < SECOND // 2


def test_sound_that_mp4_cannot_carry_goes_into_matroska_as_it_is(gallery: Gallery) -> None:
    part = gallery.running.finished("alaw")[1]
    assert part.suffix == ".mkv"
    assert probe(part, "stream=codec_name", streams="a:0") == ["pcm_alaw"]
    assert assert_plays(part) == 25


def test_sound_that_no_segment_can_hold_is_left_out_and_said_so_and_the_pictures_are_recorded(gallery: Gallery) -> None:
    running = gallery.running
    for part in running.finished("g722"):
        assert probe(part, "stream=codec_type", streams="a") == []
    assert assert_plays(running.finished("g722")[1]) == 25
    assert {entry.get("sound_left_out") for entry in running.journal("g722") if entry["event"] == "segment"} == {"g722"}
    words = CameraRecording.model_validate(gallery.states["g722"]).as_text()
    assert words == "recording, without its sound (g722), which can't be recorded"
    assert running.log.read_text().count("its sound (g722) can't be recorded; the pictures are") == 1
    names = [name for name, _ in running.segments("g722")]
    covered = SegmentStore(running.root, SystemClock()).coverage("g722", Window(names[0].start, names[-1].end))
    assert covered.notes == ("The camera's sound (g722) could not be recorded, and is not there.",)
    assert not any(
        "sound" in note
        for note in SegmentStore(running.root, SystemClock())
        .coverage("aac", Window(names[0].start, names[-1].end))
        .notes
    )


def test_sound_is_not_recorded_when_it_is_not_wanted(gallery: Gallery) -> None:
    for part in gallery.running.finished("silent"):
        assert probe(part, "stream=codec_type", streams="a") == []


@pytest.mark.parametrize("camera_id", ["aac", "alaw", "h264"])
def test_pictures_and_sound_of_every_segment_lie_together_in_time(gallery: Gallery, camera_id: str) -> None:
    for part in gallery.first_connection(camera_id)[1:3]:
        picture, sound = (float(probe(part, "packet=pts_time", streams=track)[0]) for track in ("v:0", "a:0"))
        assert abs(picture - sound) < 0.2


def test_a_wrong_password_is_told_as_such_and_no_password_is_found_anywhere(gallery: Gallery) -> None:
    assert gallery.states["bad"]["state"] == "refused"
    assert "password" in gallery.states["bad"]["error"]
    assert [entry["reason"] for entry in gallery.running.journal("bad")] == ["camera_refused"]
    root = gallery.running.root
    written = [path.read_bytes() for path in root.rglob("*") if path.suffix in (".json", ".jsonl")]
    assert len(written) > 5
    for content in (*gallery.seen, gallery.running.log.read_bytes(), *written):
        for secret in (PASSWORD, "Wr0ng-passw0rd", "s3cret"):
            assert secret.encode() not in content


def test_the_state_file_tells_how_each_camera_fares(gallery: Gallery) -> None:
    state = gallery.states["aac"]
    assert (state["state"], state["video"], state["audio"], state["size"]) == ("recording", "h264", "aac", "320x240")
    assert state["bytes"] > 0
    assert state["error"] is None
    assert gallery.exit_code == 0
    written = json.loads((gallery.running.root / ".state" / "recorder.json").read_text())
    assert written["stopped"] is True
    assert written["pid"] == gallery.running.process.pid
    assert abs(state["last_packet"] - written["at"]) < 5 * SECOND


def test_a_power_cut_costs_at_most_two_seconds_and_the_rest_plays(tmp_path: Path) -> None:
    with GstServer({"/cam": live(gop=25, sound=LIVE_AAC)}) as server:
        wanted = config(tmp_path, CameraSource("cam", server.url("/cam")), segment=60 * SECOND)
        with recorder(tmp_path, wanted) as running:
            running.until("4 s of recording", lambda: _open_frames(running, 90))
            ((name, path),) = running.segments()
            killed_at = SystemClock().now()
            running.kill()
        assert name.state is SegmentState.OPEN
        with recorder(tmp_path, wanted) as again:

            def saved() -> list[tuple[SegmentName, Path]]:
                return [(name, path) for name, path in again.segments() if name.state is SegmentState.TORN]

            torn = again.until("what was saved", saved)
            again.stop()
    ((whole, path),) = torn
    assert whole.start == name.start
    assert killed_at - whole.end < 2 * SECOND
    assert assert_plays(path) >= 35


def _open_frames(running: RecorderProcess, frames: int) -> bool:
    """Whether an open segment has been written for about so many frames' time."""
    return any(SystemClock().now() - name.start > frames * 40_000 for name, _ in running.segments())


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """Cameras that freeze, fall silent, lose their power or are set otherwise while one recorder records them all."""
    folder = tmp_path_factory.mktemp("troubled")
    hevc = make_media(folder / "hevc.mp4", seconds=8, codec="libx265", bframes=0)
    with contextlib.ExitStack() as stack:
        sound = live(sound=LIVE_AAC)
        ours = stack.enter_context(GstServer({"/frozen": sound, "/resized": live()}))
        silent, off, reset = (stack.enter_context(GstServer({"/cam": sound})) for _ in range(3))
        urls = {"stalled": silent.url("/cam"), "off": off.url("/cam"), "reset": reset.url("/cam")}
        urls |= {name: ours.url(f"/{name}") for name in ("frozen", "resized")}
        wanted = config(folder, *(CameraSource(name, url) for name, url in urls.items()))
        running = stack.enter_context(recorder(folder, wanted))
        for name in urls:
            recorded(running, 1, name)

        def more(name: str, count: int) -> None:
            recorded(running, len(running.finished(name)) + count, name)

        def froze(name: str) -> bool:
            return any("froze" in entry.get("words", "") for entry in running.journal(name))

        ours.freeze("/frozen")  # no pictures, but sound and RTCP go on
        ours.resize("/resized", 480, 270)
        reset.launch("/cam", replay(hevc, codec="h265"))
        off.kill()
        with silent.stalled():  # not a byte
            running.until("that they froze", lambda: froze("frozen") and froze("stalled"))
        ours.freeze("/frozen", frozen=False)
        running.until("that it is lost", lambda: running.state("off").get("state") == "waiting")
        with GstServer({"/cam": live()}, port=off.port):
            for name in urls:
                more(name, 1)
            running.until("H.265", lambda: running.state("reset").get("video") == "hevc")
            more("reset", 1)
            states = {name: running.state(name) for name in urls}
            return Gallery(folder, running, states, (), running.stop())


@pytest.mark.parametrize("camera_id", ["frozen", "stalled"])
def test_a_stream_that_freezes_without_an_error_is_opened_anew(troubled: Gallery, camera_id: str) -> None:
    whys = [entry["why"] for entry in troubled.running.journal(camera_id) if entry["event"] == "segment"]
    assert whys[0] == "started"
    assert "reconnected" in whys
    assert troubled.states[camera_id]["reconnects"] >= 1


def test_a_camera_that_was_off_is_recorded_again_and_the_gap_says_why(troubled: Gallery) -> None:
    names = [name for name, _ in troubled.running.segments("off")]
    window = Window(names[0].start, names[-1].end)
    coverage = SegmentStore(troubled.running.root, SystemClock()).coverage("off", window)
    assert [gap.reason.value for gap in coverage.gaps] == ["camera_lost"]


def test_another_picture_size_in_the_middle_of_the_stream_starts_a_new_segment(troubled: Gallery) -> None:
    parts = troubled.running.finished("resized")
    sizes = [probe(part, "stream=width,height")[0] for part in parts]
    entries = [entry for entry in troubled.running.journal("resized") if entry["event"] == "segment"]
    first = sizes.index("480,270")
    assert set(sizes[:first]) == {"320,240"}
    assert set(sizes[first:]) == {"480,270"}
    assert [entry["why"] for entry in entries].count("changed") == 1
    assert entries[first]["why"] == "changed"
    assert entries[first]["start"] == entries[first - 1]["end"]
    for part in parts:
        assert assert_plays(part) > 0


def test_a_camera_that_is_set_to_another_codec_goes_on_in_a_new_segment(troubled: Gallery) -> None:
    codecs = {probe(part, "stream=codec_name")[0] for part in troubled.running.finished("reset")}
    assert codecs == {"h264", "hevc"}


def test_on_sighup_cameras_come_and_go_and_the_others_are_left_alone(tmp_path: Path) -> None:
    with GstServer({"/a": live(), "/b": live(), "/c": live()}) as server:
        a, b, c = (CameraSource(name, server.url(f"/{name}")) for name in "abc")
        wanted = config(tmp_path, a, b)
        with recorder(tmp_path, wanted) as running:
            recorded(running, 1, "a")
            recorded(running, 1, "b")
            save(running.file, config(tmp_path, a, c))
            running.process.send_signal(1)
            recorded(running, 1, "c")
            running.until("that b is gone", lambda: not running.state("b"))
            assert all(name.state is not SegmentState.OPEN for name, _ in running.segments("b"))
            save(running.file, config(tmp_path, a, c))
            running.file.write_text("{ not json")
            running.process.send_signal(1)
            running.until("that it was told", lambda: "line 1 is not JSON" in running.log.read_text())
            recorded(running, len(running.finished("a")) + 1, "a")
            assert [entry["why"] for entry in running.journal("a") if entry["event"] == "segment"][1:] == [
                "continued"
            ] * (len(running.finished("a")) - 1)
            assert [entry["reason"] for entry in running.journal("b") if entry["event"] == "lost"] == ["stopped"]


def test_a_second_recorder_on_the_same_folder_refuses_to_start(tmp_path: Path) -> None:
    wanted = config(tmp_path)
    with recorder(tmp_path, wanted) as running:
        running.until("its state", lambda: (wanted.root / ".state" / "recorder.json").exists())
        words = "import sys; from agent.recorder.process import main; main(sys.argv[1])"
        second = subprocess.run(
            [sys.executable, "-c", words, str(running.file)], capture_output=True, text=True, timeout=20, check=False
        )
    assert second.returncode != 0
    assert "AlreadyRunning: Another recorder already records into" in second.stderr


def test_systemd_is_told_that_it_is_ready_that_it_lives_and_that_it_stops(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(10)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "PATH": ""}
        with recorder(tmp_path, config(tmp_path), environment=environment) as running:
            assert listening.recv(100) == b"READY=1"
            assert listening.recv(100) == b"WATCHDOG=1"
            assert running.stop() == 0
            assert b"STOPPING=1" in [listening.recv(100) for _ in range(1)]
