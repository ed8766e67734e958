"""Which container a file is, by what is in it and never by its name's ending.

Not for: reading it. Light: no media library is imported.
"""

from pathlib import Path

_MP4 = frozenset({b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"wide", b"free", b"skip", b"pnot", b"sidx"})
"""The boxes that a file may begin with; QuickTime's may begin with its pictures (ISO/IEC 14496-12, 4.2)."""
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_HEAD = 4096
_LOOKED_AT = 1 << 20
"""Bytes in which a bare stream must describe itself."""


def container_of(path: Path) -> str:
    """FFmpeg's name of what the file is; "" when it is nothing that we read. OSError."""
    with path.open("rb") as file:
        begin = file.read(_HEAD)
        if begin[:4] == b"\x1a\x45\xdf\xa3":
            return "matroska"
        if is_mp4(begin):
            return "mp4"
        if begin[:4] == b"RIFF" and begin[8:12] == b"AVI ":
            return "avi"
        if begin[:16] == _ASF:
            return "asf"
        if begin[:3] == b"FLV":
            return "flv"
        if begin[:5] == b"DAHUA" or b"DHAV" in begin[:2048]:
            return "dhav"
        if begin[:4] in (b"\0\0\1\xba", b"IMKH"):
            return "mpeg"
        if any(
            all(begin[at + size * each : at + size * each + 1] == b"G" for each in range(4))
            for size in (188, 192, 204)
            for at in range(size)
        ):
            return "mpegts"
        return _elementary(begin + file.read(_LOOKED_AT - _HEAD))


def is_mp4(begin: bytes) -> bool:
    """Whether a file that begins so is MP4 or QuickTime."""
    return begin[4:8] in _MP4 and (begin[:4] in (b"\0\0\0\0", b"\0\0\0\1") or int.from_bytes(begin[:4], "big") >= 8)


def _elementary(begin: bytes) -> str:
    """A bare H.264 or H.265 stream: NAL units behind start codes from the file's beginning on, among them those that
    describe it (H.264 table 7-1, H.265 table 7-1), whatever comes first."""
    if begin[:3] != b"\0\0\1" and begin[:4] != b"\0\0\0\1":
        return ""
    first = begin[begin.index(b"\1") + 1 :][:1]
    if not first or first[0] & 0x80:  # no NAL unit begins so: somebody's own format
        return ""
    kinds = {unit[0] for unit in begin.split(b"\0\0\1")[1:] if unit}
    if {kind & 0x1F for kind in kinds if kind & 0x60 and not kind & 0x80} >= {7, 8} and not {0x40, 0x42, 0x44} <= kinds:
        return "h264"
    return "hevc" if {kind >> 1 for kind in kinds if not kind & 0x81} >= {32, 33, 34} else ""
