"""How fast a recorder plays, against the time it recorded, and how long the rest will take.

Not for: when that is said (``session.py``).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from exchange.clock import SECOND

_REAL_TIME = 1.6
"""Times real time, at most, of a recorder that plays as it recorded; some play at double pace at the beginning."""
_JUDGED_AFTER = 3.0
"""Seconds of playing before which nothing is said of its pace."""


@dataclass(slots=True)
class Pace:
    """Begins to count when it is made."""

    clock: Callable[[], float] = time.monotonic
    speed: float = 0.0
    """Times real time."""
    real_time: bool = False
    """It was found to play as slowly as it recorded. Stays."""
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()

    def played(self, came: int) -> None:
        """So much of the recording, in microseconds, has come by now."""
        took = max(self.clock() - self._began, 0.001)
        self.speed = came / SECOND / took
        self.real_time = self.real_time or (took > _JUDGED_AFTER and self.speed < _REAL_TIME)

    def left(self, rest: int) -> int | None:
        """Microseconds until ``rest``, microseconds of the recording, is there too; None where it is not slow."""
        return round(max(0, rest) / self.speed) if self.real_time and self.speed > 0 else None
