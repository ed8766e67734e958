"""Hashes bytes in a thread of its own, while the same bytes are read, written or compared in another.

Not for: which bytes (``cut``, ``finished``). SHA-256 runs without the interpreter's lock, so both go on at once.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from isal.isal_zlib import crc32 as crc32_of

from agent.media.cut.payload import KEPT, PIECE


@dataclass(frozen=True, slots=True)
class Copied:
    """What was hashed of a copy: SHA-256 and CRC of the finished file, the SHA-256 over the packets of each of its
    tracks, pictures first, and of each of its sources."""

    sha256: str
    crc32: int
    tracks: list[str]
    sources: list[str]


class Unexpected(Exception):
    """The finished file isn't what it should be; the text says how."""


def sha256(path: Path, size: int | None = None) -> str:
    """Over the file's first ``size`` bytes, or all of it. Unexpected when it is shorter."""
    digest = hashlib.sha256()
    _read(path, size, digest.update)
    return digest.hexdigest()


def sha256_and_crc32(path: Path) -> tuple[str, int]:
    """Over the whole file, in one reading."""
    digest, crc32 = hashlib.sha256(), 0

    def take(content: memoryview) -> None:
        nonlocal crc32
        digest.update(content)
        crc32 = crc32_of(content, crc32)

    _read(path, None, take)
    return digest.hexdigest(), crc32


def _read(path: Path, size: int | None, take: Callable[[memoryview], object]) -> None:
    position = 0
    buffer = memoryview(bytearray(PIECE))
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        limit = os.fstat(descriptor).st_size if size is None else size
        while position < limit:
            count = os.preadv(descriptor, [buffer[: min(PIECE, limit - position)]], position)
            if count == 0:
                raise Unexpected(f"{path.name} became shorter while it was read")
            take(buffer[:count])
            position += count
    finally:
        os.close(descriptor)


class InStep:
    """``count`` digests, fed in the order of ``take``; at most KEPT pieces wait."""

    def __init__(self, count: int) -> None:
        self._digests = [hashlib.sha256() for _ in range(count)]
        self._thread = ThreadPoolExecutor(1)
        self._under_way: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def take(self, content: memoryview, *numbers: int) -> None:
        """Hash these bytes next, in the digests of these numbers; they must stay what they are until KEPT more came."""
        while len(self._under_way) >= KEPT:
            self._under_way.popleft().result()
        self._under_way.append(self._thread.submit(self._update, content, numbers))

    def _update(self, content: memoryview, numbers: tuple[int, ...]) -> None:
        for number in numbers:
            self._digests[number].update(content)

    def digests(self) -> list[str]:
        """Of all that was taken, in hexadecimal."""
        while self._under_way:
            self._under_way.popleft().result()
        return [digest.hexdigest() for digest in self._digests]
