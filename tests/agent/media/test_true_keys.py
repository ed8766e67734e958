"""A file that calls every picture a key frame is cut where a decoder can begin."""

import subprocess
from pathlib import Path

import av
import pytest

from agent.media.containers import segment
from agent.media.cut.cut import cut
from agent.media.facts import CutPlan, SourceRef
from agent.media.inspect import inspect
from tests.agent.media.recordings import START_US, ffmpeg

FRAGMENTED = "frag_keyframe+empty_moov+default_base_moof"


def recorded(path: Path, codec: str, *words: str) -> Path:
    """Forty pictures, four a second, every tenth of them whole."""
    source = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=4:duration=10", "-pix_fmt", "yuv420p", "-bf", "0"]
    few = ["-x265-params", "keyint=10:min-keyint=10:log-level=none"] if codec == "libx265" else ["-sc_threshold", "0"]
    ffmpeg(*source, "-c:v", codec, "-preset", "ultrafast", "-g", "10", *few, *words, str(path))
    return path


def every_one_called_key(source: Path, target: Path, **options: str) -> Path:
    with av.open(str(source)) as reading, av.open(str(target), "w", options=options) as writing:
        stream = writing.add_stream_from_template(reading.streams.video[0])
        for packet in reading.demux(video=0):
            if packet.size:
                packet.is_keyframe, packet.stream = True, stream
                writing.mux(packet)
    return target


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("kind", ["plain.mp4", "fragmented.mp4", "a.mkv"])
def test_the_copy_begins_where_a_decoder_can(tmp_path: Path, codec: str, kind: str) -> None:
    options = {"movflags": FRAGMENTED} if kind.startswith("fragmented") else {}
    made = every_one_called_key(recorded(tmp_path / "made.mp4", codec), tmp_path / kind, **options)
    assert list(segment.read(made).video.keys) == [0, 10, 20, 30]
    window = START_US + 4_100_000, START_US + 7_000_000
    found = inspect([SourceRef(made, START_US, START_US + 10_000_000)], *window)
    (master,) = cut(CutPlan(found.before.stretches, False), tmp_path / "out").masters
    assert master.first_us == START_US + 2_500_000
    shown = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"]
    told = subprocess.run([*shown, tmp_path / "out" / master.file], capture_output=True, text=True, check=True)
    assert int(told.stdout.strip().strip(",")) == master.frames == 18


def test_a_plain_file_without_its_table_of_key_frames(tmp_path: Path) -> None:
    made = recorded(tmp_path / "made.mp4", "libx264")
    made.write_bytes(made.read_bytes().replace(b"stss", b"free"))
    assert list(segment.read(made).video.keys) == [0, 10, 20, 30]


def test_pictures_that_are_all_whole_stay_key_frames(tmp_path: Path) -> None:
    made = recorded(tmp_path / "made.mp4", "libx264", "-x264-params", "keyint=1")
    assert len(segment.read(made).video.keys) == 40
