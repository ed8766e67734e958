"""This host's wall clock beside its monotonic clock: by how much the one was set, and since which boot the other runs.

Not for: how far off the wall clock is (``agent.host.clock``).
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


class WallClock:
    """Wall clock and monotonic clock together, to notice when the wall clock is set."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._offset = clock.now() - clock.monotonic()

    def wall(self, monotonic: int) -> int:
        """The wall clock's reading at a moment that the monotonic clock told, by the wall clock's present setting."""
        return monotonic + self.clock.now() - self.clock.monotonic()

    def step(self) -> int:
        """By how much the wall clock was set since this was asked last, microseconds; 0 when it was not."""
        offset = self.clock.now() - self.clock.monotonic()
        by, self._offset = offset - self._offset, offset
        return by if abs(by) > STEP else 0
