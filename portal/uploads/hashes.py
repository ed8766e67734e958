"""The SHA-256 of uploads on their way, made as they come.

Held in memory only: after a restart, or at another replica, it is made anew from what lies in the store.
"""

import hashlib
from collections.abc import Iterable

KEPT = 256


class RunningHash:
    """The SHA-256 of a file's first ``position`` bytes."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.position = 0

    def update(self, block: bytes) -> None:
        self.hash.update(block)
        self.position += len(block)

    def update_all(self, blocks: Iterable[bytes]) -> None:
        for block in blocks:
            self.update(block)

    def copy(self) -> "RunningHash":
        other = RunningHash()
        other.hash, other.position = self.hash.copy(), self.position
        return other


class KnownHashes:
    """Of uploads that this process received; the oldest are forgotten, and made again when they are needed."""

    def __init__(self) -> None:
        self._known: dict[str, RunningHash] = {}

    def take(self, upload: str) -> RunningHash:
        """What is known, out of here; else one of nothing."""
        return self._known.pop(upload) if upload in self._known else RunningHash()

    def keep(self, upload: str, running: RunningHash) -> None:
        self._known[upload] = running
        while len(self._known) > KEPT:
            self._known.pop(next(iter(self._known)))
