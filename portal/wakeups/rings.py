"""What a held poll waits on: a bell that rings, or the end of its time, with one timer for all of them.

Not for: whose bell it is (``portal.wakeups.bell``).
"""

import asyncio

TICK = 0.1
"""Seconds: polls whose time ends within the same tick are ended together."""


class Ends:
    """When polls end. Lives on the event loop; has a timer only while something is held."""

    def __init__(self) -> None:
        self._due: dict[int, set[Ring]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._ended = 0
        """The last tick whose polls were ended."""

    def add(self, ring: "Ring", seconds: float) -> set["Ring"]:
        """End its wait after so many seconds, or up to a tick later; where to take it out before."""
        loop = asyncio.get_running_loop()
        if self._timer is None:
            self._ended = int(loop.time() / TICK)
            self._timer = loop.call_later(TICK, self._tick, loop)
        due = self._due.setdefault(max(self._ended, int((loop.time() + seconds) / TICK)) + 1, set())
        due.add(ring)
        return due

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = int(loop.time() / TICK)
        for number in range(self._ended + 1, now + 1):
            for ring in self._due.pop(number, ()):
                ring.end_wait()
        self._ended = max(self._ended, now)
        self._timer = loop.call_later(TICK, self._tick, loop) if self._due else None


class Ring:
    """One held poll's: ``set`` from the first ring on."""

    __slots__ = ("_ends", "_rung", "_waiter")

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        self._rung = False
        self._waiter: asyncio.Future[None] | None = None

    def is_set(self) -> bool:
        return self._rung

    def set(self) -> None:
        self._rung = True
        self.end_wait()

    def end_wait(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, seconds: float) -> bool:
        """Until it rings, or so many seconds; whether it rang. One wait at a time."""
        if not self._rung:
            self._waiter = asyncio.get_running_loop().create_future()
            due = self._ends.add(self, seconds)
            try:
                await self._waiter
            finally:
                self._waiter = None
                due.discard(self)
        return self._rung
