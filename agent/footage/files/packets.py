"""Which packets of a file are copied: some of its pictures, and the sound of their time, whatever order they come in.

Not for: copying (``remux``). Demuxers hand out sound before or after the pictures that it belongs to: MPEG program
streams begin with some of it, transport streams end with some.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

MOST_HELD = 4 << 20
"""Bytes of sound kept back until the first picture comes; four minutes of G.711, twenty seconds of stereo PCM."""
_MOST_PACKETS = 50_000
_LATE = 10
"""Seconds of pictures read behind the last one that is wanted, for sound of its time that comes later in the file."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which of the source's video packets are copied, in decode order, half-open; and the sound from the first of
    them on, up to the first that is left out."""

    first: int = 0
    end: int | None = None


WHOLE = Part()


@dataclass(frozen=True, slots=True)
class Timed:
    """A packet, and when it is shown or heard: seconds by the file's own clock; None when it can't be used."""

    packet: Packet[Any]
    is_video: bool
    time: Fraction | None


@dataclass(slots=True)
class Chosen:
    """The packets that are copied; the counts are known when it has been gone through.

    ``before``: packets of sound that lie before the first picture that is copied.
    ``untimed``: packets that have no time, and no neighbour to tell it; rests of pictures whose beginning is lost.
    """

    packets: Iterable[Timed]
    part: Part
    pictures: int = 0
    before: int = 0
    untimed: int = 0
    first_sound: Fraction | None = None
    begins: Fraction | None = None

    @property
    def sound_ahead_us(self) -> int:
        """How long before the first picture that is copied the sound began, in microseconds."""
        if self.first_sound is None or self.begins is None:
            return 0
        return max(0, round((self.begins - self.first_sound) * 1_000_000))

    def __iter__(self) -> Iterator[Timed]:
        """In the order in which they are handed out, but no sound before its first picture.

        Sound counts by when it begins: at or after the first picture that is copied, and before the first one behind
        them. What would be more than MOST_HELD before the first picture is left out, the earliest first.
        """
        held: deque[tuple[Fraction, Timed]] = deque()
        weight = position = 0
        begins: Fraction | None = None
        ends: Fraction | None = None
        latest: Fraction | None = None
        for each in self.packets:
            position += each.is_video
            if each.is_video and each.time is not None:
                if latest is not None and each.time < latest - 1:
                    held.clear()  # the file's clock began anew: that sound is of another time
                latest = each.time
            if each.time is None:
                self.untimed += 1
            elif each.is_video:
                if self.part.end is not None and position > self.part.end:
                    ends = each.time if ends is None else ends
                    if each.time > ends + _LATE:
                        return
                elif position > self.part.first:
                    if begins is None:
                        begins = self.begins = each.time
                        yield from self._from(begins, held)
                    self.pictures += 1
                    yield each
            elif begins is None:
                if self.first_sound is None and not self.part.first:
                    self.first_sound = each.time
                held.append((each.time, each))
                weight += each.packet.size
                while weight > MOST_HELD or len(held) > _MOST_PACKETS:
                    weight -= held.popleft()[1].packet.size
                    self.before += 1
            elif each.time < begins:
                self.before += 1
            elif ends is None or each.time < ends:
                yield each

    def _from(self, begins: Fraction, held: deque[tuple[Fraction, Timed]]) -> Iterator[Timed]:
        for time, sound in held:
            if time >= begins:
                yield sound
            else:
                self.before += 1
        held.clear()

    def note(self) -> str:
        """What was left out though no part of the file was to be, a sentence each; empty when nothing was."""
        before = self.before if not self.part.first else 0
        return _note(before, "of sound from before the first picture") + _note(
            self.untimed, "without a time or a beginning"
        )


def _note(count: int, which: str) -> str:
    if not count:
        return ""
    return f" 1 packet {which} was left out." if count == 1 else f" {count} packets {which} were left out."


@dataclass(slots=True)
class Damaged:
    """How many packets were left out because something of them was lost before they came into the file; and whether
    tracks begin in it that were not there at its beginning."""

    count: int = 0
    late: bool = False

    def note(self) -> str:
        note = " A track that begins in the middle of the file was left out." if self.late else ""
        if not self.count:
            return note
        if self.count == 1:
            return f" 1 packet, of which a part was lost, was left out.{note}"
        return f" {self.count} packets, of which parts were lost, were left out.{note}"


def whole_packets(reading: InputContainer, damaged: Damaged | None = None) -> Iterator[Packet[Stream]]:
    """Up to the first thing that is torn, without what something is missing of.

    Of a transport stream's picture that is known when the next one begins: FFmpeg then marks the one before.
    """
    shifted = reading.format.name == "mpegts"
    next_lost = False
    while True:
        try:
            for packet in reading.demux():
                if not packet.size:
                    continue
                lost = bool(packet.is_corrupt)
                if shifted and packet.stream.type == "video":
                    lost, next_lost = next_lost, lost
                if not lost:
                    yield packet
                elif damaged is not None:
                    damaged.count += 1
        except IndexError:  # PyAV knows no tracks but those from the beginning
            if damaged is not None:
                damaged.late = True
            continue
        except (FFmpegError, EOFError):
            return
        return
