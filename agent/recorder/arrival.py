"""Puts a stream's own time on this host's clock: by when packets arrived, noting when the host's clock was set.

Not for: correcting a camera's clock. What the camera says of its clock (RTCP) is kept beside, not used.
"""

import contextlib
import os
from functools import cache
from pathlib import Path

from exchange.clock import SECOND, Clock

STEP = SECOND // 5
"""Microseconds: a change of the wall clock against the monotonic one larger than this is a step, not a slow drift."""


@cache
def boot_id() -> str:
    """Which boot of this host it is, and which of its clocks since then; "" where that can't be told.

    From the service's environment, or from Linux: a hardened service doesn't see /proc/sys.
    """
    reported = os.environ.get("HANDOVER_BOOT_ID", "")
    with contextlib.suppress(OSError):
        reported = reported or Path("/proc/sys/kernel/random/boot_id").read_text("ascii")
    clocks = ""
    with contextlib.suppress(OSError):  # a container may have a time since boot of its own (time_namespaces(7))
        clocks = os.readlink("/proc/self/ns/time")
    boot = "".join(letter for letter in reported if letter in "0123456789abcdef")[:32]
    return boot and f"{boot} {clocks}".strip()


class HostClock:
    """Wall clock and monotonic clock together, to notice when the wall clock is set."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._offset = clock.now() - clock.monotonic()

    def wall(self, monotonic: int) -> int:
        """The wall clock's reading at a moment that the monotonic clock told, by the wall clock's present setting."""
        return monotonic + self.clock.now() - self.clock.monotonic()

    def monotonic(self, wall: int) -> int:
        """The monotonic clock's reading at a moment that the wall clock told by its present setting."""
        return wall - self.clock.now() + self.clock.monotonic()

    def step(self) -> int:
        """By how much the wall clock was set since this was asked last, microseconds; 0 when it was not."""
        offset = self.clock.now() - self.clock.monotonic()
        by, self._offset = offset - self._offset, offset
        return by if abs(by) > STEP else 0


class Arrival:
    """Maps a connection's media time (microseconds) to the monotonic clock.

    Packets are delayed by different amounts and never early, so the least delay of the last one to two segments is
    the mapping; a camera's clock that drifts against the host's is followed that fast.
    """

    def __init__(self) -> None:
        self.least: float = float("inf")
        self._before: float = float("inf")

    def seen(self, media: float, monotonic: int) -> None:
        """A packet of this media time arrived at this moment."""
        if monotonic - media < self.least:
            self.least = monotonic - media

    @property
    def unknown(self) -> bool:
        """Whether nothing was seen yet."""
        return min(self.least, self._before) == float("inf")

    def monotonic(self, media: float) -> int:
        """When a packet of this media time would have arrived without delay. Something must have been seen."""
        return int(media + min(self.least, self._before))

    def reset(self) -> None:
        """The camera's clock started anew: forget all."""
        self.least = self._before = float("inf")

    def turn(self) -> None:
        """A new segment: forget what was seen before the last one."""
        self._before, self.least = self.least, float("inf")
