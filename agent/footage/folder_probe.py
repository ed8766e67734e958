"""How long a recording in a file is, and when it says that it was made: from a few reads, without a media library.

Not for: exactness (``placing`` reads the packets of what is fetched). Untrusted input: every read is bounded.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from agent.footage import dav, salvage
from agent.footage.remux_kinds import container_of
from agent.footage.salvage_matroska import scan_matroska
from agent.footage.torn import is_torn
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


@dataclass(frozen=True, slots=True)
class Probe:
    """``duration``: microseconds, None when the file does not tell. ``created``: UTC microseconds, as the file says.
    ``local``: what the recorder's clock showed at its first frame. ``whole``: its end was written. ``why``: what keeps
    all of it from being played, in words that follow on the file's name; empty when nothing is known to."""

    container: str
    duration: int | None = None
    created: int | None = None
    local: datetime | None = None
    whole: bool = True
    why: str = ""


def probe(path: Path) -> Probe:
    """What a file says of itself. OSError when it cannot be read; a container of "" is no footage."""
    container = container_of(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            match container:
                case "mp4":
                    return _mp4(path, file, size)
                case "matroska":
                    return _matroska(file, size)
                case "avi":
                    return _avi(file, size)
                case "mpegts":
                    return Probe(container, _between(_pts_of(file, size, 188)), whole=size % 188 == 0)
                case "mpeg":
                    return Probe(container, _between(_pts_of(file, size, 0)), whole=not is_torn(path, container))
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
                duration = lasts * SECOND // scale if scale and lasts else None
                created = (made - _MAC_EPOCH) * SECOND if made > _MAC_EPOCH else None
        at += length
    if not found:
        return Probe("mp4", whole=False, why=NO_INDEX)
    if fragmented:
        return Probe("mp4", salvage.scan(path).duration or None, created, whole=at == size)
    return Probe("mp4", duration, created, whole=at == size)


def _matroska(file: BinaryIO, size: int) -> Probe:
    head = file.read(65536)
    created = None
    at = head.find(b"\x44\x61\x88")  # DateUTC, eight bytes: nanoseconds since 2001
    if at >= 0 and at + 11 <= len(head):
        created = int.from_bytes(head[at + 3 : at + 11], "big", signed=True) // 1000 + _MATROSKA_EPOCH * SECOND
    whole = scan_matroska(file.fileno(), size)
    return Probe("matroska", whole.duration or None, created, whole=whole.size == size)


def _avi(file: BinaryIO, size: int) -> Probe:
    head = file.read(256)
    at = head.index(b"avih") + 8
    each, count = struct.unpack_from("<I", head, at)[0], struct.unpack_from("<I", head, at + 16)[0]
    whole = int.from_bytes(head[4:8], "little") + 8 <= size
    return Probe("avi", each * count or None, whole=whole)


def _flv(file: BinaryIO, size: int) -> Probe:
    file.seek(size - 4)
    back = int.from_bytes(file.read(4), "big")
    if not 11 <= back <= size - 13:
        return Probe("flv", whole=False)
    file.seek(size - 4 - back)
    tag = file.read(11)
    return Probe("flv", (int.from_bytes(tag[4:7], "big") | tag[7] << 24) * 1000 or None)


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
    return Probe("dhav", (fine + max(0, wraps) * 65536) * 1000 or None, local=first.local, whole=dav.is_whole(path))


def _between(times: list[int]) -> int | None:
    """Microseconds from the first to the last of 33-bit, 90 kHz times that may wrap once (H.222.0, 2.4.3.7)."""
    if len(times) < 2:
        return None
    return (times[-1] - times[0]) % (1 << 33) * 100 // 9 or None


def _pts_of(file: BinaryIO, size: int, packet: int) -> list[int]:
    """The smallest presentation time near the beginning and the largest near the end, of video PES packets."""
    head = file.read(_SCAN)
    start = max(0, size - _SCAN)
    if packet:
        start -= start % packet
    file.seek(start)
    tail = file.read(_SCAN)
    first, last = list(_pes_times(head)), list(_pes_times(tail))
    return [min(first[:32]), max(last[-32:])] if first and last else []


def _pes_times(data: bytes) -> Iterator[int]:
    at = data.find(b"\0\0\1")
    while 0 <= at <= len(data) - 14:
        if 0xE0 <= data[at + 3] <= 0xEF and data[at + 6] & 0xC0 == 0x80 and data[at + 7] & 0x80:
            b = data[at + 9 : at + 14]
            if b[0] & 1 and b[2] & 1 and b[4] & 1:
                yield (b[0] >> 1 & 7) << 30 | b[1] << 22 | (b[2] >> 1) << 15 | b[3] << 7 | b[4] >> 1
        at = data.find(b"\0\0\1", at + 3)
