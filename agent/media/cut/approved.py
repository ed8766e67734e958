"""An approved stretch found again in its segments, to the frame, as tables for a copy.

Not for: choosing what to approve (``inspect``), or writing files.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from agent.media.containers import segment as segments
from agent.media.containers.mp4 import Out, timing
from agent.media.containers.tables import NotFootage, Track
from agent.media.cut.payload import PacketRun, packet_runs
from agent.media.cut.timeline import PlacedSegment, Ranges, Selection, put, select, sound_within
from agent.media.facts import SourceRef, Stretch, Trim
from exchange.counted import counted
from exchange.errors import FootageChanged


@dataclass(slots=True)
class Approved:
    """What is copied: per segment the parts, and the times of every packet from the stretch's start.

    ``video_us`` and ``sound_us`` are microseconds since the first frame, in decode order.
    """

    stretch: Stretch
    group: list[PlacedSegment]
    chosen: Selection
    sound: list[Ranges]
    packet_runs: list[list[PacketRun]]
    video_us: list[int]
    sound_us: list[int]

    @property
    def video(self) -> Track:
        return self.group[0].segment.video

    @property
    def audio(self) -> Track | None:
        """None when the copy holds no sound."""
        return self.group[0].segment.audio if any(self.sound) else None

    @property
    def payload_bytes(self) -> int:
        return sum(part.length for each in self.packet_runs for part in each)

    def count(self, *, sound: bool) -> int:
        return sum(part.count for each in self.packet_runs for part in each if part.sound == sound)

    def length(self, *, sound: bool) -> int:
        return sum(part.length for each in self.packet_runs for part in each if part.sound == sound)


def find(stretch: Stretch, *, sound: bool) -> Approved:
    """Read the stretch's segments again, as far as they were when it was planned. Raises FootageChanged when the
    copy would hold anything but what was approved."""
    group = [_read_segment(source.path, source.start_us, source.placed_us, source.size) for source in stretch.sources]
    chosen = select(group, stretch.first_us, stretch.last_us + 1, Trim.INSIDE) if group else None
    if chosen is None:
        raise _no_longer(stretch)
    heard = [sound_within(placed, stretch.first_us, stretch.end_us) if sound else [] for placed in group]
    each = [
        packet_runs(placed.segment, ranges, mine)
        for placed, ranges, mine in zip(group, chosen.ranges, heard, strict=True)
    ]
    what = Approved(
        stretch,
        group,
        chosen,
        heard,
        each,
        [time - stretch.first_us for time in chosen.times],
        _sound_us(group, heard, stretch.first_us),
    )
    found = (chosen.first_us, chosen.last_us, len(chosen.times), what.length(sound=False))
    if found != (stretch.first_us, stretch.last_us, stretch.frames, stretch.video_bytes):
        raise _no_longer(stretch)
    if sound and (what.count(sound=True), what.length(sound=True)) != (stretch.sound_packets, stretch.sound_bytes):
        raise _no_longer(stretch)
    return what


def _no_longer(stretch: Stretch) -> FootageChanged:
    return FootageChanged(
        "The recorded segments no longer give the "
        f"{counted(stretch.frames, 'frame that was', 'frames that were')} approved.",
        meaning="Nothing was cut: only exactly what was approved may leave.",
        do="Nothing at first: it is tried again, and then you are asked anew about what is there.",
    )


def _read_segment(path: object, start_us: int, placed_us: int, size: int) -> PlacedSegment:
    from pathlib import Path

    where = Path(str(path))
    try:
        return put(SourceRef(where, start_us), segments.read(where, size), placed_us)
    except (NotFootage, OSError) as error:
        why = (error.strerror or "it cannot be read") if isinstance(error, OSError) else str(error)
        raise FootageChanged(
            f"The recorded segment {where.name} cannot be used: {why}.",
            meaning="Nothing was cut.",
            do="Nothing at first: it is tried again, and then you are asked anew about what is there.",
        ) from None


def _sound_us(group: Sequence[PlacedSegment], heard: Sequence[Ranges], first_us: int) -> list[int]:
    """When each sound packet starts, always later than the one before it.

    Across segments it goes on where the one before ended, within half a packet; where recorded sound overlaps, packets
    follow each other closely until they are at their own time again: none is left out, and none stays late.
    """
    found: list[int] = []
    for placed, ranges in zip(group, heard, strict=True):
        if not ranges:
            continue
        audio = placed.segment.audio
        assert audio is not None
        mine = [time - first_us for low, high in ranges for time in placed.sound_times[low:high]]
        if found:
            length = audio.durations[ranges[0][0]] * 1_000_000 // audio.timescale
            late = mine[0] - (found[-1] + length)
            if abs(late) <= length // 2:
                mine = [time - late for time in mine]
        least = 1_000_000 // audio.timescale + 1
        for time in mine:
            found.append(max(time, found[-1] + least) if found else time)
    return found


def video_out(approved: Approved) -> Out:
    """The MP4 tables of the pictures; the first frame is at zero."""
    track, stretch = approved.video, approved.stretch
    ticks = [_ticks(time, track.timescale) for time in approved.video_us]
    sizes = array("I")
    for placed, ranges in zip(approved.group, approved.chosen.ranges, strict=True):
        for low, high in ranges:
            sizes.extend(placed.segment.video.sizes[low:high])
    end = _ticks(stretch.end_us - stretch.first_us, track.timescale)
    keys = approved.chosen.keys
    every = None if len(keys) == len(ticks) else keys
    return Out(
        False, track.entry, track.timescale, timing(ticks, end), sizes, every, track.width, track.height, track.matrix
    )


def sound_out(approved: Approved) -> Out:
    """The MP4 tables of the sound, as late against the pictures as it was recorded."""
    track = approved.audio
    assert track is not None
    ticks = [_ticks(time, track.timescale) for time in approved.sound_us]
    sizes, last = array("I"), 0
    for placed, ranges in zip(approved.group, approved.sound, strict=True):
        for low, high in ranges:
            audio = placed.segment.audio
            assert audio is not None
            sizes.extend(audio.sizes[low:high])
            last = audio.durations[high - 1]
    return Out(True, track.entry, track.timescale, timing(ticks, ticks[-1] + last), sizes, None)


def _ticks(microseconds: int, scale: int) -> int:
    return (microseconds * scale + 500_000) // 1_000_000
