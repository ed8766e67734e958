"""Real segments for tests: made by the ``ffmpeg`` command, fragmented as the recorder's are.

Not for: recording (``recorder_process``).
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from agent.recordings import layout
from agent.recordings.layout import SegmentName, SegmentState
from exchange.clock import SECOND


def ffmpeg(*words: str) -> str:
    """Run it; its standard output. Anything on its standard error fails the test."""
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-y", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


def make_media(path: Path, *, seconds: int = 6, codec: str = "libx264", bframes: int = 2, sound: str = "") -> Path:
    """Moving pictures of 160x120, 25 a second, a key frame each second; ``sound``: ``aac``, ``pcm_alaw`` or none."""
    words = f"-f lavfi -i testsrc2=size=160x120:rate=25:duration={seconds}".split()
    if sound:
        words += f"-f lavfi -i sine=frequency=440:duration={seconds}:sample_rate=8000 -c:a {sound}".split()
    words += f"-c:v {codec} -preset ultrafast -bf {bframes} -g 25".split()
    if codec == "libx265":
        words += ["-x265-params", "log-level=error:scenecut=0", "-tag:v", "hvc1"]
    return _written(path, words)


def _written(path: Path, words: list[str]) -> Path:
    if path.suffix == ".mp4":
        words = [*words, "-movflags", "empty_moov+default_base_moof+frag_keyframe+skip_trailer", "-use_editlist", "0"]
    else:
        words = [*words, "-cluster_time_limit", "1000"]
    ffmpeg(*words, str(path))
    return path


def unended(matroska: bytes) -> bytes:
    """As the file is before its end is written: its segment's size not known yet (RFC 9559, 5.1)."""
    at = matroska.index(b"\x18\x53\x80\x67") + 4
    return matroska[:at] + b"\x01" + b"\xff" * 7 + matroska[at + 8 :]


def put(
    root: Path,
    camera_id: str,
    start: int,
    duration: int | None = 60 * SECOND,
    *,
    content: bytes = b"footage",
    state: SegmentState | None = None,
    container: str = "mp4",
) -> Path:
    """A segment of that name; its content is what is given, be it media or not."""
    if state is None:
        state = SegmentState.OPEN if duration is None else SegmentState.WHOLE
    folder = layout.day_folder(root, camera_id, start)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / str(SegmentName(start, duration, state, container))
    path.write_bytes(content)
    return path


def stream_hash(path: Path, track: str) -> str:
    """FFmpeg's SHA-256 over a track's packets, copied."""
    words = ["-i", str(path), "-map", f"0:{track}:0", "-c", "copy", "-f", "streamhash", "-hash", "sha256", "-"]
    return ffmpeg(*words).strip().rsplit("=", 1)[1]


def packet_hashes(path: Path, track: str) -> list[str]:
    """The SHA-256 of each of a track's packets, in decode order."""
    words = ["-i", str(path), "-map", f"0:{track}:0", "-c", "copy", "-f", "framehash", "-hash", "sha256", "-"]
    return [line.rsplit(",", 1)[1].strip() for line in ffmpeg(*words).splitlines() if not line.startswith("#")]


def joined_stream_hash(parts: list[Path], track: str) -> str:
    """What ``stream_hash`` would say of the parts' packets one after the other (FFmpeg's concat would rewrite them)."""
    digest = hashlib.sha256()
    for part in parts:
        words = ["ffmpeg", "-v", "error", "-i", str(part), "-map", f"0:{track}:0", "-c", "copy", "-f", "data", "-"]
        digest.update(subprocess.run(words, capture_output=True, check=True).stdout)
    return digest.hexdigest()


def probe(path: Path, entries: str, *, streams: str = "v:0") -> list[str]:
    """``ffprobe -show_entries``, a line of commas each; anything it complains of fails the test."""
    words = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        streams,
        "-show_entries",
        entries,
        "-of",
        "csv=p=0",
        str(path),
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert not done.stderr, done.stderr
    return done.stdout.split()


def assert_plays(path: Path) -> int:
    """Decode all of it without a complaint; how many pictures there are."""
    lines = ffmpeg("-i", str(path), "-map", "0:v", "-vsync", "passthrough", "-f", "framecrc", "-").splitlines()
    return sum(not line.startswith("#") for line in lines)
