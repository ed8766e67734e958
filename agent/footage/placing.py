"""Puts what a device source brought on the wall clock: first key frame, true end, torn tail; remuxed where needed.

Not for: fetching (``device``), or frames that two files have (``overlap``). For a worker process: see ``job``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from agent.footage.overlap import without_doubles
from agent.footage.placed import Json, Placed
from agent.footage.placed import edges as edges
from agent.footage.placed import in_us as in_us
from agent.footage.remux import UNTIMED, Part, container_of, count_video, is_torn, remux
from agent.media import segment as segments
from agent.media.hashing import sha256
from agent.media.tables import NotFootage, Segment
from exchange.clock import SECOND
from exchange.errors import CameraAnswerInvalid

CUTTABLE = frozenset({"mp4", "matroska"})
LIE = 0.03
"""By how much of itself a file's length may differ from what its recorder says, before one of them is not believed."""


def job(job: Json, report: Callable[[Json], None]) -> Json:
    """``{"into", "files": [FetchedFile with clock and uncertainty_us]}`` to ``{"files": [Placed]}``, by start.

    Raises CameraAnswerInvalid when no file holds footage; one among others that holds none is left out.
    """
    into = Path(job["into"])
    placed: list[Placed] = []
    why = "it brought no file"
    for fetched in job["files"]:
        try:
            placed.append(place(into, fetched))
        except NotFootage as reason:
            why = f"{fetched['name']}: {reason}"
    if not placed:
        raise CameraAnswerInvalid(
            f"What the recorder sent is no footage that can be read ({why}).",
            meaning="Nothing of it was used.",
            do="Play that time on the recorder itself; if it plays there, tell us what recorder it is.",
        )
    return {"files": [asdict(each) for each in without_doubles(into, placed)]}


def once_job(job: Json, report: Callable[[Json], None]) -> Json:
    """``{"into", "files": [Placed]}`` of several fetches to the same, with frames that two have kept once."""
    placed = [Placed(**each | {"notes": tuple(each["notes"])}) for each in job["files"]]
    return {"files": [asdict(each) for each in without_doubles(Path(job["into"]), placed)]}


def place(into: Path, fetched: Json) -> Placed:
    """One file. It is replaced by its copy where it has to be remuxed. Raises NotFootage."""
    path = into / fetched["name"]
    container = container_of(path)
    if not container:
        raise NotFootage("it is empty" if not path.stat().st_size else "it is no kind of video that is known here")
    notes = list(fetched["notes"])
    claimed = fetched["end"] - fetched["start"] if fetched["end"] is not None else None
    torn = fetched["torn"] or is_torn(path, container)
    copied = None
    spread = None
    if container not in CUTTABLE:
        target = path.with_name(f"{path.stem}.mkv" if path.suffix != ".mkv" else f"{path.name}.mkv")
        # FFmpeg hands out the beginning of a picture that was cut off as if it were all of it, in program streams.
        cut = torn and container == "mpeg"
        part = Part(end=max(1, count_video(path, container) - 1)) if cut else Part()
        copied = remux(path, target, container=container, part=part)
        torn = torn or copied.torn
        if container in UNTIMED and claimed is not None and not torn:
            spread = _lie(segments.read(target), claimed)
        if spread is not None:
            rate = _lasts(segments.read(target)) / SECOND
            copied = remux(path, target, container=container, spread_us=spread)
            notes.append(
                f"The file has no time for each frame; its frame rate would make it {rate:.1f} s long, its recorder "
                f"says {spread / SECOND:.1f} s. The frames were laid evenly over the recorder's time."
            )
        path.unlink()
        path = target
    segment = segments.read(path)
    uncertainty = fetched["uncertainty_us"]
    if spread is None and claimed is not None and not torn and (other := _lie(segment, claimed)) is not None:
        off = abs(other - _lasts(segment))
        uncertainty = max(uncertainty, off if container in UNTIMED else uncertainty)
        notes.append(
            f"Its frames last {_lasts(segment) / SECOND:.1f} s by their own times, its recorder says "
            f"{other / SECOND:.1f} s. The frames' own times were kept."
        )
    start, end = edges(segment, fetched["start"], at_key=fetched["at_key"])
    return Placed(
        name=path.name,
        start=start,
        end=end,
        clock=fetched["clock"],
        uncertainty_us=uncertainty,
        torn=torn or not segment.whole,
        sha256=sha256(path),
        remux=asdict(copied.remux) if copied else None,
        notes=tuple(notes),
    )


def _lie(segment: Segment, claimed: int) -> int | None:
    """What the recorder says of the length, when that is far from what the frames' times say."""
    lasts = _lasts(segment)
    return claimed if abs(lasts - claimed) > max(LIE * claimed, 2 * SECOND) else None


def _lasts(segment: Segment) -> int:
    video = segment.video
    last = max(range(len(video.pts)), key=video.pts.__getitem__)
    return in_us(video.pts[last] + video.durations[last] - min(video.pts), video)
