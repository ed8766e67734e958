"""How segments lie on the wall clock: joined into unbroken groups, where time is missing, what a window takes.

Not for: reading files (``segment``), or copying (``cut``).

A frame's time is its segment's UTC start plus (its presentation time - that of the segment's first key frame). A
segment that begins within half a frame of where the one before it ends goes on in the camera's own time; compared
with its own UTC start each time, so this never adds up to more than that half frame.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, pairwise
from operator import sub

from agent.media.containers.tables import Segment, Track
from agent.media.facts import Gap, Missing, SourceRef, Trim

LEAST_GAP_US = 200_000
USUAL_FRAME_US = 40_000
"""For a segment with one frame only."""
_REORDERED = 32
"""A decoded picture buffer holds 16 frames at most (H.264 A.3.1, H.265 A.4.2): none is shown later than this."""

_NOT_FAR_US = 30_000_000
"""More than this before a window is not copied for pictures that are whole from the first on."""

Ranges = list[tuple[int, int]]
"""Half-open ranges of packet indexes."""


@dataclass(slots=True)
class PlacedSegment:
    """A segment on the wall clock; ``times`` are its frames' UTC microseconds in decode
    order, ``sound_times`` its sound packets'.

    ``usual`` is its usual time between frames, ``slow`` what 95 of 100 stay within, ``widest`` the longest.
    """

    ref: SourceRef
    segment: Segment
    placed_us: int
    times: list[int]
    usual: int
    slow: int
    widest: int
    sound_times: list[int]

    @property
    def gap_us(self) -> int:
        """More missing time than this is a gap: twice what is slow for this camera, and never less than 0.2 s."""
        return max(2 * self.slow, LEAST_GAP_US)


def in_microseconds(track: Track, anchor_us: int, anchor: int, anchor_scale: int) -> list[int]:
    """The track's times as UTC, ``anchor`` (in 1 / ``anchor_scale`` s) being at ``anchor_us``; rounded to nearest."""
    scale, half = track.timescale, track.timescale // 2
    shift = anchor_us * scale - anchor * 1_000_000 * scale // anchor_scale + half
    return [(time * 1_000_000 + shift) // scale for time in track.pts]


def put(ref: SourceRef, segment: Segment, placed_us: int) -> PlacedSegment:
    """The segment with its first key frame at ``placed_us``."""
    scale = segment.video.timescale
    times = in_microseconds(segment.video, placed_us, segment.anchor, scale)
    heard = in_microseconds(segment.audio, placed_us, segment.anchor, scale) if segment.audio else []
    shown = sorted(times)
    between = sorted(map(sub, shown[1:], shown)) or [USUAL_FRAME_US]
    usual, slow, widest = between[len(between) // 2], between[len(between) * 95 // 100], between[-1]
    return PlacedSegment(ref, segment, placed_us, times, max(usual, 1), max(slow, 1), widest, heard)


def join(segments: Iterable[tuple[SourceRef, Segment]]) -> list[list[PlacedSegment]]:
    """Place segments, given in the order of their starts, into groups that one file each can hold without a break."""
    groups: list[list[PlacedSegment]] = []
    for ref, segment in segments:
        placed = put(ref, segment, ref.start_us)
        if groups and (shift := _continues(groups[-1][-1], placed)) is not None:
            placed.placed_us += shift
            if shift:
                placed.times = [time + shift for time in placed.times]
                placed.sound_times = [time + shift for time in placed.sound_times]
            groups[-1].append(placed)
        else:
            groups.append([placed])
    return groups


def _continues(before: PlacedSegment, after: PlacedSegment) -> int | None:
    """By how much ``after`` has to move to go on from ``before``; None when it doesn't."""
    if before.segment.parameters != after.segment.parameters:
        return None
    last, begins = max(before.times), min(after.times)
    late = begins - last - before.usual
    limit = max(before.gap_us, after.gap_us)
    if not -limit <= late <= limit:
        return None
    if abs(late) <= before.usual // 2:
        return -late
    # Recorded a little over each other: the last frame is shown for less long, and none is lost.
    return max(0, last + max(before.usual // 4, 1) - begins)


@dataclass(slots=True)
class Selection:
    """What of a group a copy holds: for each of its segments the ranges of video packets, in decode order.

    ``times`` are the copied frames' UTC in decode order, ``gops`` the positions of key frames among them.
    """

    group: Sequence[PlacedSegment]
    ranges: list[Ranges]
    times: list[int]
    keys: list[int] = field(default_factory=list)
    end_us: int = 0

    @property
    def first_us(self) -> int:
        return self.times[0]

    @property
    def last_us(self) -> int:
        return max(self.times)


def select(group: Sequence[PlacedSegment], start_us: int, end_us: int, trim: Trim) -> Selection | None:
    """The frames that a copy of [start_us, end_us) holds; None when the group has none of it.

    It starts at a key frame (see Trim). Pictures that follow it in the stream and are shown before it (open GOP)
    cannot be decoded without what came earlier, and lie before the first frame: they are left out.
    It ends with the last frame before ``end_us`` up to which every frame can be decoded from what is in the copy:
    where frames are reordered, those that need a later frame than the window's end are left out, so that nothing
    outside the window is in the file.
    """
    times = list(chain.from_iterable(placed.times for placed in group))
    firsts = list(accumulate((len(placed.times) for placed in group), initial=0))
    keys = [first + key for first, placed in zip(firsts, group, strict=False) for key in placed.segment.video.keys]
    leads = {
        first + key: lead
        for first, placed in zip(firsts, group, strict=False)
        for key, lead in placed.segment.video.leads.items()
    }
    start = _start(group, times, keys, leads, start_us, trim)
    if start is None or times[start] >= end_us:
        return None
    end = _end(times, start, end_us)
    if end <= start:
        return None
    ranges, copied = _ranges(times, firsts, start, end)
    selection = Selection(group, ranges, copied, _positions(firsts, ranges, keys))
    selection.end_us = min(_shown_until(group, times, selection.last_us), end_us)
    return selection


def _positions(firsts: list[int], ranges: list[Ranges], keys: list[int]) -> list[int]:
    """Where the key frames are among the copied packets; both in decode order."""
    positions: list[int] = []
    at = 0
    for first, each in zip(firsts, ranges, strict=False):
        for low, high in each:
            within = slice(bisect_left(keys, first + low), bisect_left(keys, first + high))
            positions.extend(at + key - first - low for key in keys[within])
            at += high - low
    return positions


def _start(
    group: Sequence[PlacedSegment], times: list[int], keys: list[int], leads: dict[int, int], start_us: int, trim: Trim
) -> int | None:
    after = next((key for key in keys if times[key] >= start_us), None)
    if trim is Trim.INSIDE or (after is not None and times[after] == start_us and after not in leads):
        return after
    place = next((index for index in range(len(keys) - 1, -1, -1) if times[keys[index]] <= start_us), None)
    if place is None:
        return after
    key, following = keys[place], keys[place + 1] if place + 1 < len(keys) else len(times)
    # After a gap nothing of the group of pictures before it belongs to the window.
    shown_until = _shown_until(group, times, max(times[key:following]))
    if shown_until <= start_us:
        return after
    return _whole_by(times, keys, leads, start_us) if leads else key


def _whole_by(times: list[int], keys: list[int], leads: dict[int, int], start_us: int) -> int:
    """The last key frame from which the picture is whole at ``start_us``: one that is so at once, if it isn't far back;
    otherwise one whose refresh is over by then; or the first there is."""
    before = [key for key in keys if times[key] <= start_us]
    at_once = [key for key in before if key not in leads and start_us - times[key] <= _NOT_FAR_US]
    by_then = [key for key in before if times[min(key + leads.get(key, 0), len(times) - 1)] <= start_us]
    return (at_once or by_then or before[:1])[-1]


def _shown_until(group: Sequence[PlacedSegment], times: list[int], time: int) -> int:
    """When the frame at ``time`` stops being shown: at the next one, or, before a gap, after a usual while."""
    following = min(filter(time.__lt__, times), default=None)
    placed = next(placed for placed in reversed(group) if placed is group[0] or min(placed.times) <= time)
    if following is None or following - time - placed.usual > placed.gap_us:
        return time + placed.usual
    return following


def _end(times: list[int], start: int, end_us: int) -> int:
    """The index behind the last packet: what comes before it, in the stream, is all that is shown before what comes
    after it."""
    end = next((index for index in range(start, len(times)) if times[index] >= end_us), len(times))
    highest = list(accumulate(times[start:end], max))
    while end > start:
        coming = times[end : end + _REORDERED]
        if not coming or highest[end - start - 1] < min(coming):
            break
        end -= 1
    return end


def _ranges(times: list[int], firsts: list[int], start: int, end: int) -> tuple[list[Ranges], list[int]]:
    """The packets from ``start`` to ``end`` that are not shown before the first, by segment; and their times."""
    least = times[start]
    ranges: list[Ranges] = []
    copied: list[int] = []
    for first, behind in pairwise(firsts):
        low, high = max(start, first), min(end, behind)
        if low < high and min(times[low:high]) >= least:
            ranges.append([(low - first, high - first)])
            copied.extend(times[low:high])
            continue
        mine: Ranges = []
        opened = low
        for index in range(low, high):
            if times[index] < least:
                if index > opened:
                    mine.append((opened - first, index - first))
                opened = index + 1
        if high > opened:
            mine.append((opened - first, high - first))
        ranges.append(mine)
        copied.extend(time for time in times[low:high] if time >= least)
    return ranges, copied


def sound_within(placed: PlacedSegment, start_us: int, end_us: int) -> Ranges:
    """The sound packets that lie in [start_us, end_us) as a whole: no sound from outside the pictures' stretch."""
    audio = placed.segment.audio
    if audio is None:
        return []
    times = placed.sound_times
    longest = max(audio.durations) * 1_000_000 // audio.timescale
    if min(times) >= start_us and max(times) + longest <= end_us:
        return [(0, len(times))]
    ranges: Ranges = []
    for index, (time, length) in enumerate(zip(times, audio.durations, strict=True)):
        if start_us <= time and time + length * 1_000_000 // audio.timescale <= end_us:
            if ranges and ranges[-1][1] == index:
                ranges[-1] = (ranges[-1][0], index + 1)
            else:
                ranges.append((index, index + 1))
    return ranges


def gaps(groups: Sequence[Sequence[PlacedSegment]], start_us: int, end_us: int) -> list[Gap]:
    """Where the window has no footage, whatever is chosen of it. What one file lacks, another may have."""
    runs = [(*run, placed) for group in groups for placed in group for run in _unbroken(placed)]
    runs.sort(key=lambda run: run[:2])
    found: list[Gap] = []
    covered, limit, last = start_us, LEAST_GAP_US, None
    for begin, until, placed in runs:
        kind = Missing.WITHIN if last is placed else Missing.BETWEEN
        kind = Missing.START if last is None else kind
        limit = placed.gap_us
        if begin - covered > limit:
            found.append(Gap(covered, min(begin, end_us), kind))
        if begin >= end_us:
            return _clipped(found, start_us, end_us)
        covered, last = max(covered, until), placed
    if end_us - covered > limit or not groups:
        found.append(Gap(covered, end_us, Missing.END if groups else Missing.START))
    return _clipped(found, start_us, end_us)


def _unbroken(placed: PlacedSegment) -> Iterable[tuple[int, int]]:
    """From when to when a segment shows pictures without a gap."""
    shown = sorted(placed.times)
    if placed.widest <= placed.gap_us:
        yield shown[0], shown[-1] + placed.usual
        return
    begin = shown[0]
    for before, after in pairwise(shown):
        if after - before - placed.usual > placed.gap_us:
            yield begin, before + placed.usual
            begin = after
    yield begin, shown[-1] + placed.usual


def _clipped(found: list[Gap], start_us: int, end_us: int) -> list[Gap]:
    clipped = (Gap(max(gap.start_us, start_us), min(gap.end_us, end_us), gap.kind) for gap in found)
    return [gap for gap in clipped if gap.end_us > gap.start_us]
