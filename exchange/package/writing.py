"""The evidence package: one BagIt bag in one stored zip, written in one pass, and sealed in the same pass.

Not for: what goes into it (``evidence``), who decided that it may, or sending it.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from isal.isal_zlib import crc32 as crc32_of  # five times zlib's speed: a core's worth less for each GiB

from exchange.age.files import CHUNK, SEALED_CHUNK, Encryptor, Recipient, Sink, sealed_size, write_all
from exchange.buffers import Before, BufferRing, Direct, Outlet
from exchange.durable import durable_file
from exchange.package import bag
from exchange.package.bag import Bag, check_bag, damaged
from exchange.package.unpack import PackageLimits, open_package
from exchange.package.zip_layout import Member, directory

__all__ = [
    "Bag",
    "PackageEntry",
    "PackageFacts",
    "PackageLimits",
    "SealedFacts",
    "check_bag",
    "open_package",
    "package_size",
    "seal_package",
    "write_package",
]

_SMALL = 1 << 20
"""Bytes. A file up to this size is read before its header is written, so that the header can hold its CRC."""
_CHUNKS = 8
_BUFFERS = 4
"""Of half a MiB each between two threads: enough that none waits long, and little memory."""

Progress = Callable[[int], None]
"""Told how many bytes of the zip are done; ``package_size`` says of how many."""

Growth = Callable[[Path, int, int], None]
"""Told where the sealed file lies while it is made, how many of its first bytes are final, and how many there will be.
Called by the thread that writes. Nothing of it may be believed whole before ``seal_package`` returns."""


@dataclass(frozen=True, slots=True)
class PackageEntry:
    """A file of the payload: ``path`` begins with ``data/``, ``source`` is its content, or where to read it.

    ``sha256`` (hex) is what the content must have. ``crc32``, from the same reading, lets a large file's header say
    everything before its bytes, which some unpackers want. Given both, a large file is not hashed again but held
    against its CRC, which one accident in four thousand million passes. That is no guard against malice; the
    manifest in the package is, which then holds ``sha256`` as given.
    """

    path: str
    source: bytes | Path
    sha256: str | None = None
    crc32: int | None = None


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """What was written: the zip's size in bytes, and each payload file's SHA-256 (hex) by path."""

    size: int
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SealedFacts:
    """What was sealed: SHA-256 (hex) and size of the sealed file, size of the zip in it, and the payload's SHA-256s."""

    ciphertext_sha256: str
    ciphertext_size: int
    zip_size: int
    files: Mapping[str, str]


def write_package(
    sink: Sink, name: str, entries: Sequence[PackageEntry], info: Mapping[str, str], progress: Progress | None = None
) -> PackageFacts:
    """Write the zip, never seeking; the same arguments and files give the same bytes on every machine.

    ``name`` is the one folder in it. ``info`` is bag-info.txt, but for Payload-Oxum. Raises PackageDamaged when a
    file is not what its entry says or changes meanwhile, ValueError for names and labels that cannot be.
    """
    return _Writer(Direct(write_all(sink), _CHUNKS * CHUNK), progress).write(_plan(name, entries, info))


def seal_package(
    target: Path,
    name: str,
    entries: Sequence[PackageEntry],
    info: Mapping[str, str],
    recipients: Sequence[Recipient],
    progress: Progress | None = None,
    growth: Growth | None = None,
) -> SealedFacts:
    """Write the zip into an age file at ``target``, durably and in one pass; nothing is left after a failure.

    Encrypting and writing go on in one thread, hashing the result in a second; reading is in the first, or, where it
    means hashing too, in a third: that is what two cores do fastest.
    Raises DiskFull (at once, when it is plain that it won't fit), and as ``write_package``.
    """
    plan = _plan(name, entries, info)
    digest, written, size = hashlib.sha256(), 0, sealed_size(plan.size, recipients)
    with (
        durable_file(target, room=size) as file,
        BufferRing(_CHUNKS * SEALED_CHUNK, _BUFFERS, digest.update) as hashed,
    ):

        def write(sealed: memoryview) -> None:
            nonlocal written
            written += file.write(sealed)
            if growth:
                growth(file.path, written, size)

        encryptor = Encryptor(Before(write, hashed), recipients)
        if plan.hashes:
            with BufferRing(_CHUNKS * CHUNK, _BUFFERS, encryptor.write) as ahead:
                facts = _Writer(ahead, progress).write(plan)
        else:
            facts = _Writer(Direct(encryptor.write, _CHUNKS * CHUNK), progress).write(plan)
        encryptor.close()
    return SealedFacts(digest.hexdigest(), sealed_size(facts.size, recipients), facts.size, facts.files)


def package_size(name: str, entries: Sequence[PackageEntry], info: Mapping[str, str]) -> int:
    """The exact size in bytes of the zip that ``write_package`` would write now."""
    return _plan(name, entries, info).size


@dataclass(frozen=True, slots=True)
class _Item:
    """An entry whose size is known."""

    entry: PackageEntry
    size: int

    @property
    def hashed(self) -> bool:
        """Whether its SHA-256 is taken here; otherwise it was taken before, and its CRC shows that nothing changed."""
        return self.entry.sha256 is None or self.entry.crc32 is None

    @property
    def crc_follows(self) -> bool:
        return self.size > _SMALL and isinstance(self.entry.source, Path) and self.entry.crc32 is None


@dataclass(frozen=True, slots=True)
class _Plan:
    """All that is known before the first byte of the payload is read."""

    name: str
    items: Sequence[_Item]
    info: bytes

    @property
    def hashes(self) -> bool:
        """Whether there is a large file whose hash isn't known."""
        return any(item.hashed and item.size > _SMALL for item in self.items)

    def before(self) -> list[tuple[str, bytes]]:
        """The tag files ahead of the payload."""
        return [(bag.BAGIT, bag.DECLARATION), (bag.INFO, self.info)]

    def after(self, digests: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
        """The tag files behind the payload, which need its SHA-256s."""
        manifest = bag.write_manifest(digests.items())
        yield bag.MANIFEST, manifest
        tags = [*self.before(), (bag.MANIFEST, manifest)]
        yield bag.TAG_MANIFEST, bag.write_manifest((path, hashlib.sha256(text).hexdigest()) for path, text in tags)

    @property
    def size(self) -> int:
        """Of the whole zip, in bytes."""
        items = [(path, len(text), False) for path, text in self.before()]
        items += [(item.entry.path, item.size, item.crc_follows) for item in self.items]
        placeholders = {item.entry.path: "0" * 64 for item in self.items}
        items += [(path, len(text), False) for path, text in self.after(placeholders)]
        members: list[Member] = []
        for path, size, crc_follows in items:
            offset = members[-1].end() if members else 0
            members.append(Member(f"{self.name}/{path}", size, 0, offset, crc_follows))
        return members[-1].end() + len(directory(members))


def _plan(name: str, entries: Sequence[PackageEntry], info: Mapping[str, str]) -> _Plan:
    bag.check_path(name)
    bag.check_names(entry.path for entry in entries)
    if "/" in name or not all(entry.path.startswith("data/") for entry in entries):
        raise ValueError("a package is one folder, and its payload lies in data/")
    items = [_Item(entry, _size(entry.source)) for entry in entries]
    return _Plan(name, items, bag.write_info(info, sum(item.size for item in items), len(items)))


def _size(source: bytes | Path) -> int:
    return len(source) if isinstance(source, bytes) else source.stat().st_size


class _Writer:
    """Puts one zip on an outlet whose buffers it fills to the brim, so that the stage behind gets whole chunks."""

    def __init__(self, outlet: Outlet, progress: Progress | None) -> None:
        self._outlet = outlet
        self._progress = progress
        self._buffer = outlet.take()
        self._filled = 0
        self._handed_on = 0
        self._members: list[Member] = []
        self._name = ""

    def write(self, plan: _Plan) -> PackageFacts:
        self._name = plan.name
        digests: dict[str, str] = {}
        for path, text in plan.before():
            self._add_bytes(path, text)
        for item in plan.items:
            digests[item.entry.path] = self._add(item)
        for path, text in plan.after(digests):
            self._add_bytes(path, text)
        self._put(directory(self._members))
        self._hand_on()
        return PackageFacts(self._handed_on, digests)

    def _add(self, item: _Item) -> str:
        """One file of the payload, whose SHA-256 is returned once it is known to be the right one."""
        entry = item.entry
        if isinstance(entry.source, bytes):
            digest = self._add_bytes(entry.path, entry.source)
        else:
            with FileIO(entry.source) as file:
                if item.size > _SMALL:
                    digest = self._add_file(item, file)
                else:
                    digest = self._add_bytes(entry.path, _read_small(item, file))
        if entry.sha256 is not None and digest != entry.sha256.lower():
            raise damaged(f"{entry.path} is not the file that was hashed before")
        return digest

    def _add_bytes(self, path: str, content: bytes) -> str:
        self._begin(path, len(content), crc32_of(content), crc_follows=False)
        self._put(content)
        return hashlib.sha256(content).hexdigest()

    def _add_file(self, item: _Item, file: FileIO) -> str:
        """A large file, read straight into the outlet's buffers."""
        entry = item.entry
        member = self._begin(entry.path, item.size, entry.crc32 or 0, crc_follows=item.crc_follows)
        digest, crc32, left = hashlib.sha256(), 0, item.size
        while left:
            space = self._space()[:left]
            count = file.readinto(space)
            if not count:
                raise damaged(f"{entry.path} became shorter while it was read")
            crc32 = crc32_of(space[:count], crc32)
            if item.hashed:
                digest.update(space[:count])
            self._filled += count
            left -= count
        if file.read(1):
            raise damaged(f"{entry.path} became longer while it was read")
        if entry.crc32 is None:
            self._members[-1] = member = Member(member.name, item.size, crc32, member.offset, crc_follows=True)
        elif crc32 != entry.crc32:
            raise damaged(f"{entry.path} is not the file that was hashed before")
        self._put(member.after())
        return digest.hexdigest() if item.hashed else (entry.sha256 or "").lower()

    def _begin(self, path: str, size: int, crc32: int, *, crc_follows: bool) -> Member:
        member = Member(f"{self._name}/{path}", size, crc32, self._handed_on + self._filled, crc_follows)
        self._members.append(member)
        self._put(member.before())
        return member

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            space = self._space()
            count = min(len(space), len(view))
            space[:count] = view[:count]
            self._filled += count
            view = view[count:]

    def _space(self) -> memoryview:
        """Where the next bytes go; never empty."""
        if self._filled == len(self._buffer):
            self._hand_on()
            self._buffer = self._outlet.take()
        return self._buffer[self._filled :]

    def _hand_on(self) -> None:
        self._outlet.put(self._filled)
        self._handed_on += self._filled
        self._filled = 0
        if self._progress:
            self._progress(self._handed_on)


def _read_small(item: _Item, file: FileIO) -> bytes:
    content = b""
    while piece := file.read(_SMALL + 1 - len(content)):
        content += piece
    if len(content) != item.size:
        raise damaged(f"{item.entry.path} changed its size while it was read")
    return content
