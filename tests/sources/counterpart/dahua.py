"""Dahua's recorders under test: one that brings whole files, and one that is asked for stretches of time."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from tests.counterparts.files.packets import Coded, coded_frames
from tests.counterparts.http.dahua_stand_in import DahuaStandIn, DavRecording
from tests.sources.counterpart.pieces import Piece
from tests.sources.counterpart.under_test import DeviceUnderTest, Served


class DahuaUnderTest(DeviceUnderTest):
    """Its search counts channels from 1; downloads go on where they stopped."""

    name = "dahua-files"
    kind = "dahua"
    precision = 1_500_000  # its clock tells whole seconds, and was compared to a second
    options: ClassVar[Mapping[str, Any]] = {}
    first: ClassVar[int] = 1
    ranges: ClassVar[bool] = True
    preamble: ClassVar[bool] = False
    held: tuple[DavRecording, ...] = ()

    async def lay(self, *pieces: Piece, growing: bool = False) -> None:
        self.held = tuple(
            DavRecording(piece.start + self.device_offset + part[0].after, part, piece.codec)
            for piece in pieces
            for part in self._packed(piece)
        )

    def _packed(self, piece: Piece) -> list[list[Coded]]:
        """Files are packed by the recorder's clock: when that jumps, a new one begins."""
        parts: list[list[Coded]] = []
        zone, before = ZoneInfo(self.zone), None
        for frame in coded_frames(piece.path):
            shown = piece.start + self.device_offset + frame.after
            now = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=shown)).astimezone(zone).utcoffset()
            if now != before:
                parts.append([])
            parts[-1].append(frame)
            before = now
        return parts

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Served]:
        recorder = self.stand_in = _Following(self)
        with recorder.running() as where:
            yield Served(address=where, options=dict(self.options))
        assert not recorder.strange, "something was asked that could change the recorder"


class DahuaByTimeUnderTest(DahuaUnderTest):
    """Its search counts channels from 0; it is asked for the time that is needed, and sends a preamble."""

    name = "dahua-times"
    options: ClassVar[Mapping[str, Any]] = {"by": "time", "margin": "0"}
    first = 0
    ranges = False
    preamble = True


class _Following(DahuaStandIn):
    """A recorder that is what the test says, at any moment."""

    def __init__(self, under: DahuaUnderTest) -> None:
        super().__init__(under.clock)
        self._under = under
        self.zone, self.first, self.ranges, self.preamble = under.zone, under.first, under.ranges, under.preamble
        self.offset, self.held = under.device_offset, list(under.held)

    def handle(self, call: Any) -> None:
        self.fault = self._under.fault
        super().handle(call)
