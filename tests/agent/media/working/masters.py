"""Masters for tests of working copies: cut from small recordings, as the journey cuts them.

Not for: tests themselves.
"""

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from agent.media.cut.cut import cut
from agent.media.facts import CutPlan
from agent.media.inspect import inspect
from agent.media.working.make import make
from agent.media.working.order import MasterFile, Order, Outcome
from exchange.documents.copies import ChosenCopy, CopyKind
from tests.agent.media.recordings import START_US, Recording, record

WINDOW = (START_US + 1_500_000, START_US + 4_500_000)
ROOM = 1_000_000_000


@cache
def masters(
    folder: Path, kind: str, size: str = "192x108", seconds: int = 6
) -> tuple[Recording, tuple[MasterFile, ...]]:
    """A recording of a kind, and its masters for WINDOW; made once, as they are not changed."""
    place = folder / f"{kind}-{size}-{seconds}"
    recording = record(place / "recorded", kind, seconds=seconds, size=size)
    plan = inspect(recording.files, *WINDOW).before.stretches
    made = cut(CutPlan(plan, True), place / "cut").masters
    return recording, tuple(
        MasterFile(
            file=master.file,
            path=place / "cut" / master.file,
            container=master.container,
            codec=master.codec,
            width=master.width,
            height=master.height,
            frames=master.frames,
            first_us=master.first_us,
            end_us=master.first_us + master.duration_us,
            size=master.size,
            sound=any(track.kind == "audio" for track in master.tracks),
        )
        for master in made
    )


def order(of: tuple[MasterFile, ...], out: Path, kind: CopyKind, *, room: int = ROOM, **chosen: Any) -> Order:
    return Order(ChosenCopy(kind=kind, **chosen), of, WINDOW, out, room)


def made(of: tuple[MasterFile, ...], out: Path, kind: CopyKind, **chosen: Any) -> Outcome:
    return make(order(of, out, kind, **chosen), lambda _: None)


def ffprobe(*arguments: str | Path) -> str:
    command = ["ffprobe", "-v", "error", "-of", "csv=p=0", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def picture_times(path: Path) -> list[int]:
    """When each picture is shown, microseconds from the file's start, as ffprobe decodes it."""
    lines = ffprobe("-select_streams", "v", "-show_entries", "frame=pts_time", path)
    return [round(float(line.strip(",")) * 1_000_000) for line in lines.splitlines() if line.strip(",")]
