"""A file that is either whole and on the disk under its name, or not there at all.

Not for: files that grow (segments, logs), which have their own promises.
"""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from exchange.errors import DiskFull

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CANNOT_RESERVE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)
_WRITE_BACK = 8 << 20
"""Bytes. Written data is pushed to the disk in steps of this, so that the fsync at the end has little left to do."""


class DurableFile:
    """The file being made. ``write`` takes all of a buffer, as buffered files do, though nothing is buffered here."""

    def __init__(self, raw: FileIO, path: Path) -> None:
        """``path``: where it lies while it is made."""
        self._raw = raw
        self.path = path
        self._written = self._pushed = self._reserved = 0

    def reserve(self, size: int) -> None:
        """Take ``size`` bytes of the disk now: writing costs less, and a full disk is found before the work.

        What is not written of them is given back at the end. Raises OSError (ENOSPC) when they aren't there.
        """
        try:
            os.posix_fallocate(self._raw.fileno(), 0, size)
        except OSError as error:
            if error.errno not in _CANNOT_RESERVE:
                raise
        else:
            self._reserved = size

    def write(self, buffer: bytes | bytearray | memoryview) -> int:
        view = memoryview(buffer)
        done = 0
        while done < len(view):
            done += os.write(self._raw.fileno(), view[done:])
        self._written += done
        if self._written - self._pushed >= _WRITE_BACK:
            # POSIX_FADV_DONTNEED on dirty pages only starts their way to the disk; it doesn't wait, they stay readable.
            os.posix_fadvise(self._raw.fileno(), self._pushed, self._written - self._pushed, os.POSIX_FADV_DONTNEED)
            self._pushed = self._written
        return done

    def finish(self) -> None:
        """Give back what was reserved and not written, and wait for the disk."""
        if self._reserved > self._written:
            self._raw.truncate(self._written)
        os.fsync(self._raw.fileno())


@contextlib.contextmanager
def durable_file(target: Path, *, mode: int = 0o600, room: int = 0) -> Iterator[DurableFile]:
    """Make ``target`` of what the ``with`` block writes: temp file beside it, fsync, rename, fsync of its folder

    A file of that name is replaced. When the block raises, nothing is left behind and ``target`` is as it was.
    Raises DiskFull when the disk is full, or at once when it has less than ``room`` bytes free, which are reserved.
    """
    temporary = target.with_name(f".{target.name[:200]}.{secrets.token_hex(8)}.partial")
    with raising_disk_full(target):
        _check_room(target, room)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with FileIO(descriptor, "wb") as raw:
                file = DurableFile(raw, temporary)
                if room:
                    file.reserve(room)
                yield file
                file.finish()
            os.rename(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(target.parent)


@contextlib.contextmanager
def raising_disk_full(target: Path) -> Iterator[None]:
    """Turn what the system says of a full disk in the ``with`` block into DiskFull for ``target``."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise full(target) from error
        if error.errno == errno.EROFS:
            raise read_only(f"the disk that holds {target}") from error
        raise


def takes_writes(folder: Path) -> bool:
    """Whether the file system of a folder can be written to; True where that can't be told, e.g. without the right."""
    try:
        os.close(os.open(folder, os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, 0o600))
    except OSError as error:
        return error.errno not in (errno.EROFS, errno.EIO)
    return True


def read_only(what: str) -> DiskFull:
    """What is said of a disk that turned read-only."""
    return DiskFull(
        f"{what[0].upper()}{what[1:]} can only be read.",
        meaning="The system made it so, as it does when a disk or card has faults. Nothing new can be kept on it.",
        do="See what the system says of it (sudo dmesg), copy what matters, and replace it; then restart.",
    )


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    _sync(folder, os.O_DIRECTORY)


def sync_file(path: Path) -> None:
    """Make what others (a library, a program) wrote into a file durable."""
    _sync(path, 0)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_room(target: Path, room: int) -> None:
    disk = os.statvfs(target.parent)
    if disk.f_bavail * disk.f_frsize < room:
        raise full(target)


def full(target: Path) -> DiskFull:
    """What is said where there is no room for ``target``."""
    return DiskFull(
        f"There is not enough room on the disk for {target}.",
        meaning="The file was not made; nothing half-made was kept.",
        do="Free some space on that disk, or name another one, and try again.",
    )
