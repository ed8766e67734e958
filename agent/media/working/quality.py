"""What the pictures of a package are like, measured: size, real rate, missing pictures, light, sharpness, obstruction,
and how much changes over the window; in words, as a chart, and as figures.

Not for: recognising anything in a picture, or judging a camera over weeks (``agent.cameras.health``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from agent.media.health import alike
from agent.media.working import reading
from agent.media.working.order import FOLDER, Made, MasterFile, Order, Outcome, Progress, Value, finished, not_made
from agent.media.working.quality_page import page

Grey = NDArray[np.uint8]

MOST_PICTURES = 600
"""Looked at in all: what a small machine can do in a minute or two."""
_ALL_UP_TO = 1_200
"""Pictures of a window that are all decoded; of a longer one, key frames are."""
_SIZE = (640, 360)
_LOOK = (96, 54)
_TILES = (12, 8)
_LATE = 1.6
"""Times the usual time between two pictures from which on one is missing."""
_FLAT = 3.0
"""Spread of grey levels in a tile below which nothing can be seen in it."""
_MUCH = 24.0
"""Mean difference of grey levels that counts as all of it changing."""


@dataclass(frozen=True, slots=True)
class Look:
    """One picture. ``light``, ``spread``: mean and standard deviation of its grey levels (0 to 255); ``sharp``:
    variance of the Laplacian at 640 by 360; ``dark``, ``bright``, ``flat``: shares of it that are black, white, of one
    tone; ``change``: from the one before, 0 to 1, None for the first."""

    at_us: int
    light: float
    spread: float
    sharp: float
    dark: float
    bright: float
    flat: float
    change: float | None


@dataclass(frozen=True, slots=True)
class Rate:
    """One master's pictures in time. ``missing``: how many more there would be without the long pauses."""

    file: str
    container: str
    codec: str
    width: int
    height: int
    frames: int
    first_us: int
    length_us: int
    a_second: float
    usual_us: int
    missing: int
    pauses: int
    longest_pause_us: int
    longest_pause_at_us: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """All that was measured. ``obstructed``: share of the picture that shows nothing all the time; ``moved``: how alike
    the edges of its first and last pictures are, 1 the same, None where it is too dark to tell."""

    first_us: int
    end_us: int
    rates: tuple[Rate, ...]
    looks: tuple[Look, ...]
    compared_every_us: int
    obstructed: float
    moved: float | None


def quality(order: Order, progress: Progress) -> Outcome:
    """``working/quality.html`` and ``working/quality.json``. ClipFailed when no picture can be shown."""
    cv2.setNumThreads(1)
    report = measured(order.masters, progress)
    folder = order.out_dir / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    parameters: dict[str, Value] = {
        "pictures": len(report.looks),
        "most_pictures": MOST_PICTURES,
        "measured_at": f"{_SIZE[0]}x{_SIZE[1]}",
        "late_picture_times_usual": _LATE,
        "change_of_all": _MUCH,
    }
    files = []
    for name, content in (("quality.html", page(report)), ("quality.json", _as_json(report))):
        with finished(folder / name) as unfinished:
            unfinished.write_bytes(content)
        files.append(_made(folder / name, report, parameters))
    return Outcome(files)


def _made(path: Path, report: Report, parameters: dict[str, Value]) -> Made:
    what = "A report of what the pictures are like, measured from the recording. It changes nothing in it."
    return Made(path, what, parameters, first_us=report.first_us, end_us=report.end_us)


def _as_json(report: Report) -> bytes:
    plain = {"kind": "quality-report.v1", **asdict(report)}
    return (json.dumps(plain, indent=1) + "\n").encode()


def measured(masters: Sequence[MasterFile], progress: Progress) -> Report:
    """Look at the masters' pictures, evenly spaced. ClipFailed when none can be shown."""
    looks: list[Look] = []
    flat = np.zeros((_TILES[1], _TILES[0]), np.int64)
    small: list[tuple[int, Grey]] = []
    rates = []
    before: Grey | None = None
    for master in masters:
        rates.append(_rate(master))
        for at, frame in _spaced(master, max(1, MOST_PICTURES // len(masters)), progress):
            grey = _grey(frame)
            tiles = _flat_tiles(grey)
            flat += tiles
            look = np.asarray(cv2.resize(grey, _LOOK, interpolation=cv2.INTER_AREA), np.uint8)
            looks.append(_look(at, grey, tiles, look, before))
            before = look
            small = [*small[:1], (at, look)]
    if not looks:
        raise not_made("no picture can be shown")
    length = max(master.end_us for master in masters) - masters[0].first_us
    return Report(
        first_us=masters[0].first_us,
        end_us=max(master.end_us for master in masters),
        rates=tuple(rates),
        looks=tuple(looks),
        compared_every_us=length // max(len(looks), 1),
        obstructed=round(float((flat >= 0.95 * len(looks)).mean()), 3),
        moved=_moved(small),
    )


def _spaced(master: MasterFile, most: int, progress: Progress) -> Iterator[tuple[int, av.VideoFrame]]:
    """At most ``most`` pictures, evenly spaced: of all in a short window, of key frames in a long one."""
    if master.frames > _ALL_UP_TO:
        yield from reading.spaced(master, most)
        progress(master.frames)
        return
    step, due = master.length_us / most, float(master.first_us)
    for at, frame in reading.pictures(master):
        progress()
        if at >= due:
            yield at, frame
            due += step * max(1, (at - due) // step + 1)


def _rate(master: MasterFile) -> Rate:
    found = reading.times(master)
    apart = [after - one for one, after in pairwise(found)]
    usual = round(median(apart)) if apart else master.length_us
    late = [(length, at) for length, at in zip(apart, found, strict=False) if length > usual * _LATE]
    longest, at = max(late, default=(0, None))
    return Rate(
        file=master.file,
        container=master.container,
        codec=master.codec,
        width=master.width,
        height=master.height,
        frames=len(found),
        first_us=master.first_us,
        length_us=master.length_us,
        a_second=round(len(found) * 1_000_000 / max(master.length_us, 1), 3),
        usual_us=usual,
        missing=sum(max(0, round(length / max(usual, 1)) - 1) for length, _ in late),
        pauses=len(late),
        longest_pause_us=longest,
        longest_pause_at_us=at,
    )


def _grey(frame: av.VideoFrame) -> Grey:
    grey = np.asarray(frame.to_ndarray(format="gray"), np.uint8)
    return np.asarray(cv2.resize(grey, _SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def _flat_tiles(grey: Grey) -> NDArray[np.bool_]:
    """Which of the tiles show one tone."""
    full = grey.astype(np.float32)
    mean = cv2.resize(full, _TILES, interpolation=cv2.INTER_AREA)
    square = cv2.resize(full * full, _TILES, interpolation=cv2.INTER_AREA)
    return np.asarray(np.sqrt(np.maximum(square - mean * mean, 0)) < _FLAT, np.bool_)


def _look(at: int, grey: Grey, tiles: NDArray[np.bool_], look: Grey, before: Grey | None) -> Look:
    change = None if before is None else min(1.0, float(np.mean(cv2.absdiff(look, before))) / _MUCH)
    return Look(
        at_us=at,
        light=round(float(grey.mean()), 1),
        spread=round(float(grey.std()), 1),
        sharp=round(float(cv2.Laplacian(grey, cv2.CV_64F).var()), 1),
        dark=round(float((grey < 20).mean()), 3),
        bright=round(float((grey > 245).mean()), 3),
        flat=round(float(tiles.mean()), 3),
        change=None if change is None else round(change, 3),
    )


def _moved(small: Sequence[tuple[int, Grey]]) -> float | None:
    """How alike the first and the last picture are; None where there is one, or too little to see."""
    if len(small) < 2 or any(float(look.std()) < 12 for _, look in small):
        return None
    return round(alike(small[0][1], small[-1][1]), 3)
