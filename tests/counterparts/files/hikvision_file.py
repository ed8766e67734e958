"""Writes recording files as Hikvision's recorders send them: 40 bytes of ``IMKH``, then an MPEG program stream.

Not for: reading. The packets are real, made by FFmpeg; only the wrapping is made here, as FFmpeg's muxer knows no
program stream map. Facts it rests on: the 40 bytes are those that a recorder sent as MEDIAINFO in an RTSP answer (its
system format set to 2, "program stream"); the map's first descriptor is laid out as in a captured EZVIZ stream
(40 0E 48 4B 00 02 1A 88 09 3B F7 98 00 FF FF FF: 2026-08-16 02:19:47.889); FFmpeg itself looks for ``IMKH``.
"""

from collections.abc import Sequence
from datetime import datetime

from tests.counterparts.files.packets import Coded

_TYPES = {"h264": 0x1B, "h265": 0x24}
_PES = 5000


def hikvision_file(
    frames: Sequence[Coded], codec: str, shown: datetime, *, map_time: bool = True, sound: bytes = b""
) -> bytes:
    """``shown``: what the recorder's clock showed (naive) at the first frame. ``sound``: G.711 A-law, 8000 a second."""
    media = bytes.fromhex("494D4B48020100000200") + (0x100 if codec == "h264" else 5).to_bytes(2, "little")
    content = [(media + bytes.fromhex("11710110401F000000FA0000")).ljust(40, b"\0")]
    first = frames[0].after
    for frame in frames:
        pts = 90_000 + round((frame.after - first) * 9 / 100)
        content.append(_pack(pts))
        if frame.key:
            content += [_SYSTEM, _map(codec, shown if map_time else None, bool(sound))]
        for at in range(0, len(frame.data), _PES):
            content.append(_pes(frame.data[at : at + _PES], pts if at == 0 else None))
        heard = sound[(frame.after - first) * 8 // 1000 :][:800]  # a tenth of a second
        if heard:
            content.append(_pes(heard, pts, stream=0xC0))
    return b"".join(content)


def _pack(pts: int) -> bytes:
    """Pack header (H.222.0, table 2-38); the clock runs with the pictures."""
    bits = 0b01 << 46 | (pts >> 30 & 7) << 43 | 1 << 42 | (pts >> 15 & 0x7FFF) << 27 | 1 << 26 | (pts & 0x7FFF) << 11
    bits |= 1 << 10 | 1
    return b"\0\0\1\xba" + bits.to_bytes(6, "big") + bytes.fromhex("0186A3") + b"\xf8"


_SYSTEM = b"\0\0\1\xbb" + (12).to_bytes(2, "big") + bytes.fromhex("80C3 47 04 E1 7F E0 E0 80 C0 C0 08".replace(" ", ""))


def _map(codec: str, shown: datetime | None, sound: bool) -> bytes:
    """Program stream map (H.222.0, table 2-41)."""
    told = b"" if shown is None else bytes.fromhex("400E484B0002") + _date(shown) + bytes.fromhex("00FFFFFF")
    streams = bytes([_TYPES[codec], 0xE0, 0, 0]) + (bytes([0x90, 0xC0, 0, 0]) if sound else b"")
    body = b"\xe0\xff" + len(told).to_bytes(2, "big") + told + len(streams).to_bytes(2, "big") + streams
    whole = b"\0\0\1\xbc" + (len(body) + 4).to_bytes(2, "big") + body
    return whole + _crc(whole).to_bytes(4, "big")


def _date(shown: datetime) -> bytes:
    bits = (shown.year - 2000) << 36 | shown.month << 32 | shown.day << 27 | shown.hour << 22 | shown.minute << 16
    return ((bits | shown.second << 10 | shown.microsecond // 1000) << 4 | 0x8).to_bytes(6, "big")


def _pes(data: bytes, pts: int | None, stream: int = 0xE0) -> bytes:
    stamp = b""
    if pts is not None:
        stamp = bytes(
            [
                0x21 | (pts >> 30 & 7) << 1,
                pts >> 22 & 0xFF,
                (pts >> 15 & 0x7F) << 1 | 1,
                pts >> 7 & 0xFF,
                (pts & 0x7F) << 1 | 1,
            ]
        )
    head = bytes([0x8C, 0x80 if stamp else 0, len(stamp)]) + stamp
    return bytes([0, 0, 1, stream]) + (len(head) + len(data)).to_bytes(2, "big") + head + data


def _crc(data: bytes) -> int:
    """CRC-32 of H.222.0, annex A."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc
