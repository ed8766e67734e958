"""Reads a finished file again: is every packet where a player's library looks for it, and the source's to the bit?

Not for: writing.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, cycle
from pathlib import Path
from typing import Any, TypeAlias

import av
from av.error import FFmpegError

from agent.media.hashing import InStep, Unexpected
from agent.media.payload import KEPT, PIECE

_HEADERS_DO = {"probesize": "4096", "analyzeduration": "0", "fpsprobesize": "0"}
"""An MP4 that was just made says everything in its tables: nothing has to be decoded to know it."""

Places: TypeAlias = "Sequence[tuple[int, array[int]]]"
"""Runs of one track's packets: where the first is in the file, and the bytes of each."""


@dataclass(frozen=True, slots=True)
class Found:
    """One track as libavformat sees it: packets, their bytes, SHA-256 over the payloads, first time in ms."""

    kind: str
    packets: int
    bytes: int
    sha256: str
    start_ms: int | None


def indexed(path: Path, expected: Sequence[tuple[str, Places]]) -> None:
    """Hold libavformat's index of a finished MP4, track by track, against where the packets were put.

    No payload is read. Raises Unexpected when it finds another packet or misses one, when an edit list would hide one,
    or when the pictures don't start at zero.
    """
    try:
        with av.open(str(path), "r", format="mp4", container_options=_HEADERS_DO) as opened:
            if [stream.type for stream in opened.streams] != [kind for kind, _ in expected]:
                raise Unexpected("it has other tracks")
            if _start_ms(opened.streams[0]) != 0:
                raise Unexpected("it does not start with its first frame")
            for stream, (_, places) in zip(opened.streams, expected, strict=True):
                _check_index(stream.index_entries, places)
    except (FFmpegError, ValueError) as error:
        raise Unexpected(f"it cannot be read again ({type(error).__name__})") from None


def _check_index(entries: Any, places: Places) -> None:
    positions, sizes, hidden = array("q"), array("I"), False
    for entry in entries:
        positions.append(entry.pos)
        sizes.append(entry.size)
        hidden = hidden or entry.is_discard
    put, long = array("q"), array("I")
    for start, run in places:
        put.extend(list(accumulate(run[:-1], initial=start)))
        long.extend(run)
    if positions != put or sizes != long or hidden:
        raise Unexpected("a player would not find every frame in it")


def compared(path: Path, start: int, source: Iterable[tuple[bool, memoryview]], read: Callable[[int], None]) -> str:
    """Compare the file from ``start`` with the source's packets, read again, in the order they were put; to the bit.

    Returns the file's SHA-256, of the same reading. Raises Unexpected on any difference.
    """
    buffers = cycle([bytearray(PIECE) for _ in range(KEPT + 1)])
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with InStep(1) as digest:
            digest.take(0, memoryview(os.pread(descriptor, start, 0)))
            position = start
            for _, wanted in source:
                buffer = next(buffers)
                if len(buffer) < len(wanted):
                    buffer = bytearray(len(wanted))
                content = memoryview(buffer)[: len(wanted)]
                if os.preadv(descriptor, [content], position) != len(wanted):
                    raise Unexpected("it ends before its last packet")
                # A bytearray is compared by memcmp, a view byte by byte.
                if (buffer if len(buffer) == len(wanted) else buffer[: len(wanted)]) != wanted:
                    raise Unexpected("it does not hold the packets that were copied")
                digest.take(0, content)
                position += len(wanted)
                read(len(wanted))
            if os.fstat(descriptor).st_size != position:
                raise Unexpected("it is longer than what was copied")
            return digest.digests()[0]
    finally:
        os.close(descriptor)


def tracks(path: Path, container: str, read: Callable[[int], None]) -> list[Found]:
    """The tracks of a file as libavformat reads them, packet by packet; ``read`` is told of bytes as they are read.

    Raises Unexpected when it cannot be opened.
    """
    try:
        with av.open(str(path), "r", format=container) as opened:
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
