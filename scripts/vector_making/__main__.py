"""Writes docs/vectors and the worked example; with ``--check`` says what is not as it would be: see scripts/vectors."""

import argparse
import hashlib
import json
import sys
from pathlib import Path

from scripts.vector_making import (
    bad_custody,
    bad_documents,
    bad_json,
    bad_seals,
    bad_signatures,
    bad_zips,
    example,
    good,
    keys,
    optional_parts,
    stamped,
)
from scripts.vector_making.sealing import Sealed
from scripts.vector_making.vector import Vector

DOCS = Path(__file__).parents[2] / "docs"
VECTORS = DOCS / "vectors"
EXAMPLE = "evidence-example.md"


def made(folder: Path = VECTORS) -> dict[str, bytes]:
    """Every file under docs/vectors but its README, by path. Sealed ones and stamps are taken from ``folder`` while
    they hold what they should: nobody can make those twice."""
    stamps = stamped.files(folder)
    sealed = Sealed(folder)
    vectors: list[Vector] = [
        *good.vectors(sealed),
        *stamped.vectors(stamps),
        *optional_parts.vectors(),
        *bad_seals.vectors(sealed),
        *bad_zips.vectors(),
        *bad_signatures.vectors(),
        *bad_documents.vectors(),
        *bad_json.vectors(),
        *bad_custody.vectors(),
    ]
    names = [vector.name for vector in vectors]
    assert len(set(names)) == len(names), "two vectors have one name"
    files = {vector.file: vector.content for vector in vectors}
    rows = [vector.row(hashlib.sha256(vector.content).hexdigest()) for vector in vectors]
    index = json.dumps({"version": 1, "vectors": rows}, indent=1, ensure_ascii=False) + "\n"
    return {"index.json": index.encode(), **_keys(), **stamps, **files}


def made_example(files: dict[str, bytes]) -> bytes:
    """docs/evidence-example.md, of the vectors."""
    zipped, sealed = files["good/plain.zip"], files["good/sealed-x25519.zip.age"]
    return example.page(zipped, sealed, good.with_notes().evidence_bytes)


def _keys() -> dict[str, bytes]:
    public = {
        "force": keys.FORCE,
        "other-force": keys.OTHER_FORCE,
        "device": keys.DEVICE,
        "other-device": keys.OTHER_DEVICE,
    }
    identities = {
        "case-x25519": keys.CASE_X25519,
        "case-hybrid": keys.CASE_HYBRID,
        "other-case": keys.OTHER_CASE,
    }
    files = {f"keys/{name}.pub": f"{key.public.line}\n".encode() for name, key in public.items()}
    files |= {f"keys/{name}.key": f"{identity}\n".encode() for name, identity in identities.items()}
    return {**files, "keys/passphrase.txt": f"{keys.PASSPHRASE}\n".encode()}


def differences(files: dict[str, bytes], folder: Path) -> list[str]:
    """The paths that are missing, too many, or have another content in ``folder``."""
    there = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    there.pop("README.md", None)
    changed = [path for path in files.keys() & there.keys() if there[path].read_bytes() != files[path]]
    return sorted([*changed, *(files.keys() ^ there.keys())])


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/vectors")
    parser.add_argument("--check", action="store_true", help="change nothing; say what is not as it would be written")
    check = parser.parse_args().check
    files = made()
    changed = differences(files, VECTORS)
    for path in changed:
        print(path)
        if check:
            continue
        target = VECTORS / path
        if path in files:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(files[path])
        else:
            target.unlink()
    shown = made_example(files)
    if (DOCS / EXAMPLE).read_bytes() != shown:
        print(f"docs/{EXAMPLE}")
        changed.append(EXAMPLE)
        if not check:
            (DOCS / EXAMPLE).write_bytes(shown)
    print(f"{len(changed)} of {len(files) + 1} files {'are not as they should be' if check else 'were written'}")
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
