"""The BagIt bag (RFC 8493) that a package is once unzipped: its tag files, and whether every file is as they say.

Not for: the zip around it (``package``, ``unpack``), or what the files mean (``evidence``, ``verify``).
"""

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from exchange.errors import NotFound, PackageDamaged

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
MANIFEST, TAG_MANIFEST = "manifest-sha256.txt", "tagmanifest-sha256.txt"
INFO, BAGIT = "bag-info.txt", "bagit.txt"
MAX_TAG_FILE = 16 << 20
"""Bytes of bag-info.txt or a manifest: more than 50,000 files' worth."""
_READ = 512 * 1024

_LINE_OF_MANIFEST = re.compile(r"([0-9a-f]{64})  (.+)")
_LINE_OF_INFO = re.compile(r"([A-Za-z0-9]+(?:-[A-Za-z0-9]+)*): (.*)")
_HOSTILE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\%]')
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)
_MAX_PART, _MAX_PATH, _MAX_DEPTH = 200, 1000, 20


@dataclass(frozen=True, slots=True)
class BagFile:
    """One file of a bag, by its path inside it; the size in bytes, SHA-256 in lower-case hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Bag:
    """A bag that holds together: every file is there, none is too many, and each has the SHA-256 it should."""

    folder: Path
    info: Mapping[str, str]
    """bag-info.txt, in its order."""
    files: Mapping[str, BagFile]
    """The payload, by path (``data/…``)."""


def damaged(detail: str) -> PackageDamaged:
    """The error for a package whose bytes are not what its own manifests say."""
    return PackageDamaged(
        f"The package is damaged: {detail}.",
        meaning="It is not, or not all of, what the owner sealed; don't rely on it as it is.",
        do="Fetch it again, and compare the SHA-256 of the sealed file with the receipt's.",
    )


def check_path(path: str) -> None:
    """ValueError unless ``path`` is relative, and a safe and equal name on Linux, macOS and Windows."""
    parts = path.split("/")
    if len(path.encode("utf-8", "surrogatepass")) > _MAX_PATH:
        raise ValueError("a name of more than 1000 bytes")
    if len(parts) > _MAX_DEPTH:
        raise ValueError("a name of more than 20 folders")
    if not parts[0]:
        raise ValueError("a name that begins at the root of a disk, or none")
    for part in parts:
        if part in ("", ".", ".."):
            raise ValueError(f"a name that leads out of its folder: {path!r}")
        if _HOSTILE.search(part) or part[-1] in ". " or part[0] == " " or _DEVICE.fullmatch(part):
            raise ValueError(f"a name that is not the same on every computer: {path!r}")
        if len(part.encode("utf-8", "surrogatepass")) > _MAX_PART:
            raise ValueError("a name of more than 200 bytes")
    if not path.isprintable() or not unicodedata.is_normalized("NFC", path):
        raise ValueError(f"a name that is not plain text: {path!r}")


def check_names(paths: Iterable[str]) -> None:
    """ValueError unless every path is safe, and no two name the same file where upper and lower case are one."""
    seen: set[str] = set()
    folders: set[str] = set()
    for path in paths:
        check_path(path)
        folded = unicodedata.normalize("NFC", path.casefold())
        if folded in seen:
            raise ValueError(f"a name that occurs twice: {path!r}")
        seen.add(folded)
        folders.update(folded[:place] for place, character in enumerate(folded) if character == "/")
    if clash := seen & folders:
        raise ValueError(f"a name of both a file and a folder: {clash.pop()!r}")


def write_manifest(files: Iterable[tuple[str, str]]) -> bytes:
    """A manifest of (path, SHA-256 in hex), which ``sha256sum -c`` reads as well."""
    return "".join(f"{digest}  {path}\n" for path, digest in files).encode()


def write_info(info: Mapping[str, str], payload_size: int, payload_files: int) -> bytes:
    """bag-info.txt: ``info`` in its order, then Payload-Oxum. ValueError for what would not fit a line."""
    lines = []
    for label, value in {**info, "Payload-Oxum": f"{payload_size}.{payload_files}"}.items():
        if (
            not re.fullmatch(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", label)
            or not value.isprintable()
            or value != value.strip()
        ):
            raise ValueError(f"bag-info.txt cannot hold {label!r}")
        lines.append(f"{label}: {value}\n")
    if "Payload-Oxum" in info:
        raise ValueError("Payload-Oxum is counted, not given")
    return "".join(lines).encode()


def check_bag(folder: Path) -> Bag:
    """Read every file in a bag's folder and hold it against the manifests.

    Raises PackageDamaged, naming the file, for anything missing, added, changed, or that is no plain file.
    """
    if not folder.is_dir():
        raise NotFound(f"There is no folder {folder}.", do="Check the name.")
    files: dict[str, BagFile] = {}
    tags: dict[str, bytes] = {}
    for path, entry in _walk(folder, ""):
        content = tags.setdefault(path, _tag_file(entry)) if path in (BAGIT, INFO, MANIFEST, TAG_MANIFEST) else None
        files[path] = _hash_file(path, entry) if content is None else _hash_bytes(path, content)
    return judge(folder, files, tags)


def judge(folder: Path, files: Mapping[str, BagFile], tags: Mapping[str, bytes]) -> Bag:
    """The bag, from the facts of all its files and the content of its tag files. PackageDamaged where they disagree."""
    for name in (BAGIT, INFO, MANIFEST, TAG_MANIFEST):
        if name not in tags:
            raise damaged(f"{name} is missing")
    if tags[BAGIT] != DECLARATION:
        raise damaged("bagit.txt is not that of a BagIt 1.0 bag")
    payload = {path: file for path, file in files.items() if path.startswith("data/")}
    rest = {path: file for path, file in files.items() if path not in payload and path != TAG_MANIFEST}
    _compare(_read_manifest(tags[TAG_MANIFEST], TAG_MANIFEST), rest)
    for path in rest:  # anybody can list a file there: nothing that is signed speaks of one beside data/
        if path not in (BAGIT, INFO, MANIFEST):
            raise damaged(f"{path!r} was added")
    _compare(_read_manifest(tags[MANIFEST], MANIFEST), payload)
    info = _read_info(tags[INFO])
    oxum = f"{sum(file.size for file in payload.values())}.{len(payload)}"
    if info.get("Payload-Oxum", oxum) != oxum:
        raise damaged("bag-info.txt counts other files than there are")
    return Bag(folder, info, payload)


def _compare(promised: Mapping[str, str], found: Mapping[str, BagFile]) -> None:
    for path, digest in promised.items():
        if path not in found:
            raise damaged(f"{path} is missing")
        if found[path].sha256 != digest:
            raise damaged(f"{path} was changed")
    for path in found:
        if path not in promised:
            raise damaged(f"{path!r} was added")


def _read_manifest(content: bytes, name: str) -> dict[str, str]:
    promised: dict[str, str] = {}
    for line in _lines(content, name):
        match = _LINE_OF_MANIFEST.fullmatch(line)
        if not match:
            raise damaged(f"{name} has a line that says nothing")
        path = match[2]
        if path in promised:
            raise damaged(f"{name} names {path!r} twice")
        promised[path] = match[1]
    try:
        check_names(promised)
    except ValueError as error:
        raise damaged(f"{name} has {error}") from None
    return promised


def _read_info(content: bytes) -> dict[str, str]:
    info: dict[str, str] = {}
    for line in _lines(content, INFO):
        match = _LINE_OF_INFO.fullmatch(line)
        if not match:
            raise damaged(f"{INFO} has a line that says nothing")
        if match[1] in info:
            raise damaged(f"{INFO} says its {match[1]} twice")
        info[match[1]] = match[2]
    return info


def _lines(content: bytes, name: str) -> list[str]:
    try:
        *lines, rest = content.decode().split("\n")
    except UnicodeDecodeError:
        raise damaged(f"{name} is not UTF-8 text") from None
    if rest:
        raise damaged(f"{name} is cut short")
    return lines


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    """Every file under ``folder``, with its path there; links and devices are an error, never followed."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = prefix + entry.name
            if path.count("/") >= _MAX_DEPTH:
                raise damaged("it has folders in folders without end")
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), f"{path}/")
            elif entry.is_file(follow_symlinks=False):
                yield path, Path(entry.path)
            else:
                raise damaged(f"{path!r} is not a plain file")


def _tag_file(path: Path) -> bytes:
    with _open(path) as file:
        content = file.read(MAX_TAG_FILE + 1)
    if len(content) > MAX_TAG_FILE:
        raise damaged(f"{path.name} is larger than any honest one")
    return content


def _hash_bytes(path: str, content: bytes) -> BagFile:
    return BagFile(path, len(content), hashlib.sha256(content).hexdigest())


def _hash_file(path: str, place: Path) -> BagFile:
    digest, size = hashlib.sha256(), 0
    buffer = memoryview(bytearray(_READ))
    with _open(place) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
            size += count
    return BagFile(path, size, digest.hexdigest())


def _open(path: Path) -> FileIO:
    """Never through a link, and never waiting on something that turned out to be no file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    file = FileIO(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise damaged(f"{path.name!r} is not a plain file")
    return file
