"""One recorded segment as tables of packets: times, sizes, places, key frames.

Not for: reading them out of a file (``segment``), payloads (``payload``), or the wall clock (``timeline``).
"""

from __future__ import annotations

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
    track entry, empty when it has none. ``matrix`` is how an MP4's pictures are to be turned when they are shown
    (ISO/IEC 14496-12, 8.3.2), empty when they aren't. ``keys`` are indexes; ``leads``: for those of them at which the
    picture isn't whole at once, how many frames later it is.
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
    matrix: bytes = b""
    pts: array[int] = field(default_factory=lambda: array("q"))
    durations: array[int] = field(default_factory=lambda: array("I"))
    sizes: array[int] = field(default_factory=lambda: array("I"))
    keys: array[int] = field(default_factory=lambda: array("q"))
    leads: dict[int, int] = field(default_factory=dict)

    @property
    def parameters(self) -> tuple[object, ...]:
        """What has to stay the same for one file to hold both."""
        return (self.codec, self.timescale, self.config, self.width, self.height, self.rate, self.channels, self.matrix)


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


def fill_durations(track: Track, usual: int = 0) -> None:
    """Containers may leave durations out: then a packet lasts until the next one, and the last as its neighbour."""
    times, last = track.pts, usual
    for index in range(len(times)):
        if not track.durations[index]:
            following = times[index + 1] - times[index] if index + 1 < len(times) else last
            track.durations[index] = min(max(following, 0), LONGEST) or last
        last = track.durations[index]
