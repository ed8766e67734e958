"""The boxes of an ISO base media file (ISO/IEC 14496-12): walked, and made, within bounds.

Not for: what the boxes mean (``fragments`` reads them, ``mp4`` writes them).
"""

import os
from collections.abc import Iterator

MAX_HEADER = 16 * 1024 * 1024
"""Bytes of one moov or moof; a minute's moof has a few thousand."""
MAX_BOXES = 200_000


UPRIGHT = b"".join(value.to_bytes(4, "big") for value in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))
"""The matrix of a track whose pictures are shown as they are stored (8.3.2)."""


class BadBox(Exception):
    """The bytes are not well-formed boxes."""


def top_level(descriptor: int, limit: int) -> Iterator[tuple[bytes, int, int, int]]:
    """(type, start, body, end) of each whole box of the first ``limit`` bytes; ends before the first torn one."""
    position = 0
    for _ in range(MAX_BOXES):
        head = os.pread(descriptor, 16, position)
        if len(head) < 8 or position + 8 > limit:
            return
        length, body = int.from_bytes(head[:4], "big"), position + 8
        if length == 1:
            length, body = int.from_bytes(head[8:16], "big"), position + 16
        elif length == 0:
            length = limit - position
        end = position + length
        if end < body or end > limit:
            return
        yield head[4:8], position, body, end
        position = end
    raise BadBox("it has too many boxes")


def header(descriptor: int, body: int, end: int) -> memoryview:
    """The content of a box that holds tables, read at once."""
    if end - body > MAX_HEADER:
        raise BadBox("one of its tables is too large")
    content = os.pread(descriptor, end - body, body)
    if len(content) != end - body:
        raise BadBox("it became shorter while it was read")
    return memoryview(content)


def children(content: memoryview, skip: int = 0) -> Iterator[tuple[bytes, memoryview]]:
    """(type, content) of the boxes inside a box, from its ``skip``-th byte."""
    position = skip
    while position + 8 <= len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        if length < 8 or position + length > len(content):
            raise BadBox("a box inside it is longer than what holds it")
        yield bytes(content[position + 4 : position + 8]), content[position + 8 : position + length]
        position += length


def child(content: memoryview, kind: bytes, skip: int = 0) -> memoryview:
    """The first box of that type; BadBox when there is none."""
    for found, inner in children(content, skip):
        if found == kind:
            return inner
    raise BadBox(f"it has no {kind.decode('latin-1')} box")


def number(content: memoryview, position: int, length: int) -> int:
    """A big-endian unsigned integer; BadBox when the box is too short for it."""
    if position + length > len(content):
        raise BadBox("a box inside it is cut short")
    return int.from_bytes(content[position : position + length], "big")


def box(kind: bytes, *packet_runs: bytes) -> bytes:
    """A box of these parts."""
    body = b"".join(packet_runs)
    return (len(body) + 8).to_bytes(4, "big") + kind + body


def full_box(kind: bytes, version: int, flags: int, *packet_runs: bytes) -> bytes:
    """A box with version and flags."""
    return box(kind, bytes((version,)) + flags.to_bytes(3, "big"), *packet_runs)
