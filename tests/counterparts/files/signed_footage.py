"""Footage of a camera that signs, ready for tests, and what of its SEI is in a file.

Not for: how a camera signs (``signing_camera``).
"""

from functools import cache
from pathlib import Path
from typing import Literal

import av
from cryptography.hazmat.primitives.asymmetric import ec

from tests.counterparts.files.signing_camera import Maker, SigningCamera, coded, nal_units, wrapped

GOPS, GOP, FPS = 5, 5, 10


@cache
def signed_footage(folder: Path, codec: Literal["h264", "h265"], suffix: str = ".mp4") -> Path:
    """Two and a half seconds of five GOPs, by a camera of its own key and maker."""
    key = ec.generate_private_key(ec.SECP256R1())
    camera = SigningCamera(codec=codec, key=key, chain=Maker.make().chain(key, "0042-AF"))
    return wrapped(folder, camera.signed(coded(folder, codec, gops=GOPS, gop=GOP)), codec, f"signed-{codec}", suffix)


def sei_units(path: Path) -> list[bytes]:
    """Every SEI NAL unit of a file's pictures, as FFmpeg takes them out of it."""
    return [unit for units in sei_by_picture(path) for unit in units]


def sei_by_picture(path: Path) -> list[list[bytes]]:
    """The same, a list a picture."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        hevc = stream.codec_context.name == "hevc"
        pictures = [_annex_b(bytes(packet)) for packet in container.demux(stream) if packet.size]
    return [[unit for unit in nal_units(picture) if _is_sei(unit, hevc)] for picture in pictures]


def _is_sei(unit: bytes, hevc: bool) -> bool:
    return unit[0] >> 1 & 63 in (39, 40) if hevc else unit[0] & 31 == 6


def _annex_b(content: bytes) -> bytes:
    """Lengths of four bytes before NAL units, as every file here has them, made into start codes."""
    if content[:4] == b"\0\0\0\1":
        return content
    made, at = b"", 0
    while at < len(content):
        length = int.from_bytes(content[at : at + 4])
        made += b"\0\0\0\1" + content[at + 4 : at + 4 + length]
        at += 4 + length
    return made
