"""The recorder copies what cameras send, whole and in order, into segments that survive whatever ends them."""

import json
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from agent.footage import layout
from agent.footage.layout import SegmentName, SegmentState
from agent.footage.recorder_config import CameraSource, RecorderConfig, save
from agent.footage.segments import SegmentStore
from exchange.clock import SECOND, SystemClock, Window
from tests.counterparts.footage import assert_plays, joined_stream_hash, make_media, packet_hashes, probe, stream_hash
from tests.counterparts.gst_server import LIVE_AAC, LIVE_ALAW, GstServer, live, replay
from tests.counterparts.recorder_process import RecorderProcess, recorder

PASSWORD = "s3cret &/p@ss"


def config(folder: Path, *cameras: CameraSource, segment: int = SECOND, reserve: int = 0) -> RecorderConfig:
    root = folder / "recordings"
    root.mkdir(exist_ok=True)
    return RecorderConfig(root, cameras, segment=segment, stall=SECOND, reserve=reserve)


def recorded(running: RecorderProcess, count: int, camera_id: str = "cam") -> list[Path]:
    """Wait for so many finished segments."""
    running.until(f"{count} segments of {camera_id}", lambda: len(running.finished(camera_id)) >= count)
    return running.finished(camera_id)


def one_connection(running: RecorderProcess) -> list[Path]:
    """The segments of the first connection, once it is over."""
    running.until("the end of the stream", lambda: running.state().get("reconnects"))
    running.stop()
    names: list[str] = []
    for entry in running.journal():
        if entry["event"] == "segment":
            if entry["why"] == "reconnected":
                break
            names.append(entry["name"])
    return [path for path in running.finished() if path.name in names]


@pytest.mark.parametrize(("codec", "gst", "bframes"), [("libx264", "h264", 2), ("libx265", "h265", 0)])
def test_the_recorded_packets_are_the_source_s_and_none_is_lost_between_segments(
    tmp_path: Path, codec: str, gst: str, bframes: int
) -> None:
    source = make_media(tmp_path / "source.mp4", seconds=3, codec=codec, bframes=bframes, sound="aac")
    with GstServer({"/cam": replay(source, codec=gst, sound="aac")}, shared=False) as server:
        wanted = config(tmp_path, CameraSource("cam", server.url("/cam")))
        with recorder(tmp_path, wanted) as running:
            parts = one_connection(running)
    assert len(parts) == 3
    assert joined_stream_hash(parts, "v") == stream_hash(source, "v")
    heard = [each for part in parts for each in packet_hashes(part, "a")]
    assert heard == packet_hashes(source, "a")[-len(heard) :]
    assert len(packet_hashes(source, "a")) - len(heard) <= 2  # before the first picture
    assert {line for part in parts for line in probe(part, "stream=codec_tag_string")} == {
        "avc1" if gst == "h264" else "hvc1"
    }
    assert sum(assert_plays(part) for part in parts) == 3 * 25


def test_segments_start_at_key_frames_and_follow_each_other_without_gap_or_overlap(tmp_path: Path) -> None:
    source = make_media(tmp_path / "source.mp4", seconds=3)
    with GstServer({"/cam": replay(source)}, shared=False) as server:
        wanted = config(tmp_path, CameraSource("cam", server.url("/cam")))
        with recorder(tmp_path, wanted) as running:
            parts = one_connection(running)
    names = [layout.parse(part.name) for part in parts]
    store = SegmentStore(wanted.root, SystemClock())
    assert names[0] is not None
    assert names[-1] is not None
    coverage = store.coverage("cam", Window(names[0].start, names[-1].end))
    assert coverage.gaps == ()
    for one, next_one in pairwise(names):
        assert one is not None
        assert next_one is not None
        assert one.end == next_one.start
    assert abs(names[-1].end - names[0].start - 3 * SECOND) < SECOND // 2
    for part in parts:
        first = probe(part, "packet=flags,dts_time")[0]
        assert first.startswith("0.000000,K")


def test_sound_that_mp4_cannot_carry_goes_into_matroska_as_it_is(tmp_path: Path) -> None:
    with (
        GstServer({"/cam": live(sound=LIVE_ALAW)}) as server,
        recorder(tmp_path, config(tmp_path, CameraSource("cam", server.url("/cam")))) as running,
    ):
        part = recorded(running, 1)[0]
    assert part.suffix == ".mkv"
    assert probe(part, "stream=codec_name", streams="a:0") == ["pcm_alaw"]
    assert assert_plays(part) == 25


def test_sound_is_not_even_asked_for_when_it_is_not_wanted(tmp_path: Path) -> None:
    with (
        GstServer({"/cam": live(sound=LIVE_AAC)}) as server,
        recorder(tmp_path, config(tmp_path, CameraSource("cam", server.url("/cam"), sound=False))) as running,
    ):
        part = recorded(running, 1)[0]
    assert probe(part, "stream=codec_type", streams="a") == []


def test_pictures_and_sound_of_every_segment_lie_together_in_time(tmp_path: Path) -> None:
    with (
        GstServer({"/cam": live(sound=LIVE_AAC)}) as server,
        recorder(tmp_path, config(tmp_path, CameraSource("cam", server.url("/cam")))) as running,
    ):
        parts = recorded(running, 3)[:3]
    for part in parts[1:]:
        picture, sound = (float(probe(part, "packet=pts_time", streams=track)[0]) for track in ("v:0", "a:0"))
        assert abs(picture - sound) < 0.2


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


@pytest.mark.parametrize("how", ["frozen", "stalled"])
def test_a_stream_that_freezes_without_an_error_is_opened_anew(tmp_path: Path, how: str) -> None:
    with (
        GstServer({"/cam": live(sound=LIVE_AAC)}) as server,
        recorder(tmp_path, config(tmp_path, CameraSource("cam", server.url("/cam")))) as running,
    ):
        recorded(running, 1)

        def noticed() -> bool:
            return any("froze" in entry.get("words", "") for entry in running.journal())

        if how == "frozen":  # no pictures, but sound and RTCP go on
            server.freeze("/cam")
            running.until("that it froze", noticed)
            server.freeze("/cam", frozen=False)
        else:  # not a byte
            with server.stalled():
                running.until("that it froze", noticed)
        before = len(running.finished())
        recorded(running, before + 2)
        assert "reconnected" in [entry.get("why") for entry in running.journal()]
        assert running.state()["reconnects"] >= 1


def test_a_camera_that_was_off_is_recorded_again_and_the_gap_says_why(tmp_path: Path) -> None:
    with (
        GstServer({"/cam": live()}) as server,
        recorder(tmp_path, config(tmp_path, CameraSource("cam", server.url("/cam")))) as running,
    ):
        recorded(running, 1)
        server.kill()
        running.until("that it is lost", lambda: running.state().get("state") == "waiting")
        with GstServer({"/cam": live()}, port=server.port):
            before = len(running.finished())
            parts = recorded(running, before + 1)
        running.stop()
    first, last = layout.parse(parts[0].name), layout.parse(parts[-1].name)
    assert first is not None
    assert last is not None
    coverage = SegmentStore(running.root, SystemClock()).coverage("cam", Window(first.start, last.end))
    assert [gap.reason.value for gap in coverage.gaps] == ["camera_lost"]


def test_another_picture_size_in_the_middle_of_the_stream_starts_a_new_segment(tmp_path: Path) -> None:
    with (
        GstServer({"/cam": live(width=320, height=240)}) as server,
        recorder(tmp_path, config(tmp_path, CameraSource("cam", server.url("/cam")), segment=60 * SECOND)) as running,
    ):
        running.until("recording", lambda: _open_frames(running, 40))
        server.resize("/cam", 480, 270)
        running.until("a second segment", lambda: len(running.segments()) == 2 and _open_frames(running, 40))
        running.until("its pictures", lambda: running.state().get("size") == "480x270")
        running.stop()
        parts = running.finished()
        whys = [entry["why"] for entry in running.journal() if entry["event"] == "segment"]
    assert [probe(part, "stream=width,height")[0] for part in parts] == ["320,240", "480,270"]
    assert whys == ["started", "changed"]
    for part in parts:
        assert assert_plays(part) > 10
    first, second = (layout.parse(part.name) for part in parts)
    assert first is not None
    assert second is not None
    assert first.end == second.start


def test_a_camera_that_is_set_to_another_codec_goes_on_in_a_new_segment(tmp_path: Path) -> None:
    hevc = make_media(tmp_path / "hevc.mp4", seconds=8, codec="libx265", bframes=0)
    with (
        GstServer({"/cam": live()}) as server,
        recorder(tmp_path, config(tmp_path, CameraSource("cam", server.url("/cam")))) as running,
    ):
        recorded(running, 1)
        server.launch("/cam", replay(hevc, codec="h265"))
        running.until("H.265", lambda: running.state().get("video") == "hevc")
        parts = recorded(running, len(running.finished()) + 2)
    assert {probe(part, "stream=codec_name")[0] for part in parts} == {"h264", "hevc"}


def test_a_wrong_password_is_told_as_such_and_no_password_is_found_anywhere(tmp_path: Path) -> None:
    with GstServer({"/cam": live()}, users={"owner": PASSWORD}) as server:
        good = CameraSource("cam", server.url("/cam"), "owner", PASSWORD)
        bad = CameraSource("bad", server.url("/cam"), "owner", "Wr0ng-passw0rd")
        with recorder(tmp_path, config(tmp_path, good, bad)) as running:
            recorded(running, 1)
            running.until("refused", lambda: running.state("bad").get("state") == "refused")
            command = Path(f"/proc/{running.process.pid}/cmdline").read_bytes()
            environment = Path(f"/proc/{running.process.pid}/environ").read_bytes()
            assert "password" in running.state("bad")["error"]
            running.stop()
    written = [path.read_bytes() for path in running.root.rglob("*") if path.suffix in (".json", ".jsonl")]
    for content in (command, environment, running.log.read_bytes(), *written):
        for secret in (PASSWORD, "Wr0ng-passw0rd", "s3cret"):
            assert secret.encode() not in content
    assert "s3cret" not in repr(good)


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
        words = "import sys; from agent.footage.recorder import main; main(sys.argv[1])"
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


def test_the_state_file_is_never_seen_half_written(tmp_path: Path) -> None:
    with (
        GstServer({"/cam": live()}) as server,
        recorder(tmp_path, config(tmp_path, CameraSource("cam", server.url("/cam")))) as running,
    ):
        running.until("pictures", lambda: running.state().get("fps", 0) > 20)
        state = json.loads((running.root / ".state" / "recorder.json").read_text())
        assert running.stop() == 0
    assert state["pid"] == running.process.pid
    assert state["cameras"]["cam"]["bytes"] > 0
    assert abs(state["cameras"]["cam"]["last_packet"] - state["at"]) < SECOND
    assert json.loads((running.root / ".state" / "recorder.json").read_text())["stopped"] is True
