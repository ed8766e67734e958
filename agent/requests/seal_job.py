"""The worker's part of sealing: zip, hash and encrypt gigabytes, with public keys only.

Not for: signing or deciding: no private key ever enters this process.
"""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exchange.age.files import parse_recipient
from exchange.package.writing import PackageEntry, seal_package

_TOLD = 4 << 20
"""Bytes of the sealed file from one report to the next, or a two-hundredth of it, whichever is more."""


def job(order: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """``{"target", "name", "info", "entries", "recipients"}`` to ``{"sha256", "size"}`` of the sealed file.

    A target that is there was sealed, whole, before a crash: it is hashed and kept, so that nothing is sent twice
    in two shapes. Reports ``{"file", "bytes", "size"}``: where it lies while it is made, how many of its first bytes
    are final, and how many there will be.
    """
    target = Path(order["target"])
    if target.exists():
        with target.open("rb") as file:
            return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "size": target.stat().st_size}
    entries = [_entry(entry) for entry in order["entries"]]
    recipients = [parse_recipient(text) for text in order["recipients"]]
    reported = -_TOLD

    def tell(file: Path, final: int, size: int) -> None:
        nonlocal reported
        if final - reported >= max(_TOLD, size // 200) or final == size:
            reported = final
            report({"file": str(file), "bytes": final, "size": size})

    sealed = seal_package(target, order["name"], entries, order["info"], recipients, growth=tell)
    return {"sha256": sealed.ciphertext_sha256, "size": sealed.ciphertext_size}


def _entry(entry: dict[str, Any]) -> PackageEntry:
    source = base64.b64decode(entry["content"]) if "content" in entry else Path(entry["file"])
    return PackageEntry(entry["path"], source, entry["sha256"], entry.get("crc32"))
