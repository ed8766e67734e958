"""What a worker is told to make, what it made, and how a finished file takes its place.

Not for: making any kind of copy (each has a module beside this one), or which may be made (the owner's decision says).
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import av
from av.error import FFmpegError

from agent.media.facts import JsonObject, file_name
from exchange.documents.copies import ChosenCopy
from exchange.durable import sync_file, sync_folder
from exchange.errors import ClipFailed, DiskFull

FOLDER = "working"
MAKER = "1"
"""Raised whenever the same masters, parameters and libraries would give other bytes."""

Report = Callable[[JsonObject], None]
Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class MasterFile:
    """A finished master. ``end_us``: the end of its last picture; all times UTC microseconds."""

    file: str
    """As the manifest has it: ``master/…``."""
    path: Path
    container: str
    codec: str
    width: int
    height: int
    frames: int
    first_us: int
    end_us: int
    size: int
    sound: bool

    @property
    def length_us(self) -> int:
        return self.end_us - self.first_us

    @property
    def rate(self) -> float:
        """Pictures a second, on average."""
        return self.frames * 1_000_000 / max(self.length_us, 1)


@dataclass(frozen=True, slots=True)
class Order:
    """One copy of all masters of one package. ``window``: what was asked for; ``room``: bytes that it may take."""

    copy: ChosenCopy
    masters: tuple[MasterFile, ...]
    window: tuple[int, int]
    out_dir: Path
    room: int

    @property
    def frames(self) -> int:
        return sum(master.frames for master in self.masters)

    def target(self, first_us: int, suffix: str) -> Path:
        """Where a file of this copy goes: its name says what it is."""
        folder = self.out_dir / FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder / file_name(f"working-copy-{self.copy.kind}", first_us, suffix)


@dataclass(slots=True)
class Made:
    """One finished file, as the manifest tells of it."""

    path: Path
    what: str
    parameters: dict[str, Value]
    made_from: str | None = None
    first_us: int | None = None
    end_us: int | None = None
    frames: int | None = None
    container: str | None = None
    codec: str | None = None
    width: int | None = None
    height: int | None = None
    sound: bool | None = None
    real_times: bool | None = None
    caption: bool | None = None

    def as_json(self, out_dir: Path) -> JsonObject:
        with self.path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        facts = {name: value for name, value in asdict(self).items() if name not in ("path", "parameters")}
        return facts | {
            "file": str(self.path.relative_to(out_dir)),
            "sha256": digest,
            "size": self.path.stat().st_size,
            "parameters": [[name, text_of(value)] for name, value in self.parameters.items()],
        }


def text_of(value: Value) -> str:
    """A parameter's value as the manifest has it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


@dataclass(slots=True)
class Outcome:
    """What became of an order: the files, and what a reader should know of those that there are not."""

    files: list[Made] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Progress:
    """Counts pictures; reports them a hundred at a time."""

    report: Report
    total: int
    done: int = 0
    reported: int = 0

    def __call__(self, count: int = 1) -> None:
        self.done += count
        if self.done - self.reported >= 100:
            self.reported = self.done
            self.report({"done": min(self.done, self.total), "total": max(self.total, 1)})


@contextmanager
def finished(path: Path) -> Iterator[Path]:
    """A path beside ``path``; what was written there takes its place, synced, when all went well."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        yield unfinished
        sync_file(unfinished)
        unfinished.replace(path)
        sync_folder(path.parent)
    except (FFmpegError, OSError) as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise no_room() from error
        raise not_made(str(error.strerror or type(error).__name__)) from error
    finally:
        unfinished.unlink(missing_ok=True)


def no_room() -> DiskFull:
    return DiskFull("There is no room for a working copy.", meaning="The evidence is made without it.")


def not_made(why: str) -> ClipFailed:
    return ClipFailed(f"A working copy could not be made: {why}.", meaning="The evidence is made without it.")


def tools(*, pictures: bool = True) -> dict[str, str]:
    """What took part, by name, and its version. ``pictures``: OpenCV did."""
    found: dict[str, str] = {"Handover's working copies": MAKER, "FFmpeg": av.ffmpeg_version_info}
    found["PyAV"] = av.__version__
    for name in ("libavcodec", "libavformat", "libswscale"):
        found[name] = ".".join(map(str, av.library_versions[name]))
    if pictures:
        import cv2

        found["OpenCV"] = cv2.__version__
    return found


def read_order(plain: Mapping[str, object]) -> Order:
    """An order as it came by JSON: see ``agent.requests.copies.making``."""
    masters = plain["masters"]
    window = plain["window"]
    assert isinstance(masters, list)
    assert isinstance(window, list)
    return Order(
        copy=ChosenCopy.model_validate(plain["copy"]),
        masters=tuple(MasterFile(**{**master, "path": Path(master["path"])}) for master in masters),
        window=(int(window[0]), int(window[1])),
        out_dir=Path(str(plain["out_dir"])),
        room=int(str(plain["room"])),
    )
