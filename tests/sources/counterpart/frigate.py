"""Frigate as a source under test: once by its files, once by its clips.

Not for: what the stand-in answers (``tests/counterparts/http/frigate_stand_in.py``).
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from tests.counterparts.http.frigate_stand_in import Frigate
from tests.sources.counterpart.pieces import Piece, ShiftedClock
from tests.sources.counterpart.under_test import Case, DeviceUnderTest, Served


class FrigateUnderTest(DeviceUnderTest):
    name = kind = "frigate"
    precision = 1_000_000
    via = "files"

    def __init__(self, work: Path, clock: ShiftedClock) -> None:
        super().__init__(work, clock)
        self.stand_in = Frigate(self)

    async def lay(self, *pieces: Piece, growing: bool = False) -> None:
        self.stand_in.lay(*pieces)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Served]:
        with self.stand_in.serving() as port:
            yield Served(f"http://127.0.0.1:{port}", {"camera": self.stand_in.camera, "via": self.via})


class FrigateClipUnderTest(FrigateUnderTest):
    name = "frigate-clip"
    via = "clip"
    cannot: ClassVar[Mapping[Case, str]] = {
        Case.CODEC_CHANGE: "Frigate joins files of two codecs to one that names the first; its files do not",
    }
