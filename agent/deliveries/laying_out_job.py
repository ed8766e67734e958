"""The worker's part of laying out: open the owner's own copy, and leave what the force takes, sealed anew or not.

Not for: deciding what that is (``laying_out``).
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

from exchange.age.files import Decryptor, Encryptor, Passphrase, decrypt_file, parse_identity
from exchange.durable import durable_file
from exchange.package.unpack import open_package

_BLOCK = 1 << 20
_CONTACT_SHEET, _NAMED = "contact-sheet", "working-copy"


def job(order: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """``{"files": [[name, bytes, SHA-256]]}`` of what was made in ``folder`` from the package ``sealed``.

    ``form`` "package": the sealed package if it is ``sealed_for`` "key"; sealed anew for "passphrase";
    its zip for "nobody". "recordings": each master, the working
    copies that were chosen, as far as they are small enough, and the page that explains them.
    What is larger than ``most_bytes`` lies in numbered pieces.
    """
    folder, sealed, name = Path(order["folder"]), Path(order["sealed"]), str(order["name"])
    most = order["most_bytes"]
    if order["form"] == "recordings":
        return {"files": _recordings(folder, sealed, name, order["identities"], most)}
    if order["sealed_for"] == "key":
        return {"files": _in_pieces(sealed, folder, f"{name}.zip.age", most)}
    identities = [parse_identity(text) for text in order["identities"]]
    with tempfile.TemporaryDirectory(prefix=".opening-", dir=folder) as place:
        made = Path(place) / "made"
        if order["sealed_for"] == "nobody":
            decrypt_file(sealed, made, identities)
            return {"files": _in_pieces(made, folder, f"{name}.zip", most)}
        passphrase = Passphrase(order["passphrase"])
        with sealed.open("rb") as source, durable_file(made) as target, Encryptor(target, [passphrase]) as encryptor:
            for piece in Decryptor(cast(BinaryIO, source), identities):
                encryptor.write(piece)
        return {"files": _in_pieces(made, folder, f"{name}.zip.age", most)}


def _recordings(folder: Path, sealed: Path, name: str, identities: list[str], most: int | None) -> list[list[object]]:
    """The masters, the working copies that were chosen and are no larger than ``most``, and the page about them all."""
    with tempfile.TemporaryDirectory(prefix=".opening-", dir=folder) as place:
        opened = Path(place) / "package.zip"
        decrypt_file(sealed, opened, [parse_identity(text) for text in identities])
        bag = open_package(opened, Path(place)).folder
        masters = sorted((bag / "data" / "master").iterdir())
        files = [
            _copied(master, folder / f"{name}_part{number}of{len(masters)}{master.suffix}")
            for number, master in enumerate(masters, 1)
        ]
        for copy in sorted((bag / "data" / "working").glob("*")):
            if copy.stem != _CONTACT_SHEET and (most is None or copy.stat().st_size <= most):
                words = copy.name if copy.name.startswith(_NAMED) else f"{_NAMED}-{copy.name}"
                files.append(_copied(copy, folder / f"{name}_{words}"))
        return [*files, _copied(bag / "data" / "READ-ME-FIRST.html", folder / f"{name}_READ-ME-FIRST.html")]


def _in_pieces(source: Path, folder: Path, name: str, most: int | None) -> list[list[object]]:
    """The file itself, or numbered pieces of it (.001 …), which put one after the other are the file."""
    size = source.stat().st_size
    if most is None or size <= most:
        return [_copied(source, folder / name)]
    made = []
    with source.open("rb") as read:
        for number, start in enumerate(range(0, size, most), 1):
            target = folder / f"{name}.{number:03}"
            left = min(most, size - start)
            digest = hashlib.sha256()
            with durable_file(target) as file:
                while left and (block := read.read(min(left, _BLOCK))):
                    file.write(block)
                    digest.update(block)
                    left -= len(block)
            made.append([target.name, target.stat().st_size, digest.hexdigest()])
    return made


def _copied(source: Path, target: Path) -> list[object]:
    with source.open("rb") as read, durable_file(target) as file:
        shutil.copyfileobj(read, file, _BLOCK)
    with target.open("rb") as read:
        return [target.name, target.stat().st_size, hashlib.file_digest(read, "sha256").hexdigest()]
