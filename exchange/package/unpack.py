"""Opens the zip of an evidence package: safely, in one pass, and only if every byte of it is accounted for.

Not for: zips that others made, or a bag that somebody unzipped already (``bag.check_bag``).
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import FileIO, RawIOBase
from pathlib import Path

from isal.isal_zlib import crc32 as crc32_of

from exchange.buffers import BufferRing
from exchange.durable import raising_disk_full, sync_folder
from exchange.errors import HandoverError, NotFound
from exchange.package import bag
from exchange.package.bag import Bag, BagFile, damaged
from exchange.package.zip_faults import name_fault
from exchange.package.zip_layout import DIRECTORY_ROW, TAIL, LayoutError, Member, find_directory, parse_directory

_READ = 512 * 1024
_BUFFERS = 6
"""Of _READ bytes each between the thread that reads, and maybe decrypts, and the one that hashes and writes."""
_TAGS = (bag.BAGIT, bag.INFO, bag.MANIFEST, bag.TAG_MANIFEST)


@dataclass(frozen=True, slots=True)
class PackageLimits:
    """What a package may be at most: files in it, and bytes of the zip (stored, so that nothing in it can be more)."""

    files: int = 10_000
    size: int = 256 << 30


def open_package(
    source: Path | RawIOBase,
    into: Path,
    limits: PackageLimits | None = None,
    *,
    keep: Callable[[str], bool] = lambda path: True,
    durable: bool = True,
) -> Bag:
    """Unpack a package's zip to ``into``/<its one folder>, which must be new, and check it as ``check_bag`` does.

    ``source``: the zip, or something open that can be read from any place, such as an ``OpenedFile``. ``keep`` says
    which files are left in the folder, by their path in the bag; the others are checked all the same. Not ``durable``:
    for a folder that is thrown away again.
    Nothing is left behind unless all of it was right. Raises PackageDamaged for anything that our own writer would not
    have written (any other layout, name, compression, a file too many, a bit changed), DiskFull, NotFound.
    """
    limits = limits or PackageLimits()
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(_opened(source)) if isinstance(source, Path) else source
        stack.enter_context(raising_disk_full(into))
        try:
            name, members = _read_directory(file, limits)
        except LayoutError as error:
            raise damaged(f"as a zip, {name_fault(file) or error}") from None
        target = into / name
        _refuse_existing(target)
        making = Path(tempfile.mkdtemp(prefix=f".{name[:100]}.", suffix=".partial", dir=into))
        try:
            found = _Unpacking(file, making, len(name) + 1, keep, durable).run(members)
            os.rename(making, target)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
        if durable:
            sync_folder(into)
        return replace(found, folder=target)


def _opened(zip_path: Path) -> FileIO:
    try:
        return FileIO(zip_path)
    except FileNotFoundError:
        raise NotFound(f"There is no file {zip_path}.", do="Check the name.") from None


def _read_directory(file: RawIOBase, limits: PackageLimits) -> tuple[str, list[Member]]:
    """The one folder's name, and the members in their order, each of whose place and name is sound."""
    size = file.seek(0, os.SEEK_END)
    if size > limits.size:
        raise LayoutError(f"it is larger than {limits.size} bytes")
    file.seek(max(0, size - TAIL))
    start, count = find_directory(_read(file, TAIL), size)
    if count > limits.files or size - start > count * (DIRECTORY_ROW + 1300) + TAIL:
        raise LayoutError("it has more files than any honest one")
    file.seek(start)
    members = parse_directory(_read(file, size - start), count)
    if not members:
        raise LayoutError("it is empty")
    name = members[0].name.partition("/")[0]
    try:
        bag.check_path(name)
        bag.check_names(member.name.removeprefix(f"{name}/") for member in members)
    except ValueError as error:
        raise LayoutError(f"it has {error}") from None
    if not all(member.name.startswith(f"{name}/") for member in members):
        raise LayoutError("it is more than one folder")
    file.seek(0)
    return name, members


class _Unpacking:
    """One pass over the zip, front to back, into a folder that nobody else knows."""

    def __init__(self, file: RawIOBase, folder: Path, prefix: int, keep: Callable[[str], bool], durable: bool) -> None:
        self._file = file
        self._folder = folder
        self._prefix = prefix
        self._keep = keep
        self._durable = durable

    def run(self, members: list[Member]) -> Bag:
        files: dict[str, BagFile] = {}
        tags: dict[str, bytes] = {}
        folders = {self._folder}
        for member in members:
            path = member.name[self._prefix :]
            place = self._folder / path
            if path in _TAGS and member.size > bag.MAX_TAG_FILE:
                raise damaged(f"{path} is larger than any honest one")
            if path in _TAGS or self._keep(path):
                if place.parent not in folders:
                    place.parent.mkdir(parents=True, exist_ok=True)
                    folders.update(place.parents[: len(place.relative_to(self._folder).parts) - 1])
                with _created(place, self._durable) as out:
                    files[path] = self._unpack(member, path, out)
            else:
                files[path] = self._unpack(member, path, None)
            if path in _TAGS:
                tags[path] = place.read_bytes()
        found = bag.judge(self._folder, files, tags)
        for folder in folders if self._durable else ():
            sync_folder(folder)
        return found

    def _unpack(self, member: Member, path: str, out: FileIO | None) -> BagFile:
        self._expect(member.before(), path)
        digest, crc32 = hashlib.sha256(), 0

        def take(piece: memoryview) -> None:
            nonlocal crc32
            digest.update(piece)
            crc32 = crc32_of(piece, crc32)
            while out is not None and piece:
                piece = piece[out.write(piece) :]

        if member.size > _READ:
            with BufferRing(_READ, _BUFFERS, take) as ring:
                left = member.size
                while left:
                    count = self._read_into(ring.take()[: min(left, _READ)])
                    ring.put(count)
                    left -= count
        elif member.size:
            content = memoryview(bytearray(member.size))
            done = 0
            while done < member.size:
                done += self._read_into(content[done:])
            take(content)
        if crc32 != member.crc32:
            raise damaged(f"{path} was changed")
        self._expect(member.after(), path)
        return BagFile(path, member.size, digest.hexdigest())

    def _read_into(self, buffer: memoryview) -> int:
        count = self._file.readinto(buffer)
        if not count:
            raise damaged("its end is missing")
        return count

    def _expect(self, expected: bytes, path: str) -> None:
        if _read(self._file, len(expected)) != expected:
            fault = name_fault(self._file)
            raise damaged(f"as a zip, {fault}" if fault else f"what stands around {path} in the zip was changed")


@contextlib.contextmanager
def _created(place: Path, durable: bool) -> Iterator[FileIO]:
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with FileIO(descriptor, "wb") as out:
        yield out
        if durable:
            os.fsync(out.fileno())


def _read(file: RawIOBase, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := file.read(size - len(data))):
        data += piece
    return data


def _refuse_existing(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise HandoverError(
            f"{target} is there already.",
            meaning="The package was opened before, or something else has its name; it was left as it is.",
            do="Open it into another folder, or move what is there out of the way.",
        )
