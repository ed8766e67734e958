"""The worker's part of laying out: open the owner's own copy, and leave what the force takes.

Not for: deciding what that is (``outgoing``).
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exchange.age.files import decrypt_file, parse_identity
from exchange.durable import durable_file
from exchange.package.writing import open_package


def job(order: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """``{"files": [[name, bytes, SHA-256]]}`` of what was made in ``folder`` from the package ``sealed``.

    ``form`` "package": one file, the sealed package if the force has a key for it, or its zip; "recordings": each
    master, and the page that explains them.
    """
    folder, sealed, name = Path(order["folder"]), Path(order["sealed"]), order["name"]
    if order["form"] == "package" and order["sealed_for_force"]:
        return {"files": [_copied(sealed, folder / f"{name}.zip.age")]}
    identities = [parse_identity(text) for text in order["identities"]]
    with tempfile.TemporaryDirectory(prefix=".opening-", dir=folder) as place:
        opened = Path(place) / "package.zip"
        decrypt_file(sealed, opened, identities)
        if order["form"] == "package":
            return {"files": [_copied(opened, folder / f"{name}.zip")]}
        bag = open_package(opened, Path(place)).folder
        masters = sorted((bag / "data" / "master").iterdir())
        files = [
            _copied(master, folder / f"{name}_part{number}of{len(masters)}{master.suffix}")
            for number, master in enumerate(masters, 1)
        ]
        return {"files": [*files, _copied(bag / "data" / "READ-ME-FIRST.html", folder / f"{name}_READ-ME-FIRST.html")]}


def _copied(source: Path, target: Path) -> list[object]:
    with source.open("rb") as read, durable_file(target) as file:
        shutil.copyfileobj(read, file, 1 << 20)
    with target.open("rb") as read:
        return [target.name, target.stat().st_size, hashlib.file_digest(read, "sha256").hexdigest()]
