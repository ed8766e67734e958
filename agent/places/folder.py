"""A folder of a mounted file system as a place: a stick, a disk, a network share.

Written under another name, synced, read again from the disk itself, and only then renamed: what has its name is whole.
Not for: finding a medium (``agent.deliveries.media``).
"""

import asyncio
import os
from collections.abc import Callable
from io import FileIO
from pathlib import Path

from agent.places.blocks import BLOCK, blocks, in_thread
from agent.places.bringing import bring, nothing_there
from agent.places.disk import (
    Mounted,
    another,
    disk_errors,
    error_of,
    file_system_of,
    full,
    gone,
    mounted_at,
    read_from_disk,
    sync_names,
)
from agent.places.naming import checked_name, unfinished
from agent.places.pace import GoOn
from agent.places.place import Progress, Stored
from exchange.errors import PlaceRefused

_PUSH = 32 << 20
"""Bytes after which written data is pushed to the disk, so that what is shown as written is nearly that."""


class FolderPlace:
    """``mount`` is the mount point that the folder must be on, so that nothing goes to the bare folder below a medium
    that isn't there; ``file_system`` is what must be mounted there (``disk.file_system_of``), so that nothing goes to
    another medium at the same place. None where there is none to be held to. ``go_on`` is asked before each block.
    """

    def __init__(
        self,
        folder: Path,
        *,
        mount: Path | None = None,
        file_system: str | None = None,
        title: str | None = None,
        go_on: GoOn = lambda: None,
    ) -> None:
        self._folder = folder
        self._mount = mount
        self._file_system = file_system
        self._title = title or f"the folder {folder}"
        self._go_on = go_on

    @property
    def title(self) -> str:
        return self._title

    async def put(self, source: Path, name: str, sha256: str, show: Progress) -> None:
        """See ``agent.places.place``. The bytes are read again from the disk before the name is given."""
        checked_name(name)
        loop = asyncio.get_running_loop()

        def shown(done: int) -> None:
            loop.call_soon_threadsafe(show, done)

        def put(check: Callable[[], None]) -> None:
            def between() -> None:
                check()
                self._go_on()

            self._put(source, name, sha256, between, shown)

        await in_thread(put)

    async def sha256(self, name: str) -> str | None:
        path = self._folder / checked_name(name)

        def read(check: Callable[[], None]) -> str | None:
            with disk_errors(self._title):
                self._require()
                return read_from_disk(path, check, lambda _: None) if path.is_file() else None

        return await in_thread(read)

    async def get(self, name: str, target: Path, sha256: str | None, show: Progress) -> None:
        path = self._folder / checked_name(name)
        if not await asyncio.to_thread(self._has, path):
            raise nothing_there(name, self._title)
        try:
            await bring(blocks(path), target, sha256, show, self._title)
        except OSError as error:
            raise error_of(error, self._title) from error

    async def names(self, prefix: str = "") -> list[Stored]:
        return await asyncio.to_thread(self._names, prefix)

    async def remove(self, name: str) -> None:
        await asyncio.to_thread(self._remove, checked_name(name))

    async def free(self) -> int | None:
        return await asyncio.to_thread(self._free)

    def _require(self) -> Mounted | None:
        """The file system that it is on. PlaceUnreachable when it isn't there, or is another one."""
        if not self._folder.is_dir() or (self._mount is not None and not os.path.ismount(self._mount)):
            raise gone(self._title)
        if self._file_system is not None and file_system_of(self._folder) != self._file_system:
            raise another(self._title)
        return mounted_at(self._folder)

    def _has(self, path: Path) -> bool:
        with disk_errors(self._title):
            self._require()
            return path.is_file()

    def _free(self) -> int:
        with disk_errors(self._title):
            self._require()
            disk = os.statvfs(self._folder)
            return disk.f_bavail * disk.f_frsize

    def _names(self, prefix: str) -> list[Stored]:
        with disk_errors(self._title):
            self._require()
            found = []
            for folder, below, files in os.walk(self._folder):
                below[:] = [each for each in below if not each.startswith(".")]
                for file in files:
                    path = Path(folder) / file
                    name = path.relative_to(self._folder).as_posix()
                    if name.startswith(prefix) and not file.startswith(".") and not path.is_symlink():
                        found.append(Stored(name, path.stat().st_size))
            return sorted(found, key=lambda stored: stored.name)

    def _remove(self, name: str) -> None:
        with disk_errors(self._title):
            self._require()
            path = self._folder / name
            if path.exists():
                path.unlink()
                sync_names(path.parent)
            self._sweep(path)

    def _sweep(self, path: Path) -> None:
        """What was left half-made of it, and folders that hold nothing any more."""
        for part in path.parent.glob(f".{path.name}.*.partial"):
            part.unlink()
        for folder in path.parents:
            if folder == self._folder or self._folder not in folder.parents or not folder.is_dir():
                return
            if any(folder.iterdir()):
                return
            folder.rmdir()

    def _put(
        self, source: Path, name: str, sha256: str, check: Callable[[], None], show: Callable[[int], None]
    ) -> None:
        target, part = self._folder / name, self._folder / unfinished(name, sha256)
        size = source.stat().st_size
        with disk_errors(self._title):
            mounted = self._require()
            if target.exists():
                if target.stat().st_size != size or read_from_disk(target, check, lambda _: None) != sha256:
                    raise self._other(name)
                part.unlink(missing_ok=True)
                return show(size)
            self._refuse_if_too_large(size, mounted)
            target.parent.mkdir(parents=True, exist_ok=True)
            self._write(source, part, size, check, show)
            if read_from_disk(part, check, lambda _: None) != sha256:
                part.unlink(missing_ok=True)
                raise PlaceRefused(
                    f"{self._title[0].upper()}{self._title[1:]} did not keep what was written to it.",
                    meaning="It is broken, or smaller than it says it is (many are sold that are). Nothing on it is to "
                    "be trusted; what you hand over is still here.",
                    do="Take another medium, from a seller that you trust.",
                )
            self._require()
            os.rename(part, target)
            sync_names(target.parent)
        show(size)
        return None

    def _refuse_if_too_large(self, size: int, mounted: Mounted | None) -> None:
        if mounted is None:
            return
        if mounted.read_only:
            raise PlaceRefused(
                f"{self._title} can only be read.",
                meaning="Nothing was written to it.",
                do="Look for its lock (SD cards have a slider), or take another medium.",
            )
        if mounted.most is not None and size > mounted.most:
            raise PlaceRefused(
                f"{self._title} is formatted as FAT32, which keeps no file of more than 4 GiB; this one has {size:,} "
                "bytes.",
                meaning="Nothing was written to it.",
                do="Take a medium that is formatted as exFAT.",
            )

    def _write(
        self, source: Path, part: Path, size: int, check: Callable[[], None], show: Callable[[int], None]
    ) -> None:
        """All of ``source`` lies in ``part`` and was synced; what lay there already and is the same is kept."""
        with (
            source.open("rb", 0) as read,
            open(os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b", 0) as write,
        ):
            done = pushed = _same(read, write, check, show)
            write.truncate(done)
            free = os.statvfs(self._folder)
            if free.f_bavail * free.f_frsize < size - done:
                if done == 0:
                    part.unlink(missing_ok=True)
                raise full(self._title, needed=size - done, free=free.f_bavail * free.f_frsize)
            read.seek(done)
            write.seek(done)
            while block := read.read(BLOCK):
                check()
                view = memoryview(block)
                while len(view):
                    view = view[write.write(view) :]
                done += len(block)
                if done - pushed >= _PUSH:
                    os.fdatasync(write.fileno())
                    pushed = done
                    show(done)
            os.fsync(write.fileno())
            os.posix_fadvise(write.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def _other(self, name: str) -> PlaceRefused:
        return PlaceRefused(
            f"There is another file {name} at {self._title} already.",
            meaning="It was left as it is.",
            do="Move it away, or take another place.",
        )


def _same(read: FileIO, write: FileIO, check: Callable[[], None], show: Callable[[int], None]) -> int:
    """How many bytes of a part are those of the file, block by block."""
    done = 0
    while True:
        check()
        ours, theirs = read.read(BLOCK), write.read(BLOCK)
        if not theirs or ours != theirs:
            return done
        done += len(ours)
        show(done)
