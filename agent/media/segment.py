"""One recorded segment as tables of packets: times, sizes, places, key frames; and the readers that make them.

Not for: payloads (``payload``), or how segments lie on the wall clock (``timeline``).
"""

from __future__ import annotations

import os
from array import array
from dataclasses import dataclass, field
from pathlib import Path

MAX_PACKETS = 2_000_000
"""In one segment: a minute has about 5,000; what claims more is hostile or broken."""

LONGEST = (1 << 32) - 1
"""A packet's duration, in its track's units."""


class NotFootage(Exception):
    """This file cannot be used; the text says why, to a person who knows it by its name."""


@dataclass(slots=True)
class Track:
    """One track's packets in decode order. Times are in 1 / ``timescale`` seconds, presentation times.

    ``config`` is the decoder's configuration record (avcC, hvcC, AudioSpecificConfig …): two segments with the same
    belong together. ``entry`` is the track's MP4 sample entry, empty when MP4 cannot carry it; ``raw`` its Matroska
    track entry, empty when it has none. ``keys`` are indexes.
    """

    kind: str
    codec: str
    timescale: int
    config: bytes
    entry: bytes
    width: int = 0
    height: int = 0
    rate: int = 0
    channels: int = 0
    raw: bytes = b""
    pts: array[int] = field(default_factory=lambda: array("q"))
    durations: array[int] = field(default_factory=lambda: array("I"))
    sizes: array[int] = field(default_factory=lambda: array("I"))
    keys: array[int] = field(default_factory=lambda: array("q"))

    @property
    def parameters(self) -> tuple[object, ...]:
        """What has to stay the same for one file to hold both."""
        return (self.codec, self.timescale, self.config, self.width, self.height, self.rate, self.channels)


@dataclass(frozen=True, slots=True)
class Run:
    """Packets of one track that lie one behind the other: ``offset`` in the file, or -1 when only a demuxer knows."""

    sound: bool
    first: int
    count: int
    offset: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment's whole fragments. ``size`` counts their bytes from the file's start; ``whole``: there is no more.

    ``anchor`` is the presentation time of the first key frame, which the segment's UTC name is the instant of.
    """

    path: Path
    container: str
    size: int
    whole: bool
    video: Track
    audio: Track | None
    runs: tuple[Run, ...]

    @property
    def anchor(self) -> int:
        return self.video.pts[self.video.keys[0]]

    @property
    def parameters(self) -> tuple[object, ...]:
        return (self.container, self.video.parameters, self.audio and self.audio.parameters)


def read(path: Path, size: int | None = None) -> Segment:
    """Read the tables of a segment, of its first ``size`` bytes if given; what is torn at the end is left out.

    Raises NotFootage when the file holds no usable video, FileNotFoundError when it is gone.
    """
    from agent.media import fragments

    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        length = os.fstat(descriptor).st_size
        if size is not None and length < size:
            raise NotFootage(f"it is shorter ({length} bytes) than it was ({size})")
        limit = length if size is None else size
        magic = os.pread(descriptor, 12, 0)
        if magic[4:8] in (b"ftyp", b"styp", b"moov"):
            segment = fragments.read(path, descriptor, limit)
        elif magic[:4] == b"\x1a\x45\xdf\xa3":
            segment = _matroska(path, descriptor, limit)
        else:
            raise NotFootage("it is empty" if not magic else "it is neither MP4 nor Matroska")
    except (IndexError, OverflowError, ValueError):
        raise NotFootage("its tables are malformed") from None
    finally:
        os.close(descriptor)
    if not segment.video.keys:
        raise NotFootage("it holds no key frame")
    return segment


def _matroska(path: Path, descriptor: int, limit: int) -> Segment:
    from agent.media import matroska_in

    try:
        return matroska_in.read(path, descriptor, limit)
    except matroska_in.Odd:
        from agent.media import demuxed

        return demuxed.read(path, limit)


def fill_durations(track: Track, usual: int = 0) -> None:
    """Containers may leave durations out: then a packet lasts until the next one, and the last as its neighbour."""
    times, last = track.pts, usual
    for index in range(len(times)):
        if not track.durations[index]:
            following = times[index + 1] - times[index] if index + 1 < len(times) else last
            track.durations[index] = min(max(following, 0), LONGEST) or last
        last = track.durations[index]
