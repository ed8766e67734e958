"""Says in words what is odd about a zip that is not in our one form: for the report on a package that is refused.

Not for: deciding whether it is refused (``exchange.package.zip_layout`` does, by comparing every byte), or unpacking.
"""

import os
import stat
import struct
from dataclasses import dataclass
from io import RawIOBase

from exchange.documents.letters import quoted

_LOCAL = struct.Struct("<4s5H3L2H")
_ROW = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_MOST = 4 << 20
"""Bytes of the end of a file that are looked at."""
_ROWS = 20_000
_CRC_FOLLOWS = 1 << 3
_KNOWN_FLAGS = _CRC_FOLLOWS | 1 << 11
_FULL32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of a directory, as it says of itself; nothing of it is believed."""

    name: bytes
    made_on: int
    flags: int
    method: int
    crc32: int
    size: int
    extra: bytes
    comment: bytes
    disk: int
    attributes: int
    offset: int

    @property
    def text(self) -> str:
        """The name as it may be shown."""
        return quoted(self.name.decode("utf-8", "replace"), 100)


def name_fault(file: RawIOBase) -> str | None:
    """What is odd about this zip, in words that fit after "as a zip, "; None when it is not plain what it is.

    Reads the directory at its end, and the headers that it points to; never raises for what it finds there.
    """
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - _MOST)
    file.seek(start)
    data = _read(file, size - start)
    place = data.rfind(b"PK\5\6")
    if place < 0 or len(data) - place < _END.size:
        return "its end is missing"
    end = _END.unpack_from(data, place)
    found = _fault_of_the_end(data, place, end)
    if found is None:
        at, rows = _rows(data, place, end)
        found = next(filter(None, map(_fault_of_a_row, rows)), None) or _fault_of_places(file, rows, start + at)
    return found


def _fault_of_the_end(data: bytes, place: int, end: tuple[int, ...]) -> str | None:
    comment = end[7]
    if comment and place + _END.size + comment == len(data):
        return "it carries a comment"
    if place + _END.size + comment != len(data):
        return "something follows its end"
    if end[1] or end[2] or end[3] != end[4]:
        return "it claims to be one of several disks"
    before = data[max(0, place - 76) : place]
    has64 = before[:4] == b"PK\6\6" and before[56:60] == b"PK\6\7"
    wants64 = end[4] == 0xFFFF or _FULL32 in (end[5], end[6])
    if has64 != wants64:
        return "its zip64 record contradicts its end"
    if data.rfind(b"PK\5\6", 0, place) >= 0 and data.rfind(b"PK\1\2", 0, place) < data.rfind(b"PK\5\6", 0, place):
        return "it has more than one end"
    return None


def _rows(data: bytes, place: int, end: tuple[int, ...]) -> tuple[int, list[_Row]]:
    """Where in ``data`` the directory starts, by its length, for what it says of that may be a lie; and its rows."""
    length, count = end[5], end[4]
    at = place - length
    if place >= 76 and data[place - 76 : place - 72] == b"PK\6\6":
        fields = _END64.unpack_from(data, place - 76)
        count, length = fields[7], fields[8]
        at = place - 76 - length
    start, rows = at, list[_Row]()
    for _ in range(min(count, _ROWS)):
        if at < 0 or at + _ROW.size > len(data) or data[at : at + 4] != b"PK\1\2":
            break
        (_, made, _, flags, method, _, _, crc32, _, size, names, extras, comments, disk, _, attributes, offset) = (
            _ROW.unpack_from(data, at)
        )
        name_end = at + _ROW.size + names
        extra_end = name_end + extras
        name, extra, comment = data[at + _ROW.size : name_end], data[name_end:extra_end], extra_end + comments
        row = _Row(
            name, made >> 8, flags, method, crc32, size, extra, data[extra_end:comment], disk, attributes, offset
        )
        rows.append(row)
        at = comment
    return start, rows


def _fault_of_a_row(row: _Row) -> str | None:
    mode = row.attributes >> 16
    if row.flags & 1:
        return f"{row.text} is encrypted by the zip"
    if row.method:
        return f"{row.text} is compressed, or written by a method that is not used here ({row.method})"
    if row.name.endswith(b"/") or stat.S_ISDIR(mode):
        return f"{row.text} is a folder's entry"
    if row.made_on == 3 and stat.S_IFMT(mode) == stat.S_IFLNK:
        return f"{row.text} is a link to another place"
    if row.made_on == 3 and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return f"{row.text} is a device, not a file"
    if row.comment:
        return f"{row.text} carries a comment"
    if row.disk:
        return "it claims to be one of several disks"
    if row.flags & ~_KNOWN_FLAGS:
        return f"{row.text} has flags that are not used here"
    if row.extra and _FULL32 not in (row.size, row.offset):
        return f"{row.text} has an extra field that nothing needs"
    return None


def _fault_of_places(file: RawIOBase, rows: list[_Row], directory: int) -> str | None:
    """Where the directory and the headers before the files contradict one another, or something hides between them."""
    if not rows:
        return None
    if rows[0].offset:
        return "something stands before its first file"
    for row, following in zip(rows, [*(row.offset for row in rows[1:]), directory], strict=True):
        if _FULL32 in (row.offset, row.size):
            return None
        file.seek(row.offset)
        header = _read(file, _LOCAL.size)
        if len(header) < _LOCAL.size or not header.startswith(b"PK\3\4"):
            return f"{row.text} is not where the directory says"
        _, _, flags, method, _, _, crc32, size, _, names, extras = _LOCAL.unpack(header)
        known = (0, 0) if row.flags & _CRC_FOLLOWS else (row.crc32, row.size)
        if (_read(file, names), method, flags) != (row.name, row.method, row.flags) or (crc32, size) != known:
            return f"what is said of {row.text} where it lies is not what the directory says"
        end = row.offset + _LOCAL.size + names + extras + row.size + (16 if row.flags & _CRC_FOLLOWS else 0)
        if end < following:
            return f"something stands between {row.text} and what follows it"
        if end > following:
            return f"{row.text} reaches into what follows it"
    return None


def _read(file: RawIOBase, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := file.read(size - len(data))):
        data += piece
    return data
