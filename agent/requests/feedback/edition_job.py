"""The worker's part of a new edition: open the owner's own copy of what was sent, and lay its recordings out again.

Not for: deciding what goes (``sending_again``), or making another copy of them.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exchange.age.files import parse_identity
from exchange.age.opened import OpenedFile
from exchange.durable import sync_folder
from exchange.errors import EvidenceMismatch
from exchange.package.unpack import open_package


def job(order: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Lay the recordings of ``sealed`` into ``folder``: each of ``files`` ([path in the bag, SHA-256]), and no other.

    ``{"files": how many}``. EvidenceMismatch when one is not what the manifest that was signed says.
    """
    folder, wanted = Path(order["folder"]), dict(order["files"])
    identities = [parse_identity(text) for text in order["identities"]]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.glob(".opening-*"):
        shutil.rmtree(left, ignore_errors=True)
    place = Path(tempfile.mkdtemp(prefix=".opening-", dir=folder))
    try:
        with contextlib.closing(OpenedFile(Path(order["sealed"]), identities)) as opened:
            bag = open_package(opened, place, keep=lambda path: path in wanted)
        found = {path: file.sha256 for path, file in bag.files.items()}
        if wrong := sorted(path for path, digest in wanted.items() if found.get(path) != digest):
            raise EvidenceMismatch(
                f"{wrong[0]} in your copy of what was sent is not what its manifest says.",
                meaning="Your copy was changed. Nothing is sent again.",
                do="Take it from a backup, if you have one.",
            )
        for path in wanted:
            target = folder / path.removeprefix("data/")
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.replace(bag.folder / path, target)
            sync_folder(target.parent)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return {"files": len(wanted)}
