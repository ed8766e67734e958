"""A piece's coded frames, for the stand-ins that keep them in a maker's own container. Nothing is encoded here."""

from dataclasses import dataclass
from pathlib import Path

import av
from av.bitstream import BitStreamFilterContext


@dataclass(frozen=True, slots=True)
class Coded:
    """One frame in Annex B, parameter sets before key frames; ``after``: microseconds after the first."""

    after: int
    key: bool
    data: bytes


def coded_frames(path: Path) -> list[Coded]:
    frames: list[Coded] = []
    with av.open(str(path), options={"advanced_editlist": "0"}) as opened:
        stream = opened.streams.video[0]
        kind = "hevc_mp4toannexb" if stream.codec.canonical_name == "hevc" else "h264_mp4toannexb"
        wrapped = BitStreamFilterContext(kind, stream)
        first: int | None = None
        for packet in opened.demux(stream):
            for out in wrapped.filter(packet if packet.size else None):
                assert out.pts is not None
                assert stream.time_base is not None
                first = out.pts if first is None else first
                after = round((out.pts - first) * stream.time_base * 1_000_000)
                frames.append(Coded(after, out.is_keyframe, bytes(out)))
    return frames
