"""The text at the head of an age file: who can open it, and the MAC that holds it together (C2SP age, "Header").

Not for: what a stanza means (``keys``), or the encrypted payload (``age``).
"""

import base64
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from exchange.errors import SealDamaged

FILE_KEY_SIZE = 16
_VERSION = b"age-encryption.org/v1\n"
_COLUMNS = 64
_MAX_LINE = 16 * 1024
_MAX_HEADER = 256 * 1024
"""Bytes. A post-quantum stanza takes 1.6 KiB, so that this is more than a hundred recipients."""

_ARGUMENTS = re.compile(rb"-> ([!-~]+(?: [!-~]+)*)\n")
_BODY_LINE = re.compile(rb"([A-Za-z0-9+/]{0,64})\n")
_END = re.compile(rb"--- ([A-Za-z0-9+/]{43})\n")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*")


def derive(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 (RFC 5869), 32 bytes: the one way in which age makes a key from another."""
    return HKDF(SHA256(), 32, salt, info).derive(secret)


def damaged(detail: str, part: str = "header") -> SealDamaged:
    """The error for a file that is not what an honest writer made."""
    return SealDamaged(
        f"The sealed file is damaged: {detail}.",
        part=part,
        meaning="It was cut short, altered, or never was an age file; nothing in it may be relied on.",
        do="Fetch it again from where it came, and compare its SHA-256 with the receipt's.",
    )


def encode_base64(data: bytes) -> bytes:
    """Standard base64 without padding (RFC 4648, section 4)."""
    return base64.b64encode(data).rstrip(b"=")


def decode_base64(text: bytes) -> bytes:
    """The bytes of a canonical, unpadded base64 text. SealDamaged for any other text, as the format demands."""
    if not _BASE64.fullmatch(text) or len(text) % 4 == 1:
        raise damaged("its header holds bad base64")
    data = base64.b64decode(text + b"=" * (-len(text) % 4))
    if encode_base64(data) != text:
        raise damaged("its header holds base64 that is not canonical")
    return data


@dataclass(frozen=True, slots=True)
class Stanza:
    """One wrapping of the file key: the kind and its arguments, and the wrapped key."""

    arguments: tuple[bytes, ...]
    body: bytes

    @property
    def kind(self) -> bytes:
        return self.arguments[0]

    def lines(self) -> bytes:
        body = encode_base64(self.body)
        rows = [body[start : start + _COLUMNS] for start in range(0, len(body) + 1, _COLUMNS)]
        return b"-> " + b" ".join(self.arguments) + b"\n" + b"".join(row + b"\n" for row in rows)


@dataclass(frozen=True, slots=True)
class Header:
    """A header as read: ``signed`` are the very bytes under the MAC, never a re-encoding of them."""

    stanzas: tuple[Stanza, ...]
    signed: bytes
    mac: bytes

    def check(self, file_key: bytes) -> None:
        """SealDamaged (part "mac") unless the holder of ``file_key`` wrote this header."""
        if not hmac.compare_digest(self.mac, _mac(file_key, self.signed)):
            raise damaged("its header was altered after it was sealed", "mac")


def write_header(stanzas: Sequence[Stanza], file_key: bytes) -> bytes:
    """The whole header, ready to be followed by the payload."""
    signed = _VERSION + b"".join(stanza.lines() for stanza in stanzas) + b"---"
    return signed + b" " + encode_base64(_mac(file_key, signed)) + b"\n"


def read_header(read_line: Callable[[int], bytes]) -> Header:
    """Read one header with ``read_line(limit)``, which returns up to and including the next LF, as files' ``readline``.

    Raises SealDamaged (part "header") for anything but a well-formed v1 header of at most 256 KiB.
    """
    lines = _Lines(read_line)
    version = lines.take()
    if version != _VERSION:
        known = version.startswith(b"age-encryption.org/")
        raise damaged("it is of a version of age that is not known here" if known else "it is not an age file")
    stanzas: list[Stanza] = []
    while True:
        line = lines.take()
        if end := _END.fullmatch(line):
            break
        start = _ARGUMENTS.fullmatch(line)
        if not start:
            raise damaged("its header has a line that has no place there")
        stanzas.append(Stanza(tuple(start[1].split(b" ")), _read_body(lines)))
    if not stanzas:
        raise damaged("its header names no recipient")
    if len(stanzas) > 1 and any(stanza.kind == b"scrypt" for stanza in stanzas):
        raise damaged("its header mixes a passphrase with other recipients")
    signed = b"".join(lines.taken)[: -len(line) + 3]
    return Header(tuple(stanzas), signed, decode_base64(end[1]))


class _Lines:
    """A header's lines so far, and the limits on them."""

    def __init__(self, read_line: Callable[[int], bytes]) -> None:
        self._read_line = read_line
        self._size = 0
        self.taken: list[bytes] = []

    def take(self) -> bytes:
        line = self._read_line(_MAX_LINE)
        self._size += len(line)
        if not line.endswith(b"\n"):
            raise damaged("its header is cut short" if len(line) < _MAX_LINE else "its header has an endless line")
        if self._size > _MAX_HEADER:
            raise damaged("its header is larger than any honest one")
        self.taken.append(line)
        return line


def _read_body(lines: _Lines) -> bytes:
    text = b""
    while True:
        row = _BODY_LINE.fullmatch(lines.take())
        if not row:
            raise damaged("a recipient in its header is malformed")
        text += row[1]
        if len(row[1]) < _COLUMNS:
            return decode_base64(text)


def _mac(file_key: bytes, signed: bytes) -> bytes:
    return hmac.digest(derive(file_key, b"", b"header"), signed, "sha256")
