"""How recorded segments lie in their folder: names that alone tell when each starts, how long it is, if it is whole.

Not for: reading or writing footage. The recorder and the daemon share nothing but these names and the files.

    <root>/<camera id>/<YYYY-MM-DD>/20261122T101500.123456Z+60040000.mp4        finished; 60.04 s
                                    20261122T101500.123456Z+41960000.torn.mp4   finished after its end was lost
                                    20261122T101500.123456Z.open.mp4            being written
                                    index.jsonl                                 what names can't hold (``journal``)
    <root>/.holds/<hold id>/<camera id>/<YYYY-MM-DD>/…                          hard links, and hold.json
    <root>/.state/recorder.json  recorder.lock
    <root>/.purged.json          up to when each camera's were removed (``frontier``)
"""

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from exchange.clock import DAY, HOUR, SECOND, to_rfc3339

LONGEST = HOUR
"""Microseconds: no segment is longer, so whatever reaches into a window starts at most this long before it."""
HOLDS = ".holds"
STATE = ".state"
JOURNAL = "index.jsonl"

_CAMERA = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_NAME = re.compile(r"(\d{8}T\d{6}\.\d{6}Z)(?:\+(\d{1,12}))?(?:\.(open|torn))?\.(mp4|mkv)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class SegmentState(StrEnum):
    OPEN = "open"
    WHOLE = "whole"
    TORN = "torn"


_STATES = {None: SegmentState.WHOLE, "open": SegmentState.OPEN, "torn": SegmentState.TORN}


@dataclass(frozen=True, slots=True)
class SegmentName:
    """``start`` in microseconds UTC; ``duration`` in microseconds, None only while it is open."""

    start: int
    duration: int | None
    state: SegmentState
    container: str

    @property
    def end(self) -> int:
        return self.start + (self.duration or 0)

    def __str__(self) -> str:
        length = "" if self.duration is None else f"+{self.duration}"
        mark = "" if self.state is SegmentState.WHOLE else f".{self.state}"
        return f"{stamp(self.start)}{length}{mark}.{self.container}"


def stamp(instant: int) -> str:
    """``20261122T101500.123456Z``; sorts as the instants do, and is no longer or shorter for any of them."""
    return to_rfc3339(instant).replace("-", "").replace(":", "")


def parse(name: str) -> SegmentName | None:
    """What a file name says; None when it is not a segment's."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    started, length, mark, container = match.groups()
    if (length is None) != (mark == "open"):
        return None
    midnight = _midnight(started[:8])
    hour, minute, second = int(started[9:11]), int(started[11:13]), int(started[13:15])
    if midnight is None or hour > 23 or minute > 59 or second > 59:
        return None
    start = midnight + ((hour * 60 + minute) * 60 + second) * SECOND + int(started[16:22])
    return SegmentName(start, None if length is None else int(length), _STATES[mark], container)


@lru_cache(maxsize=64)
def _midnight(day: str) -> int | None:
    """``20261122`` to microseconds. Names of one day are parsed by the hundred."""
    try:
        return int(datetime(int(day[:4]), int(day[4:6]), int(day[6:]), tzinfo=UTC).timestamp()) * SECOND
    except ValueError:
        return None


def day_of(instant: int) -> str:
    """The UTC day, as its folder is named."""
    return to_rfc3339(instant)[:10]


def days_between(start: int, end: int) -> list[str]:
    """The UTC days that touch ``start <= t <= end``."""
    first, last = start - start % DAY, end - end % DAY
    return [day_of(day) for day in range(first, last + DAY, DAY)]


def is_day(name: str) -> bool:
    return _DAY.fullmatch(name) is not None


def is_id(name: str) -> bool:
    """Whether a camera's or hold's id may name a folder."""
    return _CAMERA.fullmatch(name) is not None


def camera_folder(root: Path, camera_id: str) -> Path:
    """The folder of a camera's days. ValueError for an id that may not name one."""
    if not is_id(camera_id):
        raise ValueError(f"{camera_id!r} cannot name a folder of recordings")
    return root / camera_id


def day_folders(root: Path) -> list[tuple[str, str]]:
    """(day, camera id) of every folder of segments, oldest day first. OSError when the root can't be read."""
    cameras = [name for name in sorted(os.listdir(root)) if is_id(name) and (root / name).is_dir()]
    return sorted((day, camera) for camera in cameras for day in os.listdir(root / camera) if is_day(day))


def day_folder(root: Path, camera_id: str, instant: int) -> Path:
    """The folder of a camera's segments that start at this instant."""
    return camera_folder(root, camera_id) / day_of(instant)
