"""Footage with sound and B-frames for replay's tests, playing it without a worker, and what is in files.

Not for: tests themselves (``test_onvif_replay``, ``test_onvif_replay_faults``).
"""

import asyncio
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av

from agent.rtsp.assemble import Assembler
from agent.rtsp.client import Rtsp
from agent.rtsp.playback import Played, Replay
from exchange.clock import SECOND, Window, from_rfc3339
from tests.agent.media.recordings import ffmpeg
from tests.counterparts.rtsp.gst_replay import tape
from tests.sources.counterpart.onvif_replay import replay_server
from tests.sources.counterpart.under_test import GOOD

START = from_rfc3339("2026-06-10T10:00:00Z")
SECONDS = 8
GOP = 25
_ANNEX_B = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}


@dataclass(frozen=True)
class Film:
    """25 frames a second, a key frame a second, 160x120. ``zero``: the UTC of time zero in its file."""

    path: Path
    zero: int

    @property
    def end(self) -> int:
        return START + SECONDS * SECOND


@cache
def film(folder: Path, codec: str = "h264", sound: str = "", b_frames: int = 0) -> Film:
    path = folder / f"{codec}-{sound or 'silent'}-{b_frames}.mov"
    encoder = {
        "h264": ["libx264", "-x264-params", f"bframes={b_frames}:b-adapt=0:scenecut=0:open-gop=0"],
        "h265": ["libx265", "-x265-params", f"log-level=error:pools=1:scenecut=0:open-gop=0:bframes={b_frames}"],
    }[codec]
    rate = "48000" if sound == "aac" else "8000"
    heard = ["-f", "lavfi", "-i", f"aevalsrc=random(0):s={rate}:d={SECONDS}", "-c:a", sound] if sound else []
    path.unlink(missing_ok=True)
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=size=160x120:rate=25:duration={SECONDS}", *heard, "-c:v", *encoder,
           "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", str(GOP), "-keyint_min", str(GOP), path)  # fmt: skip
    with av.open(path, options={"advanced_editlist": "0"}) as container:
        first = min(packet.pts for packet in container.demux(video=0) if packet.pts is not None)
        return Film(path, START - round(first * container.streams.video[0].time_base * SECOND))


def lay(work: Path, name: str, footage: Film, aggregate: str = "none") -> str:
    """Have the server hold it alone; its path."""
    replay_server().lay({f"/replay/{name}": tape(work / "tape", [(footage.path, footage.zero)], aggregate=aggregate)})
    return f"/replay/{name}"


@dataclass
class Outcome:
    played: Played | None
    assembler: Assembler
    said: list[tuple[int, int | None, float]]
    into: Path

    @property
    def files(self) -> list[Path]:
        return [self.into / f"{file.name}.part" for file in self.assembler.files]


async def play(
    port: int, path: str, window: Window, into: Path, *, silence: float = 5.0, wanted: int = 0, pin: str | None = None
) -> Outcome:
    """Play a window into files, as a fetch does, and raise what it raises; over TLS with a ``pin``."""
    into.mkdir(parents=True, exist_ok=True)
    said: list[tuple[int, int | None, float]] = []

    def work() -> Outcome:
        rtsp = Rtsp(f"{'rtsps' if pin else 'rtsp'}://127.0.0.1:{port}{path}", GOOD, silence, pin)
        try:
            replay = Replay(rtsp, window, wanted or window.end, lambda *told: said.append(told))
            described = replay.describe()
            whole, played = False, None
            assembler = Assembler(into, described.video, described.audio, window, 10**9, lambda _name, _start: None)
            try:
                replay.set_up(described, assembler)
                played = replay.play(described, assembler)
                whole = True
            finally:
                assembler.finish(whole=whole)
        finally:
            rtsp.close()
        return Outcome(played, assembler, said, into)

    return await asyncio.to_thread(work)


def pictures(path: Path, zero: int) -> list[tuple[int, list[bytes]]]:
    """Each frame's UTC and its slices, in the order they are decoded."""
    found = []
    with av.open(path, options={"advanced_editlist": "0"}) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context.name
        change = av.bitstream.BitStreamFilterContext(_ANNEX_B[codec], stream)
        for packet in container.demux(stream):
            if packet.size:
                at = zero + round(packet.pts * packet.time_base * SECOND)
                found.append((at, _slices(b"".join(map(bytes, change.filter(packet))), codec)))
    return found


def _slices(content: bytes, codec: str) -> list[bytes]:
    units = [unit.rstrip(b"\0") for unit in content.split(b"\0\0\1")[1:]]
    if codec == "h264":
        return [unit for unit in units if 1 <= unit[0] & 31 <= 5]
    return [unit for unit in units if unit[0] >> 1 & 63 < 32]


def sounds(path: Path, zero: int) -> list[tuple[int, bytes]]:
    """Each packet of sound: its UTC and its content."""
    with av.open(path, options={"advanced_editlist": "0"}) as container:
        return [
            (zero + round(packet.pts * packet.time_base * SECOND), bytes(packet))
            for packet in container.demux(audio=0)
            if packet.size
        ]


def zero_in(path: Path, start: int) -> int:
    """The UTC of time zero in a fetched file, whose first key frame is at ``start``."""
    with av.open(path, options={"advanced_editlist": "0"}) as container:
        first = next(packet.pts for packet in container.demux(video=0) if packet.is_keyframe)
        return start - round(first * container.streams.video[0].time_base * SECOND)
