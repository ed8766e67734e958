"""Writes an MP4 master from an approved stretch, and proves it: it is read again and compared with the source.

Proving goes on right behind writing, while what it reads lies in memory: the slow disk of a small machine is read once,
and two processors are used. Not for: Matroska (``matroska_out``), or deciding which of the two (``cut``).
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from isal.isal_zlib import crc32 as crc32_of

from agent.media.containers import mp4
from agent.media.cut import approved
from agent.media.cut.approved import Approved
from agent.media.cut.hashing import Copied, InStep, Unexpected, sha256
from agent.media.cut.payload import PIECE, in_one_reading, payloads
from exchange.durable import DurableFile


def copy(path: Path, what: Approved, done: Callable[[int], None], written: Callable[[], None]) -> Copied:
    """Copy the packets behind a header made for them, and compare all of it with the source, to the bit.

    The header has to be what was made, and behind it packet follows packet as in the source: so the hashes taken while
    the source's packets were written are the file's, and each source's is of the very bytes that were compared.
    ``done`` is told of bytes, by two threads: of each once when it is copied, once when it is compared. ``written`` is
    called when nothing more will be. Raises Unexpected on any difference, NotFootage, OSError.
    """
    tracks = [approved.video_out(what)] + ([approved.sound_out(what)] if what.audio else [])
    head = mp4.head(
        tracks, [(part.sound, part.count, part.length) for packet_runs in what.packet_runs for part in packet_runs]
    )
    with open(path, "wb", buffering=0) as stream, ThreadPoolExecutor(1) as beside:
        with _Reached() as reached:
            proof = beside.submit(_prove, path, what, head, reached, done)
            digests, crc32 = _write(DurableFile(stream, path), what, head, reached, done)
        written()
        sources = proof.result()
    if path.stat().st_size != len(head) + what.payload_bytes:
        raise Unexpected("it is longer than what was copied")
    return Copied(digests.pop(), crc32, digests, sources)


class _Reached:
    """How far a file is written. Who waits for more than there will be is told so when the ``with`` block ends."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._position = 0
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    def add(self, count: int) -> None:
        with self._changed:
            self._position += count
            self._changed.notify()

    def wait(self, position: int) -> None:
        """Until this many bytes are written; Unexpected when they never will be."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._position >= position)
            if self._position < position:
                raise Unexpected("it is shorter than what was to be copied")


def _write(
    file: DurableFile, what: Approved, head: bytes, reached: _Reached, copied: Callable[[int], None]
) -> tuple[list[str], int]:
    """The SHA-256 over each track's packets and, last, over the whole; and the CRC of that."""
    tracks = 2 if what.audio else 1
    with InStep(tracks + 1) as hashes:
        file.reserve(len(head) + what.payload_bytes)
        hashes.take(memoryview(head), tracks)
        crc32 = crc32_of(head)
        file.write(head)
        reached.add(len(head))
        for sound, content in _source(what):
            hashes.take(content, sound, tracks)
            crc32 = crc32_of(content, crc32)
            file.write(content)
            reached.add(len(content))
            copied(len(content))
        return hashes.digests(), crc32


def _source(what: Approved) -> Iterator[tuple[bool, memoryview]]:
    for placed, packet_runs in zip(what.group, what.packet_runs, strict=True):
        yield from payloads(placed.segment, packet_runs)


def _prove(path: Path, what: Approved, head: bytes, reached: _Reached, read: Callable[[int], None]) -> list[str]:
    """The SHA-256 of each source in its order."""
    with open(path, "rb", buffering=0) as master:
        reached.wait(len(head))
        if os.pread(master.fileno(), len(head), 0) != head:
            raise Unexpected("its header is not what was made")
        compared = _Compared(master.fileno(), len(head), reached)
        digests = []
        for placed, chosen, source in zip(what.group, what.packet_runs, what.stretch.sources, strict=True):
            reading = in_one_reading(placed.segment, chosen, source.size)
            digest = hashlib.sha256()
            for wanted, content in payloads(placed.segment, chosen) if reading is None else reading:
                if reading is not None:
                    digest.update(content)
                if wanted or reading is None:
                    compared.with_master(content)
                    read(len(content))
            digests.append(sha256(placed.segment.path, source.size) if reading is None else digest.hexdigest())
        return digests


class _Compared:
    """The master from ``position`` on, beside what comes."""

    def __init__(self, descriptor: int, position: int, reached: _Reached) -> None:
        self._descriptor = descriptor
        self._position = position
        self._reached = reached
        self._buffer = bytearray(PIECE)

    def with_master(self, wanted: memoryview) -> None:
        """Unexpected when these bytes aren't the next ones."""
        self._reached.wait(self._position + len(wanted))
        if len(wanted) > len(self._buffer):
            self._buffer = bytearray(len(wanted))
        count = os.preadv(self._descriptor, [memoryview(self._buffer)[: len(wanted)]], self._position)
        # A bytearray is compared by memcmp, a view byte by byte.
        found = self._buffer if len(wanted) == len(self._buffer) else self._buffer[: len(wanted)]
        if count != len(wanted) or found != wanted:
            raise Unexpected("it does not hold the packets that were copied")
        self._position += count
