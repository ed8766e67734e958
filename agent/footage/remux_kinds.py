"""Which container a file is, by how it begins.

Not for: reading it. Light: no media library is imported.
"""

from pathlib import Path


def container_of(path: Path) -> str:
    """FFmpeg's name of what the file is; "" when it is nothing that we read. OSError."""
    with path.open("rb") as file:
        begin = file.read(4096)
    if begin[4:8] in (b"ftyp", b"styp", b"moov"):
        return "mp4"
    if begin[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if begin[:4] == b"RIFF" and begin[8:12] == b"AVI ":
        return "avi"
    if begin[:3] == b"FLV":
        return "flv"
    if begin[:5] == b"DAHUA" or b"DHAV" in begin[:2048]:
        return "dhav"
    if begin[:4] in (b"\0\0\1\xba", b"IMKH"):
        return "mpeg"
    if len(begin) > 376 and begin[0] == begin[188] == begin[376] == 0x47:
        return "mpegts"
    return _elementary(begin)


def _elementary(begin: bytes) -> str:
    """A bare H.264 or H.265 stream, by its first NAL unit (H.264 table 7-1, H.265 table 7-1)."""
    at = begin.find(b"\0\0\1")
    if not 0 <= at <= 1 or at + 4 > len(begin):
        return ""
    kind = begin[at + 3]
    if kind & 0x9F in (7, 9):
        return "h264"
    return "hevc" if (kind >> 1) & 0x3F in (32, 33, 35) else ""
