"""Whether a file's own structure says that its end is missing: from a few reads, without a media library.

Not for: how much of it is left (``salvage``, or whoever reads its packets).
"""

from pathlib import Path
from typing import BinaryIO

from agent.footage.files import dav

_TAIL = 1 << 20
_PACK, _PROGRAM_END = 0xBA, 0xB9


def is_torn(source: Path, container: str) -> bool:
    """False also where the container has nothing that tells. OSError."""
    size = source.stat().st_size
    match container:
        case "dhav":
            return not dav.is_complete(source)
        case "mpegts":
            return all(size % packet for packet in (188, 192, 204))
    with source.open("rb") as file:
        match container:
            case "avi":
                return int.from_bytes(file.read(8)[4:8], "little") + 8 > size
            case "mp4":
                return _mp4(file, size)
            case "mpeg":
                file.seek(max(0, size - _TAIL))
                return _program_stream(file.read(_TAIL))
    return False


def _mp4(file: BinaryIO, size: int) -> bool:
    at = 0
    while at + 8 <= size:
        file.seek(at)
        header = file.read(16)
        length = int.from_bytes(header[:4], "big")
        length = int.from_bytes(header[8:16], "big") if length == 1 else length
        if length == 0:
            return False
        if length < 8:
            return True
        at += length
    return at != size


def _program_stream(tail: bytes) -> bool:
    """Whether the last pack's last packet is cut short (H.222.0, 2.5.3); what follows a whole one is padding."""
    at = tail.rfind(b"\0\0\1\xba")
    while 0 <= at < len(tail):
        head = tail[at : at + 14]
        if not b"\0\0\1".startswith(head[:3]):
            return False
        if len(head) < 4:
            return True
        if head[3] == _PROGRAM_END:
            return False
        if head[3] == _PACK:
            if len(head) < 14:
                return True
            at += 14 + (head[13] & 7) if head[4] & 0xC0 == 0x40 else 12
        elif len(head) < 6:
            return True
        else:
            at += 6 + int.from_bytes(head[4:6], "big")
    return at > len(tail)
