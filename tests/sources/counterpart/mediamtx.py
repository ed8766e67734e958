"""MediaMTX as a source under test.

Not for: what the stand-in answers (``tests/counterparts/http/mediamtx_stand_in.py``).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.counterparts.http.mediamtx_stand_in import MediaMtx
from tests.sources.counterpart.pieces import Piece, ShiftedClock
from tests.sources.counterpart.under_test import DeviceUnderTest, Served


class MediaMtxUnderTest(DeviceUnderTest):
    name = kind = "mediamtx"
    precision = 1_000

    def __init__(self, work: Path, clock: ShiftedClock) -> None:
        super().__init__(work, clock)
        self.stand_in = MediaMtx(self)

    async def lay(self, *pieces: Piece, growing: bool = False) -> None:
        self.stand_in.lay(*pieces)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Served]:
        with self.stand_in.serving() as port:
            yield Served(f"127.0.0.1:{port}", {"path": self.stand_in.path})
