"""Uploads on the disk: bytes received into a file a block at a time, hashed on the way, whole after any crash.

The file's length is the truth about the offset. Not for: what a store is (``portal.uploads.store``).
"""

import asyncio
import contextlib
import hashlib
import os
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from pathlib import Path

from exchange.durable import sync_folder
from portal.uploads.bodies import Checksum, Source, gathered
from portal.uploads.hashes import KnownHashes, RunningHash
from portal.uploads.threads import Threads
from portal.uploads.turns import Turn, Turns

BLOCK = 2 * 1024 * 1024
"""Bytes that are gathered before a thread writes and hashes them."""
PUSH = 64 * 1024 * 1024
"""Written data is pushed to the disk in steps of this, so that the fsync at the end finds little left to do."""
READ = 4 * 1024 * 1024


class UploadFolder:
    """``portal.uploads.store.Store`` in a folder, working in threads."""

    kind = "disk"

    def __init__(self, folder: Path, turns: Turns | None = None) -> None:
        self._folder = folder
        self.turns = turns or Turns()
        self._hashes = KnownHashes()
        self._threads = Threads(8)

    def path(self, upload: str) -> Path | None:
        return self._folder / upload

    async def start(self) -> None:
        """It is there, or the first call says so."""

    async def create(self, upload: str, size: int) -> None:
        await self._threads.run(_create, self._folder / upload)

    async def length(self, upload: str, size: int) -> int:
        return (await self._threads.run(os.stat, self._folder / upload)).st_size

    async def free(self) -> int | None:
        disk = await self._threads.run(os.statvfs, self._folder)
        return disk.f_bavail * disk.f_frsize

    async def is_ready(self, free_bytes: int) -> bool:
        try:
            return (await self.free() or 0) > free_bytes
        except OSError:
            return False

    def watch(self, told: Callable[[str, str, float], None]) -> None:
        """A folder is no network: there is nothing to tell."""

    async def receive(self, upload: str, size: int, source: Source, turn: Turn, checksum: Checksum | None) -> int:
        """See the contract; fsync at the end. OSError when the disk is full: what fitted is kept."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        descriptor = await self._threads.run(os.open, self._folder / upload, flags)
        try:
            receiving = _Receiving(self._threads, descriptor, size, turn)
            await receiving.begin(self._hashes.take(upload))
            try:
                await receiving.pump(source, checksum)
            finally:
                running = await receiving.settle()
                if running is not None:
                    self._hashes.keep(upload, running)
            return receiving.length
        finally:
            await self._threads.run(os.close, descriptor)

    async def sha256(self, upload: str, size: int) -> str:
        running = self._hashes.take(upload)
        await self._threads.run(_catch_up_file, self._folder / upload, running, size)
        return running.hash.hexdigest()

    async def give_up(self, upload: str, size: int) -> int:
        return await self.length(upload, size)

    async def read(self, upload: str, first: int, end: int) -> AsyncGenerator[bytes, None]:
        descriptor = await self._threads.run(os.open, self._folder / upload, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while first < end:
                block = await self._threads.run(os.pread, descriptor, min(READ, end - first), first)
                if not block:
                    raise OSError("the upload's file is shorter than it was")
                first += len(block)
                yield block
        finally:
            os.close(descriptor)

    async def remove(self, uploads: Iterable[str], *, ends_calls: bool = True) -> None:
        for upload in uploads:
            if ends_calls:
                self.turns.end(upload)
            self._hashes.take(upload)
            await self._threads.run(_unlink, self._folder / upload)
        await self._threads.run(sync_folder, self._folder)

    async def names(self, older_seconds: float = 0) -> set[str]:
        return await self._threads.run(_names, self._folder, older_seconds)

    async def close(self) -> None:
        await self._threads.close()


class _Receiving:
    """One body on its way into one file: while a thread writes and hashes a block, the next one is gathered."""

    def __init__(self, threads: Threads, descriptor: int, size: int, turn: Turn) -> None:
        self._threads = threads
        self._descriptor = descriptor
        self._size = size
        self._turn = turn
        self._working: list[asyncio.Future[None]] = []
        self._pushing: asyncio.Future[None] | None = None
        self._pushed = 0
        self.length = 0

    async def begin(self, running: RunningHash) -> None:
        """After a restart, the hash of what is here already is made again."""
        self._turn.busy()
        self.length = self._pushed = await self._threads.run(_file_length, self._descriptor)
        await self._threads.run(_catch_up, self._descriptor, running, self.length)
        self._running = running
        self._turn.made_progress()

    async def pump(self, source: Source, checksum: Checksum | None) -> None:
        """Until the source ends; ProblemError 413 when it has more than was announced, 460 when it doesn't fit."""
        start, before = self.length, self._running.copy()
        try:
            part = await self._gather(source, checksum.begin() if checksum else None)
            if checksum:
                checksum.check(part)
        except BaseException:
            if checksum:  # what can't be checked any more is not kept
                await self._drain()
                await self._threads.run(os.ftruncate, self._descriptor, start)
                self.length, self._running = start, before
            raise

    async def settle(self) -> RunningHash | None:
        """Everything written and on the disk; the hash, unless a write failed half-way."""
        self._turn.busy()
        failed = False
        try:
            await self._drain()
            if self._pushing is not None:
                await self._pushing
        except OSError:
            failed = True
        self.length = await self._threads.run(_file_length, self._descriptor)
        await self._threads.run(os.fsync, self._descriptor)
        return None if failed or self._running.position != self.length else self._running

    async def _gather(self, source: Source, part: "hashlib._Hash | None") -> "hashlib._Hash | None":
        try:
            async with contextlib.aclosing(gathered(source, self._turn, self._size - self.length, BLOCK)) as blocks:
                async for block in blocks:
                    await self._write(block.pieces, block.size, part)
            return part
        finally:
            await self._drain()

    async def _write(self, block: list[bytes], held: int, part: "hashlib._Hash | None") -> None:
        await self._drain()
        self.length += held
        self._working = [  # both let go of the interpreter: on two cores they run at once
            self._threads.run(_write, self._descriptor, block),
            self._threads.run(_hash, block, self._running, part),
        ]
        if self.length - self._pushed >= PUSH and (self._pushing is None or self._pushing.done()):
            self._pushed = self.length
            self._pushing = self._threads.run(os.fdatasync, self._descriptor)

    async def _drain(self) -> None:
        """Wait for the block that is being written and hashed; OSError when that failed."""
        working, self._working = self._working, []
        for result in await asyncio.gather(*working, return_exceptions=True):
            if result is not None:
                raise result


def _write(descriptor: int, block: list[bytes]) -> None:
    for data in block:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]


def _hash(block: list[bytes], running: RunningHash, part: "hashlib._Hash | None") -> None:
    running.update_all(block)
    if part is not None:
        for data in block:
            part.update(data)


def _create(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    sync_folder(path.parent)


def _file_length(descriptor: int) -> int:
    return os.fstat(descriptor).st_size


def _catch_up(descriptor: int, running: RunningHash, length: int) -> None:
    """Read what was written before a restart. Blocks; holds no more than ``READ`` bytes."""
    while running.position < length:
        block = os.pread(descriptor, min(READ, length - running.position), running.position)
        if not block:
            raise OSError("the upload's file is shorter than it was")
        running.update(block)


def _catch_up_file(path: Path, running: RunningHash, size: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _catch_up(descriptor, running, size)
    finally:
        os.close(descriptor)


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)


def _names(folder: Path, older_seconds: float) -> set[str]:
    latest = time.time() - older_seconds
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries if not older_seconds or entry.stat().st_mtime <= latest}
