"""Uploads in an S3-compatible bucket, received by any replica.

Not for: how they lie there (``portal.uploads.bucket.layout``), or one body on its way (``.receiving``).
"""

import asyncio
import contextlib
import hashlib
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from pathlib import Path

from exchange.errors import SettingsInvalid, StoreUnavailable
from portal.problems import ProblemError
from portal.settings import BucketSettings
from portal.uploads.bodies import Block, Checksum, Source, gathered
from portal.uploads.bucket.http import BucketHttp, BucketRefused, Gone
from portal.uploads.bucket.layout import KnownProgress, Progress, look, upload_of
from portal.uploads.bucket.login import Login
from portal.uploads.bucket.objects import Objects
from portal.uploads.bucket.receiving import BLOCK, Receiving, complete, put_together
from portal.uploads.hashes import KnownHashes, RunningHash
from portal.uploads.threads import Threads
from portal.uploads.turns import Turn, Turns

MOST_PARTS_IN_MEMORY = 16
READY_SECONDS = 5
"""For how long what was found out about the bucket holds: anybody may ask."""
READY_WITHIN = 3
"""Seconds for the bucket to answer."""


class UploadBucket:
    """``portal.uploads.store.Store`` in a bucket. ``spool`` is a folder for bytes that must be checked first."""

    kind = "bucket"

    def __init__(self, settings: BucketSettings, spool: Path, turns: Turns | None = None) -> None:
        self.turns = turns or Turns()
        self._login = Login(settings)
        self._http = BucketHttp(self._login)
        self._objects = Objects(self._http, settings.prefix, checksums=settings.checksums)
        self._spool = spool
        self._hashes = KnownHashes()
        self._parts = KnownProgress()
        self._room = asyncio.Semaphore(MOST_PARTS_IN_MEMORY)
        self._threads = Threads(4)
        self._readiness = float("-inf"), False
        self._asking = asyncio.Lock()

    async def start(self) -> None:
        """SettingsInvalid when storage refuses the portal. One that doesn't answer may come back."""
        await self._login.read()
        try:
            await self._objects.answers()
        except BucketRefused as error:
            raise SettingsInvalid(error.what, do=error.do) from None

    async def create(self, upload: str, size: int) -> None:
        if size == 0:
            await self._objects.put(upload, b"")

    async def length(self, upload: str, size: int) -> int:
        return (await look(self._objects, upload, size, self._parts)).offset

    async def receive(self, upload: str, size: int, source: Source, turn: Turn, checksum: Checksum | None) -> int:
        """See the contract. What has a checksum is gathered on this machine's disk first: OSError when that is full."""
        turn.busy()
        progress = await look(self._objects, upload, size, self._parts)
        turn.made_progress()
        if checksum is None:
            return await self._receive(progress, source, turn)
        async with self._checked(source, size - progress.offset, turn, checksum) as checked:
            return await self._receive(progress, checked, turn)

    async def _receive(self, progress: Progress, source: Source, turn: Turn) -> int:
        running = self._hashes.take(progress.upload)
        known = running if running.position == progress.offset else None
        receiving = Receiving(self._objects, progress, known, turn, self._room, self._threads)
        turn.busy()
        try:
            await receiving.begin()
        except Gone:
            raise FileNotFoundError(progress.upload) from None
        turn.made_progress()
        try:
            try:
                await receiving.pump(source)
            finally:
                await receiving.settle()
        except (StoreUnavailable, FileNotFoundError):
            self._parts.forget(progress.upload)  # whatever is not as it was thought is looked for anew
            raise
        if known is not None and known.position == progress.offset:
            self._hashes.keep(progress.upload, known)
        if progress.whole:
            self._parts.forget(progress.upload)
        else:
            self._parts.keep(progress)
        return progress.offset

    async def sha256(self, upload: str, size: int) -> str:
        running = self._hashes.take(upload)
        progress = await look(self._objects, upload, size, self._parts)
        if progress.offset < size:
            raise FileNotFoundError(upload)
        try:
            await complete(self._objects, progress)
        finally:
            self._parts.forget(upload)
        if running.position != size:
            running = RunningHash()
            async with contextlib.aclosing(self.read(upload, 0, size)) as blocks:
                async for block in blocks:
                    await self._threads.run(running.update, block)
        return running.hash.hexdigest()

    async def give_up(self, upload: str, size: int) -> int:
        """One object of all that came: its parts, and the rest as the last of them."""
        self._parts.forget(upload)
        progress = await look(self._objects, upload, size, self._parts)
        self._parts.forget(upload)
        if progress.offset == 0:
            return progress.given_up or 0
        await put_together(self._objects, progress)
        return progress.offset

    def path(self, upload: str) -> Path | None:
        return None

    async def read(self, upload: str, first: int, end: int) -> AsyncGenerator[bytes, None]:
        try:
            async with contextlib.aclosing(self._objects.read(upload, first, end)) as blocks:
                async for block in blocks:
                    yield block
        except Gone:
            raise FileNotFoundError(upload) from None

    async def remove(self, uploads: Iterable[str], *, ends_calls: bool = True) -> None:
        for upload in uploads:
            if ends_calls:
                self.turns.end(upload)
            self._hashes.take(upload)
            self._parts.forget(upload)
            for begun in await self._objects.begun(upload):
                if upload_of(begun.name) == upload:
                    await self._objects.abort(begun.name, begun.multipart)
            for stored in await self._objects.listed(upload):
                if upload_of(stored.name) == upload:
                    await self._objects.delete(stored.name)

    async def names(self, older_seconds: float = 0) -> set[str]:
        latest = time.time() - older_seconds
        newest: dict[str, float] = {}
        for stored in (*await self._objects.listed(), *await self._objects.begun()):
            if (upload := upload_of(stored.name)) is not None:
                newest[upload] = max(newest.get(upload, 0), stored.modified)
        return {upload for upload, modified in newest.items() if not older_seconds or modified <= latest}

    async def free(self) -> int | None:
        return None

    async def is_ready(self, free_bytes: int) -> bool:
        async with self._asking:
            at, ready = self._readiness
            if time.monotonic() - at > READY_SECONDS:
                ready = await self._is_there()
                self._readiness = time.monotonic(), ready
            return ready

    async def _is_there(self) -> bool:
        try:
            async with asyncio.timeout(READY_WITHIN):
                await self._objects.answers()
        except (StoreUnavailable, ProblemError, Gone, TimeoutError):
            return False
        return True

    def watch(self, told: Callable[[str, str, float], None]) -> None:
        self._http.told = told

    async def close(self) -> None:
        await self._http.close()
        await self._threads.close()

    @contextlib.asynccontextmanager
    async def _checked(self, source: Source, room: int, turn: Turn, checksum: Checksum) -> AsyncIterator["_Spooled"]:
        """The body once all of it came and fits its checksum; nothing of it is kept before. ProblemError 460."""
        found = checksum.begin()
        file = tempfile.SpooledTemporaryFile(4 * BLOCK, dir=str(self._spool))  # noqa: SIM115  closed in a thread
        try:
            async with contextlib.aclosing(gathered(source, turn, room, BLOCK)) as blocks:
                async for block in blocks:
                    await self._threads.run(_write, file, block, found)
            checksum.check(found)
            await self._threads.run(file.seek, 0)
            yield _Spooled(self._threads, file)
        finally:
            await self._threads.run(file.close)


class _Spooled:
    """``portal.uploads.bodies.Source`` of what lies on this machine for a moment."""

    def __init__(self, threads: Threads, file: "tempfile.SpooledTemporaryFile[bytes]") -> None:
        self._threads = threads
        self._file = file

    async def readchunk(self) -> tuple[bytes, bool]:
        return await self._threads.run(self._file.read, BLOCK), False

    def at_eof(self) -> bool:
        """Never asked before a read gave nothing."""
        return True


def _write(file: "tempfile.SpooledTemporaryFile[bytes]", block: Block, found: "hashlib._Hash") -> None:
    for piece in block.pieces:
        file.write(piece)
        found.update(piece)
