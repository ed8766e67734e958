"""What a mounted file system is and can keep, and reading a file from its disk and not from memory.

Not for: what is written (``folder``), or the disks that recordings lie on (``agent.recordings.disk``).
"""

import contextlib
import errno
import hashlib
import mmap
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from exchange.errors import HandoverError, PlaceFull, PlaceRefused, PlaceUnreachable

FAT_MOST = 2**32 - 1
"""Bytes of the largest file that FAT32 keeps."""
_FAT = frozenset({"vfat", "msdos", "fat"})
UDEV = Path("/run/udev/data")
_BLOCK = 1 << 20
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_RIGHT = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_GONE = frozenset(
    {errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOENT, errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.ENOTDIR}
    | {errno.ETIMEDOUT, errno.EREMOTEIO, errno.ENOMEDIUM}
)


@dataclass(frozen=True)
class Mounted:
    """A line of ``/proc/self/mountinfo``: what is mounted where, and whether it can only be read."""

    point: Path
    kind: str
    """Such as ``vfat``, ``exfat``, ``ext4``, ``cifs``."""
    device: str
    """``/dev/sda1``, or whatever the kernel calls it."""
    number: str
    """``major:minor`` of the device."""
    read_only: bool

    @property
    def most(self) -> int | None:
        """Bytes of the largest file that it keeps; None: more than anybody has."""
        return FAT_MOST if self.kind in _FAT else None


def mounts(table: str | None = None) -> list[Mounted]:
    """All that is mounted, as the kernel tells it (proc_pid_mountinfo(5)); ``table`` is its text, if read already."""
    text = Path("/proc/self/mountinfo").read_text() if table is None else table
    found = []
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        fields, what = before.split(" "), after.split(" ")
        if not dash or len(fields) < 6 or len(what) < 3:
            continue
        read_only = "ro" in fields[5].split(",") or "ro" in what[2].split(",")
        found.append(Mounted(Path(_plain(fields[4])), what[0], _plain(what[1]), fields[2], read_only))
    return found


def mounted_at(folder: Path, table: str | None = None) -> Mounted | None:
    """The file system that a folder is on; None when nobody can tell."""
    at = folder.resolve()
    holding = [each for each in mounts(table) if at == each.point or each.point in at.parents]
    return max(reversed(holding), key=lambda each: len(each.point.parts), default=None)


def file_system_of(folder: Path, *, table: str | None = None, udev: Path = UDEV) -> str:
    """What a file system is known again by when it is mounted once more: the UUID that it was formatted with, where the
    system tells it; else what the kernel tells of it. "" when nobody can tell. Blocks.
    """
    mounted = mounted_at(folder, table)
    if mounted is None:
        return ""
    try:
        found = re.search(r"^E:ID_FS_UUID_ENC=(\S{1,200})$", (udev / f"b{mounted.number}").read_text(), re.MULTILINE)
    except OSError:
        found = None
    if found is not None:
        return f"uuid {found[1]}"
    its = f"{os.statvfs(folder).f_fsid:x}"
    if not mounted.number.startswith("0:"):
        return f"{mounted.kind} {mounted.number} {its}"  # FAT's own number is only that of the device that it is on
    if mounted.device.startswith("/dev/"):
        return f"{mounted.kind} {its}"  # Btrfs: its number stays, and the device's name doesn't
    return f"{mounted.kind} {mounted.device} {its}"[:500]


def _plain(text: str) -> str:
    """Blanks and the like stand in octal in the kernel's table."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


@contextlib.contextmanager
def disk_errors(title: str) -> Iterator[None]:
    """Turn what the system says in the ``with`` block into errors of a place called ``title``."""
    try:
        yield
    except OSError as error:
        raise error_of(error, title) from error


def error_of(error: OSError, title: str) -> HandoverError:
    if error.errno in _NO_ROOM:
        return full(title)
    if error.errno == errno.EFBIG:
        return PlaceRefused(
            f"{title} keeps no file of this size.",
            meaning="Nothing half-made has its name there.",
            do="Take a medium that is formatted as exFAT, or have the files split.",
        )
    if error.errno == errno.EROFS:
        return PlaceRefused(
            f"{title} can only be read.",
            meaning="Nothing was written to it.",
            do="Look for its lock (SD cards have a slider), or take another medium.",
        )
    if error.errno in _NO_RIGHT:
        return PlaceRefused(
            f"Handover may not write to {title}.",
            do="Let the user that the daemon runs as (handover) write there, or name another folder.",
        )
    if error.errno in _GONE:
        return gone(title)
    return PlaceUnreachable(
        f"{title} failed: {os.strerror(error.errno or 0)}.", do="See what the system says of it: sudo dmesg"
    )


def gone(title: str) -> PlaceUnreachable:
    return PlaceUnreachable(
        f"{title} is not there, or was taken away.",
        meaning="Nothing half-made has its name there; what lies there whole stays.",
        do="Plug it in or mount it again, and try again: it goes on with what is there.",
    )


def another(title: str) -> PlaceUnreachable:
    return PlaceUnreachable(
        f"What is mounted at {title} is another one than was chosen.",
        meaning="Nothing was written to it.",
        do="Put the right one in, and it goes on; or, if this one is meant, choose the way once more: handover deliver",
    )


def full(title: str, *, needed: int | None = None, free: int | None = None) -> PlaceFull:
    room = "" if needed is None or free is None else f": {needed:,} bytes are needed, {free:,} are free"
    return PlaceFull(
        f"There is not enough room at {title}{room}.",
        meaning="Nothing half-made has its name there.",
        do="Make room there, or take another.",
    )


def read_from_disk(path: Path, check: Callable[[], None], show: Callable[[int], None]) -> str:
    """SHA-256 of a file as its disk gives it: past the page cache where the file system allows it (O_DIRECT), after
    the cached pages were given up where it doesn't.
    """
    descriptor, direct = _open_direct(path)
    digest, done = hashlib.sha256(), 0
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        with mmap.mmap(-1, _BLOCK) as buffer, memoryview(buffer) as view:  # a page's alignment, which O_DIRECT wants
            while True:
                check()
                try:
                    count = os.preadv(descriptor, [view], done)
                except OSError as error:
                    if not direct or error.errno != errno.EINVAL:
                        raise
                    os.close(descriptor)  # the file system took the flag and can't do it, or not at this offset
                    descriptor, direct = os.open(path, os.O_RDONLY | os.O_CLOEXEC), False
                    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                    continue
                if not count:
                    return digest.hexdigest()
                digest.update(view[:count])
                done += count
                show(done)
    finally:
        os.close(descriptor)


def _open_direct(path: Path) -> tuple[int, bool]:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC), True
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC), False


def sync_names(folder: Path) -> None:
    """Make the names in a folder durable, where its file system knows of that."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
    finally:
        os.close(descriptor)
