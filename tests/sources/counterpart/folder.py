"""A folder of recordings as a source under test: real files of every kind, named by local time.

Not for: the names and containers themselves (``test_folder``).
"""

import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from agent.devices.device_time import DeviceTime
from exchange.clock import SECOND
from tests.agent.media.recordings import ffmpeg
from tests.counterparts.files.dav_file import write_dav
from tests.counterparts.files.hikvision_file import hikvision_file
from tests.counterparts.files.packets import coded_frames
from tests.sources.counterpart.pieces import Piece
from tests.sources.counterpart.under_test import Case, DeviceUnderTest, Fault, Served

_NO_DEVICE = "a folder is on this machine: there is no device to be asked"


class FolderUnderTest(DeviceUnderTest):
    name = "folder"
    kind = "folder"
    suffix: ClassVar[str] = "mp4"
    precision = SECOND
    cannot: ClassVar[Mapping[Case, str]] = {
        Case.WRONG_PASSWORD: "a folder has no password",
        Case.SLOW: _NO_DEVICE,
        Case.HANGS: _NO_DEVICE,
        Case.GONE: "a file is copied within this machine: a disk that breaks in the middle is the system's error",
        Case.NONSENSE: "what is no footage is passed over and counted, as the folder's own tests show",
        Case.CLOCK_WRONG: "there is no clock to compare; clock_ahead is the owner's word, and has a test of its own",
        Case.LESS: "a file is brought whole or not at all",
    }

    @property
    def fault(self) -> Fault | None:
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        self._fault = fault
        if fault is Fault.AWAY:
            self.root.rename(self.work / "unmounted")

    @property
    def root(self) -> Path:
        return self.work / "exports"

    async def lay(self, *pieces: Piece, growing: bool = False) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir()
        time = DeviceTime(zone=self.zone)
        for number, piece in enumerate(pieces):
            name = f"front_{time.to_local(piece.start):%Y-%m-%d_%H-%M-%S}_{number}.{self.suffix}"
            path = self.file(piece, self.root / name, time)
            if self.fault is Fault.TRUNCATED:
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 1])
            changed = self.clock.now() - SECOND if growing and piece is pieces[-1] else piece.end
            os.utime(path, ns=(changed * 1000, changed * 1000))

    def file(self, piece: Piece, path: Path, time: DeviceTime) -> Path:
        shutil.copy(piece.path, path)
        return path

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Served]:
        self.root.mkdir(exist_ok=True)
        yield Served(options={"path": str(self.root), "zone": self.zone}, credentials=None)


class FolderOfMatroska(FolderUnderTest):
    name = "folder of MKV"
    suffix = "mkv"

    def file(self, piece: Piece, path: Path, time: DeviceTime) -> Path:
        ffmpeg("-i", piece.path, "-c", "copy", path)
        return path


class FolderOfAvi(FolderUnderTest):
    name = "folder of AVI"
    suffix = "avi"

    def file(self, piece: Piece, path: Path, time: DeviceTime) -> Path:
        ffmpeg("-i", piece.path, "-c", "copy", path)
        return path


class FolderOfTransportStreams(FolderUnderTest):
    name = "folder of TS"
    suffix = "ts"

    def file(self, piece: Piece, path: Path, time: DeviceTime) -> Path:
        ffmpeg("-i", piece.path, "-c", "copy", "-f", "mpegts", path)
        return path


class FolderOfDav(FolderUnderTest):
    name = "folder of DAV"
    suffix = "dav"

    def file(self, piece: Piece, path: Path, time: DeviceTime) -> Path:
        return write_dav(path, piece.path, lambda after: time.to_local(piece.start + after))


class FolderOfProgramStreams(FolderUnderTest):
    name = "folder of MPG"
    suffix = "mpg"

    def file(self, piece: Piece, path: Path, time: DeviceTime) -> Path:
        return program_stream(piece, path)


class FolderOfHikvisionFiles(FolderUnderTest):
    name = "folder of Hikvision's program streams"
    suffix = "ps"

    def file(self, piece: Piece, path: Path, time: DeviceTime) -> Path:
        path.write_bytes(hikvision_file(coded_frames(piece.path), piece.codec, time.to_local(piece.start)))
        return path


class FolderOfMisnamedStreams(FolderOfHikvisionFiles):
    """What Hikvision's own players save: a program stream, named MP4."""

    name = "folder of program streams named MP4"
    suffix = "mp4"


def program_stream(piece: Piece, path: Path, sound: str = "") -> Path:
    """A piece as an MPEG program stream made by FFmpeg; ``sound``: an encoder's name, such as ``mp2``."""
    wrapped = {"h264": "h264_mp4toannexb", "h265": "hevc_mp4toannexb"}[piece.codec]
    seconds = (piece.end - piece.start) // SECOND
    heard = ["-f", "lavfi", "-i", f"sine=f=440:sample_rate=48000:duration={seconds}", "-c:a", sound] if sound else []
    ffmpeg("-i", piece.path, *heard, "-c:v", "copy", "-bsf:v", wrapped, "-f", "vob", path)
    return path


class BroughtByHand(FolderUnderTest):
    """Files that an owner brought lie in a folder as well."""

    name = "by hand"
    kind = "by_hand"


FOLDERS = (FolderUnderTest, BroughtByHand)
"""The suite runs once; each other kind of file has its own test in ``test_folder``."""
KINDS = (FolderUnderTest, FolderOfMatroska, FolderOfAvi, FolderOfTransportStreams, FolderOfDav,
         FolderOfProgramStreams, FolderOfHikvisionFiles, FolderOfMisnamedStreams)  # fmt: skip
