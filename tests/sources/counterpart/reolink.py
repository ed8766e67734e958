"""Reolink as a source under test: a camera with a card.

Not for: what the stand-in answers (``tests/counterparts/http/reolink_stand_in.py``).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.counterparts.http.reolink_stand_in import Reolink
from tests.sources.counterpart.pieces import Piece, ShiftedClock
from tests.sources.counterpart.under_test import DeviceUnderTest, Served


class ReolinkUnderTest(DeviceUnderTest):
    name = kind = "reolink"
    precision = 1_000_000

    def __init__(self, work: Path, clock: ShiftedClock) -> None:
        super().__init__(work, clock)
        self.stand_in = Reolink(self)

    async def lay(self, *pieces: Piece, growing: bool = False) -> None:
        self.stand_in.lay(*pieces)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Served]:
        with self.stand_in.serving() as port:
            yield Served(f"http://127.0.0.1:{port}")
