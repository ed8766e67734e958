"""The recorder that nobody makes, under test: a list, whole files, a password, and the usual faults."""

import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest import mock

from agent.footage.source import FootageSource
from agent.sources import registry
from agent.workers import process
from tests.counterparts.http.nvr_stand_in import Question, StandIn
from tests.paths import ROOT
from tests.sources.counterpart.pieces import Piece, ShiftedClock
from tests.sources.counterpart.under_test import GOOD, Case, DeviceUnderTest, Served

BRAND = "tests.sources.made_up"
_START = f"import sys; sys.path.append({str(ROOT)!r}); from agent.workers.entry import main; main()"
_LOGIN = "Basic " + b64encode(f"{GOOD.user}:{GOOD.password}".encode()).decode()


class MadeUp(StandIn):
    pieces: tuple[Piece, ...] = ()
    growing = False

    def assert_only_read(self) -> None:
        assert {method for method, _, _ in self.asked} <= {"GET"}

    def answer(self, question: Question) -> None:
        ahead = self.under.device_offset
        if question.headers.get("Authorization") != _LOGIN:
            question.send(b"", 401, WWW_Authenticate='Basic realm="made up"')
        elif question.target == "/list":
            question.json(
                [
                    {
                        "number": number,
                        "start": piece.start + ahead,
                        "end": piece.end + ahead,
                        "growing": self.growing and piece is self.pieces[-1],
                    }
                    for number, piece in enumerate(self.pieces)
                ]
            )
        else:
            piece = self.pieces[int(question.target.rpartition("/")[2])]
            question.ranged(piece.path.read_bytes(), f'"{piece.start}"')


class MadeUpUnderTest(DeviceUnderTest):
    name = kind = "made_up"
    cannot = {  # noqa: RUF012
        Case.LESS: "it gives whole files only",
        Case.MORE: "it gives whole files only",
    }
    precision = 1_000_000

    def __init__(self, work: Path, clock: ShiftedClock) -> None:
        super().__init__(work, clock)
        self.stand_in = MadeUp(self)

    async def lay(self, *pieces: Piece, growing: bool = False) -> None:
        self.stand_in.pieces, self.stand_in.growing = pieces, growing

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Served]:
        with self.stand_in.serving() as port:
            yield Served(f"127.0.0.1:{port}")

    @asynccontextmanager
    async def source(self, *, password: str | None = None, workers: bool = False) -> AsyncIterator[FootageSource]:
        with (
            mock.patch.dict(registry.BRANDS, {self.kind: BRAND}),
            mock.patch.object(process, "_COMMAND", (sys.executable, "-I", "-c", _START)),
        ):
            async with super().source(password=password, workers=workers) as source:
                yield source
