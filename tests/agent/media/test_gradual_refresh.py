"""A stream whose pictures are refreshed bit by bit is cut so that every picture of the window can be shown."""

import subprocess
from pathlib import Path

import pytest

from agent.media.containers import segment
from agent.media.containers.recovery import HEAD, lead
from agent.media.cut.cut import cut
from agent.media.facts import CutPlan, Master, SourceRef
from agent.media.inspect import inspect
from tests.agent.media.recordings import START_US, ffmpeg, packet_count

SECOND = 1_000_000


def recorded(path: Path, *words: str, seconds: int = 20, refresh: bool = True) -> SourceRef:
    """Ten pictures a second; a whole one is the first only, a refresh takes a second."""
    source = ["-f", "lavfi", "-i", f"testsrc2=size=160x120:rate=10:duration={seconds}", "-pix_fmt", "yuv420p"]
    encode = ["-c:v", "libx264", "-preset", "fast", "-bf", "0", "-g", "10"]
    how = ["-x264-params", "intra-refresh=1"] if refresh else ["-x264-params", "open-gop=1:bframes=2"]
    ffmpeg(*source, *encode, *how, *words, str(path))
    return SourceRef(path, START_US, START_US + seconds * SECOND)


def taken(file: SourceRef, folder: Path, start: float, end: float) -> Master:
    window = START_US + round(start * SECOND), START_US + round(end * SECOND)
    (master,) = cut(CutPlan(inspect([file], *window).before.stretches, True), folder).masters
    return master


def shown(path: Path) -> list[float]:
    """Seconds of the pictures that a decoder gives."""
    entries = ["-select_streams", "v:0", "-show_entries", "frame=pts_time", "-of", "csv=p=0"]
    told = subprocess.run(["ffprobe", "-v", "error", *entries, path], capture_output=True, text=True, check=True)
    return [float(line.rstrip(",")) for line in told.stdout.split()]


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.mp4", []), ("a.mp4", ["-movflags", "frag_keyframe+empty_moov+default_base_moof"]), ("a.mkv", [])],
    ids=["mp4", "fragmented", "matroska"],
)
def test_the_copy_begins_where_decoding_can(tmp_path: Path, name: str, words: list[str]) -> None:
    file = recorded(tmp_path / name, *words)
    video = segment.read(file.path).video
    assert (list(video.keys), sorted(video.leads)) == (list(range(0, 200, 10)), list(range(10, 200, 10)))
    master = taken(file, tmp_path / "out", 12, 15)
    assert master.first_us == START_US
    assert len(shown(tmp_path / "out" / master.file)) == packet_count(tmp_path / "out" / master.file) == 150


def test_where_a_whole_picture_is_far_back_the_refresh_is_over_when_the_window_begins(tmp_path: Path) -> None:
    file = recorded(tmp_path / "a.mp4", seconds=50)
    master = taken(file, tmp_path / "out", 45, 48)
    begins = (master.first_us - START_US) / SECOND
    assert 40 < begins <= 44
    within = [time for time in shown(tmp_path / "out" / master.file) if begins + time >= 45 - 0.001]
    assert len(within) == 30


def test_an_ordinary_stream_begins_at_the_key_frame_before_the_window_as_ever(tmp_path: Path) -> None:
    file = recorded(tmp_path / "a.mp4", refresh=False)
    assert segment.read(file.path).video.leads == {}
    first = taken(file, tmp_path / "out", 12.5, 15).first_us - START_US
    assert 11.5 * SECOND < first <= 12.5 * SECOND


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\0\0\0\1",
        b"\0\0\0\x05\x06\x06",
        b"\xff" * HEAD,
        b"\0\0\0\x04\x06\x06\xff\x00",
        b"\0\0\0\x04\x06\xff\xff\xff",
    ],
)
def test_no_bytes_upset_the_look_at_a_packet(tmp_path: Path, head: bytes) -> None:
    video = segment.read(recorded(tmp_path / "a.mp4", seconds=1).path).video
    assert lead(video, head) == 0
