"""A download on its way: what came of it, and what it is a part of, so that a later one can go on with it.

Not for: asking for it (``http``).
"""

import http.client
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from exchange.durable import sync_folder

Progress = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a download goes. No more than ``most_bytes`` may come; ``report`` gets ``{"bytes": …, "total": …}``."""

    folder: Path
    name: str
    most_bytes: int
    report: Progress

    @property
    def path(self) -> Path:
        return self.folder / self.name

    @property
    def part(self) -> Path:
        """What came so far of one that is not whole yet."""
        return self.folder / f"{self.name}.part"


@dataclass
class Part:
    """A download on its way: ``name.part``, and beside it what it is a part of."""

    to: Destination
    question: str

    def __post_init__(self) -> None:
        self.path = self.to.part
        self.note = self.to.folder / f"{self.to.name}.from.part"
        self._known: dict[str, Any] = {}
        try:
            known = json.loads(self.note.read_bytes()[:65536])
            if known.get("question") == sha256(self.question.encode()).hexdigest():
                self._known = known
        except (OSError, ValueError, AttributeError):
            pass

    @property
    def size(self) -> int:
        """Bytes of the answer that are here; 0 when they can't be gone on with."""
        if not self._known.get("total"):
            return 0
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def goes_on(self, reply: http.client.HTTPResponse, done: int) -> bool:
        expected = f"bytes {done}-{self._known['total'] - 1}/{self._known['total']}"
        return (
            reply.status == 206
            and reply.headers.get("Content-Range", "").lower() == expected
            and reply.headers.get("ETag", "") == self._known.get("etag", "")
        )

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
        self._known = {}

    @contextmanager
    def writing(
        self, reply: http.client.HTTPResponse, done: int, total: int | None
    ) -> Iterator[Callable[[bytes], object]]:
        if not done:
            reported = {"question": sha256(self.question.encode()).hexdigest(), "total": total}
            self.note.write_text(json.dumps(reported | {"etag": reply.headers.get("ETag", "")}))
        with self.path.open("r+b" if done else "wb") as file:
            file.seek(0, os.SEEK_END)
            yield file.write
            file.flush()
            os.fsync(file.fileno())

    def finish(self) -> Path:
        self.path.rename(self.to.path)
        self.note.unlink(missing_ok=True)
        sync_folder(self.to.folder)
        return self.to.path
