"""Writes ``.dav`` files as Dahua's recorders do, for tests; FFmpeg's ``dhav`` demuxer must read every one of them.

Not for: the product, which only reads them (``agent/footage/files/dav.py``).
"""

import struct
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import av
from av.bitstream import BitStreamFilterContext

_CODECS = {"h264": 0x08, "hevc": 0x0C}


def write_dav(
    path: Path,
    media: Path,
    local: Callable[[int], datetime],
    *,
    preamble: bool = True,
    fps: int = 10,
    seconds: tuple[float, float] | None = None,
) -> Path:
    """The video of an MP4 as DAV. ``local``: what the recorder's clock shows, so many microseconds after the first
    frame. ``seconds``: only the packets from this to that second of the media (which must be one of a key frame)."""
    content = bytearray(b"DAHUA".ljust(1024, b"\0") if preamble else b"")
    with av.open(str(media), options={"advanced_editlist": "0"}) as opened:
        video = opened.streams.video[0]
        name = video.codec_context.name
        to_start_codes = BitStreamFilterContext(f"{name}_mp4toannexb", video)
        first, number = None, 0
        for packet in opened.demux(video):
            if not packet.size:
                continue
            at = round(packet.pts * packet.time_base * 1_000_000)
            key = packet.is_keyframe
            if seconds is not None and not seconds[0] * 1_000_000 - 1 <= at < seconds[1] * 1_000_000 - 1:
                continue
            first = at if first is None else first
            for filtered in to_start_codes.filter(packet):
                content += frame(
                    bytes(filtered), local(at - first), number, key, name, (video.width, video.height), fps
                )
            number += 1
    path.write_bytes(content)
    return path


def frame(
    payload: bytes, shown: datetime, number: int, key: bool, codec: str, size: tuple[int, int], fps: int
) -> bytes:
    """One video frame with its header, its extension (on key frames: size, codec and rate) and its trailer."""
    extension = b""
    if key:
        extension = bytes([0x80, 0, size[0] // 8, size[1] // 8, 0x81, 0, _CODECS[codec], fps])
        extension += struct.pack("<BBBBHH", 0x82, 0, 0, 0, *size)
    length = 24 + len(extension) + len(payload) + 8
    date = (
        (shown.year - 2000) << 26 | shown.month << 22 | shown.day << 17
        | shown.hour << 12 | shown.minute << 6 | shown.second
    )  # fmt: skip
    # The counter of milliseconds runs through, whatever happens to the clock.
    counter = (number * 1000 // fps + 12_345) % 65536
    header = struct.pack(
        "<4sBBBBIIIHB", b"DHAV", 0xFD if key else 0xFC, 0, 0, 0, number, length, date, counter, len(extension)
    )
    checksum = bytes([sum(header) & 0xFF])
    return header + checksum + extension + payload + b"dhav" + struct.pack("<I", length)


def after(start: datetime) -> Callable[[int], datetime]:
    """A clock that goes on from here without a change."""
    return lambda microseconds: start + timedelta(microseconds=microseconds)
