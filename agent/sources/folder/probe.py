"""How long a recording in a file is, and when it says that it was made: from a few reads, without a media library.

Not for: exactness (``place`` reads the packets of what is fetched). Untrusted input: every read is bounded.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from agent.footage.files import dav, salvage
from agent.footage.files.broken_times import mended
from agent.footage.files.container_kind import container_of
from agent.footage.files.joined import joints
from agent.footage.files.readable import ReadablePart
from agent.footage.files.salvage_matroska import scan_matroska
from agent.footage.files.torn import is_torn
from agent.media.containers.boxes import BadBox, child, children, number
from exchange.clock import SECOND

_MAC_EPOCH = 2_082_844_800
"""Seconds from 1904, which MP4 counts from, to 1970."""
_MATROSKA_EPOCH = 978_307_200
"""Seconds from 1970 to 2001, which Matroska counts from."""
NO_INDEX = (
    "its index is missing: its recorder never closed it (a power cut) or it was not copied whole, and nothing in it "
    "can be played. Copy it again; else a repair tool such as untrunc may save it, given a whole file of the same "
    "camera."
)
"""Of an MP4 that is not fragmented: its moov, which tells where each frame is, is written last (ISO/IEC 14496-12)."""
_SCAN = 512 * 1024
_MOST_HEADER = 64 << 20
_AVI_HEADER = 64 * 1024
_MOST_TAGS = 2_000_000
_LOOKS = 16
_TAIL = 65536
_WRAP = 1 << 33
"""Where the times of MPEG streams begin again at zero (H.222.0, 2.4.3.7)."""


@dataclass(frozen=True, slots=True)
class Probe:
    """``duration``: microseconds, None when the file does not tell. ``created``: UTC microseconds, as the file says.
    ``local``: what the recorder's clock showed at its first frame. ``whole``: its end was written. ``why``: what keeps
    all of it from being played, in words that follow on the file's name; empty when nothing is known to. ``behind``: of
    the microseconds that the rest of the file may be, behind a damaged place where reading ends."""

    container: str
    duration: int | None = None
    created: int | None = None
    local: datetime | None = None
    whole: bool = True
    why: str = ""
    behind: int = 0


def probe(path: Path) -> Probe:
    """What a file says of itself. OSError when it cannot be read; a container of "" is no footage."""
    container = container_of(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            match container:
                case "mp4" | "matroska":
                    found = _mp4(path, file, size) if container == "mp4" else _matroska(file, size)
                    # How long several recordings are is known when they are taken apart.
                    return replace(found, duration=None) if joints(path, container) else found
                case "avi":
                    return _avi(file, size)
                case "mpegts":
                    return Probe(container, sum(_clocks(file, size)) or None, whole=not is_torn(path, container))
                case "mpeg":
                    # A block of several recordings: only the first one's time is known.
                    lasts = next(iter(_clocks(file, size)), None)
                    return Probe(container, lasts or None, whole=not is_torn(path, container))
                case "flv":
                    return _flv(file, size)
                case "dhav":
                    return _dav(path)
        except (struct.error, IndexError, ValueError):
            return Probe(container, whole=False)
    return Probe(container)


def _mp4(path: Path, file: BinaryIO, size: int) -> Probe:
    at, duration, created, fragmented, found = 0, None, None, False, False
    while at + 8 <= size:
        file.seek(at)
        header = file.read(16)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        body = 8
        if length == 1:
            length, body = int.from_bytes(header[8:16], "big"), 16
        length = size - at if length == 0 else length
        if length < body:
            break
        if kind == b"moov" and at + length <= size:
            found = True
            file.seek(at + body)
            moov = file.read(min(length - body, _MOST_HEADER))
            fragmented = b"mvex" in moov
            place = moov.find(b"mvhd") + 4
            if place >= 4:
                wide = moov[place] == 1
                made, _, scale, lasts = struct.unpack_from(">QQIQ" if wide else ">IIII", moov, place + 4)
                duration = max(lasts * SECOND // scale if scale else 0, _of_tracks(moov)) or None
                created = (made - _MAC_EPOCH) * SECOND if made > _MAC_EPOCH else None
        at += length
    if not found:
        return Probe("mp4", whole=False, why=NO_INDEX)
    if fragmented:
        good = salvage.scan(path)
        return Probe("mp4", good.duration or None, created, whole=at == size, behind=_behind(file, good, size))
    return Probe("mp4", duration, created, whole=at == size)


def _matroska(file: BinaryIO, size: int) -> Probe:
    head = file.read(65536)
    created = None
    at = head.find(b"\x44\x61\x88")  # DateUTC, eight bytes: nanoseconds since 2001
    if at >= 0 and at + 11 <= len(head):
        created = int.from_bytes(head[at + 3 : at + 11], "big", signed=True) // 1000 + _MATROSKA_EPOCH * SECOND
    whole = scan_matroska(file.fileno(), size)
    behind = _behind(file, whole, size)
    return Probe("matroska", whole.duration or None, created, whole=whole.size == size, behind=behind)


def _behind(file: BinaryIO, good: ReadablePart, size: int) -> int:
    """How long what follows on the readable part may be, at that part's rate; 0 for what was only set aside."""
    if not 0 < good.size < size:
        return 0
    rest = _read(file, max(good.size, size - _TAIL), _TAIL)
    return good.duration * (size - good.size) // good.size if rest.strip(b"\0") and rest.strip(b"\xff") else 0


def _of_tracks(moov: bytes) -> int:
    """How long the longest track's samples last, in microseconds: the header may be of a time when there were fewer."""
    longest = 0
    with suppress(BadBox, IndexError, struct.error):
        for trak in (inner for kind, inner in children(memoryview(moov)) if kind == b"trak"):
            mdia = child(trak, b"mdia")
            mdhd, stts = child(mdia, b"mdhd"), child(child(child(mdia, b"minf"), b"stbl"), b"stts")
            scale = number(mdhd, 20 if mdhd[0] else 12, 4)
            rows = struct.iter_unpack(">II", bytes(stts[8 : 8 + 8 * number(stts, 4, 4)]))
            longest = max(longest, sum(count * each for count, each in rows) * SECOND // max(scale, 1))
    return longest


def _avi(file: BinaryIO, size: int) -> Probe:
    """By the largest count of frames in the headers: the first is of the first gigabyte only (OpenDML)."""
    head = file.read(_AVI_HEADER)
    at = head.index(b"avih") + 8
    each, count = struct.unpack_from("<I", head, at)[0], struct.unpack_from("<I", head, at + 16)[0]
    stream = head.find(b"strh")
    while stream >= 0:
        if head[stream + 8 : stream + 12] == b"vids":
            count = max(count, struct.unpack_from("<I", head, stream + 40)[0])
        stream = head.find(b"strh", stream + 4)
    if (extended := head.find(b"dmlh")) >= 0:
        count = max(count, struct.unpack_from("<I", head, extended + 8)[0])
    whole = int.from_bytes(head[4:8], "little") + 8 <= size
    return Probe("avi", each * count or None, whole=whole)


def _flv(file: BinaryIO, size: int) -> Probe:
    """By the times of all its tags of pictures; their headers alone are read."""
    times: list[int] = []
    at = 13
    while at + 11 <= size and len(times) < _MOST_TAGS:
        file.seek(at)
        tag = file.read(11)
        length = int.from_bytes(tag[1:4], "big")
        if at + 11 + length > size:
            break
        if tag[0] & 0x1F == 9:
            times.append(int.from_bytes(tag[4:7], "big") | tag[7] << 24)
        at += 11 + length + 4
    return Probe("flv", sum(_lengths(times, 1000)) or None, whole=at == size)


def _dav(path: Path) -> Probe:
    first, last = next(dav.frames(path), None), dav.last_frame(path)
    if first is None or last is None:
        return Probe("dhav", local=first.local if first else None, whole=False)
    seconds = int((last.local - first.local).total_seconds())
    if seconds < 0:  # the clocks were put back inside
        seconds += 3600
    # The counter is finer than the seconds, and wraps every 65.536 s.
    fine = (last.counter - first.counter) % 65536
    wraps = round((seconds * 1000 - fine) / 65536)
    return Probe("dhav", (fine + max(0, wraps) * 65536) * 1000 or None, local=first.local, whole=dav.is_complete(path))


def _clocks(file: BinaryIO, size: int) -> list[int]:
    """How long an MPEG stream's pictures last, in microseconds; several where its clock begins anew.

    A large file is looked at in some places only, as long as the times rise from one to the next.
    """
    if size > _LOOKS * _SCAN:
        looks = [_pes_times(_read(file, (size - _SCAN) * each // (_LOOKS - 1), _SCAN)) for each in range(_LOOKS)]
        seen = [[min(times[:32]), max(times[-32:])] for each in looks if (times := list(each))]
        steps = [(after[0] - before[0]) % _WRAP for before, after in pairwise(seen)]
        if seen and all(step < _WRAP // 2 for step in steps) and sum(steps) < _WRAP // 2:
            return [(seen[-1][1] - seen[0][0]) % _WRAP * 100 // 9]
    times, at, rest = [], 0, b""
    while at < size and len(times) < _MOST_TAGS:
        data = rest + _read(file, at, _SCAN)
        at += _SCAN
        times += _pes_times(data)
        rest = data[-13:] if data[-13:].find(b"\0\0\1") >= 0 else b""
    return _lengths(times, 90_000)


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)


def _lengths(times: list[int], scale: int) -> list[int]:
    """Microseconds from the first to the last time, between any two places where the clock begins anew."""
    found = mended(times, scale)
    good = [found.times.get(index, time) for index, time in enumerate(times)]
    parts = [good[first:end] for first, end in pairwise((0, *found.restarts, len(good)))]
    return [(max(part) - min(part)) * SECOND // scale for part in parts if part]


def _pes_times(data: bytes) -> Iterator[int]:
    at = data.find(b"\0\0\1")
    while 0 <= at <= len(data) - 14:
        if 0xE0 <= data[at + 3] <= 0xEF and data[at + 6] & 0xC0 == 0x80 and data[at + 7] & 0x80:
            b = data[at + 9 : at + 14]
            if b[0] & 1 and b[2] & 1 and b[4] & 1:
                yield (b[0] >> 1 & 7) << 30 | b[1] << 22 | (b[2] >> 1) << 15 | b[3] << 7 | b[4] >> 1
        at = data.find(b"\0\0\1", at + 3)
