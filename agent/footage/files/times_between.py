"""Gives pictures without a time of their own the one that their neighbours leave open.

Not for: files that have no times at all (AVI, bare streams). MPEG streams need not say every picture's time (H.222.0,
2.7.4: one in 0.7 s), and FFmpeg does not fill in what lies where two pictures share a packet.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median_low

_NEAR = 32
"""Pictures on either side that are looked at: more than any decoder reorders (H.264, H.265: 16)."""


def times_between(times: Sequence[int | None]) -> dict[int, int]:
    """By index, a time for each None among presentation times in decode order; none before the first known one.

    Where pictures come in the order shown they are laid evenly between their neighbours; where they are reordered, the
    holes in the order shown are filled, each once, from the earliest on.
    """
    found: dict[int, int] = {}
    first = next((index for index, time in enumerate(times) if time is not None), len(times))
    for index in range(first, len(times)):
        if times[index] is None:
            near = [(at, found.get(at, times[at])) for at in range(max(first, index - _NEAR), index)]
            near += [(at, times[at]) for at in range(index + 1, min(len(times), index + _NEAR + 1))]
            found[index] = _time(index, [(at, time) for at, time in near if time is not None])
    return found


def _time(index: int, near: list[tuple[int, int]]) -> int:
    before, after = [each for each in near if each[0] < index], [each for each in near if each[0] > index]
    shown = sorted(time for _, time in near)
    usual = median_low([late - early for early, late in pairwise(shown) if late > early] or [1])
    if all(early <= late for (_, early), (_, late) in pairwise(near)):
        (last, time) = before[-1]
        if not after:
            return time + usual * (index - last)
        (following, until) = after[0]
        return time + (until - time) * (index - last) // (following - last)
    for early, late in pairwise(shown):
        if 2 * (late - early) > 3 * usual:
            return early + min(usual, (late - early) // 2)
    return shown[-1] + usual
