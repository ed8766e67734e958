"""EBML (RFC 8794) as Matroska (RFC 9559) uses it: elements read within bounds, and made.

Not for: what the elements mean (``matroska_in``, ``matroska_out``, ``salvage_matroska``).
"""

import os
from collections.abc import Iterator

SEGMENT, INFO, TRACKS, CLUSTER, CUES = (
    0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675, 0x1C53BB6B,
)  # fmt: skip
HEADER = 0x1A45DFA3
TIMESTAMP, SIMPLE_BLOCK, BLOCK_GROUP, BLOCK, REFERENCE = 0xE7, 0xA3, 0xA0, 0xA1, 0xFB
TIMESTAMP_SCALE = 0x2AD7B1
TRACK_ENTRY, TRACK_NUMBER, TRACK_TYPE, CODEC_ID, CODEC_PRIVATE = 0xAE, 0xD7, 0x83, 0x86, 0x63A2
VIDEO, WIDTH, HEIGHT, AUDIO, SAMPLING, CHANNELS, ENCODINGS, DEFAULT_DURATION = (
    0xE0, 0xB0, 0xBA, 0xE1, 0xB5, 0x9F, 0x6D80, 0x23E383,
)  # fmt: skip
UNKNOWN = -1


class Torn(Exception):
    """The bytes end, or stop making sense, here."""


def vint(content: bytes | memoryview, at: int, *, marker: bool) -> tuple[int, int]:
    """A variable-size integer and where it ends; with ``marker`` as identifiers are written; UNKNOWN if reserved."""
    if at >= len(content) or content[at] == 0:
        raise Torn
    length = 9 - content[at].bit_length()
    if at + length > len(content):
        raise Torn
    value = int.from_bytes(content[at : at + length], "big")
    if marker:
        return value, at + length
    full = (1 << 7 * length) - 1
    value &= full
    return (UNKNOWN if value == full else value), at + length


def element(head: bytes, position: int) -> tuple[int, int, int]:
    """(identifier, body, end) of an element from its first bytes, read at ``position``; end may be UNKNOWN."""
    kind, at = vint(head, 0, marker=True)
    size, at = vint(head, at, marker=False)
    return kind, position + at, UNKNOWN if size == UNKNOWN else position + at + size


def read(descriptor: int, body: int, end: int, most: int) -> bytes:
    """An element's content, if it is no longer than ``most``."""
    if end - body > most:
        raise Torn
    content = os.pread(descriptor, end - body, body)
    if len(content) != end - body:
        raise Torn
    return content


def children(content: bytes) -> Iterator[tuple[int, bytes]]:
    """(identifier, content) of the elements inside an element."""
    at = 0
    while at < len(content):
        kind, at = vint(content, at, marker=True)
        size, at = vint(content, at, marker=False)
        if size == UNKNOWN or at + size > len(content):
            raise Torn
        yield kind, content[at : at + size]
        at += size


def number(content: bytes) -> int:
    """An unsigned integer element."""
    return int.from_bytes(content[:8], "big")


def size(value: int, length: int = 0) -> bytes:
    """A size, in the fewest bytes or in ``length``."""
    length = length or next(count for count in range(1, 9) if value < (1 << 7 * count) - 1)
    return (value | 1 << 7 * length).to_bytes(length, "big")


def identifier(kind: int) -> bytes:
    return kind.to_bytes((kind.bit_length() + 7) // 8, "big")


def made(kind: int, *packet_runs: bytes) -> bytes:
    """An element of these parts."""
    body = b"".join(packet_runs)
    return identifier(kind) + size(len(body)) + body


def unsigned(kind: int, value: int, length: int = 0) -> bytes:
    """An unsigned integer element, in the fewest bytes or in ``length``."""
    return made(kind, value.to_bytes(length or max(1, (value.bit_length() + 7) // 8), "big"))
