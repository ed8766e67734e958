"""The bytes around the files in our zips (PKWARE APPNOTE 6.3.10), in the one form that we write and accept.

Not for: zips in general. Stored only, no comments, no time stamps, no gaps; zip64 only where a number demands it.
Every byte but the files' own follows from their names, sizes, CRCs and order, so that a reader can tell any change.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_DESCRIPTOR = struct.Struct("<4s3L")
_DESCRIPTOR64 = struct.Struct("<4sL2Q")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_END = struct.Struct("<4s4H2LH")

_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_MADE_ON_UNIX = 3 << 8 | 45
_VERSION, _VERSION64 = 20, 45
_CRC_FOLLOWS, _UTF8 = 1 << 3, 1 << 11
_FIRST_OF_1980 = 1 << 5 | 1
_PLAIN_FILE = 0o100644 << 16
_MAX_SIZE = 1 << 48
"""Bytes of one member: far more than any disk of ours, and few enough that sums of them stay in 64 bits."""

DIRECTORY_ROW = _CENTRAL.size + 28
"""Bytes that a member can take in the directory, beside its name."""
TAIL = _END64.size + _LOCATOR64.size + _END.size
"""Bytes at the end of a zip that are enough to find its directory."""


class LayoutError(ValueError):
    """The bytes are not a zip in our form; the text says where, in words that fit after "the zip is damaged:"."""


@dataclass(frozen=True, slots=True)
class Member:
    """One stored file. ``crc_follows``: its CRC-32 was not known before its bytes, and comes after them."""

    name: str
    size: int
    crc32: int
    offset: int
    crc_follows: bool

    @property
    def _large(self) -> bool:
        return self.size >= _FULL32

    @property
    def _flags(self) -> int:
        return (_CRC_FOLLOWS if self.crc_follows else 0) | (0 if self.name.isascii() else _UTF8)

    def before(self) -> bytes:
        """The local header, which stands before the file's bytes."""
        name = self.name.encode()
        crc32, size = (0, 0) if self.crc_follows else (self.crc32, self.size)
        extra = struct.pack("<2H2Q", 1, 16, size, size) if self._large else b""
        shown = _FULL32 if self._large else size
        version = _VERSION64 if self._large else _VERSION
        fields = (version, self._flags, 0, 0, _FIRST_OF_1980, crc32, shown, shown, len(name), len(extra))
        return _LOCAL.pack(b"PK\3\4", *fields) + name + extra

    def after(self) -> bytes:
        """What stands after the file's bytes: nothing, or its CRC and size."""
        if not self.crc_follows:
            return b""
        form = _DESCRIPTOR64 if self._large else _DESCRIPTOR
        return form.pack(b"PK\7\x08", self.crc32, self.size, self.size)

    def row(self) -> bytes:
        """The member's row in the directory."""
        name = self.name.encode()
        far = self.offset >= _FULL32
        wide = [self.size, self.size] * self._large + [self.offset] * far
        extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
        size, offset = min(self.size, _FULL32), min(self.offset, _FULL32)
        version = _VERSION64 if wide else _VERSION
        fields = (_MADE_ON_UNIX, version, self._flags, 0, 0, _FIRST_OF_1980, self.crc32, size, size)
        rest = (len(name), len(extra), 0, 0, 0, _PLAIN_FILE, offset)
        return _CENTRAL.pack(b"PK\1\2", *fields, *rest) + name + extra

    def end(self) -> int:
        """The offset of whatever comes next."""
        return self.offset + len(self.before()) + self.size + len(self.after())


def directory(members: Sequence[Member]) -> bytes:
    """All that follows the last member: the directory and the records of its end."""
    rows = b"".join(member.row() for member in members)
    start, count = (members[-1].end() if members else 0), len(members)
    records = b""
    if count >= _FULL16 or start >= _FULL32 or len(rows) >= _FULL32:
        fields = (_END64.size - 12, _MADE_ON_UNIX, _VERSION64, 0, 0, count, count, len(rows), start)
        records = _END64.pack(b"PK\6\6", *fields) + _LOCATOR64.pack(b"PK\6\7", 0, start + len(rows), 1)
    few = min(count, _FULL16)
    records += _END.pack(b"PK\5\6", 0, 0, few, few, min(len(rows), _FULL32), min(start, _FULL32), 0)
    return rows + records


def find_directory(tail: bytes, size: int) -> tuple[int, int]:
    """Where the directory starts, and how many members it has, from the last ``TAIL`` bytes of a zip of ``size`` bytes.

    LayoutError when the end is not one of ours. Neither number is to be trusted before ``parse_directory``.
    """
    if len(tail) < _END.size or not tail[-_END.size :].startswith(b"PK\5\6"):
        raise LayoutError("its end is missing")
    _, _, _, count, _, _, start, _ = _END.unpack(tail[-_END.size :])
    if len(tail) == TAIL and tail.startswith(b"PK\6\6") and tail[_END64.size :].startswith(b"PK\6\7"):
        *_, count, _, start = _END64.unpack(tail[: _END64.size])
    if start >= size:
        raise LayoutError("its directory is not where its end says")
    return start, count


def parse_directory(data: bytes, count: int) -> list[Member]:
    """The members, from everything that follows the last of them. LayoutError unless it is exactly as we write it."""
    members: list[Member] = []
    place = offset = 0
    for _ in range(count):
        if place + _CENTRAL.size > len(data):
            raise LayoutError("its directory is cut short")
        member = _parse_row(data, place, offset)
        members.append(member)
        place += len(member.row())
        if member.size > _MAX_SIZE:
            raise LayoutError("its directory was altered")
        offset = member.end()
    if directory(members) != data:
        raise LayoutError("its directory was altered")
    return members


def _parse_row(data: bytes, place: int, offset: int) -> Member:
    """One row, believing it where ``directory`` will find a lie out; the offset follows from the members before."""
    _, _, _, flags, _, _, _, crc32, size, _, name_length, *_ = _CENTRAL.unpack_from(data, place)
    name_end = place + _CENTRAL.size + name_length
    if size == _FULL32:
        if name_end + 12 > len(data):
            raise LayoutError("its directory is cut short")
        (size,) = struct.unpack_from("<Q", data, name_end + 4)
    try:
        name = data[place + _CENTRAL.size : name_end].decode()
    except UnicodeDecodeError:
        raise LayoutError("its directory holds a name that is not text") from None
    return Member(name, size, crc32, offset, bool(flags & _CRC_FOLLOWS))
