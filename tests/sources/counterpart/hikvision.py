"""Hikvision's recorders under test: lists in local time, and lists in UTC."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from tests.counterparts.files.packets import coded_frames
from tests.counterparts.http.hikvision_stand_in import HikvisionStandIn, Recording
from tests.sources.counterpart.pieces import Piece
from tests.sources.counterpart.under_test import DeviceUnderTest, Served


class HikvisionUnderTest(DeviceUnderTest):
    """Its Z is local time; downloads go on where they stopped."""

    name = "hikvision-local"
    kind = "hikvision"
    precision = 1_500_000  # its clock tells whole seconds, and was compared to a second
    zulu: ClassVar[str] = "local"
    ranges: ClassVar[bool] = True
    wants: ClassVar[str] = "web"
    held: tuple[Recording, ...] = ()

    async def lay(self, *pieces: Piece, growing: bool = False) -> None:
        self.held = tuple(
            Recording(piece.start + self.device_offset, coded_frames(piece.path), piece.codec) for piece in pieces
        )

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Served]:
        recorder = self.stand_in = _Following(self)
        with recorder.running() as where:
            yield Served(address=where)
        assert not recorder.strange, "something was asked that could change the recorder"


class HikvisionUtcUnderTest(HikvisionUnderTest):
    """Its Z is UTC; downloads begin anew; it takes a search without declaration."""

    name = "hikvision-utc"
    zone = "Europe/Berlin"  # where the two meanings differ all year
    zulu = "utc"
    ranges = False
    wants = "bare"

    async def lay(self, *pieces: Piece, growing: bool = False) -> None:
        await super().lay(*pieces, growing=growing)
        if not growing:
            # It goes on recording: by that it can be seen what its Z means.
            now = self.clock.now() + self.device_offset
            last = coded_frames(pieces[-1].path)
            self.held += (Recording(now - last[-1].after, last, pieces[-1].codec),)


class _Following(HikvisionStandIn):
    """A recorder that is what the test says, at any moment."""

    def __init__(self, under: HikvisionUnderTest) -> None:
        super().__init__(under.clock)
        self._under = under
        self.zone, self.zulu, self.ranges, self.wants = under.zone, under.zulu, under.ranges, under.wants
        self.offset, self.held = under.device_offset, list(under.held)

    def handle(self, call: object) -> None:
        self.fault = self._under.fault
        super().handle(call)  # type: ignore[arg-type]
