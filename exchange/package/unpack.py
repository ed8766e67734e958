"""Opens the zip of an evidence package: safely, in one pass, and only if every byte of it is accounted for.

Not for: zips that others made, or a bag that somebody unzipped already (``bag.check_bag``).
"""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path

from isal.isal_zlib import crc32 as crc32_of

from exchange.durable import raising_disk_full, sync_folder
from exchange.errors import HandoverError, NotFound
from exchange.package import bag
from exchange.package.bag import Bag, BagFile, damaged
from exchange.package.zip_layout import DIRECTORY_ROW, TAIL, LayoutError, Member, find_directory, parse_directory

_READ = 512 * 1024
_TAGS = (bag.BAGIT, bag.INFO, bag.MANIFEST, bag.TAG_MANIFEST)


@dataclass(frozen=True, slots=True)
class PackageLimits:
    """What a package may be at most: files in it, and bytes of the zip (stored, so that nothing in it can be more)."""

    files: int = 10_000
    size: int = 256 << 30


def open_package(zip_path: Path, into: Path, limits: PackageLimits | None = None) -> Bag:
    """Unpack a package's zip to ``into``/<its one folder>, which must be new, and check it as ``check_bag`` does.

    Nothing is left behind unless all of it was right. Raises PackageDamaged for anything that our own writer would not
    have written (any other layout, name, compression, a file too many, a bit changed), DiskFull, NotFound.
    """
    limits = limits or PackageLimits()
    try:
        file = FileIO(zip_path)
    except FileNotFoundError:
        raise NotFound(f"There is no file {zip_path}.", do="Check the name.") from None
    with file, raising_disk_full(into):
        try:
            name, members = _read_directory(file, limits)
        except LayoutError as error:
            raise damaged(f"as a zip, {error}") from None
        target = into / name
        _refuse_existing(target)
        making = Path(tempfile.mkdtemp(prefix=f".{name[:100]}.", suffix=".partial", dir=into))
        try:
            found = _Unpacking(file, making, len(name) + 1).run(members)
            os.rename(making, target)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
        sync_folder(into)
        return replace(found, folder=target)


def _read_directory(file: FileIO, limits: PackageLimits) -> tuple[str, list[Member]]:
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

    def __init__(self, file: FileIO, folder: Path, prefix: int) -> None:
        self._file = file
        self._folder = folder
        self._prefix = prefix
        self._buffer = memoryview(bytearray(_READ))

    def run(self, members: list[Member]) -> Bag:
        files: dict[str, BagFile] = {}
        tags: dict[str, bytes] = {}
        folders = {self._folder}
        for member in members:
            path = member.name[self._prefix :]
            place = self._folder / path
            if place.parent not in folders:
                place.parent.mkdir(parents=True, exist_ok=True)
                folders.update(place.parents[: len(place.relative_to(self._folder).parts) - 1])
            if path in _TAGS and member.size > bag.MAX_TAG_FILE:
                raise damaged(f"{path} is larger than any honest one")
            files[path] = self._unpack(member, path, place)
            if path in _TAGS:
                tags[path] = place.read_bytes()
        found = bag.judge(self._folder, files, tags)
        for folder in folders:
            sync_folder(folder)
        return found

    def _unpack(self, member: Member, path: str, place: Path) -> BagFile:
        self._expect(member.before(), path)
        digest, crc32, left = hashlib.sha256(), 0, member.size
        with FileIO(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as out:
            while left:
                count = self._file.readinto(self._buffer[:left])
                if not count:
                    raise damaged("its end is missing")
                piece = self._buffer[:count]
                digest.update(piece)
                crc32 = crc32_of(piece, crc32)
                while piece:
                    piece = piece[out.write(piece) :]
                left -= count
            os.fsync(out.fileno())
        if crc32 != member.crc32:
            raise damaged(f"{path} was changed")
        self._expect(member.after(), path)
        return BagFile(path, member.size, digest.hexdigest())

    def _expect(self, expected: bytes, path: str) -> None:
        if _read(self._file, len(expected)) != expected:
            raise damaged(f"what stands around {path} in the zip was changed")


def _read(file: FileIO, size: int) -> bytes:
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
