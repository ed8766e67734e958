"""Reads a finished file again: the hashes over its tracks' packets as a player's library finds them, and its own.

Not for: writing. What it finds is compared with what was copied.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

PIECE = 1024 * 1024
_HEADERS_DO = {"probesize": "4096", "analyzeduration": "0", "fpsprobesize": "0"}
"""An MP4 that was just made says everything in its tables: nothing has to be decoded to know it."""


@dataclass(frozen=True, slots=True)
class Found:
    """One track as libavformat sees it: packets, their bytes, SHA-256 over the payloads, first time in ms."""

    kind: str
    packets: int
    bytes: int
    sha256: str
    start_ms: int | None


class Unexpected(Exception):
    """The finished file isn't what it should be; the text says how."""


def sha256(path: Path, size: int | None = None) -> str:
    """Over the file's first ``size`` bytes, or all of it. Unexpected when it is shorter."""
    digest, position = hashlib.sha256(), 0
    buffer = memoryview(bytearray(PIECE))
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        limit = os.fstat(descriptor).st_size if size is None else size
        while position < limit:
            count = os.preadv(descriptor, [buffer[: min(PIECE, limit - position)]], position)
            if count == 0:
                raise Unexpected(f"{path.name} became shorter while it was read")
            digest.update(buffer[:count])
            position += count
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def tracks(path: Path, container: str, read: Callable[[int], None]) -> list[Found]:
    """The tracks of a file that was just made, in their order; ``read`` is told of bytes as they are read.

    Raises Unexpected when it cannot be opened, or an edit list would hide a packet.
    """
    try:
        with av.open(
            str(path), "r", format=container, container_options=_HEADERS_DO if container == "mp4" else {}
        ) as opened:
            if container == "mp4":
                places = [_places(stream) for stream in opened.streams]
                kinds = [(stream.type, _start_ms(stream)) for stream in opened.streams]
                return _hashed(path, places, kinds, read)
            return _demuxed(opened, read)
    except (FFmpegError, ValueError) as error:
        raise Unexpected(f"it cannot be read again ({type(error).__name__})") from None


def _start_ms(stream: Any) -> int | None:
    return None if stream.start_time is None else round(stream.start_time * stream.time_base * 1000)


def _places(stream: Any) -> list[tuple[int, int]]:
    """(position, bytes) of every packet, from libavformat's own index: no payload is read for it."""
    found = []
    for entry in stream.index_entries:
        if entry.is_discard:
            raise Unexpected("a frame of it would be hidden")
        found.append((entry.pos, entry.size))
    return found


def _hashed(
    path: Path,
    places: list[list[tuple[int, int]]],
    kinds: Sequence[tuple[str, int | None]],
    read: Callable[[int], None],
) -> list[Found]:
    digests = [hashlib.sha256() for _ in places]
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    buffer = memoryview(bytearray(PIECE))
    try:
        for position, length, track in _runs(places):
            while length:
                count = os.preadv(descriptor, [buffer[: min(PIECE, length)]], position)
                if count == 0:
                    raise Unexpected("it ends before its last packet")
                digests[track].update(buffer[:count])
                position, length = position + count, length - count
                read(count)
    finally:
        os.close(descriptor)
    return [
        Found(kind, len(mine), sum(size for _, size in mine), digest.hexdigest(), start)
        for (kind, start), mine, digest in zip(kinds, places, digests, strict=True)
    ]


def _runs(places: list[list[tuple[int, int]]]) -> list[tuple[int, int, int]]:
    """(position, bytes, track): neighbours of one track as one, in the order of the file, which is each track's too."""
    runs: list[tuple[int, int, int]] = []
    for track, mine in enumerate(places):
        start = end = -1
        for position, size in mine:
            if position < end:
                raise Unexpected("its packets are out of order")
            if position != end:
                if end > start:
                    runs.append((start, end - start, track))
                start = position
            end = position + size
        if end > start:
            runs.append((start, end - start, track))
    return sorted(runs)


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
