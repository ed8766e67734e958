"""Gets at what a package holds: its seal, zip and bag, each opened and told about.

Not for: the documents in it (``exchange.verify.checking``).
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from io import RawIOBase
from pathlib import Path

from exchange.age.files import decrypt_file, stanza_kinds
from exchange.age.keys import Opener, Passphrase
from exchange.age.opened import OpenedFile, is_armored
from exchange.counted import counted
from exchange.documents.letters import harmless
from exchange.errors import InputInvalid, KeyDoesNotOpen, PackageDamaged, SealDamaged, VerificationFailed
from exchange.package.bag import Bag, check_bag, damaged
from exchange.package.report import Finding, fails, holds, unchecked
from exchange.package.writing import open_package

_AGE = (b"age-encryption.org/", b"-----BEGIN AGE")
_SEALED = "The seal opens with the given {}, and every byte behind it is as it was sealed."
_END_OF_ZIP = 65_557
"""Bytes in which a zip's last record lies (APPNOTE 4.3.16), with the longest comment."""
_NO_PACKAGE = PackageDamaged(
    "This is no evidence package.", do="Name a sealed .zip.age, its .zip, or the folder that it unpacks to."
)
_RECORDINGS = ("data/master/", "data/working/")


def open_bag(
    path: Path, room: Path, identities: Sequence[Opener], *, kept: bool, deep: bool
) -> tuple[Bag | None, list[Finding]]:
    """The bag of a package that is sealed, a zip or a folder, and what was found on the way; None when there is none.

    A bag that isn't in a folder already is unpacked into ``room``: all of it when it is ``kept`` there or will be read
    ``deep``, otherwise without the recordings, of which the hashes are enough. InputInvalid, DiskFull, HandoverError.
    """
    if not may_be_package(path):
        return None, [fails("bag", _NO_PACKAGE)]
    if path.is_dir():
        return _judged(lambda: check_bag(path))
    try:
        room.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputInvalid(f"{room} can't be written ({error.strerror}).", do="Name another folder.") from None

    def unpack(source: Path | RawIOBase) -> Bag:
        return open_package(
            source, room, keep=lambda name: kept or deep or not name.startswith(_RECORDINGS), durable=kept
        )

    if not _is_sealed(path):
        return _judged(lambda: unpack(path))
    if not identities:
        return None, [_not_opened(path, KeyDoesNotOpen("The package is sealed, and no key was given."), ())]
    try:
        if is_armored(path):
            with tempfile.TemporaryDirectory(prefix=".opening-", dir=room) as place:
                decrypt_file(path, zip_path := Path(place) / "package.zip", identities)
                bag, findings = _judged(lambda: unpack(zip_path))
        else:
            with contextlib.closing(OpenedFile(path, identities)) as opened:
                bag, findings = _judged(lambda: unpack(opened))
                opened.read_rest()
    except KeyDoesNotOpen as missing:
        return None, [_not_opened(path, missing, identities)]
    except VerificationFailed as broken:
        return None, [fails("seal", broken)]
    by = "passphrase" if _kinds(path) == ["scrypt"] else "key"
    return bag, [holds("seal", _SEALED.format(by)), *findings]


def _judged(get: Callable[[], Bag]) -> tuple[Bag | None, list[Finding]]:
    """What is wrong with the bag itself becomes a finding; what is wrong with the seal around it is raised."""
    try:
        bag = get()
    except SealDamaged:
        raise
    except VerificationFailed as error:
        return None, [fails("bag", error)]
    except PermissionError as error:
        return None, [fails("bag", damaged(f"{error.filename!r} can't be read"))]
    return bag, [holds("bag", "No file is missing, added or changed against the package's own manifests.")]


def _not_opened(path: Path, error: KeyDoesNotOpen, tried: Sequence[Opener]) -> Finding:
    """That nothing behind the seal can be seen, and what can be said of it all the same. SealDamaged is a finding."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        kinds = _kinds(path)
    except VerificationFailed as broken:
        return fails("seal", broken)
    what, do = _advice(kinds, error.what, tried)
    text = (
        f"Everything behind the seal. {what} The sealed file has {path.stat().st_size} bytes and the SHA-256 "
        f"{digest}: if these are in the receipt, or in what the owner wrote down, it is the file that was handed over. "
        f"It is sealed for {_recipients(kinds)}."
    )
    return unchecked("seal", text, KeyDoesNotOpen(what, meaning=error.meaning, do=do))


def _advice(kinds: Sequence[str], what: str, tried: Sequence[Opener]) -> tuple[str, str]:
    by_passphrase = any(isinstance(one, Passphrase) for one in tried)
    if kinds == ["scrypt"]:
        if by_passphrase:
            return "The given passphrase does not open it.", "Check the passphrase, word by word, or ask the owner."
        return what, "Name its passphrase with --passphrase-file, or compare the SHA-256 with the receipt's."
    if by_passphrase and all(isinstance(one, Passphrase) for one in tried):
        what = "This package is sealed for a key, not a passphrase."
    return what, "Name the case's identity file with --identity, or compare the SHA-256 with the receipt's."


def _kinds(path: Path) -> list[str]:
    with path.open("rb") as file:
        return stanza_kinds(file)


def _recipients(kinds: Sequence[str]) -> str:
    """Such as ``2 recipients (mlkem768x25519)``."""
    if kinds == ["scrypt"]:
        return "whoever knows its passphrase"
    known = " and ".join(dict.fromkeys(harmless(kind, 40) for kind in kinds))
    return f"{counted(len(kinds), 'recipient')} ({known})"


def may_be_package(path: Path) -> bool:
    """Whether a file or folder has anything of a package at all."""
    if path.is_dir():
        return any(os.path.lexists(path / name) for name in ("data", "bagit.txt", "manifest-sha256.txt"))
    if _is_sealed(path):
        return True
    with path.open("rb") as file:
        first = file.read(_END_OF_ZIP)
        file.seek(max(0, path.stat().st_size - _END_OF_ZIP))
        return b"PK\x03\x04" in first or b"PK\x05\x06" in file.read(_END_OF_ZIP)


def _is_sealed(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(32).lstrip().startswith(_AGE)
    except OSError as error:
        raise InputInvalid(f"{path} can't be read: {error.strerror}.", do="Check its permissions.") from None
