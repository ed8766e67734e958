"""Reads age files written as text: strict PEM around canonical base64 (C2SP age, "ASCII armor"; RFC 7468, figure 3).

Not for: writing them; what we hand over is binary.
"""

import base64
import binascii
import io
import re
from typing import BinaryIO

from exchange.age.header import damaged
from exchange.errors import SealDamaged

_BEGIN = b"-----BEGIN AGE ENCRYPTED FILE-----"
_END = b"-----END AGE ENCRYPTED FILE-----"
_COLUMNS = 64
_MAX_LINE = 1024
_MAX_BLANK = 4096
"""Bytes of white space allowed before the first line, and after the last."""
_TEXT_LINE = re.compile(rb"[A-Za-z0-9+/]{0,62}[A-Za-z0-9+/=]{2}")


class ArmorReader(io.RawIOBase):
    """The binary age file inside an armored one. Raises SealDamaged (part "armor") where the text is not strict."""

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self._decoded = b""
        self._begun = False
        self._short_line = False
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, target: "bytearray | memoryview") -> int:  # type: ignore[override]
        if not self._begun:
            self._begin()
        while not self._decoded and not self._ended:
            self._advance()
        count = min(len(target), len(self._decoded))
        target[:count] = self._decoded[:count]
        self._decoded = self._decoded[count:]
        return count

    def _begin(self) -> None:
        blank = 0
        while not (line := self._source.readline(_MAX_LINE)).strip():
            blank += len(line)
            if not line or blank > _MAX_BLANK:
                raise _strict("it is empty")
        if _without_end(line.lstrip(b" \t") if not blank else line) != _BEGIN:
            raise _strict("its first line is not an age file's")
        self._begun = True

    def _advance(self) -> None:
        """Take one line of text, or the end."""
        line = self._source.readline(_MAX_LINE)
        text = _without_end(line)
        if text == _END:
            self._finish()
        elif not line.endswith(b"\n"):
            raise _strict("it is cut short")
        elif self._short_line or len(text) > _COLUMNS:
            raise _strict("its lines are not of 64 characters each")
        else:
            self._short_line = len(text) < _COLUMNS
            self._decoded = _decode(text)

    def _finish(self) -> None:
        tail = self._source.read(_MAX_BLANK + 1)
        if tail.strip() or len(tail) > _MAX_BLANK:
            raise _strict("something follows its last line")
        self._ended = True


def looks_armored(start: bytes) -> bool:
    """Whether a file that begins so is meant to be armored: no binary age file can begin like it."""
    return start.lstrip().startswith(b"-----BEGIN")


def _decode(text: bytes) -> bytes:
    if not _TEXT_LINE.fullmatch(text):
        raise _strict("it has characters that are not base64")
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise _strict("its base64 is malformed") from None
    if base64.b64encode(data) != text:
        raise _strict("its base64 is not canonical")
    return data


def _without_end(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _strict(detail: str) -> SealDamaged:
    return damaged(f"as text, {detail}", "armor")
