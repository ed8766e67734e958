"""A track while it is copied from one container to another, and what stays the same of its packets.

Not for: the copying (``remux``). What wraps a packet (start codes, lengths, headers) may change; its content may not.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from av.stream import Stream

NALS = frozenset({"h264", "hevc"})
_WRAPPED = "Matroska holds lengths where the recorder's file has start codes; every NAL unit is the same"
_UNHEADED = "Matroska holds sound without the header that streams put before every frame; the frames are the same"


@dataclass(slots=True)
class Track:
    """One track while it is copied."""

    codec: str
    kind: str
    source: Stream
    target: Stream
    before: Any = field(default_factory=hashlib.sha256)
    after: Any = field(default_factory=hashlib.sha256)
    units: list[bytes] = field(default_factory=list)
    """A digest of each packet's content, whatever its wrapping."""
    last: int | None = None
    shown: int | None = None
    """Decoding time and presentation time of the packet before, as they were written and as they came."""

    @property
    def in_nals(self) -> bool:
        return self.codec in NALS


def why_different(track: Track) -> str:
    return _WRAPPED if track.in_nals else _UNHEADED


def digest(content: bytes, track: Track) -> bytes:
    units = _nals(content) if track.in_nals else [_bare(content, track)]
    made = hashlib.blake2b(digest_size=16)
    for unit in units:
        made.update(len(unit).to_bytes(4, "big"))
        made.update(unit)
    return made.digest()


def _bare(content: bytes, track: Track) -> bytes:
    """AAC without the header that streams put before every frame (ADTS, ISO/IEC 14496-3, 1.A.3.2)."""
    if track.codec == "aac" and len(content) > 9 and content[0] == 0xFF and content[1] & 0xF6 == 0xF0:
        return content[7 if content[1] & 1 else 9 :]
    return content


def _nals(content: bytes) -> list[bytes]:
    """The NAL units of a packet, whether start codes or lengths of four bytes are between them (H.264 annex B;
    ISO/IEC 14496-15); zeros at a unit's end are padding (H.264 7.4.1)."""
    units, at = [], 0
    while at + 4 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        units.append(content[at + 4 : at + 4 + length].rstrip(b"\0"))
        at += 4 + length
    # A length of 256 to 511 bytes looks like a start code: only what doesn't come out even are start codes.
    if at == len(content) and all(units):
        return units
    if content[:3] == b"\0\0\1" or content[:4] == b"\0\0\0\1":
        return [unit.rstrip(b"\0") for unit in content.split(b"\0\0\1") if unit.rstrip(b"\0")]
    return [content]
