"""How fast, and in which hours, files may go over the line: what the owner set, held by everything that uploads.

Not for: when a step is tried again (``agent.requests.journey``).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

Pace = Callable[[int], Awaitable[None]]
"""Awaited before so many bytes are given to the line; it waits, or breaks the upload off by raising."""

GoOn = Callable[[], None]
"""Asked between blocks, from any thread; what it raises breaks an upload off, which is gone on with later."""
_TRICKLE = 10.0
"""Seconds before each block of what gives way: less than the shortest time after which storage gives a sender up."""


async def unhindered(count: int) -> None:
    """No limit."""


class Limit:
    """At most ``rate`` bytes a second together for all that shares this object; None: as fast as it goes."""

    def __init__(self, rate: int | None) -> None:
        self.rate = rate
        self._free_at = 0.0
        self._evidence = 0

    @contextmanager
    def evidence(self) -> Iterator[None]:
        """While something is handed over, whatever can wait gives way."""
        self._evidence += 1
        try:
            yield
        finally:
            self._evidence -= 1

    async def giving_way(self, count: int) -> None:
        """As a call, for what can wait: beside evidence it only keeps its connections from being closed."""
        if self._evidence:
            await asyncio.sleep(_TRICKLE)
        await self(count)

    async def __call__(self, count: int) -> None:
        """Wait until ``count`` bytes may go. A block is let go at once, and paid for by waiting before the next."""
        if not self.rate:
            return
        now = asyncio.get_running_loop().time()
        start = max(now, self._free_at)
        self._free_at = start + count / self.rate
        if start > now:
            await asyncio.sleep(start - now)
