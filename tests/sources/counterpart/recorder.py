"""Our own recorder's segments as a source under test: files under the recorder's names.

Not for: recording them (the recorder's own tests do).
"""

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from agent.footage.files import salvage
from agent.footage.source import FootageSource
from agent.recordings import layout
from agent.recordings.layout import SegmentName, SegmentState
from agent.recordings.segments import RecordedFootage, SegmentStore
from tests.sources.counterpart.pieces import Piece
from tests.sources.counterpart.under_test import CAMERA, Case, Fault, SourceUnderTest

_ON_THIS_DISK = "the segments lie on this machine's disk: there is no device to be asked"


class RecorderUnderTest(SourceUnderTest):
    name = "recorder"
    cannot: ClassVar[Mapping[Case, str]] = {
        Case.WRONG_PASSWORD: _ON_THIS_DISK,
        Case.SLOW: _ON_THIS_DISK,
        Case.HANGS: _ON_THIS_DISK,
        Case.GONE: _ON_THIS_DISK,
        Case.AWAY: _ON_THIS_DISK,
        Case.NONSENSE: "names that aren't segments' are passed over, as the recorder's own tests show",
        Case.CLOCK_WRONG: "segments are named by this host's own clock, which is what others are compared with",
        Case.LESS: "a segment gets the name that tells its length only after its content is written",
        Case.CANCELLED: "a segment is linked, not copied: there is no middle",
    }

    @property
    def root(self) -> Path:
        return self.work / "recordings"

    async def lay(self, *pieces: Piece, growing: bool = False) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        for piece in pieces:
            still = growing and piece is pieces[-1]
            state = SegmentState.OPEN if still else SegmentState.WHOLE
            length = None if still else piece.end - piece.start
            content = piece.path.read_bytes()
            folder = layout.day_folder(self.root, CAMERA, piece.start)
            folder.mkdir(parents=True, exist_ok=True)
            if self.fault is Fault.TRUNCATED:
                state, content = SegmentState.TORN, content[: len(content) // 2]
                (self.work / "torn.mp4").write_bytes(content)
                length = salvage.scan(self.work / "torn.mp4").duration
            (folder / str(SegmentName(piece.start, length, state, "mp4"))).write_bytes(content)

    @asynccontextmanager
    async def source(self, *, password: str | None = None, workers: bool = False) -> AsyncIterator[FootageSource]:
        yield RecordedFootage(SegmentStore(self.root, self.clock))
