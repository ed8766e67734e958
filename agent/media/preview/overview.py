"""A window at a glance: how much changes from moment to moment, a strip of small pictures, and any one frame.

Not for: recognising anything. The curve says where to look, and no more.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import av
import cv2
import numpy as np
from av.error import FFmpegError

from agent.media.containers.tables import NotFootage
from agent.media.cut import approved
from agent.media.facts import JsonObject, Stretch, stretch
from agent.media.pictures import Picture, decoded, frames, grid, not_shown, picture, tile, write

MOST_MOMENTS = 120
STRIP_PICTURES, STRIP_WIDTH = 12, 160
STILL_WIDTH = 1280
SHEET_PICTURES, SHEET_WIDTH = 20, 320
_LOOK = (96, 54)
_MUCH = 24.0
"""Mean difference of grey levels that counts as all of it changing."""


def look(stretches: Sequence[Stretch], target: Path) -> list[tuple[int, float]]:
    """(UTC microseconds, change from 0 to 1) of evenly spaced key frames; the strip goes to ``target``, a JPEG."""
    start, end = stretches[0].first_us, max(each.end_us for each in stretches)
    curve: list[tuple[int, float]] = []
    tiles: list[Picture] = []
    before: Picture | None = None
    for moment, frame in _key_frames(stretches, start, end):
        grey = cv2.cvtColor(cv2.resize(picture(frame, min(frame.width, 480)), _LOOK), cv2.COLOR_BGR2GRAY)
        change = 0.0 if before is None else float(np.mean(cv2.absdiff(np.asarray(grey, np.uint8), before)))
        before = np.asarray(grey, np.uint8)
        curve.append((moment, round(min(1.0, change / _MUCH), 3)))
        if (moment - start) * STRIP_PICTURES >= len(tiles) * (end - start):
            tiles.append(picture(frame, STRIP_WIDTH))
    if not tiles:
        raise not_shown()
    height = max(each.shape[0] for each in tiles)
    strip = np.zeros((height, STRIP_WIDTH * len(tiles), 3), np.uint8)
    for number, each in enumerate(tiles):
        strip[: each.shape[0], number * STRIP_WIDTH : (number + 1) * STRIP_WIDTH] = each
    write(target, strip)
    return curve


def sheet(stretches: Sequence[Stretch], target: Path) -> None:
    """Some twenty pictures of the window, evenly spaced, each with the time of day of this host's zone beneath it."""
    start, end = stretches[0].first_us, max(each.end_us for each in stretches)
    tiles: list[Picture] = []
    for moment, frame in _key_frames(stretches, start, end, SHEET_PICTURES):
        local = datetime.fromtimestamp(moment / 1_000_000, UTC).astimezone()
        tiles.append(tile(frame, f"{local:%H:%M:%S}", SHEET_WIDTH))
    if not tiles:
        raise not_shown()
    write(target, grid(tiles, SHEET_WIDTH))


def _key_frames(
    stretches: Sequence[Stretch], start: int, end: int, most: int = MOST_MOMENTS
) -> Iterator[tuple[int, av.VideoFrame]]:
    step = max(1, (end - start) // most)
    due = start
    for each in stretches:
        what = approved.find(each, sound=False)
        for key in what.chosen.keys:
            moment = each.first_us + what.video_us[key]
            if moment < due:
                continue
            try:
                yield moment, _alone(what, key)
            except (FFmpegError, NotFootage, ValueError, StopIteration):
                continue
            due = moment + step


def _alone(what: approved.Approved, key: int) -> av.VideoFrame:
    decoder = av.CodecContext.create(what.video.codec, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.extradata, decoder.thread_count = what.video.config, 1
    found = next(frames(decoder, what, key, key + 1), None)
    if found is None:
        raise ValueError("no picture")
    return found


def still(stretches: Sequence[Stretch], at_us: int, step: int, target: Path) -> JsonObject:
    """The frame that is shown at ``at_us``, or ``step`` frames after it (before, if negative), as JPEG at ``target``.

    ``{"at", "first", "last"}``: its own time, and whether it is the first or the last of all.
    """
    times: list[tuple[int, int, int]] = []
    found = [approved.find(each, sound=False) for each in stretches]
    for number, what in enumerate(found):
        times += [(what.stretch.first_us + time, number, index) for index, time in enumerate(what.video_us)]
    times.sort()
    place = max(0, bisect_right([time for time, _, _ in times], at_us) - 1)
    place = min(max(0, place + step), len(times) - 1)
    moment, number, index = times[place]
    frame = decoded(found[number], index)
    write(target, picture(frame, min(STILL_WIDTH, frame.width)))
    return {"at": moment, "first": place == 0, "last": place == len(times) - 1}


def look_job(job: JsonObject, report: Callable[[JsonObject], None]) -> JsonObject:
    """``{"stretches", "target"}`` to ``{"curve": [[UTC microseconds, change]]}``."""
    cv2.setNumThreads(1)
    return {"curve": look([stretch(plain) for plain in job["stretches"]], Path(job["target"]))}


def sheet_job(job: JsonObject, report: Callable[[JsonObject], None]) -> JsonObject:
    """``{"stretches", "target"}``: see ``sheet``."""
    cv2.setNumThreads(1)
    sheet([stretch(plain) for plain in job["stretches"]], Path(job["target"]))
    return {}


def still_job(job: JsonObject, report: Callable[[JsonObject], None]) -> JsonObject:
    """``{"stretches", "at", "step", "target"}``: see ``still``."""
    cv2.setNumThreads(1)
    return still([stretch(plain) for plain in job["stretches"]], job["at"], job["step"], Path(job["target"]))
