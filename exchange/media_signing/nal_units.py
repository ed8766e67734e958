"""NAL units of H.264 and H.265 as far as signatures are over them, and the SEI messages among them.

Not for: decoding anything in a picture.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from exchange.media_signing.samples import NotUnderstood

USER_DATA_UNREGISTERED = 5
"""SEI payload type (H.264 and H.265, annex D)."""
MOST_SEI = 1 << 20
"""Bytes of an SEI NAL unit that are looked at."""
MOST_UNITS = 10_000
"""In one picture."""


class Kind(Enum):
    """What a NAL unit is to those who sign."""

    KEY_SLICE = "I"
    """A slice of an IDR picture; in H.265 of any IRAP picture."""
    SLICE = "P"
    OTHER_SLICE = "p"
    """Picture data that the reference implementations do not sign: partitions, sub-layer and leading pictures."""
    SEI = "s"
    IGNORED = "-"
    """Parameter sets, delimiters, fillers."""


@dataclass(frozen=True, slots=True)
class NalUnit:
    kind: Kind
    first: bool
    """The first slice of its picture (first_mb_in_slice 0; first_slice_segment_in_pic_flag)."""
    content: memoryview


def units(picture: memoryview, length_size: int, *, hevc: bool) -> Iterator[NalUnit]:
    """The NAL units of one coded picture that has lengths before them. NotUnderstood where the lengths don't fit."""
    position, count = 0, 0
    while position < len(picture):
        start = position + length_size
        length = int.from_bytes(picture[position:start])
        position = start + length
        count += 1
        if position > len(picture) or count > MOST_UNITS:
            raise NotUnderstood("a picture's NAL units do not fit into it")
        if length:
            yield read_unit(picture[start:position], hevc=hevc)


_H264 = {
    1: Kind.SLICE,
    2: Kind.OTHER_SLICE,
    3: Kind.OTHER_SLICE,
    4: Kind.OTHER_SLICE,
    5: Kind.KEY_SLICE,
    6: Kind.SEI,
    20: Kind.OTHER_SLICE,
    21: Kind.OTHER_SLICE,
}
_H265 = {
    **dict.fromkeys(range(32), Kind.OTHER_SLICE),
    **dict.fromkeys((0, 1), Kind.SLICE),
    **dict.fromkeys(range(16, 22), Kind.KEY_SLICE),
    39: Kind.SEI,
}


def is_sei(header: int, *, hevc: bool) -> bool:
    """Whether a NAL unit is an SEI before the slices of its picture, by the first byte of its header."""
    return header >> 1 & 0x3F == 39 if hevc else header & 0x1F == 6


def read_unit(content: memoryview, *, hevc: bool) -> NalUnit:
    """One NAL unit, without a start code, told by its header."""
    if hevc:
        kind = _H265.get(content[0] >> 1 & 0x3F, Kind.IGNORED)
        return NalUnit(kind, len(content) > 2 and bool(content[2] & 0x80), content)
    kind = _H264.get(content[0] & 0x1F, Kind.IGNORED)
    return NalUnit(kind, len(content) > 1 and bool(content[1] & 0x80), content)


def without_trailing_zeros(content: memoryview) -> memoryview:
    """A NAL unit ends with the byte of its stop bit; zeros behind it (trailing_zero_8bits) are not part of it."""
    end = len(content)
    while end and not content[end - 1]:
        end -= 1
    return content[:end]


def unescaped(content: bytes) -> bytes:
    """Without emulation prevention bytes: each 03 after two zeros."""
    if b"\0\0\3" not in content:
        return content
    kept = bytearray()
    start = 0
    while (found := content.find(b"\0\0\3", start)) >= 0:
        kept += content[start : found + 2]
        start = found + 3
    kept += content[start:]
    return bytes(kept)


def escaped_length(content: bytes, length: int) -> int:
    """How many bytes of an escaped ``content`` hold its first ``length`` bytes when unescaped.

    An emulation prevention byte that comes right behind them is not counted.
    """
    position = seen = zeros = 0
    while seen < length:
        if position >= len(content):
            raise NotUnderstood("an SEI is cut short")
        byte = content[position]
        if zeros >= 2 and byte == 3:
            zeros = 0
        else:
            zeros = zeros + 1 if byte == 0 else 0
            seen += 1
        position += 1
    return position


def messages(sei: bytes, *, hevc: bool) -> Iterator[tuple[int, int, bytes]]:
    """(payload type, where the payload begins, payload) of each message in an unescaped SEI NAL unit.

    NotUnderstood where they do not fit.
    """
    position = 2 if hevc else 1
    while position + 2 <= len(sei) and sei[position:] != b"\x80":
        kind, position = _number(sei, position)
        size, position = _number(sei, position)
        if position + size > len(sei):
            raise NotUnderstood("an SEI message is longer than its NAL unit")
        yield kind, position, sei[position : position + size]
        position += size


def _number(sei: bytes, position: int) -> tuple[int, int]:
    value = 0
    while position < len(sei) and sei[position] == 0xFF:
        value += 0xFF
        position += 1
    if position >= len(sei):
        raise NotUnderstood("an SEI message is cut short")
    return value + sei[position], position + 1
