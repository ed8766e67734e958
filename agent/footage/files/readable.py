"""How much of a segment is whole: what the scanners of either container answer with."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadablePart:
    """``size``: bytes up to the end of the last whole fragment or cluster; ``duration``: microseconds of its video."""

    size: int
    duration: int
