"""An enhanced copy of each master, and a picture that shows what it was before beside what it became.

Not for: the filters themselves (``filters``), or looking at one before the owner decides (``preview``).
"""

from __future__ import annotations

from collections.abc import Iterator

import av
import cv2
import numpy as np

from agent.media.pictures import write
from agent.media.working import reading
from agent.media.working.caption import WORDS, moment_text
from agent.media.working.encoding import Coding, even
from agent.media.working.filters import SAMPLES, Filter, Plane, Values, bgr, measure, parameters, side_by_side, values
from agent.media.working.moving import encoded
from agent.media.working.order import Made, MasterFile, Order, Outcome, Progress, not_made

WIDEST = 1920
"""Larger pictures are made smaller: what a small machine can do in time."""
_SHOWN = 3
_SHOWN_WIDTH = 960


def enhanced(order: Order, progress: Progress) -> Outcome:
    """MP4 at the masters' own times, and a JPEG of before and after for each. ClipFailed, DiskFull."""
    cv2.setNumThreads(1)
    outcome = Outcome()
    for master in order.masters:
        outcome.files += _enhanced(order, master, progress)
    return outcome


def _enhanced(order: Order, master: MasterFile, progress: Progress) -> list[Made]:
    width, height = even(master.width, master.height, WIDEST)
    wanted = order.copy.enhancement
    sampled = [Filter(Values(0, 0, 1), width, height).plain(frame) for _, frame in reading.spaced(master, SAMPLES)]
    if not sampled:
        raise not_made(f"no picture of {master.file} can be shown")
    measured = measure([planes[:height] for planes in sampled])
    chosen = values(wanted, measured)
    seen = _Seen(master)
    caption = order.copy.caption is not False
    coding = Coding(width, height, master.rate, caption=caption)
    shown = _changed(master, Filter(chosen, width, height), seen)
    what = (
        f"Pictures ({master.codec} in the master) changed to show more ({chosen.words()}), and encoded anew as H.264, "
        "each at its own time. Noise is averaged over pictures: what moves may leave a faint trace. Not the evidence."
    )
    copy = encoded(order, master, coding, shown, master.end_us, progress, what)
    copy.parameters |= parameters(wanted, measured, chosen)
    return [copy, _before_and_after(copy, seen, chosen)]


class _Seen:
    """Some moments, evenly spaced, before and after."""

    def __init__(self, master: MasterFile) -> None:
        step = master.length_us // _SHOWN
        self._due = [master.first_us + step * number + step // 2 for number in range(_SHOWN)]
        self.rows: list[tuple[Plane, Plane]] = []
        self.times: list[int] = []

    def look(self, at_us: int, before: Plane, after: Plane) -> None:
        if self._due and at_us >= self._due[0]:
            while self._due and at_us >= self._due[0]:
                self._due.pop(0)
            self.rows.append((bgr(before), bgr(after)))
            self.times.append(at_us)
        elif not self.rows:
            self._first = (at_us, before, after)

    def at_least_one(self) -> None:
        if not self.rows:
            at_us, before, after = self._first
            self.rows, self.times = [(bgr(before), bgr(after))], [at_us]


def _changed(master: MasterFile, change: Filter, seen: _Seen) -> Iterator[tuple[int, av.VideoFrame]]:
    for at, frame in reading.pictures(master):
        plain = change.plain(frame)
        made = change.changed(at, plain)
        seen.look(at, plain, made)
        yield at, av.VideoFrame.from_ndarray(made, format="yuv420p")


def _before_and_after(copy: Made, seen: _Seen, chosen: Values) -> Made:
    seen.at_least_one()
    labels = [(f"before, as recorded  {moment_text(at)}", f"after: {WORDS}  ({chosen.words()})") for at in seen.times]
    width = min(_SHOWN_WIDTH, seen.rows[0][0].shape[1])
    target = copy.path.with_suffix(".jpg")
    write(target, np.asarray(side_by_side(seen.rows, labels, width), np.uint8))
    return Made(
        target,
        "Pictures of the enhanced copy beside what they were before. Not the evidence.",
        {"pictures": len(seen.rows), "shows": copy.path.name, "width": width},
        made_from=copy.made_from,
        first_us=seen.times[0],
        end_us=seen.times[-1] + 1,
    )
