"""A file on the wall clock, as a device source's worker tells of it: where its frames begin and end.

Not for: how that is found out (``place``).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from agent.media.containers.tables import Segment, Track

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlacedFile:
    """A file on the wall clock; see ``agent.footage.source.SourceFile``. ``name`` is relative to the folder."""

    name: str
    start: int
    end: int
    clock: str
    uncertainty_us: int
    torn: bool
    sha256: str
    remux: Json | None = None
    notes: tuple[str, ...] = ()


def edges(segment: Segment, start: int, *, at_key: bool = False) -> tuple[int, int]:
    """The UTC of the first key frame, and of the end of the last frame that is there.

    ``start``: the UTC of the first frame, or, ``at_key``, of the first key frame. Frames that an MP4's edit list hides
    count as footage, but a file begins where it begins to be shown (ISO/IEC 14496-12, 8.6.6): what is exported from
    the middle of a group of pictures has the beginning of that group in it, at negative times.
    """
    video = segment.video
    last = max(range(len(video.pts)), key=video.pts.__getitem__)
    shown = min((time for time in video.pts if time > -max(video.durations[0] // 2, 1)), default=min(video.pts))
    first_key = start if at_key else start + in_us(segment.anchor - shown, video)
    return first_key, first_key + in_us(video.pts[last] + _shown_for(video, last) - segment.anchor, video)


def _shown_for(video: Track, last: int) -> int:
    """For how long the last picture is shown. A recorder that lost the stream, or whose clock was set, may write hours:
    then it is as long as the slowest of the others."""
    shown = sorted(video.pts)
    widest = max((later - earlier for earlier, later in pairwise(shown)), default=video.timescale)
    return min(video.durations[last], widest)


def in_us(units: int, track: Track) -> int:
    return (units * 1_000_000 + track.timescale // 2) // track.timescale
