"""Writes an MP4 master from an approved stretch, and proves it: the file is read again and compared with the source.

Not for: Matroska (``matroska_out``), or deciding which of the two (``cut``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from isal.isal_zlib import crc32 as crc32_of

from agent.media.containers import mp4
from agent.media.cut import approved
from agent.media.cut.approved import Approved
from agent.media.cut.hashing import InStep, Unexpected
from agent.media.cut.payload import PIECE, payloads
from exchange.durable import DurableFile


@dataclass(frozen=True, slots=True)
class Written:
    """What was put before the packets; SHA-256 and CRC of the whole, and over each track's packets, pictures first."""

    head: bytes
    sha256: str
    crc32: int
    hashes: list[str]


def write(path: Path, what: Approved, copied: Callable[[int], None]) -> Written:
    """Copy the packets behind a header made for them. ``copied`` is told of bytes. Raises NotFootage, OSError."""
    tracks = [approved.video_out(what)] + ([approved.sound_out(what)] if what.audio else [])
    head = mp4.head(
        tracks, [(part.sound, part.count, part.length) for packet_runs in what.packet_runs for part in packet_runs]
    )
    with open(path, "wb", buffering=0) as stream, InStep(len(tracks)) as hashes, InStep(1) as whole:
        file = DurableFile(stream, path)
        file.reserve(len(head) + what.payload_bytes)
        whole.take(0, memoryview(head))
        crc32 = crc32_of(head)
        file.write(head)
        for sound, content in _source(what):
            hashes.take(sound, content)
            whole.take(0, content)
            crc32 = crc32_of(content, crc32)
            file.write(content)
            copied(len(content))
        return Written(head, whole.digests()[0], crc32, hashes.digests())


def _source(what: Approved) -> Iterator[tuple[bool, memoryview]]:
    for placed, packet_runs in zip(what.group, what.packet_runs, strict=True):
        yield from payloads(placed.segment, packet_runs)


def prove(path: Path, what: Approved, written: Written, read: Callable[[int], None]) -> None:
    """Read the file again, and the source too, and compare them to the bit.

    The header has to be what was made, and behind it packet follows packet as in the source: so the hashes taken while
    the source's packets were written are the file's. Raises Unexpected on any difference, NotFootage.
    """
    buffer = bytearray(PIECE)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        position = len(written.head)
        if os.pread(descriptor, position, 0) != written.head:
            raise Unexpected("its header is not what was made")
        for _, wanted in _source(what):
            if len(wanted) > len(buffer):
                buffer = bytearray(len(wanted))
            count = os.preadv(descriptor, [memoryview(buffer)[: len(wanted)]], position)
            # A bytearray is compared by memcmp, a view byte by byte.
            if count != len(wanted) or buffer[: len(wanted)] != wanted:
                raise Unexpected("it does not hold the packets that were copied")
            position += len(wanted)
            read(len(wanted))
        if os.fstat(descriptor).st_size != position:
            raise Unexpected("it is longer than what was copied")
    finally:
        os.close(descriptor)
