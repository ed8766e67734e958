"""Makes the header of a plain MP4 (ISO/IEC 14496-12) for packets that are copied behind it: nothing else, no dates.

Not for: writing the packets, or fragmented files. The same tables give the same bytes.

Frames have decode times that are their own presentation times in order, so nothing depends on a source's. Where frames
are reordered, the composition offsets are positive and one edit starts the picture at the first frame shown: it
leaves no frame out. Sound that starts later than the pictures is preceded by an empty edit.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, islice, pairwise
from operator import lt, sub

from agent.media.containers.boxes import UPRIGHT, box, full_box

_LARGE = 0xF000_0000
_UNDETERMINED = b"\x55\xc4\0\0"


@dataclass(frozen=True, slots=True)
class Timing:
    """A track's times in its own units: ``deltas`` between decode times (the last is the last packet's duration),
    ``offsets`` from decode to presentation (empty: none), ``delay``: presentation of the first shown, from zero."""

    deltas: list[int]
    offsets: list[int]
    start: int
    delay: int

    @property
    def duration(self) -> int:
        return sum(self.deltas)


def timing(times: Sequence[int], end: int) -> Timing:
    """From presentation times in decode order; ``end`` is when the last shown stops being shown.

    Two packets with one time, or times that run backward where none are reordered, cannot be in a file: the later
    in presentation order is moved to one unit behind the other; none is lost.
    """
    if all(map(lt, times, islice(times, 1, None))):
        return Timing([*map(sub, times[1:], times), max(end - times[-1], 1)], [], times[0], 0)
    order = sorted(range(len(times)), key=times.__getitem__)
    shown: list[int] = []
    for index in order:
        shown.append(times[index] if not shown or times[index] > shown[-1] else shown[-1] + 1)
    mine = [0] * len(times)
    for place, index in enumerate(order):
        mine[index] = shown[place]
    delay = max(place - time for place, time in zip(shown, mine, strict=True))
    offsets = [time - place + delay for place, time in zip(shown, mine, strict=True)] if delay else []
    deltas = [after - before for before, after in pairwise(shown)]
    return Timing([*deltas, max(end - shown[-1], 1)], offsets, shown[0], delay)


@dataclass(frozen=True, slots=True)
class Out:
    """One track of the file to be: its tables. ``keys`` are indexes; None when every packet is one."""

    sound: bool
    entry: bytes
    timescale: int
    timing: Timing
    sizes: array[int]
    keys: Sequence[int] | None
    width: int = 0
    height: int = 0
    matrix: bytes = b""


def head(tracks: Sequence[Out], chunks: Sequence[tuple[bool, int, int]]) -> bytes:
    """Everything up to the first packet. ``chunks`` are (is sound, packets, bytes) in the order of the file."""
    total = sum(length for _, _, length in chunks)
    kind = box(b"ftyp", b"isom\0\0\2\0isomiso2mp41")
    large = total > _LARGE
    tables = [_tables(track) for track in tracks]
    length = len(kind) + len(_moov(tracks, tables, chunks, 0, large)) + (16 if large else 8)
    moov = _moov(tracks, tables, chunks, length, large)
    size = total + (16 if large else 8)
    mdat = b"\0\0\0\1mdat" + size.to_bytes(8, "big") if large else size.to_bytes(4, "big") + b"mdat"
    return kind + moov + mdat


def _moov(
    tracks: Sequence[Out], tables: list[bytes], chunks: Sequence[tuple[bool, int, int]], start: int, large: bool
) -> bytes:
    scale = tracks[0].timescale
    durations = [_ceil((track.timing.start + track.timing.duration) * scale, track.timescale) for track in tracks]
    mvhd = full_box(
        b"mvhd", 1, 0, bytes(16), _u32(scale), _u64(max(durations)), _u32(0x10000), b"\1\0", bytes(10), UPRIGHT,
        bytes(24), _u32(len(tracks) + 1),
    )  # fmt: skip
    traks = [
        _trak(track, table, number, scale, duration, list(_chunk_offsets(chunks, start, track.sound)), large)
        for number, (track, table, duration) in enumerate(zip(tracks, tables, durations, strict=True), 1)
    ]
    return box(b"moov", mvhd, *traks)


def _chunk_offsets(chunks: Sequence[tuple[bool, int, int]], start: int, sound: bool) -> Iterable[tuple[int, int]]:
    """(offset, packets) of one track's chunks."""
    for of_sound, count, length in chunks:
        if of_sound == sound:
            yield start, count
        start += length


def _trak(
    track: Out,
    table: bytes,
    number: int,
    scale: int,
    duration: int,
    chunks: list[tuple[int, int]],
    large: bool,
) -> bytes:
    tkhd = full_box(
        b"tkhd", 1, 3, bytes(16), _u32(number), bytes(4), _u64(duration), bytes(8), _u16(0), _u16(int(track.sound)),
        _u16(0x100 if track.sound else 0), bytes(2), track.matrix or UPRIGHT,
        _u32(track.width << 16), _u32(track.height << 16),
    )  # fmt: skip
    mdhd = full_box(b"mdhd", 1, 0, bytes(16), _u32(track.timescale), _u64(track.timing.duration), _UNDETERMINED)
    kind, name = (b"soun", b"SoundHandler\0") if track.sound else (b"vide", b"VideoHandler\0")
    hdlr = full_box(b"hdlr", 0, 0, bytes(4), kind, bytes(12), name)
    media = full_box(b"smhd", 0, 0, bytes(4)) if track.sound else full_box(b"vmhd", 0, 1, bytes(8))
    dinf = box(b"dinf", full_box(b"dref", 0, 0, _u32(1), full_box(b"url ", 0, 1)))
    minf = box(b"minf", media, dinf, box(b"stbl", table, _places(chunks, large)))
    return box(b"trak", tkhd, _edits(track, scale), box(b"mdia", mdhd, hdlr, minf))


def _edits(track: Out, scale: int) -> bytes:
    timing = track.timing
    if not timing.start and not timing.delay:
        return b""
    rows = []
    if timing.start:
        rows.append(_u64(timing.start * scale // track.timescale) + b"\xff" * 8 + b"\0\1\0\0")
    rows.append(_u64(_ceil(timing.duration * scale, track.timescale)) + _u64(timing.delay) + b"\0\1\0\0")
    return box(b"edts", full_box(b"elst", 1, 0, _u32(len(rows)), *rows))


def _tables(track: Out) -> bytes:
    """What of a track's tables doesn't depend on where the packets will be."""
    packet_runs = [
        full_box(b"stsd", 0, 0, _u32(1), track.entry),
        full_box(b"stts", 0, 0, _pairs(track.timing.deltas)),
    ]
    if track.timing.offsets:
        packet_runs.append(full_box(b"ctts", 0, 0, _pairs(track.timing.offsets)))
    if track.keys is not None:
        packet_runs.append(full_box(b"stss", 0, 0, _u32(len(track.keys)), _table("I", [key + 1 for key in track.keys])))
    packet_runs.append(full_box(b"stsz", 0, 0, bytes(4), _u32(len(track.sizes)), _table("I", track.sizes)))
    return b"".join(packet_runs)


def _places(chunks: list[tuple[int, int]], large: bool) -> bytes:
    offsets = [offset for offset, _ in chunks]
    counts = full_box(b"stsc", 0, 0, _in_chunks([count for _, count in chunks]))
    kind, code = (b"co64", "Q") if large else (b"stco", "I")
    return counts + full_box(kind, 0, 0, _u32(len(offsets)), _table(code, offsets))


def _pairs(values: Iterable[int]) -> bytes:
    """Runs of equal values as (count, value)."""
    flat: list[int] = []
    for value, run in groupby(values):
        flat += (len(list(run)), value)
    return _u32(len(flat) // 2) + _table("I", flat)


def _in_chunks(counts: Iterable[int]) -> bytes:
    """stsc: (first chunk, packets a chunk, sample entry) wherever the number of packets changes."""
    flat: list[int] = []
    last = 0
    for number, count in enumerate(counts, 1):
        if count != last:
            flat += (number, count, 1)
            last = count
    return _u32(len(flat) // 3) + _table("I", flat)


def _table(code: str, values: Iterable[int]) -> bytes:
    table = array(code, values)
    if sys.byteorder == "little":
        table.byteswap()
    return table.tobytes()


def _ceil(value: int, by: int) -> int:
    return -(-value // by)


def _u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _u64(value: int) -> bytes:
    return value.to_bytes(8, "big")
