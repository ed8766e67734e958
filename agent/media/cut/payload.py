"""The bytes of chosen packets, in the file's order, in pieces: straight from the file, or through libavformat.

Not for: which packets are chosen (``timeline``), or what becomes of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

from agent.media.containers.tables import NotFootage, Segment
from agent.media.cut.timeline import Ranges

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream

    from agent.media.containers.demuxed import Demuxer

PIECE = 1024 * 1024
KEPT = 4
"""A piece's bytes stay what they are until this many more were asked for."""


@dataclass(frozen=True, slots=True)
class PacketRun:
    """Chosen packets of one track that are copied in one go: ``count`` from the ``first`` of the segment's track."""

    sound: bool
    first: int
    count: int
    offset: int
    length: int


def packet_runs(segment: Segment, video: Ranges, sound: Ranges) -> list[PacketRun]:
    """The chosen packets in the order in which they lie in the file."""
    found: list[PacketRun] = []
    for run in segment.runs:
        track = segment.audio if run.sound else segment.video
        assert track is not None
        for low, high in sound if run.sound else video:
            first, behind = max(low, run.first), min(high, run.first + run.count)
            if first < behind:
                offset = -1 if run.offset < 0 else run.offset + sum(track.sizes[run.first : first])
                found.append(PacketRun(run.sound, first, behind - first, offset, sum(track.sizes[first:behind])))
    return found


def payloads(segment: Segment, chosen: list[PacketRun]) -> Iterator[tuple[bool, memoryview]]:
    """(is sound, bytes) of the parts in order, at most PIECE or one packet at a time; see KEPT.

    Raises NotFootage when the file no longer holds what its tables say.
    """
    return _straight(segment, chosen) if all(part.offset >= 0 for part in chosen) else _demuxed(segment, chosen)


def _straight(segment: Segment, chosen: list[PacketRun]) -> Iterator[tuple[bool, memoryview]]:
    buffers = cycle([memoryview(bytearray(PIECE)) for _ in range(KEPT + 1)])
    descriptor = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for part in chosen:
            position, left = part.offset, part.length
            while left:
                buffer = next(buffers)
                count = os.preadv(descriptor, [buffer[: min(left, PIECE)]], position)
                if count == 0:
                    raise NotFootage("it became shorter while it was copied")
                yield part.sound, buffer[:count]
                position, left = position + count, left - count
    finally:
        os.close(descriptor)


def in_one_reading(segment: Segment, chosen: list[PacketRun], size: int) -> Iterator[tuple[bool, memoryview]] | None:
    """(is of the chosen packets, bytes) of the file's first ``size`` bytes, every one of them, in order; see KEPT.

    None when the chosen packets don't lie in the file one after the other. Raises NotFootage as ``payloads`` does.
    """
    position = 0
    for part in chosen:
        if part.offset < position:
            return None
        position = part.offset + part.length
    return _all_bytes(segment, chosen, size) if position <= size else None


def _all_bytes(segment: Segment, chosen: list[PacketRun], size: int) -> Iterator[tuple[bool, memoryview]]:
    buffers = cycle([memoryview(bytearray(PIECE)) for _ in range(KEPT + 1)])
    ends = [(end, end > part.offset) for part in chosen for end in (part.offset, part.offset + part.length)]
    position = 0
    descriptor = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for end, wanted in [*ends, (size, False)]:
            while position < end:
                buffer = next(buffers)
                count = os.preadv(descriptor, [buffer[: min(end - position, PIECE)]], position)
                if count == 0:
                    raise NotFootage("it became shorter while it was copied")
                yield wanted, buffer[:count]
                position += count
    finally:
        os.close(descriptor)


def _demuxed(segment: Segment, chosen: list[PacketRun]) -> Iterator[tuple[bool, memoryview]]:
    from agent.media.containers.demuxed import Demuxer

    with Demuxer(segment.path, segment.container, segment.size) as demuxer:
        for sound, _, packet in packets(demuxer, chosen):
            yield sound, memoryview(packet)


def packets(demuxer: Demuxer, chosen: list[PacketRun]) -> Iterator[tuple[bool, int, Packet[Stream]]]:
    """(is sound, index in its track, packet) of the parts in order, from an open demuxer. Raises NotFootage."""
    wanted = iter(chosen)
    part = next(wanted, None)
    seen = [0, 0]
    for sound, packet in demuxer.packets() if part else ():
        index = seen[sound]
        seen[sound] += 1
        if part is None or part.sound != sound or index < part.first:
            continue
        yield sound, index, packet
        if index == part.first + part.count - 1:
            part = next(wanted, None)
            if part is None:
                return
    if part is not None:
        raise NotFootage("it holds other packets than before")
