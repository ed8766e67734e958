"""ONVIF Profile G as a source under test: a real replay server behind a proxy that misbehaves, and a SOAP side.

Not for: what these answer (``tests/counterparts``).
"""

import atexit
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import ClassVar

import av

from tests.counterparts.onvif.soap_camera import soap_camera
from tests.counterparts.onvif.soap_recorder import Held, SoapRecorder
from tests.counterparts.rtsp.gst_replay import GstReplay, tape
from tests.counterparts.rtsp.replay_proxy import ReplayProxy
from tests.sources.counterpart.pieces import Piece, ShiftedClock
from tests.sources.counterpart.under_test import GOOD, DeviceUnderTest, Fault, Served

_BROKEN = {Fault.SLOW: "slow", Fault.HANGS: "hangs", Fault.GONE: "gone", Fault.TRUNCATED: "truncated"}
_SHIFTED = {Fault.LESS: (0.0, -4.0), Fault.MORE: (-3.0, 3.0)}


@cache
def replay_server() -> GstReplay:
    """One server for all tests of a run; what it holds is laid anew by each."""
    server = GstReplay({GOOD.user: GOOD.password}).__enter__()
    atexit.register(server.__exit__, None, None, None)
    return server


def zero_of(piece: Piece) -> int:
    """The UTC of time zero in a piece's file, whose first picture need not be there."""
    with av.open(piece.path, options={"advanced_editlist": "0"}) as container:
        first = min(packet.pts for packet in container.demux(video=0) if packet.pts is not None)
        return piece.start - round(first * container.streams.video[0].time_base * 1_000_000)


class OnvifReplayUnderTest(DeviceUnderTest):
    name = kind = "onvif_replay"
    precision: ClassVar[int] = 1_100_000  # it tells its clock in whole seconds, and the question takes a moment

    def __init__(self, work: Path, clock: ShiftedClock) -> None:
        super().__init__(work, clock)
        self.proxy = ReplayProxy(0, broken=lambda: _BROKEN.get(self.fault, "") if self.fault else "")
        self.soap = SoapRecorder(
            user=GOOD.user,
            password=GOOD.password,
            clock=lambda: (self.clock.now() + self.device_offset) / 1e6,
            dead=lambda: self.fault is Fault.AWAY,
        )

    async def lay(self, *pieces: Piece, growing: bool = False) -> None:
        self.soap.held = []
        mounts = {}
        for number, (_, some) in enumerate(groupby(pieces, key=lambda piece: piece.codec)):
            group = list(some)
            stretches: list[tuple[int, int]] = []
            for piece in group:
                start, end = piece.start + self.device_offset, piece.end + self.device_offset
                if stretches and stretches[-1][1] == start:
                    start = stretches.pop()[0]
                stretches.append((start, end))
            token = f"recording-{number}"
            last = group[-1] is pieces[-1]
            self.soap.held.append(Held(token, stretches, growing=growing and last))
            files = [(piece.path, zero_of(piece) + self.device_offset) for piece in group]
            mounts[f"/replay/{token}"] = tape(self.work / f"tape-{number}", files)
        replay_server().lay(mounts)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Served]:
        self.proxy.upstream = replay_server().port
        async with self.proxy.serving() as port, soap_camera(self.soap) as url:
            self.soap.replay = f"rtsp://{{host}}:{port}/replay/{{token}}"
            yield Served(url)

    @property
    def fault(self) -> Fault | None:
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        self._fault = fault
        if not hasattr(self, "proxy"):
            return
        self.proxy.shift = _SHIFTED.get(fault, (0.0, 0.0)) if fault else (0.0, 0.0)
        nonsense = b"<html>It works!</html>"
        self.soap.answers = {"FindRecordings": nonsense} if fault is Fault.NONSENSE else {}
