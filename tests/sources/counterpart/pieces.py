"""Footage for the sources' tests: pieces whose every frame is known by its picture and its true instant.

Not for: serving them (each counterpart does), or tests themselves.
"""

import hashlib
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av

from agent.footage.source import SourceFile
from agent.media.containers import segment as segments
from agent.media.containers.demuxed import Bounded
from exchange.clock import SECOND, Clock, SystemClock, Window, from_rfc3339
from tests.agent.media.recordings import ffmpeg

FPS = 10
FRAME = SECOND // FPS


@dataclass(frozen=True)
class Piece:
    """Unbroken footage of one codec: a fragmented MP4 that begins at a key frame, one a second; 160x120, 10 a second.

    ``start`` is the true UTC of its first frame. A device keeps it in as many files as it likes, in any container, as
    long as the packets stay the same.
    """

    start: int
    path: Path
    pictures: tuple[str, ...]
    codec: str

    @property
    def end(self) -> int:
        return self.start + len(self.pictures) * FRAME

    @property
    def window(self) -> Window:
        return Window(self.start, self.end)

    @property
    def frames(self) -> list[tuple[int, str]]:
        return [(self.start + index * FRAME, picture) for index, picture in enumerate(self.pictures)]


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="handover-pieces-")


@cache
def _made(seconds: int, codec: str, look: int, sound: str) -> tuple[Path, tuple[str, ...]]:
    path = Path(_folder().name) / f"{codec}-{seconds}-{look}-{sound or 'silent'}.mp4"
    encoder = {"h264": ["libx264"], "h265": ["libx265", "-x265-params", "log-level=error:pools=1:scenecut=0"]}[codec]
    heard = ["-f", "lavfi", "-i", f"sine=f=440:sample_rate=16000:duration={seconds}", "-c:a", sound] if sound else []
    picture = ["-vf", f"hue=h={look * 37 % 360}", "-pix_fmt", "yuv420p", "-preset", "ultrafast", "-bf", "0"]
    keys = ["-g", str(FPS), "-keyint_min", str(FPS), "-sc_threshold", "0"]
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=size=160x120:rate={FPS}:duration={seconds}", *heard, *picture,
           "-c:v", *encoder, *keys, "-tag:v", "hvc1" if codec == "h265" else "avc1",
           "-movflags", "+frag_keyframe+empty_moov+default_base_moof", "-use_editlist", "0", path)  # fmt: skip
    return path, tuple(picture for _, picture in shown(path))


def piece(start: str | int, seconds: int = 6, *, codec: str = "h264", look: int = 0, sound: str = "") -> Piece:
    """``look`` gives pieces of one test pictures of their own; ``sound``: an encoder's name, such as ``aac``."""
    path, pictures = _made(seconds, codec, look, sound)
    return Piece(from_rfc3339(start) if isinstance(start, str) else start, path, pictures, codec)


def shown(path: Path) -> list[tuple[int, str]]:
    """Each frame of a file: microseconds after its first key frame, and the hash of what it shows."""
    found: list[tuple[int, str]] = []
    whole = Bounded(path, segments.read(path).size)  # a torn file is read as far as the cutter would
    with av.open(whole, options={"advanced_editlist": "0"}) as opened:
        video = opened.streams.video[0]
        video.codec_context.thread_count = 1
        anchor = None
        for frame in opened.decode(video):
            if anchor is None:
                anchor = frame.pts
            picture = hashlib.md5(frame.to_ndarray().tobytes(), usedforsecurity=False).hexdigest()
            found.append((round((frame.pts - anchor) * video.time_base * SECOND), picture))
    return found


def brought(files: Iterable[SourceFile]) -> list[tuple[int, str]]:
    """Every frame of fetched files: its UTC as the source says, and the hash of its picture; by time."""
    return sorted((file.start + after, picture) for file in files for after, picture in shown(file.path))


class ShiftedClock(SystemClock):
    """A clock that stood at ``at`` when it was made, and goes on from there; ``stand`` sets it anew."""

    def __init__(self, at: int) -> None:
        self.stand(at)

    def stand(self, at: int) -> None:
        self._shift = at - super().now()

    def now(self) -> int:
        return super().now() + self._shift


__all__ = ["FPS", "FRAME", "Clock", "Piece", "ShiftedClock", "brought", "piece", "shown"]
