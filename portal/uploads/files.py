"""Uploads on the disk: bytes received into a file a block at a time, hashed on the way, whole after any crash.

The file's length is the truth about the offset; a row says only who it is for, how long it gets, and its SHA-256 once
it is whole. Not for: tus's headers (``portal.api.tus``).
"""

import asyncio
import base64
import contextlib
import hashlib
import math
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar, TypeVarTuple, Unpack

from exchange.durable import sync_folder
from portal.problems import ProblemError
from portal.wakeups.claims import Claims, LocalClaims

BLOCK = 2 * 1024 * 1024
"""Bytes that are gathered before a thread writes and hashes them."""
PUSH = 64 * 1024 * 1024
"""Written data is pushed to the disk in steps of this, so that the fsync at the end finds little left to do."""
STALL_SECONDS = 60
"""How long a sender may be silent before its call ends."""
IDLE_SECONDS = 2
"""How long a sender must have been silent before another call may take the upload over (a half-dead connection)."""
TAKEOVER_SECONDS = 10
T = TypeVar("T")
Ts = TypeVarTuple("Ts")
HASHES_KEPT = 256
READ = 4 * 1024 * 1024


class Source(Protocol):
    """A body as it comes in (aiohttp's StreamReader)."""

    async def readchunk(self) -> tuple[bytes, bool]:
        """What came, uncopied, and whether it ends an HTTP chunk."""
        ...

    def at_eof(self) -> bool:
        """Whether all of the body was read. What ``readchunk`` gives then differs: an empty body, which all calls
        share, says for ever that a chunk ends."""
        ...


CHECKSUMS: dict[str, Callable[[], "hashlib._Hash"]] = {
    "sha256": hashlib.sha256,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
}
"""Algorithms of tus's checksum extension, which every server has to know sha1 of. Against accidents, not attackers."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the sender says the bytes of one call hash to (tus checksum extension)."""

    algorithm: str
    digest: bytes

    @classmethod
    def parse(cls, header: str) -> "Checksum":
        algorithm, _, digest = header.partition(" ")
        if algorithm not in CHECKSUMS:
            raise ProblemError(400, "This checksum algorithm isn't offered.", f"Use one of: {', '.join(CHECKSUMS)}.")
        try:
            value = base64.b64decode(digest, validate=True)
        except ValueError:
            value = b""
        if len(value) != CHECKSUMS[algorithm]().digest_size:
            raise ProblemError(400, "The checksum can't be read.", f"Send the {algorithm} in base64.")
        return cls(algorithm, value)

    def begin(self) -> "hashlib._Hash":
        return CHECKSUMS[self.algorithm]()


class RunningHash:
    """The SHA-256 of a file's first ``position`` bytes."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.position = 0

    def update(self, block: bytes) -> None:
        self.hash.update(block)
        self.position += len(block)

    def copy(self) -> "RunningHash":
        other = RunningHash()
        other.hash, other.position = self.hash.copy(), self.position
        return other

    def catch_up(self, descriptor: int, length: int) -> None:
        """Read what was written before a restart. Blocks; holds no more than ``READ`` bytes."""
        while self.position < length:
            block = os.pread(descriptor, min(READ, length - self.position), self.position)
            if not block:
                raise OSError("the upload's file is shorter than it was")
            self.update(block)


class Turn:
    """One call's hold on an upload. ``break_off`` ends the call that has it."""

    def __init__(self, break_off: Callable[[], None]) -> None:
        self.break_off = break_off
        self.over = asyncio.Event()
        self.made_progress()

    def made_progress(self) -> None:
        """The sender just sent something."""
        self.last_progress = asyncio.get_running_loop().time()

    def busy(self) -> None:
        """It is the portal that works now: nobody takes over until ``made_progress`` again, or the end."""
        self.last_progress = math.inf


class UploadFolder:
    """The files, and who writes to which. One a process; lives on the event loop, works in threads. Several processes
    share a folder when they share claims."""

    def __init__(self, folder: Path, claims: Claims | None = None) -> None:
        self._folder = folder
        self._claims = claims or LocalClaims()
        self._claims.when_asked(self._asked_for)
        self._turns: dict[str, Turn] = {}
        self._hashes: dict[str, RunningHash] = {}
        self._threads = ThreadPoolExecutor(8, "portal-uploads")

    def path(self, upload: str) -> Path:
        return self._folder / upload

    @contextlib.asynccontextmanager
    async def turn(self, upload: str, break_off: Callable[[], None] = lambda: None) -> AsyncIterator[Turn]:
        """Hold the upload. ProblemError 423 while another call receives; one that fell silent is ended first."""
        if (other := self._turns.get(upload)) is not None:
            await self._take_over(other)
        if upload in self._turns:
            raise _locked()
        turn = self._turns[upload] = Turn(break_off)
        try:
            if not await self._claims.take(upload, break_off):
                self._claims.ask_for(upload)
                raise _locked()
            yield turn
        finally:
            await self._claims.release(upload)
            del self._turns[upload]
            turn.over.set()

    async def create(self, upload: str) -> None:
        await self._run(_create, self.path(upload))

    async def length(self, upload: str) -> int:
        """Bytes that are here. FileNotFoundError when the file is gone."""
        return (await self._run(os.stat, self.path(upload))).st_size

    async def free(self) -> int:
        """Bytes that the disk has left."""
        disk = await self._run(os.statvfs, self._folder)
        return disk.f_bavail * disk.f_frsize

    async def receive(self, upload: str, size: int, source: Source, turn: Turn, checksum: Checksum | None) -> int:
        """Append what ``source`` gives until its end, or ``size`` bytes are here; then fsync. The new length.

        Within a turn. When the source breaks, what came is kept and the error raised; with a ``checksum``, what came is
        kept only if it fits (ProblemError 460). OSError when the disk is full: what fitted is kept.
        """
        descriptor = await self._run(os.open, self.path(upload), os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        try:
            receiving = _Receiving(self, descriptor, size, turn)
            await receiving.begin(self._known(upload))
            try:
                await receiving.pump(source, checksum)
            finally:
                running = await receiving.settle()
                if running is not None:
                    self._keep(upload, running)
            return receiving.length
        finally:
            await self._run(os.close, descriptor)

    async def sha256(self, upload: str, size: int) -> str:
        """Of a whole upload; read again from the disk only if it wasn't hashed on the way."""
        running = self._known(upload)
        await self._run(_catch_up_file, self.path(upload), running, size)
        return running.hash.hexdigest()

    async def remove(self, uploads: Iterable[str]) -> None:
        """Delete files, durably. Those that are gone already don't matter; a call that writes to one ends."""
        for upload in uploads:
            if (turn := self._turns.get(upload)) is not None:
                turn.break_off()
            self._known(upload)
            await self._run(_unlink, self.path(upload))
        await self._run(sync_folder, self._folder)

    async def names(self, older_seconds: float = 0) -> set[str]:
        """The files that were last written at least so long ago."""
        return await self._run(_names, self._folder, older_seconds)

    def close(self) -> None:
        self._threads.shutdown(wait=True)

    async def _take_over(self, other: Turn) -> None:
        if asyncio.get_running_loop().time() - other.last_progress < IDLE_SECONDS:
            raise _locked()
        other.break_off()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(other.over.wait(), TAKEOVER_SECONDS)

    def _asked_for(self, upload: str) -> None:
        """Another replica has the sender now: end a call here whose sender fell silent."""
        turn = self._turns.get(upload)
        if turn is not None and asyncio.get_running_loop().time() - turn.last_progress >= IDLE_SECONDS:
            turn.break_off()

    def _known(self, upload: str) -> RunningHash:
        return self._hashes.pop(upload) if upload in self._hashes else RunningHash()

    def _keep(self, upload: str, running: RunningHash) -> None:
        self._hashes[upload] = running
        while len(self._hashes) > HASHES_KEPT:  # the oldest is computed again when it is needed
            self._hashes.pop(next(iter(self._hashes)))

    async def _run(self, work: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)


class _Receiving:
    """One body on its way into one file: while a thread writes and hashes a block, the next one is gathered."""

    def __init__(self, folder: UploadFolder, descriptor: int, size: int, turn: Turn) -> None:
        self._folder = folder
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
        self.length = self._pushed = await self._folder._run(_file_length, self._descriptor)
        await self._folder._run(running.catch_up, self._descriptor, self.length)
        self._running = running
        self._turn.made_progress()

    async def pump(self, source: Source, checksum: Checksum | None) -> None:
        """Until the source ends; ProblemError 413 when it has more than was announced, 460 when it doesn't fit."""
        start, before = self.length, self._running.copy()
        try:
            part = await self._gather(source, checksum.begin() if checksum else None)
            if checksum and (part is None or part.digest() != checksum.digest):
                raise ProblemError(
                    460, "The bytes don't fit their checksum.", "They were thrown away: send them again."
                )
        except BaseException:
            if checksum:  # what can't be checked any more is not kept
                await self._drain()
                await self._folder._run(os.ftruncate, self._descriptor, start)
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
        self.length = await self._folder._run(_file_length, self._descriptor)
        await self._folder._run(os.fsync, self._descriptor)
        return None if failed or self._running.position != self.length else self._running

    async def _gather(self, source: Source, part: "hashlib._Hash | None") -> "hashlib._Hash | None":
        block: list[bytes] = []
        held = 0
        try:
            while True:
                async with asyncio.timeout(STALL_SECONDS):
                    data, ends_chunk = await source.readchunk()
                if not data and (source.at_eof() or not ends_chunk):
                    return part
                self._turn.made_progress()
                if len(data) > self._size - self.length - held:
                    raise ProblemError(413, "There is more than the upload's length.", "Send Upload-Length bytes.")
                block.append(data)
                held += len(data)
                if held >= BLOCK:
                    ready, count, block, held = block, held, [], 0
                    await self._write(ready, count, part)
        finally:  # what came before a break counts too
            if held:
                await self._write(block, held, part)
            await self._drain()

    async def _write(self, block: list[bytes], held: int, part: "hashlib._Hash | None") -> None:
        await self._drain()
        loop = asyncio.get_running_loop()
        self.length += held
        self._working = [  # both let go of the interpreter: on two cores they run at once
            loop.run_in_executor(self._folder._threads, _write, self._descriptor, block),
            loop.run_in_executor(self._folder._threads, _hash, block, self._running, part),
        ]
        if self.length - self._pushed >= PUSH and (self._pushing is None or self._pushing.done()):
            self._pushed = self.length
            self._pushing = loop.run_in_executor(self._folder._threads, os.fdatasync, self._descriptor)

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
    for data in block:
        running.update(data)
        if part is not None:
            part.update(data)


def _create(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    sync_folder(path.parent)


def _file_length(descriptor: int) -> int:
    return os.fstat(descriptor).st_size


def _catch_up_file(path: Path, running: RunningHash, size: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        running.catch_up(descriptor, size)
    finally:
        os.close(descriptor)


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)


def _names(folder: Path, older_seconds: float) -> set[str]:
    latest = time.time() - older_seconds
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries if not older_seconds or entry.stat().st_mtime <= latest}


def _locked() -> ProblemError:
    return ProblemError(423, "Another call is sending to this upload.", "Wait a moment, ask for the offset, go on.")
