"""What Hikvision's recording files tell of themselves: when they begin by the recorder's clock, and how long they last.

Not for: their pictures and sound, which FFmpeg's ``mpeg`` demuxer reads. The files are MPEG program streams (ITU-T
H.222.0, 2.5.3), behind 40 bytes that begin with ``IMKH``; before each key frame stands a program stream map whose
first descriptor (tag 0x40, ``HK``) holds the recorder's date and time to the millisecond, without a zone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

HEADER = b"IMKH"
_MAP = b"\0\0\1\xbc"
_VIDEO = b"\0\0\1\xe0"
_BEGIN, _END = 1 << 20, 4 << 20
_WRAP = 1 << 33


@dataclass(frozen=True, slots=True)
class FileTimes:
    """``begins``: the recorder's time at the first key frame, naive; ``lasts``: microseconds from the first picture to
    the last, to see how much came. None: the file does not say."""

    begins: datetime | None
    lasts: int | None


def read_times(path: Path) -> FileTimes:
    """Reads a megabyte at the beginning and four at the end, no more."""
    size = path.stat().st_size
    with path.open("rb") as file:
        begin = file.read(_BEGIN)
        file.seek(max(0, size - _END))
        end = file.read(_END)
    first, last = next(_pts(begin), None), max(_pts(end), default=None)
    if first is None or last is None:
        return FileTimes(_begins(begin), None)
    return FileTimes(_begins(begin), (last - first) % _WRAP * 1_000_000 // 90_000)


def is_media(path: Path) -> bool:
    """Whether it begins as a recording does: recorders tell of errors with HTTP 200 and some XML."""
    with path.open("rb") as file:
        begin = file.read(12)
    return begin[:4] in (HEADER, b"\0\0\1\xba") or begin[4:8] == b"ftyp"


def _begins(data: bytes) -> datetime | None:
    at = data.find(_MAP)
    if at < 0 or at + 10 > len(data):
        return None
    here, end = at + 10, at + 10 + int.from_bytes(data[at + 8 : at + 10], "big")
    while here + 2 <= min(end, len(data)):
        content = data[here + 2 : here + 2 + data[here + 1]]
        if data[here] == 0x40 and content[:2] == b"HK" and len(content) >= 10:
            return _date(int.from_bytes(content[4:10], "big"))
        here += 2 + data[here + 1]
    return None


def _date(bits: int) -> datetime | None:
    """Year since 2000, month, day, hour, minute, second, millisecond in 8, 4, 5, 5, 6, 6, 10 bits; 4 bits follow."""
    try:
        return datetime(  # noqa: DTZ001 the file tells no zone
            2000 + (bits >> 40 & 0xFF), bits >> 36 & 0xF, bits >> 31 & 0x1F, bits >> 26 & 0x1F,
            bits >> 20 & 0x3F, bits >> 14 & 0x3F, (bits >> 4 & 0x3FF) * 1000,
        )  # fmt: skip
    except ValueError:
        return None


def _pts(data: bytes) -> Iterator[int]:
    """The presentation times of video packets, 90,000 a second (H.222.0, 2.4.3.7)."""
    at = data.find(_VIDEO)
    while at >= 0 and at + 14 <= len(data):
        stamp = data[at + 9 : at + 14]
        if data[at + 6] & 0xC0 == 0x80 and data[at + 7] & 0x80 and stamp[0] & 1 and stamp[2] & 1 and stamp[4] & 1:
            yield (stamp[0] >> 1 & 7) << 30 | stamp[1] << 22 | (stamp[2] >> 1) << 15 | stamp[3] << 7 | stamp[4] >> 1
        at = data.find(_VIDEO, at + 4)
