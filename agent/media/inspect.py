"""Tells what a copy of a window would hold: real first and last frame, gaps, stretches, sizes. Decodes nothing.

Not for: copying (``cut``), or pictures (``pictures``). Meant for a worker process: see ``job``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from agent.media.containers import segment as segments
from agent.media.containers.tables import NotFootage, Segment
from agent.media.cut import approved
from agent.media.cut.timeline import PlacedSegment, Selection, gaps, join, select, sound_within
from agent.media.facts import (
    Gops,
    Inspection,
    JsonObject,
    Sound,
    Source,
    SourceRef,
    Stretch,
    Trim,
    Trimmed,
    Unreadable,
    source_ref,
    stretch,
    to_json,
)

MAX_SEGMENTS = 20_000
_EXPECTED_US = 120_000_000
"""A segment is about a minute; how far one whose end is not known may reach into a window."""


def inspect(files: Sequence[SourceRef], start_us: int, end_us: int) -> Inspection:
    """What there is of [start_us, end_us), UTC microseconds, in segments of one camera; both trimming modes.

    Only the segments that touch the window are opened. A file that cannot be read is named in ``unreadable``, and is
    otherwise a gap. ValueError when the window or the list is out of bounds.
    """
    if end_us <= start_us:
        raise ValueError("a window must end after it starts")
    if len(files) > MAX_SEGMENTS:
        raise ValueError(f"more than {MAX_SEGMENTS} segments")
    found: list[tuple[SourceRef, Segment]] = []
    unreadable: list[Unreadable] = []
    for ref in _touching(sorted(files, key=lambda ref: (ref.start_us, str(ref.path))), start_us, end_us):
        try:
            found.append((ref, segments.read(ref.path)))
        except NotFootage as why:
            unreadable.append(Unreadable(ref.path, str(why)))
        except OSError as error:
            unreadable.append(Unreadable(ref.path, error.strerror or "it cannot be read"))
    groups = join(found)
    return Inspection(
        start_us,
        end_us,
        _trimmed(groups, start_us, end_us, Trim.BEFORE),
        _trimmed(groups, start_us, end_us, Trim.INSIDE),
        tuple(gaps(groups, start_us, end_us)),
        tuple(unreadable),
    )


def _touching(files: Sequence[SourceRef], start_us: int, end_us: int) -> list[SourceRef]:
    """The segments that overlap the window, and the one before the first, whose last key frame may be needed."""
    touching: list[SourceRef] = []
    before: SourceRef | None = None
    for index, ref in enumerate(files):
        until = ref.end_us
        if until is None:
            until = files[index + 1].start_us if index + 1 < len(files) else ref.start_us + _EXPECTED_US
            until = max(min(until, ref.start_us + _EXPECTED_US), ref.start_us + 1)
        if ref.start_us >= end_us:
            break
        if until > start_us:
            touching.append(ref)
        elif not touching:
            before = ref
    return [before, *touching] if before is not None else touching


def _trimmed(groups: Sequence[Sequence[PlacedSegment]], start_us: int, end_us: int, trim: Trim) -> Trimmed:
    selections = (select(group, start_us, end_us, trim) for group in groups)
    return Trimmed(trim, tuple(_stretch(selection) for selection in selections if selection is not None))


def split_at_keys(whole: Stretch, most_bytes: int) -> tuple[Stretch, ...]:
    """The stretch as parts that begin at key frames, each of at most about ``most_bytes`` as a file.

    No frame is lost, and none is in two parts: where a part could not begin without losing some, it goes on. A part of
    one key frame's pictures may still be larger. Raises FootageChanged.
    """
    what = approved.find(whole, sound=False)
    keys, sizes = what.chosen.keys, _sizes(what.chosen)
    sound = whole.sound_bytes / max(whole.video_bytes, 1)
    starts, room = [keys[0]], most_bytes * 0.97 - 65_536
    for key, following in pairwise([*keys, len(sizes)]):
        through = sum(sizes[starts[-1] : following]) * (1 + sound)
        if key != starts[-1] and through > room:
            starts.append(key)
    times = [what.chosen.times[key] for key in starts]
    found = []
    for start, end in pairwise([*times, whole.end_us]):
        chosen = select(what.group, start, end, Trim.INSIDE)
        if chosen is not None:
            found.append(_stretch(chosen))
    if sum(part.frames for part in found) != whole.frames:
        return (whole,)
    return tuple(found)


def _sizes(chosen: Selection) -> list[int]:
    """Bytes of each picture, in decode order."""
    found: list[int] = []
    for placed, ranges in zip(chosen.group, chosen.ranges, strict=True):
        for low, high in ranges:
            found += placed.segment.video.sizes[low:high]
    return found


def split_job(job: JsonObject, report: Callable[[JsonObject], None]) -> JsonObject:
    """``{"stretches", "most_bytes"}`` to ``{"stretches"}``, each in parts that are small enough."""
    parts = [part for plain in job["stretches"] for part in split_at_keys(stretch(plain), job["most_bytes"])]
    return {"stretches": [to_json(part) for part in parts]}


def _stretch(chosen: Selection) -> Stretch:
    """A selection in figures. The sources are those that the copy takes a frame from."""
    first = chosen.group[0].segment
    sources: list[Source] = []
    video_bytes = sound_bytes = sound_packets = 0
    for placed, ranges in zip(chosen.group, chosen.ranges, strict=True):
        if not ranges:
            continue
        segment = placed.segment
        sources.append(Source(segment.path, placed.ref.start_us, placed.placed_us, segment.size, segment.whole))
        video_bytes += sum(sum(segment.video.sizes[low:high]) for low, high in ranges)
        for low, high in sound_within(placed, chosen.first_us, chosen.end_us):
            assert segment.audio is not None
            sound_packets += high - low
            sound_bytes += sum(segment.audio.sizes[low:high])
    audio = first.audio
    frames = len(chosen.times)
    return Stretch(
        sources=tuple(sources),
        first_us=chosen.first_us,
        last_us=chosen.last_us,
        end_us=chosen.end_us,
        frames=frames,
        codec=first.video.codec,
        width=first.video.width,
        height=first.video.height,
        fps=round(frames * 1_000_000 / max(chosen.end_us - chosen.first_us, 1), 3),
        video_bytes=video_bytes,
        sound=Sound(audio.codec, audio.rate, audio.channels) if audio and sound_packets else None,
        sound_packets=sound_packets,
        sound_bytes=sound_bytes,
        gops=_gops(chosen),
        profile=first.video.config[1] if first.video.codec == "h264" and len(first.video.config) > 1 else None,
    )


def _gops(chosen: Selection) -> Gops:
    edges = [*chosen.keys, len(chosen.times)]
    lengths = [after - before for before, after in pairwise(edges)]
    moments = [*(chosen.times[key] for key in chosen.keys), chosen.end_us]
    longest_us = max(after - before for before, after in pairwise(moments))
    return Gops(len(lengths), min(lengths), max(lengths), longest_us)


def job(job: JsonObject, report: Callable[[JsonObject], None]) -> JsonObject:
    """``{"files": [{"path", "start_us", "end_us"}], "start_us", "end_us"}`` to ``Inspection`` as JSON."""
    return to_json(inspect([source_ref(file) for file in job["files"]], job["start_us"], job["end_us"]))
