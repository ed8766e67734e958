"""Nothing that a camera, a disk or a clock does ends the recorder, or spoils what was recorded."""

import contextlib
import json
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote, urlsplit

import av
import pytest
from pydantic import TypeAdapter

from agent.devices.address import Password
from agent.media.containers.live_file import Track
from agent.recorder.arrival import Arrival
from agent.recorder.config import CameraSource, RecorderConfig, load, save
from agent.recorder.segment_writer import SegmentWriter
from agent.recordings import layout
from agent.recordings.layout import SegmentState
from agent.recordings.segments import SegmentStore
from exchange.clock import MINUTE, SECOND, SystemClock, Window
from exchange.errors import SettingsInvalid
from tests.agent.recorder.one_camera import config
from tests.counterparts.files.footage import assert_plays, make_media, probe
from tests.counterparts.processes.recorder_process import RecorderProcess, recorder
from tests.counterparts.rtsp.gst_server import GstServer, live
from tests.counterparts.rtsp.hostile_rtsp import Harm, HostileRtsp


def test_hostile_cameras_disturb_no_other_and_end_nothing(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        hostile = {harm: stack.enter_context(HostileRtsp(harm)) for harm in Harm}
        server = stack.enter_context(GstServer({"/cam": live()}))
        cameras = [CameraSource(harm.value, each.url) for harm, each in hostile.items()]
        cameras.append(CameraSource("cam", server.url("/cam")))
        running = stack.enter_context(recorder(tmp_path, config(tmp_path, *cameras)))
        assert all(each.asked.wait(10) for each in hostile.values())
        running.until("three segments", lambda: len(running.finished()) >= 3)
        for harm in (Harm.GARBAGE_RTP, Harm.CLOSE_AT_ONCE):
            running.until(f"that {harm} is told", lambda harm=harm: running.state(harm.value).get("error"))
        assert not any(entry["event"] == "lost" for entry in running.journal())
        assert running.stop() == 0
        for harm in Harm:  # whatever such a camera says of the time
            assert all(abs(name.start - SystemClock().now()) < MINUTE for name, _ in running.segments(harm.value))


def _inside(running: RecorderProcess, path: Path) -> Path:
    """A path as the recorder sees it, in its mount namespace."""
    child = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text().split()
    return Path(f"/proc/{child[0] if child else running.process.pid}/root{path}")


def test_on_a_full_disk_recording_stops_says_so_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """A real file system of 3 MB, in a mount namespace of its own."""
    root = tmp_path / "recordings"
    root.mkdir()
    mount = f'mount -t tmpfs -o size=3m,mode=777 handover "{root}"'
    script = f'{mount} && head -c 3050000 /dev/zero > "{root}/filler" && exec "$@"'
    unshare = ("unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh")
    with (
        GstServer({"/cam": live(gop=10)}) as server,
        recorder(tmp_path, config(tmp_path, CameraSource("cam", server.url("/cam"))), prefix=unshare) as running,
    ):
        running.until("its folder", lambda: (_inside(running, root) / "filler").exists())
        running.root = _inside(running, root)
        running.until("that it is full", lambda: "takes no more" in running.log.read_text())
        kept = running.finished()
        assert running.process.poll() is None
        for path in kept:
            assert assert_plays(path) > 0
        sizes = {path.name: path.stat().st_size for path in kept}
        (running.root / "filler").unlink()
        running.until("recording again", lambda: len(running.finished()) >= len(kept) + 2)
        assert {path.name: path.stat().st_size for path in kept} == sizes
        assert all(assert_plays(path) > 0 for path in running.finished())
        running.until("the reason", lambda: "disk_full" in [entry.get("reason") for entry in running.journal()])
        assert len([entry for entry in running.journal() if entry["event"] == "segment"]) >= len(kept)


def test_while_its_disk_is_not_mounted_the_recorder_waits_says_so_and_writes_nowhere_else(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    wanted = replace(config(tmp_path), root=disk / "recordings", mount=str(disk))
    unshare = ("unshare", "--map-root-user", "--mount", "sh", "-c", 'exec "$@"', "sh")
    with GstServer({"/cam": live()}) as server:
        wanted = replace(wanted, cameras=(CameraSource("cam", server.url("/cam")),))
        with recorder(tmp_path, wanted, prefix=unshare) as running:

            def within(*command: str) -> None:
                enter = ("nsenter", "--target", str(running.process.pid), "--user", "--mount", "--preserve-credentials")
                subprocess.run([*enter, *command], check=True)

            running.until("that it waits", lambda: "Nothing is mounted at" in running.log.read_text())
            assert list(disk.iterdir()) == []
            within("mount", "-t", "tmpfs", "-o", "size=50m,mode=777", "handover", str(disk))
            inside = Path(f"/proc/{running.process.pid}/root{disk}")
            running.root = inside / "recordings"
            running.until("two segments", lambda: len(running.finished()) >= 2)
            within("umount", "--lazy", str(disk))
            running.until("that it is gone", lambda: running.log.read_text().count("disk is not there") >= 2)
            assert running.process.poll() is None
            assert list(inside.iterdir()) == []
            within("mount", "-t", "tmpfs", "-o", "size=50m,mode=777", "handover", str(disk))
            running.until("it goes on", lambda: len(running.finished()) >= 2)
            assert running.stop() == 0
        assert list(disk.iterdir()) == []
        assert "Traceback" not in running.log.read_text()


def test_the_recorder_stops_before_the_disk_is_fuller_than_its_reserve(tmp_path: Path) -> None:
    with GstServer({"/cam": live()}) as server:
        cameras = (CameraSource("cam", server.url("/cam")),)
        root = tmp_path / "recordings"
        root.mkdir()
        wanted = RecorderConfig(root, cameras, reserve=1 << 60)
        with recorder(tmp_path, wanted) as running:
            running.until("that there is no room", lambda: running.state().get("state") == "no_room")
            assert "full" in running.state()["error"]
            assert running.segments() == []


def test_a_frame_s_time_is_that_of_the_packet_that_came_with_the_least_delay() -> None:
    arrival = Arrival()
    for media, delay in ((0, 900), (1000, 500), (2000, 20), (3000, 400)):
        arrival.seen(media, 10_000 + media + delay)
    assert arrival.monotonic(0) == 10_020
    arrival.turn()
    arrival.seen(4000, 10_000 + 4000 + 300)
    assert arrival.monotonic(4000) == 14_020
    arrival.turn()
    assert arrival.monotonic(4000) == 14_300


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_media(tmp_path_factory.mktemp("media") / "source.mp4", seconds=3, bframes=0)


@pytest.mark.parametrize(
    ("change", "mended"),
    [
        (lambda number, dts: dts, 0),
        (lambda number, dts: dts - 512 if number == 30 else dts, 1),
        (lambda number, dts: dts - 2000 if number == 30 else dts, 1),
        (lambda number, dts: dts - 30 * 12800 if number >= 30 else dts, 1),
        (lambda number, dts: 0, 74),
    ],
    ids=["as they are", "equal", "back", "far back from then on", "all the same"],
)
def test_times_that_stand_still_or_go_back_lose_no_picture(
    tmp_path: Path, source: Path, change: object, mended: int
) -> None:
    with av.open(str(source)) as reading:
        stream = reading.streams.video[0]
        assert stream.time_base is not None
        writer = SegmentWriter(tmp_path, "cam", 1, {stream.index: Track(stream, stream.time_base)}, SECOND, Fraction(0))
        for number, packet in enumerate(packet for packet in reading.demux(stream) if packet.size):
            assert packet.dts is not None
            packet.dts = packet.pts = change(number, packet.dts)  # type: ignore[operator]
            writer.add(packet, stream.index)
    assert writer.close() is None
    writer.file.close()
    assert writer.mended >= mended if mended else writer.mended == 0
    assert assert_plays(writer.path) == 75
    times = [float(time) for time in probe(writer.path, "packet=dts_time")]
    assert times == sorted(set(times))
    assert times[-1] < 4


def test_what_is_written_reaches_the_file_with_each_fragment(tmp_path: Path, source: Path) -> None:
    store = SegmentStore(tmp_path, SystemClock())
    with av.open(str(source)) as reading:
        stream = reading.streams.video[0]
        assert stream.time_base is not None
        writer = SegmentWriter(tmp_path, "cam", 1, {0: Track(stream, stream.time_base)}, SECOND, Fraction(0))
        for packet in reading.demux(stream):
            if not packet.size:
                continue
            writer.add(packet, 0)
            assert packet.dts is not None
            written = packet.dts * stream.time_base * SECOND
            (*_, last) = [0, *(each.end for each in store.locate("cam", Window(0, MINUTE)))]
            assert written - last <= SECOND
    writer.close()
    writer.abandon()
    assert not writer.path.exists()


def test_the_recorder_s_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    camera = CameraSource("door", "rtsp://10.0.0.9/1", "owner", "p@ss:w/rd", sound=False)
    wanted = RecorderConfig(tmp_path, (camera,), segment=30 * SECOND)
    save(tmp_path / "cameras.json", wanted)
    assert load(tmp_path / "cameras.json") == wanted
    assert camera.url_with_login == "rtsp://owner:p%40ss%3Aw%2Frd@10.0.0.9/1"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "the file: "),
        ("{", "line 1 is not JSON"),
        ('{"version": 2}', "version: "),
        ('{"version":1,"root":"/r","cameras":{}}', "cameras: "),
        ("[" * 200_000, "nested too deeply"),
        ('"' + "x" * (1 << 20) + '"', "too large"),
    ],
)
def test_a_recorder_s_file_that_cannot_be_used_is_refused_without_a_secret(
    tmp_path: Path, content: str, words: str
) -> None:
    path = tmp_path / "cameras.json"
    path.write_text(content)
    path.chmod(0o640)
    with pytest.raises(SettingsInvalid) as refused:
        load(path)
    assert words in str(refused.value)
    assert "TopSecret" not in str(refused.value)


@pytest.mark.parametrize(
    ("entry", "name", "why"),
    [
        ({"id": "../x", "url": "rtsp://h/"}, "number 2", "id: "),
        ({"id": "a", "url": "http://h/"}, "a", "url: "),
        ({"id": "a", "url": "rtsp:///1"}, "a", "name a host"),
        ({"id": "a", "url": "rtsp://[::1/"}, "a", "url: "),
        ({"id": "a", "url": "rtsp://u:TopSecret@h/"}, "a", "fields of their own"),
        ({"id": "a", "url": "rtsp://h/", "password": ["TopSecret"]}, "a", "password: "),
        ({"id": "a", "url": "rtsp://h/", "password": "TopSecret" * 30}, "a", "password: "),
        ({"id": "a", "url": "rtsp://h/", "password": "TopSecret\x00"}, "a", "control characters"),
        ({"id": "a", "url": "rtsp://h/", "password": "TopSecret\ud800"}, "a", "password: "),
        ({"id": "a", "url": "rtsp://h/", "tokens": 1}, "a", "tokens: "),
        ({"id": "door", "url": "rtsp://h/"}, "number 2", "another camera is called door"),
        (None, "number 2", ""),
    ],
)
def test_a_camera_that_cannot_be_recorded_stops_no_other_and_says_why_without_a_secret(
    tmp_path: Path, entry: object, name: str, why: str
) -> None:
    path = tmp_path / "cameras.json"
    good = [{"id": each, "url": f"rtsp://10.0.0.9/{each}"} for each in ("door", "yard")]
    path.write_text(json.dumps({"version": 1, "root": "/r", "cameras": [good[0], entry, good[1]]}))
    path.chmod(0o640)
    read = load(path)
    assert [camera.camera_id for camera in read.cameras] == ["door", "yard"]
    (unusable,) = read.unusable
    assert unusable.camera_id == name
    assert why in unusable.why
    assert "TopSecret" not in repr(read)


@pytest.mark.parametrize("password", ["p" * 256, "🔑" * 256, "пароль с пробелом", ' "\\:@/?#[]{password}%00', ""])
def test_every_password_that_can_be_typed_for_a_camera_reaches_the_recorder(tmp_path: Path, password: str) -> None:
    typed = TypeAdapter(Password).validate_python(password)
    wanted = RecorderConfig(tmp_path, (CameraSource("door", "rtsp://10.0.0.9/1", "u" * 128, typed),))
    save(tmp_path / "cameras.json", wanted)
    read = load(tmp_path / "cameras.json")
    assert read == wanted
    assert unquote(urlsplit(read.cameras[0].url_with_login).password or "") == password


def test_a_recorder_s_file_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cameras.json"
    save(path, RecorderConfig(tmp_path, ()), mode=0o644)
    with pytest.raises(SettingsInvalid, match="every user"):
        load(path)


def test_the_daemon_s_side_imports_no_media_library() -> None:
    words = "import sys, agent.recordings.segments, agent.recorder.config; assert 'av' not in sys.modules"
    subprocess.run(["python", "-c", words], check=True, timeout=20)


def test_a_segment_name_taken_by_a_clock_set_back_is_not_overwritten(tmp_path: Path, source: Path) -> None:
    with av.open(str(source)) as reading:
        stream = reading.streams.video[0]
        tracks = {0: Track(stream, stream.time_base or Fraction(1, 90000))}
        writers = [SegmentWriter(tmp_path, "cam", 5, tracks, SECOND, Fraction(0)) for _ in range(2)]
    assert [writer.start for writer in writers] == [5, 6]
    names = [layout.parse(writer.path.name) for writer in writers]
    assert all(name is not None and name.state is SegmentState.OPEN for name in names)
    for writer in writers:
        writer.abandon()
