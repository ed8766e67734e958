"""What keeps uploads: one contract, a folder or a bucket.

Whatever is acknowledged outlives a crash of any replica, and the store itself is the truth about how far an upload is:
a row says only who it is for, how long it gets, and its SHA-256 once it is whole.
Not for: tus's headers (``portal.api.tus``).
"""

from collections.abc import AsyncGenerator, Callable, Iterable
from pathlib import Path
from typing import Protocol

from portal.uploads.bodies import Checksum, Source
from portal.uploads.turns import Turn, Turns


class Store(Protocol):
    """One a process; lives on the event loop. Several processes share one when they share claims.

    Any call raises StoreUnavailable while a bucket can't be had, or ProblemError 503 when it is full; OSError is of
    this machine's disk. ``size`` is what the whole upload will have.
    """

    turns: Turns
    """Within whose turn ``length``, ``receive`` and ``sha256`` are called."""
    kind: str
    """*disk* or *bucket*: what is ready or not."""

    async def start(self) -> None:
        """SettingsInvalid when it can't be used as it is set."""
        ...

    async def create(self, upload: str, size: int) -> None: ...

    async def length(self, upload: str, size: int) -> int:
        """Bytes that are here, for good. FileNotFoundError when it is known to be gone."""
        ...

    async def receive(self, upload: str, size: int, source: Source, turn: Turn, checksum: Checksum | None) -> int:
        """Append what ``source`` gives until its end, or ``size`` bytes are here, for good; the new length.

        When the source breaks, what came is kept and the error raised; with a ``checksum``, what came is kept only if
        it fits (ProblemError 460). When the store fails, what it took is kept. FileNotFoundError when it is gone.
        """
        ...

    async def sha256(self, upload: str, size: int) -> str:
        """Of a whole upload; read again only if it wasn't hashed on the way. FileNotFoundError when it is gone."""
        ...

    async def give_up(self, upload: str, size: int) -> int:
        """What is here of one that will go on in another store can be ``read`` from now on: so many bytes. In a bucket
        its sender begins anew, should it come here again. FileNotFoundError when it is gone."""
        ...

    def path(self, upload: str) -> Path | None:
        """Where a whole upload lies on this machine; None where it is to be ``read``."""
        ...

    def read(self, upload: str, first: int, end: int) -> AsyncGenerator[bytes, None]:
        """Bytes [first, end) of a whole upload, or one that was given up. FileNotFoundError when it is gone."""
        ...

    async def remove(self, uploads: Iterable[str], *, ends_calls: bool = True) -> None:
        """Delete, for good. Those that are gone already don't matter; a call that sends to one here is
        broken off, unless ``ends_calls`` is false."""
        ...

    async def names(self, older_seconds: float = 0) -> set[str]:
        """The uploads of which something lies here, last written at least so long ago."""
        ...

    async def free(self) -> int | None:
        """Bytes that it has left; None where nobody tells."""
        ...

    async def is_ready(self, free_bytes: int) -> bool:
        """Whether it can be had now, and has more than so much room; asked often."""
        ...

    def watch(self, told: Callable[[str, str, float], None]) -> None:
        """``told`` hears of each call to a bucket: what was done, how it ended, seconds."""
        ...

    async def close(self) -> None: ...
