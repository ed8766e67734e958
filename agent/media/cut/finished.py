"""Reads a finished Matroska file again through libavformat: the hash over each track's packets, as a player finds them.

Not for: writing, or MP4, which is compared with its source (``copy_mp4``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from agent.media.cut.hashing import Unexpected


@dataclass(frozen=True, slots=True)
class Found:
    """One track as libavformat sees it: packets, their bytes, SHA-256 over the payloads, first time in ms."""

    kind: str
    packets: int
    bytes: int
    sha256: str
    start_ms: int | None


def tracks(path: Path, read: Callable[[int], None]) -> list[Found]:
    """The tracks of a file as libavformat reads them, packet by packet; ``read`` is told of bytes as they are read.

    Raises Unexpected when it cannot be opened.
    """
    try:
        with av.open(str(path), "r", format="matroska") as opened:
            return _demuxed(opened, read)
    except (FFmpegError, ValueError) as error:
        raise Unexpected(f"it cannot be read again ({type(error).__name__})") from None


def _start_ms(stream: Any) -> int | None:
    return None if stream.start_time is None else round(stream.start_time * stream.time_base * 1000)


def _demuxed(opened: Any, read: Callable[[int], None]) -> list[Found]:
    digests = [hashlib.sha256() for _ in opened.streams]
    counts, sizes = [0] * len(digests), [0] * len(digests)
    for packet in opened.demux():
        if packet.size:
            digests[packet.stream_index].update(packet)
            counts[packet.stream_index] += 1
            sizes[packet.stream_index] += packet.size
            read(packet.size)
    return [
        Found(stream.type, count, size, digest.hexdigest(), _start_ms(stream))
        for stream, count, size, digest in zip(opened.streams, counts, sizes, digests, strict=True)
    ]
