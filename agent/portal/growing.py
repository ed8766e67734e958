"""A file that is sent while it is still being made: its first bytes are final, and more become so.

Not for: making it (a worker does), or believing it whole before its maker says so.
"""

import asyncio
from io import FileIO
from pathlib import Path

from exchange.errors import PackageDamaged


async def open_to_read(path: Path) -> FileIO:
    """Opened in a thread. One that is cancelled meanwhile leaves nothing open. OSError."""
    opening = asyncio.get_running_loop().run_in_executor(None, FileIO, path)
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close)
        raise


def _close(opening: asyncio.Future[FileIO]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


class GrowingFile:
    """Where the file lies, and how much of it is final. Lives on the event loop."""

    def __init__(self, path: Path, size: int) -> None:
        """``size``: bytes that it will have."""
        self._path = path
        self.size = size
        self._final = 0
        self._broken = False
        self._changed = asyncio.Event()

    def grew(self, final: int) -> None:
        """So many of its first bytes will not change any more."""
        self._final = max(self._final, final)
        self._changed.set()

    def finished(self, path: Path) -> None:
        """All of it is final; it lies at ``path`` now."""
        self._path = path
        self.grew(self.size)

    def broke_off(self) -> None:
        """It will never be whole: whoever reads it is told so."""
        self._broken = True
        self._changed.set()

    async def open(self) -> FileIO:
        """What there is of it, to be read from the front. PackageDamaged when it was broken off, FileNotFoundError when
        it is whole and gone. Between its last name and the word of it that it is whole, this waits."""
        while True:
            whole, path = self.check() == self.size, self._path
            self._changed.clear()
            try:
                return await open_to_read(path)
            except FileNotFoundError:
                if whole and path == self._path:
                    raise
            await self._changed.wait()

    async def until(self, offset: int) -> int:
        """Wait until the byte at ``offset`` is final; how many are. PackageDamaged when it was broken off."""
        while self.check() <= offset < self.size:
            self._changed.clear()
            await self._changed.wait()
        return self._final

    def check(self) -> int:
        """How many of its first bytes are final. PackageDamaged when it was broken off."""
        if self._broken:
            raise PackageDamaged("The package could not be sealed to its end.", meaning="What was sent of it is void.")
        return self._final
