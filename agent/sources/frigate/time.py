"""When Frigate's segments really began, and which of them follow each other without a gap.

Not for: asking for them (``session``).

Frigate names a segment by the whole second in which it began, and knows its length to the millisecond. Two that
follow each other so seem to overlap, or to have a gap, by up to a second. But all segments of an unbroken stretch
share one unknown fraction: each one's second narrows it down.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from exchange.clock import SECOND

_TOLERANCE = SECOND // 2
"""Segments' lengths, added up, and the host's clock may drift apart by so much before a gap is believed."""
LONGEST = 3600 * SECOND
"""Of one stretch, so that no fetch has more files than can be told; Frigate's segments last ten seconds."""


@dataclass(frozen=True, slots=True)
class ListedSegment:
    """A segment as listed: the second it began in, and its length; microseconds of Frigate's clock."""

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Located:
    """A segment that began at ``start``, give or take ``within``."""

    listed: ListedSegment
    start: int
    within: int

    @property
    def end(self) -> int:
        return self.start + self.listed.length


def stretches(listed: Iterable[ListedSegment]) -> list[list[Located]]:
    """The unbroken stretches, in the order of time."""
    found: list[list[Located]] = []
    run: list[tuple[ListedSegment, int]] = []
    low = high = lasted = 0
    for each in sorted(listed, key=lambda one: (one.start, one.length)):
        from_here = each.start - lasted, each.start + SECOND - lasted
        goes_on = run and from_here[0] <= high + _TOLERANCE and from_here[1] >= low - _TOLERANCE
        if not goes_on or lasted + each.length > LONGEST:
            found += [_located(run, low, high)] if run else []
            run, lasted = [], 0
            low, high = each.start, each.start + SECOND
        elif max(low, from_here[0]) < min(high, from_here[1]):
            low, high = max(low, from_here[0]), min(high, from_here[1])
        run.append((each, lasted))
        lasted += each.length
    return [*found, _located(run, low, high)] if run else found


def _located(run: list[tuple[ListedSegment, int]], low: int, high: int) -> list[Located]:
    began, within = (low + high) // 2, (high - low + 1) // 2
    return [Located(each, began + after, within) for each, after in run]
