"""The stream hash of each track of a master, as FFmpeg's ``streamhash`` muxer makes it, read with PyAV.

Not for: hostile files (whoever reads those does it in a worker with limits), or copying.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from exchange.errors import VerificationFailed

_FORMATS: dict[str, tuple[str, dict[str, str]]] = {
    ".mp4": ("mov", {"ignore_editlist": "1"}),
    ".mkv": ("matroska", {}),
}


@dataclass(frozen=True, slots=True)
class StreamHash:
    """One track: its kind (``video``, ``audio``, ``data``), its packets, and the SHA-256 (hex) over their bytes."""

    kind: str
    packets: int
    sha256: str


def hash_streams(path: Path) -> list[StreamHash]:
    """Every packet in the file, whatever an edit list would hide, a track each in the file's order.

    ImportError without PyAV; VerificationFailed when the file is no video that can be read.
    """
    import av  # loads all of FFmpeg: only for those who ask for it

    known = _FORMATS.get(path.suffix)
    if known is None:
        raise VerificationFailed(f"{path.name} is not of a kind that holds a recording.")
    form, options = known
    try:
        # The format is said, not probed: a playlist in a video's clothes could make FFmpeg fetch something.
        safe = {"protocol_whitelist": "file", **options}
        # What a file says of itself may be any bytes: it is not read here, and must not end the reading.
        with av.open(str(path), format=form, options=safe, metadata_errors="replace") as container:
            digests = {stream.index: hashlib.sha256() for stream in container.streams}
            counts = dict.fromkeys(digests, 0)
            for packet in container.demux():
                if packet.size:
                    digests[packet.stream.index].update(packet)
                    counts[packet.stream.index] += 1
            return [
                StreamHash(str(stream.type), counts[stream.index], digests[stream.index].hexdigest())
                for stream in container.streams
            ]
    except av.FFmpegError as error:
        raise VerificationFailed(
            f"{path.name} can't be read as a video: {error.strerror}.",
            meaning="Its bytes may still be the ones that were signed.",
            do="Try it with another player.",
        ) from None
