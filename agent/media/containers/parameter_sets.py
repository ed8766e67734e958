"""Finds the parameter sets (SPS, VPS) in a key frame: how a camera tells of another size in the middle of a stream.

Not for: reading what they say; the library does that. H.264: ITU-T H.264 7.4.1; H.265: ITU-T H.265 7.4.2.
"""

from __future__ import annotations

from io import BytesIO

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

_HEAD = 2048
"""Parameter sets come before the picture; a few hundred bytes."""


def parameter_sets(codec: str, content: bytes) -> bytes:
    """The parameter sets among NAL units in Annex B form, each once, one after the other; empty for other codecs."""
    if codec == "h264":
        wanted, shift, mask = frozenset({7}), 0, 0x1F
    elif codec == "hevc":
        wanted, shift, mask = frozenset({32, 33}), 1, 0x3F
    else:
        return b""
    found = []
    for unit in content.split(b"\0\0\1")[1:]:
        unit = unit.rstrip(b"\0")
        if unit and (unit[0] >> shift) & mask in wanted:
            found.append(unit)
    return b"".join(dict.fromkeys(found))  # some cameras say them before each slice


LONGEST_DELIMITER = 8
"""Bytes of an access unit delimiter with its start code; no picture is as short."""


def is_delimiter(codec: str, content: bytes) -> bool:
    """Whether these bytes are an access unit delimiter alone (H.264: 7.3.2.4, H.265: 7.3.2.5), in Annex B form.

    A camera that is set to something else, or starts anew, in the middle of a picture leaves one behind.
    """
    unit = content.lstrip(b"\0").removeprefix(b"\1")
    if len(content) > LONGEST_DELIMITER or b"\0\0\1" not in content or not unit:
        return False
    return {"h264": unit[0] & 0x1F == 9, "hevc": (unit[0] >> 1) & 0x3F == 35}.get(codec, False)


def in_key_frame(codec: str, packet: Packet[Stream]) -> bytes:
    """The parameter sets at the head of a key frame."""
    return parameter_sets(codec, bytes(memoryview(packet)[:_HEAD]))


def reread(codec: str, packet: Packet[Stream]) -> InputContainer | None:
    """The stream as this key frame describes it, as an input whose only stream is a template; None when it can't be
    read. Rare, so a decoder may look at it, in one thread."""
    try:
        container = av.open(BytesIO(bytes(packet)), "r", format=codec, options={"threads": "1"})
    except av.error.FFmpegError:
        return None
    if not container.streams.video or not container.streams.video[0].codec_context.width:
        container.close()
        return None
    return container
