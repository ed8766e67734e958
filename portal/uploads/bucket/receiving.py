"""One body on its way into a bucket: full parts go off while the next one is gathered, and what remains of the last one
is kept beside them, before anything of it is acknowledged.

Not for: finding out how far an upload is (``portal.uploads.bucket.layout``).
"""

import asyncio
import contextlib
import hashlib

from exchange.errors import StoreUnavailable
from portal.uploads.bodies import Block, Source, gathered
from portal.uploads.bucket.http import Gone
from portal.uploads.bucket.layout import Progress, Rest, rest_name
from portal.uploads.bucket.objects import Objects
from portal.uploads.hashes import RunningHash
from portal.uploads.threads import Threads
from portal.uploads.turns import Turn

BLOCK = 1024 * 1024
"""Bytes that are gathered before a thread hashes them."""
AHEAD = 2
"""Parts of one upload that are on their way at once."""


class Receiving:
    """``progress`` is brought up to date with what is acknowledged. ``running`` is the hash of what is there, or None
    where it isn't known. ``room`` bounds the parts that all uploads of this process have in memory."""

    def __init__(
        self,
        objects: Objects,
        progress: Progress,
        running: RunningHash | None,
        turn: Turn,
        room: asyncio.Semaphore,
        threads: Threads,
    ) -> None:
        self._objects = objects
        self._progress = progress
        self.running = running
        self._turn = turn
        self._room = room
        self._threads = threads
        self._hashing: asyncio.Future[None] | None = None
        self._sending: dict[int, asyncio.Task[str]] = {}
        self._next = progress.next
        self._received = progress.offset
        self._pieces: list[bytes] = []
        self._held = 0
        self._kept = 0

    async def begin(self) -> None:
        """The rest that lies there is the beginning of the next part."""
        if (rest := self._progress.rest) is not None:
            self._pieces = [await self._objects.get(rest.name, rest.length)]
            self._held = self._kept = rest.length

    async def pump(self, source: Source) -> None:
        """Until the source ends. Errors of the source, or of the bucket."""
        progress = self._progress
        async with contextlib.aclosing(gathered(source, self._turn, progress.size - self._received, BLOCK)) as blocks:
            async for block in blocks:
                await self._take(block)
                while self._held >= progress.part:
                    await self._send(progress.part)

    async def settle(self) -> None:
        """What came is there for good, or the bucket's error is raised and what it took counts. FileNotFoundError when
        the upload was removed meanwhile."""
        self._turn.busy()
        await self._hashed()
        progress, is_last = self._progress, self._received == self._progress.size
        try:
            if is_last and self._held:
                await self._send(self._held)
        finally:
            failure = await self._finish()
        if isinstance(failure, Gone):
            raise FileNotFoundError(progress.upload)
        if failure is not None:
            raise failure
        kept = progress.rest
        if is_last:
            kept = None
            await complete(self._objects, progress)
        elif self._kept < self._held < progress.part:  # a whole part that could not go off is no rest
            kept = await self._keep_rest()
        await self._tidy(kept)

    async def _take(self, block: Block) -> None:
        await self._hashed()
        if self.running is not None:
            self._hashing = self._threads.run(self.running.update_all, block.pieces)
        self._pieces += block.pieces
        self._held += block.size
        self._received += block.size

    async def _hashed(self) -> None:
        if self._hashing is not None:
            await self._hashing

    async def _send(self, length: int) -> None:
        """The next part, of ``length`` bytes, goes off; waits while too many are on their way."""
        self._turn.busy()
        await self._wait_for_room()
        await self._room.acquire()
        try:
            body, sha256, left = await self._threads.run(_cut, self._pieces, length)
            await self._begin_parts()
        except BaseException:
            self._room.release()
            raise
        self._pieces, self._held, self._kept = ([left] if left else []), len(left), 0
        self._sending[self._next] = asyncio.create_task(self._put(self._next, body, sha256))
        self._next += 1
        self._turn.made_progress()

    async def _wait_for_room(self) -> None:
        waiting = [task for task in self._sending.values() if not task.done()]
        if len(waiting) >= AHEAD:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in self._sending.values():
            if task.done():
                task.result()

    async def _begin_parts(self) -> None:
        progress = self._progress
        if not progress.is_single and progress.multipart is None:
            progress.multipart = await self._objects.begin(progress.upload)

    async def _put(self, number: int, body: bytes, sha256: str) -> str:
        progress = self._progress
        try:
            if progress.is_single:
                await self._objects.put(progress.upload, body, sha256)
                return ""
            assert progress.multipart is not None
            return await self._objects.put_part(progress.upload, progress.multipart, number, body, sha256)
        finally:
            self._room.release()

    async def _finish(self) -> BaseException | None:
        """Wait for what is on its way; those that arrived without a gap count. What failed first."""
        progress = self._progress
        if self._sending:
            await asyncio.wait(self._sending.values())
        ended = [(number, task, task.exception()) for number, task in sorted(self._sending.items())]
        for number, task, failure in ended:
            if failure is not None:
                return failure
            progress.etags[number] = task.result()
        if progress.is_single and progress.etags:
            progress.whole = True
        return None

    async def _keep_rest(self) -> Rest:
        progress = self._progress
        body = b"".join(self._pieces)
        rest = Rest(rest_name(progress.upload, progress.next, len(body)), progress.next, len(body))
        await self._objects.put(rest.name, body, await self._threads.run(_sha256, body))
        progress.rests.append(rest)
        return rest

    async def _tidy(self, kept: Rest | None) -> None:
        """Rests that count no more go. One that stays by a fault does no harm."""
        for rest in [rest for rest in self._progress.rests if rest != kept]:
            with contextlib.suppress(StoreUnavailable):
                await self._objects.delete(rest.name)
                self._progress.rests.remove(rest)


async def complete(objects: Objects, progress: Progress) -> None:
    """Every part is there: make it one object. FileNotFoundError when it was removed meanwhile."""
    if progress.whole:
        return
    if progress.is_single:  # of no bytes at all
        await objects.put(progress.upload, b"")
    elif progress.multipart is not None:
        try:
            await objects.complete(progress.upload, progress.multipart, progress.etags)
        except Gone:  # or it was done, and the answer was lost
            whole = [each for each in await objects.listed(progress.upload) if each.name == progress.upload]
            if not whole or whole[0].size != progress.size:
                raise FileNotFoundError(progress.upload) from None
    progress.whole = True


async def put_together(objects: Objects, progress: Progress) -> None:
    """What came of one that isn't whole becomes an object. FileNotFoundError when it was removed meanwhile."""
    if progress.whole or len(progress.etags) == progress.part_count:
        await complete(objects, progress)
        return
    etags, rest = dict(progress.etags), progress.rest
    try:
        body = await objects.get(rest.name, rest.length) if rest else b""
        if progress.multipart is None or not etags:
            await objects.put(progress.upload, body)
            return
        if body:
            sent = objects.put_part(progress.upload, progress.multipart, progress.next, body, _sha256(body))
            etags[progress.next] = await sent
        await objects.complete(progress.upload, progress.multipart, etags)
        for each in progress.rests:  # should it begin anew, it is not to go on from one of these
            await objects.delete(each.name)
    except Gone:
        raise FileNotFoundError(progress.upload) from None


def _cut(pieces: list[bytes], length: int) -> tuple[bytes, str, bytes]:
    """The first ``length`` bytes, their SHA-256, and what is left."""
    joined = b"".join(pieces)
    body = joined[:length] if len(joined) > length else joined
    return body, _sha256(body), joined[length:]


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
