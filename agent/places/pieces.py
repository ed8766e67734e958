"""A file in the parts that storage takes, each with its hashes.

Not for: sending them (``agent.places.s3``, ``agent.places.presigned``).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

PART = 8 << 20
"""Bytes: what is sent again at most after a break. Larger where a file would have more than 9,000 parts."""
_MOST_PARTS = 9_000


@dataclass(frozen=True)
class Part:
    """One part of a file, as it lies on our disk."""

    number: int
    start: int
    size: int
    sha256: str
    md5: bytes


def hashed_in_pieces(source: Path, part: int = PART) -> tuple[list[Part], str]:
    """The parts of a file in order (one, if empty), and the SHA-256 of all of it."""
    size = source.stat().st_size
    each = max(part, -(-size // _MOST_PARTS))
    whole = hashlib.sha256()
    parts: list[Part] = []
    with source.open("rb", 0) as file:
        for start in range(0, max(size, 1), each):
            sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
            left = min(each, size - start)
            here = left
            while left > 0 and (block := file.read(min(left, 1 << 20))):
                for digest in (whole, sha256, md5):
                    digest.update(block)
                left -= len(block)
            parts.append(Part(len(parts) + 1, start, here, sha256.hexdigest(), md5.digest()))
    return parts, whole.hexdigest()
