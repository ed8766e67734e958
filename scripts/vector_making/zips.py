"""Zips that the agent's writer would not write: every field of every header can be set to a lie."""

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_LOCAL = struct.Struct("<4s5H3L2H")
_ROW = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_PLAIN_FILE = 0o100644 << 16
_FIRST_OF_1980 = 33


@dataclass
class Entry:
    """One file. ``row`` and ``local`` replace fields by name; ``stored``: the bytes as they lie in the zip."""

    name: bytes
    content: bytes
    local: dict[str, int] = field(default_factory=dict)
    row: dict[str, int] = field(default_factory=dict)
    local_name: bytes | None = None
    stored: bytes | None = None
    extra: bytes = b""
    comment: bytes = b""
    before: bytes = b""
    """What stands before its local header, where nothing may."""

    @property
    def lying(self) -> bytes:
        return self.content if self.stored is None else self.stored

    def head(self) -> bytes:
        name = self.name if self.local_name is None else self.local_name
        crc, size, real = self._numbers(self.local)
        get = self.local.get
        fields = (get("version", 20), get("flags", 0), get("method", 0), 0, _FIRST_OF_1980, crc, size, real)
        return _LOCAL.pack(b"PK\3\4", *fields, len(name), 0) + name

    def row_at(self, offset: int) -> bytes:
        crc, size, real = self._numbers(self.row)
        get = self.row.get
        return (
            _ROW.pack(
                b"PK\1\2",
                get("made", 3 << 8 | 45),
                get("version", 20),
                get("flags", 0),
                get("method", 0),
                0,
                _FIRST_OF_1980,
                crc,
                size,
                real,
                len(self.name),
                len(self.extra),
                len(self.comment),
                get("disk", 0),
                0,
                get("attributes", _PLAIN_FILE),
                get("offset", offset),
            )
            + self.name
            + self.extra
            + self.comment
        )

    def _numbers(self, fields: Mapping[str, int]) -> tuple[int, int, int]:
        crc = fields.get("crc", zlib.crc32(self.content))
        return crc, fields.get("size", len(self.lying)), fields.get("real", len(self.content))


def entries(files: Mapping[str, bytes]) -> list[Entry]:
    return [Entry(name.encode(), content) for name, content in files.items()]


def build(
    entries: Sequence[Entry], *, gap: bytes = b"", comment: bytes = b"", end: Mapping[str, int] | None = None
) -> bytes:
    """The zip. ``gap`` stands between the last file and the directory, ``comment`` at the end."""
    out, rows, end = b"", b"", end or {}
    for entry in entries:
        out += entry.before
        rows += entry.row_at(len(out))
        out += entry.head() + entry.lying
    out += gap
    count = end.get("count", len(entries))
    start, length = end.get("start", len(out)), end.get("length", len(rows))
    return out + rows + _END.pack(b"PK\5\6", 0, 0, count, count, length, start, len(comment)) + comment
