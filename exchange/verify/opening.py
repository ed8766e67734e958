"""Gets at what a package holds: its seal, zip and bag, each opened and told about.

Not for: the documents in it (``exchange.verify.checking``).
"""

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from io import RawIOBase
from pathlib import Path

from exchange.age.files import decrypt_file
from exchange.age.keys import Opener
from exchange.age.opened import OpenedFile, is_armored
from exchange.errors import InputInvalid, KeyDoesNotOpen, SealDamaged, VerificationFailed
from exchange.package.bag import Bag, check_bag, damaged
from exchange.package.report import Finding, fails, holds
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
        return None, [
            fails(
                "seal",
                KeyDoesNotOpen("The package is sealed, and no key was given.", do="Name the case's identity file."),
            )
        ]
    try:
        if is_armored(path):
            with tempfile.TemporaryDirectory(prefix=".opening-", dir=room) as place:
                decrypt_file(path, zip_path := Path(place) / "package.zip", identities)
                bag, findings = _judged(lambda: unpack(zip_path))
        else:
            with contextlib.closing(OpenedFile(path, identities)) as opened:
                bag, findings = _judged(lambda: unpack(opened))
                opened.read_rest()
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


def _is_sealed(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(32).lstrip().startswith(_AGE)
    except OSError as error:
        raise InputInvalid(f"{path} can't be read: {error.strerror}.", do="Check its permissions.") from None
