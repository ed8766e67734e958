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
from agent.media.cut.hashing import InStep, Unexpected, sha256
from agent.media.cut.payload import PIECE, in_one_reading, payloads
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


def prove(path: Path, what: Approved, written: Written, read: Callable[[int], None]) -> list[str]:
    """Read the file again, and the source too, and compare them to the bit; the SHA-256 of each source in its order.

    The header has to be what was made, and behind it packet follows packet as in the source: so the hashes taken while
    the source's packets were written are the file's, and each source's is of the very bytes that were compared.
    Raises Unexpected on any difference, NotFootage.
    """
    sizes = [source.size for source in what.stretch.sources]
    with open(path, "rb", buffering=0) as master, InStep(len(sizes)) as hashes:
        if os.pread(master.fileno(), len(written.head), 0) != written.head:
            raise Unexpected("its header is not what was made")
        compared = _Compared(master.fileno(), len(written.head))
        digests: list[str | None] = []
        for number, (placed, chosen, size) in enumerate(zip(what.group, what.packet_runs, sizes, strict=True)):
            reading = in_one_reading(placed.segment, chosen, size)
            for wanted, content in payloads(placed.segment, chosen) if reading is None else reading:
                if reading is not None:
                    hashes.take(number, content)
                if wanted or reading is None:
                    compared.with_master(content)
                    read(len(content))
            digests.append(sha256(placed.segment.path, size) if reading is None else None)
        if os.fstat(master.fileno()).st_size != compared.position:
            raise Unexpected("it is longer than what was copied")
        return [alone or digest for alone, digest in zip(digests, hashes.digests(), strict=True)]


class _Compared:
    """The master from ``position`` on, beside what comes."""

    def __init__(self, descriptor: int, position: int) -> None:
        self._descriptor = descriptor
        self.position = position
        self._buffer = bytearray(PIECE)

    def with_master(self, wanted: memoryview) -> None:
        """Unexpected when these bytes aren't the next ones."""
        if len(wanted) > len(self._buffer):
            self._buffer = bytearray(len(wanted))
        count = os.preadv(self._descriptor, [memoryview(self._buffer)[: len(wanted)]], self.position)
        # A bytearray is compared by memcmp, a view byte by byte.
        found = self._buffer if len(wanted) == len(self._buffer) else self._buffer[: len(wanted)]
        if count != len(wanted) or found != wanted:
            raise Unexpected("it does not hold the packets that were copied")
        self.position += count
