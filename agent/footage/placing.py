"""Puts what a device source brought on the wall clock: first key frame, true end, torn tail, one copy of each frame.

Not for: fetching (``device``), or cutting (``agent.media``). Meant for a worker process: see ``job``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from agent.media import segment as segments
from agent.media.hashing import sha256
from agent.media.segment import NotFootage, Segment, Track
from exchange.errors import CameraAnswerInvalid

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Placed:
    """A file on the wall clock; see ``agent.footage.source.SourceFile``. ``name`` is relative to the folder."""

    name: str
    start: int
    end: int
    clock: str
    uncertainty_us: int
    torn: bool
    sha256: str
    remux: Json | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)


def job(job: Json, report: Callable[[Json], None]) -> Json:
    """``{"into", "files": [FetchedFile with clock and uncertainty_us]}`` to ``{"files": [Placed]}``, by start.

    Raises CameraAnswerInvalid when no file holds footage; one among others that holds none is left out.
    """
    into = Path(job["into"])
    placed: list[Placed] = []
    why = "it brought no file"
    for fetched in job["files"]:
        try:
            placed.append(_place(into, fetched))
        except NotFootage as reason:
            why = f"{fetched['name']}: {reason}"
    if not placed:
        raise CameraAnswerInvalid(
            f"What the recorder sent is no footage that can be read ({why}).",
            meaning="Nothing of it was used.",
            do="Play that time on the recorder itself; if it plays there, tell us what recorder it is.",
        )
    placed.sort(key=lambda each: (each.start, each.name))
    return {"files": [asdict(each) for each in placed]}


def _place(into: Path, fetched: Json) -> Placed:
    path = into / fetched["name"]
    segment = segments.read(path)
    start, end = _edges(segment, fetched)
    return Placed(
        name=fetched["name"],
        start=start,
        end=end,
        clock=fetched["clock"],
        uncertainty_us=fetched["uncertainty_us"],
        torn=fetched["torn"] or not segment.whole,
        sha256=sha256(path, None),
        notes=tuple(fetched["notes"]),
    )


def _edges(segment: Segment, fetched: Json) -> tuple[int, int]:
    """The UTC of the first key frame, and of the end of the last frame that is there."""
    video = segment.video
    first, last = min(video.pts), max(range(len(video.pts)), key=video.pts.__getitem__)
    before_key = 0 if fetched["at_key"] else segment.anchor - first
    start = fetched["start"] + _us(before_key, video)
    return start, start + _us(video.pts[last] + video.durations[last] - segment.anchor, video)


def _us(units: int, track: Track) -> int:
    return (units * 1_000_000 + track.timescale // 2) // track.timescale
