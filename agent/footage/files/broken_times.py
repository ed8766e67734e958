"""Finds, among the times of a file's pictures, wild single ones, and places where the file's clock begins anew.

Not for: pictures without any time (``times_between``), or the wall clock (``place``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low

_FAR = 10
"""Seconds: a picture whose time is further than this from those around it has a wild one."""
_MOST_WILD = 8
"""Pictures in a row; more of them are another time of recording."""
_LATER = 3600
"""Seconds: a file's last few pictures this much after all the others have wild times, and are not of another hour."""
_AHEAD = 12 * 3600
"""Seconds. No file has a hole as long, and a clock of 33 bits that falls back looks as if it leapt ahead by 13 hours
or more."""
_BACK = 1
"""Seconds by which no decoder reorders pictures at the rates of cameras."""


@dataclass(frozen=True, slots=True)
class Mended:
    """``times`` by index for the pictures whose own are wild; ``restarts``: the indexes at which the clock begins
    anew, in rising order."""

    times: dict[int, int]
    restarts: tuple[int, ...] = ()


def mended(times: Sequence[int], scale: int) -> Mended:
    """From presentation times in decode order, in 1 / ``scale`` seconds. They are read twice, nothing is decoded."""
    wild = _wild(times, scale)
    if wild:
        good = [time for index, time in enumerate(times) if index not in wild]
        usual = _usual(good)
        times, given = list(times), {}
        for first, end in _runs(sorted(wild)):
            before = times[first - 1] if first else None
            after = times[end] if end < len(times) else None
            for index in range(first, end):
                times[index] = given[index] = _between(index, first, end, before, after, usual)
        wild_times = given
    else:
        wild_times = {}
    return Mended(wild_times, tuple(_restarts(times, scale)))


def _wild(times: Sequence[int], scale: int) -> set[int]:
    far, found = _FAR * scale, set[int]()
    last: int | None = None
    index = 0
    while index < len(times):
        if last is None or abs(times[index] - last) <= far:
            last, index = times[index], index + 1
            continue
        ahead = range(index + 1, min(len(times), index + _MOST_WILD + 1))
        back = next((at for at in ahead if abs(times[at] - last) <= far), None)
        if back is not None:
            found.update(range(index, back))
            index = back
        elif index <= _MOST_WILD and len(times) - index > 2 * _MOST_WILD and abs(times[index] - last) > _LATER * scale:
            found.update(range(index))  # those at the very beginning are the wild ones
            last, index = times[index], index + 1
        elif len(times) - index <= _MOST_WILD < index and abs(times[index] - last) > _LATER * scale:
            found.update(range(index, len(times)))
            break
        else:
            last, index = times[index], index + 1
    return found


def _runs(indexes: list[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for index in indexes:
        if runs and runs[-1][1] == index:
            runs[-1] = (runs[-1][0], index + 1)
        else:
            runs.append((index, index + 1))
    return runs


def _usual(times: Sequence[int]) -> int:
    steps = [later - earlier for earlier, later in pairwise(sorted(times)) if later > earlier]
    return median_low(steps) if steps else 1


def _between(index: int, first: int, end: int, before: int | None, after: int | None, usual: int) -> int:
    if before is not None and after is not None and after > before:
        return before + (after - before) * (index - first + 1) // (end - first + 1)
    if before is not None:
        return before + usual * (index - first + 1)
    return (after or 0) - usual * (end - index)


def _restarts(times: Sequence[int], scale: int) -> list[int]:
    """Where a time falls behind those before it by more than pictures are reordered; or leaps ahead by more than half
    of what the clock of an MPEG stream counts to (H.222.0, 2.4.3.7), which is the same."""
    found: list[int] = []
    highest: int | None = None
    for index, time in enumerate(times):
        if highest is not None and time > highest + _AHEAD * scale:
            found.append(index)
            highest = time
        elif highest is not None and time < highest - _BACK * scale:
            later = times[index + 1 : index + 1 + 2 * _MOST_WILD]
            if all(each < highest for each in later):  # those that follow go on from there
                found.append(index)
                highest = time
        else:
            highest = time if highest is None else max(highest, time)
    return found
