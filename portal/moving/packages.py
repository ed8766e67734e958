"""Moves a portal's packages from its folder into a bucket, back, or into another bucket.

What is whole is copied while the portal runs, read back, and its SHA-256 compared with what the database says; a note
of each that is the same lets it be broken off and taken up again. What is on its way moves last, once the portal
stands. Nothing is taken away where it was, and the settings are its administrator's to change.

Not for: rows (``portal.moving.rows``), or a store itself (``portal.uploads.store``).
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange.counted import counted
from exchange.durable import durable_file
from exchange.errors import AlreadyRunning, SettingsInvalid, StoreDamaged, StoreUnavailable
from portal.moving.alone import alone
from portal.problems import ProblemError
from portal.settings import BucketSettings, PortalFolder, PortalSettings
from portal.storage.database import Database, open_database
from portal.storage.models import StoredUpload
from portal.uploads.opening import open_store
from portal.uploads.store import Store
from portal.wakeups.opening import is_served

AT_ONCE = 4
"""Packages that are on their way at the same time."""
ATTEMPTS = 2
NOTES = "moving-packages"
"""The file with the names of those that are the same on both sides already."""
LOCK = "moving-packages.lock"
_BEGUN = "begun "
_NAME = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Progress:
    """Of the whole packages, how many are the same on both sides, and their bytes."""

    packages: int
    of_packages: int
    bytes: int
    of_bytes: int


@dataclass(frozen=True, slots=True)
class Moved:
    """``on_their_way`` go on from where they were. ``finished``: nothing is missing, and the settings may be
    changed."""

    packages: int
    bytes: int
    on_their_way: int
    finished: bool


Say = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class _Row:
    upload: str
    size: int
    sha256: str | None
    """None while it is not whole."""


def move_packages(folder: PortalFolder, bucket: BucketSettings | None, *, finish: bool, say: Say) -> Moved:
    """Copy them to ``bucket``, or into the folder where that is None. With ``finish`` all that is left too, of a portal
    that stands still. Begun again after whatever broke off, it goes on.

    SettingsInvalid when they are there already, or others' uploads are; AlreadyRunning when it is to be finished and
    the portal runs; StoreUnavailable; StoreDamaged when one is not what was uploaded. Blocks.
    """
    settings = folder.load()
    if settings.bucket == bucket:
        raise SettingsInvalid("The packages are kept there already.", do="There is nothing to be moved.")
    with _once(folder), alone(folder) if finish and settings.database is None else contextlib.nullcontext():
        db = open_database(folder.where(settings), settings.database_password_file, settings.short_name)
        try:
            if finish and is_served(db):
                raise AlreadyRunning("The portal runs.", do="Stop every replica of it, and finish then.")
            notes = _Notes(folder.path / NOTES, _name_of(bucket))
            return asyncio.run(_move(db, (folder, settings), bucket, notes, finish, say))
        except ProblemError as error:  # of a bucket that is full
            raise StoreUnavailable(error.title, do="Make room there, and type it again: it goes on.") from None
        except OSError as error:
            do = "See to the disk, and type it again: it goes on."
            raise StoreUnavailable(f"A package can't be read or written ({error.strerror}).", do=do) from None
        finally:
            db.close()


@contextlib.contextmanager
def _once(folder: PortalFolder) -> Iterator[None]:
    """Two that wrote the same package would spoil it for each other."""
    with (folder.path / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning("Packages of this portal are being moved already.", do="Let that end.") from None
        yield


def _name_of(bucket: BucketSettings | None) -> str:
    return "the folder" if bucket is None else f"{bucket.endpoint} {bucket.name} {bucket.prefix}"


async def _move(
    db: Database, of: tuple[PortalFolder, PortalSettings], bucket: BucketSettings | None, notes: "_Notes",
    finish: bool, say: Say,
) -> Moved:  # fmt: skip
    folder, settings = of
    wanted = settings.model_copy(update={"bucket": bucket})
    async with open_store(folder, settings) as source, open_store(folder, wanted) as target:
        rows = await db.read(_rows)
        there, known = await target.names(), {row.upload for row in rows}
        went = (notes.names | notes.begun | await db.read(_gone)) - known
        _check_ours(there - known - went)
        await _check_room(target, rows, there, settings.limits.free_bytes)
        if there & went:
            await target.remove(there & went)
        moving = _Moving(db, source, target, notes, say)
        moved = await moving.whole([row for row in rows if row.sha256 is not None])
        unfinished = [row for row in rows if row.sha256 is None]
        if not finish:
            return replace(moved, on_their_way=len(unfinished))
        moved = await moving.unfinished(unfinished, moved)
        if await db.read(_rows) != rows or is_served(db):
            raise AlreadyRunning("The portal was started meanwhile.", do="Stop every replica of it, and finish again.")
    await asyncio.to_thread(notes.remove)
    return replace(moved, finished=True)


def _rows(session: Session) -> list[_Row]:
    found = select(StoredUpload.upload_id, StoredUpload.size, StoredUpload.sha256).where(~StoredUpload.gone)
    return [_Row(*row) for row in session.execute(found.order_by(StoredUpload.upload_id))]


def _gone(session: Session) -> set[str]:
    return set(session.scalars(select(StoredUpload.upload_id).where(StoredUpload.gone)))


def _is_left(session: Session, upload: str) -> bool:
    row = session.get(StoredUpload, upload)
    return row is not None and not row.gone


def _check_ours(strangers: set[str]) -> None:
    if strangers:
        raise SettingsInvalid(
            f"Where the packages are to go {counted(len(strangers), 'upload lies', 'uploads lie')} that "
            "this portal knows nothing of.",
            meaning="Another portal, or another force, may keep its own there: this one would delete them.",
            do="Choose another prefix or bucket, or an empty folder.",
        )


async def _check_room(target: Store, rows: list[_Row], there: set[str], free_bytes: int) -> None:
    """A disk keeps what the portal never touches. StoreUnavailable."""
    free = await target.free()
    missing = sum(row.size for row in rows if row.upload not in there)
    if free is not None and free - missing < free_bytes:
        raise StoreUnavailable(
            f"{missing / 1e9:.1f} GB are to come, and the disk has {free / 1e9:.1f} GB.",
            meaning=f"{free_bytes / 1e9:.1f} GB of it stay free (limits.free_bytes). Nothing was copied.",
            do="Make room there, and type it again.",
        )


class _Moving:
    """From one store to another."""

    def __init__(self, db: Database, source: Store, target: Store, notes: "_Notes", say: Say) -> None:
        self._db = db
        self._source = source
        self._target = target
        self._notes = notes
        self._say = say

    async def whole(self, rows: list[_Row]) -> Moved:
        """Those that are the same on both sides afterwards."""
        there = await self._target.names()
        same = self._notes.names & there
        done = [row for row in rows if row.upload in same]
        self._so_far = Progress(len(done), len(rows), sum(row.size for row in done), sum(row.size for row in rows))
        self._say(self._so_far)
        left = iter([row for row in rows if row.upload not in same])
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._some(left))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return Moved(self._so_far.packages, self._so_far.bytes, 0, finished=False)

    async def unfinished(self, rows: Iterable[_Row], moved: Moved) -> Moved:
        """Each from where the other side has it."""
        for row in rows:
            try:
                await self._bring(row, await self._source.give_up(row.upload, row.size))
            except FileNotFoundError:  # its sender is told to begin anew, here as there
                continue
            moved = replace(moved, on_their_way=moved.on_their_way + 1)
        return moved

    async def _some(self, rows: Iterator[_Row]) -> None:
        for row in rows:
            if await self._one(row):
                await asyncio.to_thread(self._notes.add, row.upload)
                so_far = self._so_far
                self._so_far = replace(so_far, packages=so_far.packages + 1, bytes=so_far.bytes + row.size)
                self._say(self._so_far)

    async def _one(self, row: _Row) -> bool:
        """False when it went meanwhile."""
        for _ in range(ATTEMPTS):
            try:
                if (await self._bring(row, row.size) or await _hash(self._source, row)) != row.sha256:
                    raise _damaged(row, "where it was")
            except FileNotFoundError:
                if await self._db.read(lambda session: _is_left(session, row.upload)):
                    raise _damaged(row, "where it was") from None
                return False
            await self._target.sha256(row.upload, row.size)  # parts that are all there are put together
            if await _hash(self._target, row) == row.sha256:
                return True
            await self._target.remove([row.upload])
        raise _damaged(row, "where it went")

    async def _bring(self, row: _Row, length: int) -> str | None:
        """The first ``length`` bytes, going on from what is there of them; the SHA-256 of what was read, if that was
        all of it. FileNotFoundError when it is gone."""
        await asyncio.to_thread(self._notes.begin, row.upload)
        at = await self._begun(row)
        if at > length:
            await self._target.remove([row.upload])
            at = await self._begun(row)
        if at < length:
            begun = at
            async with (
                contextlib.aclosing(self._source.read(row.upload, at, length)) as blocks,
                self._target.turns.hold(row.upload) as turn,
            ):
                read = _Blocks(blocks)
                at = await self._target.receive(row.upload, row.size, read, turn, None)
            if begun == 0 and at == length:
                return read.digest.hexdigest()
        if at != length:
            raise _damaged(row, "where it went")
        return None

    async def _begun(self, row: _Row) -> int:
        try:
            return await self._target.length(row.upload, row.size)
        except FileNotFoundError:
            await self._target.create(row.upload, row.size)
            return await self._target.length(row.upload, row.size)


class _Blocks:
    """``portal.uploads.bodies.Source`` of what another store has."""

    def __init__(self, blocks: AsyncGenerator[bytes, None]) -> None:
        self._blocks = blocks
        self.digest = hashlib.sha256()

    async def readchunk(self) -> tuple[bytes, bool]:
        block = await anext(self._blocks, b"")
        await asyncio.to_thread(self.digest.update, block)
        return block, False

    def at_eof(self) -> bool:
        """Never asked before a read gave nothing."""
        return True


class _Notes:
    """Names of packages that are the same on both sides, and of those that were begun, a line each, below where they
    went. What was begun is this portal's, also when no row knows of it any more."""

    def __init__(self, path: Path, where: str) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        if lines[:1] != [where]:
            lines = []
            with durable_file(path) as file:
                file.write(f"{where}\n".encode())
        self.names = {line for line in lines if _NAME.fullmatch(line)}
        self.begun = {line.removeprefix(_BEGUN) for line in lines if line.startswith(_BEGUN)}

    def add(self, name: str) -> None:
        """One that a crash loses is compared again."""
        self._write(name)
        self.names.add(name)

    def begin(self, name: str) -> None:
        """Before anything of it lies there."""
        if name not in self.begun:
            self._write(f"{_BEGUN}{name}")
            self.begun.add(name)

    def _write(self, line: str) -> None:
        with self._path.open("a") as file:
            file.write(f"{line}\n")
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        self._path.unlink()


async def _hash(store: Store, row: _Row) -> str:
    """As it lies there now. FileNotFoundError."""
    digest = hashlib.sha256()
    async with contextlib.aclosing(store.read(row.upload, 0, row.size)) as blocks:
        async for block in blocks:
            await asyncio.to_thread(digest.update, block)
    return digest.hexdigest()


def _damaged(row: _Row, where: str) -> StoreDamaged:
    return StoreDamaged(
        f"The package {row.upload} is not what was uploaded, {where}.",
        meaning="Nothing was taken away, and the portal keeps its packages where they were.",
        do="Type it again; if it says the same, look for damage in what keeps them, and restore it from a backup.",
    )
