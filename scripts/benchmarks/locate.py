"""Finding a window among the recordings of 16 cameras: how long it takes among 30 days, and
whether it takes less among one.

Not for: reading footage; the segments have the names that the recorder gives, and nothing in them.
"""

import random
import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from agent.recordings import layout
from agent.recordings.layout import SegmentName, SegmentState
from agent.recordings.segments import SegmentStore
from exchange.clock import DAY, MINUTE, SystemClock, Window, from_rfc3339
from scripts.benchmarks.row import Row

CAMERAS = 16
ASKED = 400
START = from_rfc3339("2026-10-01T00:00:00Z")
LENGTH = 10 * MINUTE


def rows(work: Path) -> Iterator[Row]:
    """The median among 30 days, and beside it the median among one."""
    month, day = work / "locate-30", work / "locate-1"
    try:
        for root, days in ((month, 30), (day, 1)):
            _record(root, days)
        # Turn about, so that what else the machine does falls on both.
        took: dict[int, list[float]] = {30: [], 1: []}
        asked = random.Random(1)  # the same windows in every run
        for _ in range(ASKED):
            took[30].append(_ask(month, 30, asked))
            took[1].append(_ask(day, 1, asked))
    finally:
        for root in (month, day):
            shutil.rmtree(root, ignore_errors=True)
    month_takes, day_takes = (statistics.median(took[days]) for days in (30, 1))
    yield Row("locate a window, 30 days x 16 cameras", month_takes, None, "ms", 5.0)
    yield Row("locate a window, 30 days beside 1 day", month_takes, day_takes, "ms", 1.5)


def _record(root: Path, days: int) -> None:
    """A minute a segment, without a break, all cameras."""
    for camera in range(CAMERAS):
        for number in range(days):
            start = START + number * DAY
            folder = layout.day_folder(root, f"cam{camera}", start)
            folder.mkdir(parents=True)
            for at in range(start + 123_456, start + DAY, MINUTE):
                (folder / str(SegmentName(at, MINUTE, SegmentState.WHOLE, "mp4"))).touch()


def _ask(root: Path, days: int, asked: random.Random) -> float:
    """Milliseconds for one window of ten minutes, anywhere, of any camera."""
    start = START + asked.randrange(0, days * DAY - LENGTH)
    camera = f"cam{asked.randrange(CAMERAS)}"
    began = time.perf_counter()
    found = SegmentStore(root, SystemClock()).coverage(camera, Window(start, start + LENGTH))
    took = time.perf_counter() - began
    assert len(found.spans) in (10, 11)
    return took * 1000
