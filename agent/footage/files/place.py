"""Puts what a device source brought on the wall clock: first key frame, true end, torn tail; remuxed where needed.

Not for: fetching (``agent.sources.device``), or frames that two files have (``overlap``). For a worker process: see
``job``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from statistics import median_low

from agent.footage.files.broken_times import Mended, mended
from agent.footage.files.edits import late
from agent.footage.files.joined import joints, take_apart
from agent.footage.files.overlap import without_doubles
from agent.footage.files.placement import Json, PlacedFile
from agent.footage.files.placement import edges as edges
from agent.footage.files.placement import in_us as in_us
from agent.footage.files.remux import (
    UNTIMED,
    Part,
    broken_times,
    container_of,
    count_video,
    is_torn,
    other_tracks,
    picture_times,
    remux,
)
from agent.media.containers import segment as segments
from agent.media.containers.tables import NotFootage, Segment
from agent.media.cut.hashing import sha256
from exchange.clock import HOUR, SECOND
from exchange.errors import CameraAnswerInvalid

CUTTABLE = frozenset({"mp4", "matroska"})
_LONGEST_PAUSE = 12 * HOUR
_CROWD = 10
_MOST_A_SECOND = 400
"""Pictures. What has more has no times of its own."""
LIE = 0.03
"""By how much of itself a file's length may differ from what its recorder says, before one of them is not believed."""


def job(job: Json, report: Callable[[Json], None]) -> Json:
    """``{"into", "files": [FetchedFile with clock and uncertainty_us]}`` to ``{"files": [PlacedFile]}``, by start.

    Raises CameraAnswerInvalid when no file holds footage. One among others that holds none is left out, and the others
    say so.
    """
    into = Path(job["into"])
    placed: list[PlacedFile] = []
    unread: list[str] = []
    for fetched in job["files"]:
        try:
            placed += place(into, fetched)
        except NotFootage as reason:
            unread.append(f"{fetched['name']}: {reason}")
    if not placed:
        why = unread[0] if unread else "it brought no file"
        raise CameraAnswerInvalid(
            f"What the recorder sent is no footage that can be read ({why}).",
            meaning="Nothing of it was used.",
            do="Play that time on the recorder itself; if it plays there, tell us what recorder it is.",
        )
    if unread:
        reported = f"Of this time there is also what can't be read: {'; '.join(unread[:5])}."[:1000]
        placed[0] = replace(placed[0], notes=(*placed[0].notes, reported))
    return {"files": [asdict(each) for each in without_doubles(into, placed)]}


def once_job(job: Json, report: Callable[[Json], None]) -> Json:
    """``{"into", "files": [PlacedFile]}`` of several fetches to the same, with frames that two have kept once."""
    placed = [PlacedFile(**each | {"notes": tuple(each["notes"])}) for each in job["files"]]
    return {"files": [asdict(each) for each in without_doubles(Path(job["into"]), placed)]}


def place(into: Path, fetched: Json) -> list[PlacedFile]:
    """One file; several where it is several recordings, or its clock begins anew inside it. It is replaced by copies
    where it has to be remuxed.

    Raises NotFootage.
    """
    path = into / fetched["name"]
    container = container_of(path)
    if not container:
        raise NotFootage("it is empty" if not path.stat().st_size else "it is no kind of video that is known here")
    at = joints(path, container)
    return _parts(take_apart(path, at), fetched, container) if at else _recording(path, fetched, container)


def _parts(paths: list[Path], fetched: Json, container: str) -> list[PlacedFile]:
    """The recordings that a file was. Where nothing tells when the next one began, it is taken to be right behind."""
    placed: list[PlacedFile] = []
    unread: list[str] = []
    start = fetched["start"]
    pauses = [None, *(_pause(*pair) if container == "mpegts" else None for pair in pairwise(paths))]
    for path, pause in zip(paths, pauses, strict=True):
        alone = {
            "name": path.name,
            "start": start + (pause or 0),
            "end": None,
            "at_key": fetched["at_key"] and not placed,
            "torn": fetched["torn"] and path == paths[-1],
        }
        try:
            more = _recording(path, fetched | alone, container)
        except NotFootage as why:
            path.unlink(missing_ok=True)
            unread.append(f"{fetched['name']} has a recording that can't be read ({why}).")
            continue
        if placed:
            behind = f"{fetched['name']} goes on with another recording {(start - fetched['start']) / SECOND:.1f} s in"
            how = (
                "" if pause is not None else "; it is taken to be of right after, but how much time passed is not known"
            )
            more[0] = replace(more[0], notes=(*more[0].notes, f"{behind}{how}."))
        placed += more
        start = max(each.end for each in more)
    if not placed:
        raise NotFootage("none of the recordings in it can be read")
    placed[0] = replace(placed[0], notes=(*placed[0].notes, *unread[:5]))
    return placed


def _pause(before: Path, after: Path) -> int | None:
    """Microseconds between two transport streams whose clock goes on from one to the other; None where it doesn't."""
    (earlier, scale), (later, _) = picture_times(before, "mpegts"), picture_times(after, "mpegts")
    shown = sorted(time for time in earlier if time is not None)
    begins = min((time for time in later if time is not None), default=None)
    if len(shown) < 2 or begins is None:
        return None
    usual = median_low(following - time for time, following in pairwise(shown))
    pause = (begins - shown[-1] - usual) * SECOND // scale
    return max(0, pause) if -SECOND // 2 <= pause < _LONGEST_PAUSE else None


def _recording(path: Path, fetched: Json, container: str) -> list[PlacedFile]:
    """A file that is one recording; several where its clock begins anew."""
    broken = _broken(path, container)
    # FFmpeg hands out the beginning of a picture that was cut off as if it were all of it, in program streams.
    cut_off = container == "mpeg" and (fetched["torn"] or is_torn(path, container))
    end = max(1, count_video(path, container) - 1) if cut_off else None
    if not broken.restarts:
        return [_place(path, fetched, container, Part(end=end), broken)]
    placed: list[PlacedFile] = []
    bounds = [0, *broken.restarts, end]
    start = fetched["start"]
    for number, (first, behind) in enumerate(pairwise(bounds)):
        alone = {"start": start, "end": None, "at_key": fetched["at_key"] and not number}
        try:
            part = _place(path, fetched | alone, container, Part(first or 0, behind), broken, number=number)
        except NotFootage:
            continue  # no key frame between two restarts
        if placed:
            lasts = part.end - part.start
            note = (
                f"The clock inside {fetched['name']} begins anew {(start - fetched['start']) / SECOND:.1f} s after its "
                f"start. The {lasts / SECOND:.1f} s that follow are taken to be of right after; how much time passed "
                "in between is not known."
            )
            part = replace(part, notes=(*part.notes, note))
        placed.append(part)
        start = part.end
        if container == "mpeg":
            # A card's block of several recordings: the next one may be of any time, also of an earlier one.
            note = f"{fetched['name']} goes on with another recording, of a time that is not known; it was left out."
            placed[-1] = replace(part, notes=(*part.notes, note))
            break
    path.unlink()
    if not placed:
        raise NotFootage("its clock begins anew again and again")
    return placed


def _broken(path: Path, container: str) -> Mended:
    """Where the times in a file can't be believed. What can be cut as it is, is read by its tables."""
    if container in UNTIMED or container == "dhav":
        return Mended({})
    if container not in CUTTABLE:
        return broken_times(path, container)
    try:
        video = segments.read(path).video
    except NotFootage:
        return Mended({})
    found = mended(video.pts, video.timescale)
    # Only then by the demuxer, whose units and packets they are to be copied by.
    return broken_times(path, container) if found.times or found.restarts else found


def _place(
    path: Path, fetched: Json, container: str, part: Part, broken: Mended, *, number: int | None = None
) -> PlacedFile:
    """One stretch of a file, all of it or the packets of ``part``. The original goes, unless it has several."""
    notes = list(fetched["notes"])
    claimed = fetched["end"] - fetched["start"] if fetched["end"] is not None else None
    torn = fetched["torn"] or is_torn(path, container)
    empty = late(path) if container == "mp4" else 0
    copied = None
    spread = None
    ahead = 0
    if broken.times:
        count = len(broken.times)
        which = "1 picture has a time stamp" if count == 1 else f"{count} pictures have time stamps"
        notes.append(f"{which} far from those around; such got the time that the pictures around leave open.")
    if broken.times or number is not None or container not in CUTTABLE or _must_be_copied(path):
        mark = "" if number is None else f".{number + 1}"
        target = path.with_name(f"{path.stem}{mark}.mkv" if mark or path.suffix != ".mkv" else f"{path.name}.mkv")
        try:
            copied = remux(path, target, container=container, part=part, times=broken.times)
        except NotFootage as why:
            if container not in UNTIMED:
                raise (_unusable(path) if container in CUTTABLE else None) or why from None
            # A bare stream that tells no rate: over the time between its name's start and end, or 25 a second.
            spread = claimed or count_video(path, container) * SECOND // 25
            copied = remux(path, target, container=container, part=part, spread_us=spread)
            rate = "laid evenly over the time that its name tells" if claimed else "taken to be 25 a second"
            notes.append(f"The file tells neither a time for each frame nor a rate; the frames were {rate}.")
        torn = torn or copied.torn
        if container in UNTIMED and claimed is not None and not torn and spread is None:
            spread = _lie(segments.read(target), claimed)
            if spread is not None:
                rate_us = _lasts(segments.read(target)) / SECOND
                copied = remux(path, target, container=container, spread_us=spread)
                notes.append(
                    f"The file has no time for each frame; its frame rate would make it {rate_us:.1f} s long, its "
                    f"recorder says {spread / SECOND:.1f} s. The frames were laid evenly over the recorder's time."
                )
        if number is None:
            path.unlink()
        path, ahead = target, copied.sound_ahead_us
    segment = segments.read(path)
    if len(segment.video.pts) > _CROWD and _lasts(segment) * _MOST_A_SECOND < len(segment.video.pts) * SECOND:
        raise NotFootage("its pictures have all but one time")
    uncertainty = fetched["uncertainty_us"]
    if spread is not None and claimed is None:
        uncertainty = max(uncertainty, spread)
    if spread is None and claimed is not None and not torn and (reported := _lie(segment, claimed)) is not None:
        off = abs(reported - _lasts(segment))
        uncertainty = max(uncertainty, off if container in UNTIMED else uncertainty)
        notes.append(
            f"Its frames last {_lasts(segment) / SECOND:.1f} s by their own times, its recorder says "
            f"{reported / SECOND:.1f} s. The frames' own times were kept."
        )
    if copied is None:
        ahead = _sound_ahead(segment)
        notes += [other] if (other := other_tracks(path, container).strip()) else []
    begins = fetched["start"]
    if ahead > SECOND and not fetched["at_key"]:
        begins += ahead
        notes.append(
            f"Its sound begins {ahead / SECOND:.1f} s before its first picture; the file's time is the sound's."
        )
    elif empty > SECOND and not fetched["at_key"]:
        begins += empty
        uncertainty = max(uncertainty, empty)
        notes.append(
            f"It shows nothing for {empty / SECOND:.1f} s before its first picture; the file's time is of then."
        )
    start, end = edges(segment, begins, at_key=fetched["at_key"])
    return PlacedFile(
        name=path.name,
        start=start,
        end=end,
        clock=fetched["clock"],
        uncertainty_us=uncertainty,
        torn=torn or not segment.whole,
        sha256=sha256(path),
        remux=copied.remux.model_dump(mode="json") if copied else None,
        notes=tuple(notes),
    )


def _must_be_copied(path: Path) -> bool:
    """Whether an MP4 or Matroska file has tracks that can only be cut out of a copy."""
    try:
        segment = segments.read(path)
    except NotFootage:
        return True
    tracks = [segment.video] if segment.audio is None else [segment.video, segment.audio]
    return not all(track.entry or track.raw for track in tracks)


def _unusable(path: Path) -> NotFootage | None:
    """What its tables say against an MP4 or Matroska file."""
    try:
        segments.read(path)
    except NotFootage as why:
        return why
    return None


def _sound_ahead(segment: Segment) -> int:
    """How long before the first picture its sound begins, in microseconds."""
    audio = segment.audio
    if audio is None:
        return 0
    # What lies before zero is not heard: an encoder's priming.
    return in_us(min(segment.video.pts), segment.video) - max(0, in_us(min(audio.pts), audio))


def _lie(segment: Segment, claimed: int) -> int | None:
    """What the recorder says of the length, when that is far from what the frames' times say."""
    lasts = _lasts(segment)
    return claimed if abs(lasts - claimed) > max(LIE * claimed, 2 * SECOND) else None


def _lasts(segment: Segment) -> int:
    video = segment.video
    last = max(range(len(video.pts)), key=video.pts.__getitem__)
    return in_us(video.pts[last] + video.durations[last] - min(video.pts), video)
