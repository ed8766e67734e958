"""Dahua's ``.dav``: the frame headers, for the times that they carry. FFmpeg's ``dhav`` demuxer reads the rest.

Not for: payloads. A header is 24 bytes or more: ``DHAV``, type, subtype, channel, subnumber, number (32 bits), length
(32), date (32: years since 2000, month, day, hour, minute, second, in 6, 4, 5, 5, 6, 6 bits; local time without a
zone), milliseconds (16, a counter that wraps), length of the extension, checksum; the frame ends with ``dhav`` and
its length once more. Little endian. As FFmpeg's demuxer reads it (libavformat/dhav.c), which leaves the milliseconds
out at every new second.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

PREAMBLE = 1024
"""Bytes of the preamble of a file that begins with ``DAHUA``."""
VIDEO = frozenset({0xFC, 0xFD})
KEY = 0xFD
SOUND = 0xF0
_HEADER = struct.Struct("<4sBBBBIIIH")
_LEAST, _MOST = 32, 64 << 20
_NEAR = 60
_SEARCH = 1 << 20


@dataclass(frozen=True, slots=True)
class DavFrame:
    """``position`` in the file; ``local`` as the recorder's clock shows it, ``counter`` in milliseconds (16 bits)."""

    position: int
    kind: int
    local: datetime
    counter: int
    length: int


def frames(path: Path) -> Iterator[DavFrame]:
    """The frames' headers, up to the first that is torn or no header; a preamble is passed over."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        position = _first(descriptor)
        while (frame := _frame(os.pread(descriptor, _HEADER.size, position), position, size)) is not None:
            yield frame
            position += frame.length
    finally:
        os.close(descriptor)


def is_complete(path: Path) -> bool:
    """Whether the file ends with the end of a frame."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 8))
        return file.read(4) == b"dhav"


def last_frame(path: Path) -> DavFrame | None:
    """The last whole frame, found from the file's end; None when there is none within its last megabyte."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        begin = max(0, size - _SEARCH)
        tail = os.pread(descriptor, _SEARCH, begin)
        at = tail.rfind(b"dhav")
        while at >= 0:
            if at + 8 <= len(tail):
                start = begin + at + 8 - int.from_bytes(tail[at + 4 : at + 8], "little")
                if start >= 0:
                    frame = _frame(os.pread(descriptor, _HEADER.size, start), start, size)
                    if frame is not None:
                        return frame
            at = tail.rfind(b"dhav", 0, at)
        return None
    finally:
        os.close(descriptor)


def _first(descriptor: int) -> int:
    begin = os.pread(descriptor, 4096, 0)
    if begin[:5] == b"DAHUA":
        return PREAMBLE
    return max(0, begin.find(b"DHAV"))


def _frame(header: bytes, position: int, size: int) -> DavFrame | None:
    if len(header) < _HEADER.size:
        return None
    magic, kind, _sub, _channel, _subnumber, _number, length, date, counter = _HEADER.unpack(header)
    if magic != b"DHAV" or not _LEAST <= length <= _MOST or position + length > size:
        return None
    try:
        local = datetime(  # noqa: DTZ001 a local time, which is what the file tells
            2000 + (date >> 26 & 0x3F), date >> 22 & 0xF, date >> 17 & 0x1F,
            date >> 12 & 0x1F, date >> 6 & 0x3F, date & 0x3F,
        )  # fmt: skip
    except ValueError:
        return None
    return DavFrame(position, kind, local, counter, length)


def elapsed(path: Path) -> dict[int, int]:
    """Milliseconds since the first frame of every frame, by its position.

    The counter tells them to the millisecond; the dates tell of what is missing for a minute or more. A date that
    jumps back, or an hour on while the counter goes on, is a change of the clocks, and no time that passed.
    """
    found: dict[int, int] = {}
    at = 0
    before: DavFrame | None = None
    for frame in frames(path):
        if before is not None:
            by_counter = (frame.counter - before.counter) % 65536
            by_date = int((frame.local - before.local).total_seconds())
            changed = by_date < 0 or (3598 <= by_date <= 3602 and by_counter < 5000)
            if by_counter > 60_000 and by_date <= 1:
                by_counter = 0  # sound and pictures are not always in order
            at += by_counter if changed or by_date < _NEAR else by_date * 1000
        found[frame.position] = at
        before = frame
    return found
