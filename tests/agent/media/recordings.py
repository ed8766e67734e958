"""Recordings for tests: encoded by ffmpeg, split into segments as a recorder does, every frame known by its picture.

Not for: tests themselves.
"""

import hashlib
import subprocess
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import av

from agent.media.facts import SourceRef

START_US = 1_795_000_000_000_000
FPS = 25
SOUND = ["-f", "lavfi", "-i", "sine=f=440:sample_rate=48000"]
SPEECH = ["-f", "lavfi", "-i", "sine=f=440:sample_rate=8000"]

KINDS: dict[str, list[str]] = {
    "h264": ["-c:v", "libx264", "-bf", "0"],
    "h264-reordered": ["-c:v", "libx264", "-bf", "3", "-x264-params", "b-pyramid=normal:b-adapt=0"],
    "h264-open-gop": ["-c:v", "libx264", "-bf", "3", "-x264-params", "open-gop=1:b-adapt=0"],
    "h265": ["-c:v", "libx265", "-bf", "3", "-x265-params", "log-level=error:open-gop=1:b-adapt=0:pools=1"],
    "h264-varying": ["-vf", "select='not(eq(mod(n,7),3)+eq(mod(n,11),5))'", "-fps_mode", "vfr", "-c:v", "libx264"],
    "h264-aac": [*SOUND, "-c:v", "libx264", "-bf", "2", "-c:a", "aac", "-b:a", "48k"],
    "h264-opus": [*SOUND, "-c:v", "libx264", "-bf", "0", "-c:a", "libopus", "-b:a", "32k"],
    "h264-g711": [*SPEECH, "-c:v", "libx264", "-bf", "2", "-c:a", "pcm_alaw"],
}
SPECIAL: dict[str, list[str]] = {
    "h264-hole": ["-vf", "select='not(between(n,60,89))'", "-fps_mode", "vfr", "-c:v", "libx264", "-bf", "0"],
}


@dataclass(frozen=True)
class Recording:
    """Segments, and every frame's UTC in microseconds and the hash of its picture, in the order they are shown."""

    files: tuple[SourceRef, ...]
    frames: tuple[tuple[int, str], ...]
    keys: tuple[int, ...]

    @property
    def times(self) -> list[int]:
        return [time for time, _ in self.frames]

    def pictures(self, first_us: int, last_us: int) -> list[str]:
        return [picture for time, picture in self.frames if first_us <= time <= last_us]

    @property
    def end_us(self) -> int:
        return self.frames[-1][0] + 1_000_000 // FPS


def ffmpeg(*arguments: str | Path) -> str:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-threads", "1", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def pictures(path: Path) -> list[tuple[int, str]]:
    """Each decoded frame: its time in microseconds from the file's zero, and the hash of what it shows."""
    found = []
    with av.open(str(path)) as opened:
        video = opened.streams.video[0]
        video.codec_context.thread_count = 1
        for frame in opened.decode(video):
            shown = hashlib.md5(frame.to_ndarray().tobytes(), usedforsecurity=False)
            found.append((round(frame.pts * video.time_base * 1_000_000), shown.hexdigest()))
    return found


def record(
    folder: Path, kind: str, *, seconds: int = 9, size: str = "192x108", each: int = 3, start_us: int = START_US
) -> Recording:
    """``seconds`` of a moving picture, a key frame a second, in segments of ``each`` seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    suffix = "mkv" if "g711" in kind else "mp4"
    whole = folder / f"whole.{suffix}"
    # No noise: each frame differs from its neighbours by itself.
    source = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={FPS}"]
    options = {**KINDS, **SPECIAL}[kind]
    sound = options[:4] if "lavfi" in options else []
    codec = options[len(sound) :]
    # Where groups are open, one more frame than the reordering needs comes before each key frame.
    gop = str(FPS + 2 if "open" in codec[-1] else FPS)
    ffmpeg(*source, *sound, "-t", str(seconds), "-preset", "ultrafast", *codec, "-g", gop, "-keyint_min", gop,
           "-sc_threshold", "0", "-pix_fmt", "yuv420p", *_format(suffix), whole)  # fmt: skip
    muxing = "movflags=+frag_keyframe+empty_moov+default_base_moof+delay_moov" if suffix == "mp4" else "live=1"
    ffmpeg("-i", whole, "-map", "0", "-c", "copy", "-f", "segment", "-segment_time", str(each - 0.1), "-segment_format",
           "mp4" if suffix == "mp4" else "matroska", "-segment_format_options", muxing, "-reset_timestamps", "1",
           folder / f"segment-%03d.{suffix}")  # fmt: skip
    with av.open(str(whole), options={"advanced_editlist": "0"}) as opened:
        packets = [packet for packet in opened.demux(video=0) if packet.size]
        base = opened.streams.video[0].time_base
        pts = [round(packet.pts * base * 1_000_000) for packet in packets]
        keys = tuple(start_us + time - pts[0] for time, packet in zip(pts, packets, strict=True) if packet.is_keyframe)
    files, seen = [], 0
    for path in sorted(folder.glob("segment-*")):
        files.append(SourceRef(path, start_us + pts[seen] - pts[0]))
        seen += packet_count(path)
    starts = [*(file.start_us for file in files[1:]), start_us + seconds * 1_000_000]
    ended = tuple(replace(file, end_us=end) for file, end in zip(files, starts, strict=True))
    shown = pictures(whole)
    frames = tuple((start_us + time - shown[0][0], picture) for time, picture in shown)
    return Recording(ended, frames, keys)


def _format(suffix: str) -> list[str]:
    return ["-movflags", "+frag_keyframe+empty_moov+default_base_moof+delay_moov"] if suffix == "mp4" else []


def packet_count(path: Path) -> int:
    with av.open(str(path), options={"advanced_editlist": "0"}) as opened:
        return sum(1 for packet in opened.demux(video=0) if packet.size)


def stream_hashes(path: Path) -> list[str]:
    """What FFmpeg's own streamhash muxer says of a file, a track after the other."""
    lines = ffmpeg("-i", path, "-map", "0", "-c", "copy", "-f", "streamhash", "-hash", "sha256", "-").splitlines()
    return [line.rpartition("=")[2] for line in lines]


@cache
def shared(folder: Path, kind: str) -> Recording:
    """One recording of each kind for all tests, as it is not changed."""
    return record(folder / kind, kind)
