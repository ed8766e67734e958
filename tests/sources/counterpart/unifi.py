"""UniFi Protect as a source under test.

Not for: what the stand-in answers (``tests/counterparts/http/unifi_stand_in.py``).
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from tests.counterparts.http.unifi_stand_in import Protect
from tests.sources.counterpart.pieces import Piece, ShiftedClock
from tests.sources.counterpart.under_test import Case, DeviceUnderTest, Served


class UnifiUnderTest(DeviceUnderTest):
    name = kind = "unifi"
    precision = 1_000_000
    """As exports begin at a key frame, which are a second apart here."""
    cannot: ClassVar[Mapping[Case, str]] = {
        Case.GAP: "Protect tells only where a recording begins and ends; its own tests show gaps in what is fetched",
        Case.CODEC_CHANGE: "what Protect exports over a change of codec is known from no source",
        Case.MORE: "an export that begins earlier says so nowhere; the uncertainty that is told covers it",
    }

    def __init__(self, work: Path, clock: ShiftedClock) -> None:
        super().__init__(work, clock)
        self.stand_in = Protect(self)

    async def lay(self, *pieces: Piece, growing: bool = False) -> None:
        self.stand_in.lay(*pieces)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Served]:
        with self.stand_in.serving() as port:
            yield Served(f"http://127.0.0.1:{port}", {"camera": "Gate"})
