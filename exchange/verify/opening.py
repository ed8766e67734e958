"""Gets at what a package holds: its seal, zip and bag, each opened and told about.

Not for: the documents in it (``exchange.verify.checking``).
"""

import contextlib
import hashlib
import tempfile
from collections.abc import Callable, Sequence
from io import RawIOBase
from pathlib import Path

from exchange.age.files import decrypt_file, stanza_kinds
from exchange.age.keys import Opener
from exchange.age.opened import OpenedFile, is_armored
from exchange.documents.letters import harmless
from exchange.errors import InputInvalid, KeyDoesNotOpen, SealDamaged, VerificationFailed
from exchange.package.bag import Bag, check_bag, damaged
from exchange.package.report import Finding, fails, holds, unchecked
from exchange.package.writing import open_package

_AGE = (b"age-encryption.org/", b"-----BEGIN AGE")
_SEALED = "The seal opens with the given key, and every byte behind it is as it was sealed."
_RECORDINGS = ("data/master/", "data/working/")


def open_bag(
    path: Path, room: Path, identities: Sequence[Opener], *, kept: bool, deep: bool
) -> tuple[Bag | None, list[Finding]]:
    """The bag of a package that is sealed, a zip or a folder, and what was found on the way; None when there is none.

    A bag that isn't in a folder already is unpacked into ``room``: all of it when it is ``kept`` there or will be read
    ``deep``, otherwise without the recordings, of which the hashes are enough. InputInvalid, DiskFull, HandoverError.
    """
    if path.is_dir():
        return _judged(lambda: check_bag(path))
    room.mkdir(parents=True, exist_ok=True)

    def unpack(source: Path | RawIOBase) -> Bag:
        return open_package(
            source, room, keep=lambda name: kept or deep or not name.startswith(_RECORDINGS), durable=kept
        )

    if not _is_sealed(path):
        return _judged(lambda: unpack(path))
    if not identities:
        return None, [_not_opened(path, KeyDoesNotOpen("The package is sealed, and no key was given."))]
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
        return None, [_not_opened(path, missing)]
    except VerificationFailed as broken:
        return None, [fails("seal", broken)]
    return bag, [holds("seal", _SEALED), *findings]


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


def _not_opened(path: Path, error: KeyDoesNotOpen) -> Finding:
    """That nothing behind the seal can be seen, and what can be said of it all the same. SealDamaged is a finding."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            kinds = stanza_kinds(file)
    except VerificationFailed as broken:
        return fails("seal", broken)
    text = (
        f"Everything behind the seal. {error.what} The sealed file has {path.stat().st_size} bytes and the SHA-256 "
        f"{digest}: if these are in the receipt, or in what the owner wrote down, it is the file that was handed over. "
        f"It is sealed for {_recipients(kinds)}."
    )
    key = "its passphrase with --passphrase-file" if kinds == ["scrypt"] else "the case's identity file with --identity"
    do = f"Name {key}, or compare the SHA-256 with the receipt's."
    return unchecked("seal", text, KeyDoesNotOpen(error.what, meaning=error.meaning, do=do))


def _recipients(kinds: Sequence[str]) -> str:
    """Such as ``2 recipients (mlkem768x25519)``."""
    if kinds == ["scrypt"]:
        return "whoever knows its passphrase"
    known = " and ".join(dict.fromkeys(harmless(kind, 40) for kind in kinds))
    return f"{len(kinds)} recipient{'' if len(kinds) == 1 else 's'} ({known})"


def _is_sealed(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(32).lstrip().startswith(_AGE)
    except OSError as error:
        raise InputInvalid(f"{path} can't be read: {error.strerror}.", do="Check its permissions.") from None
