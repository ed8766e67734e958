"""Agents' calls take turns on the event loop, a few in each of its rounds, so that officers' calls are never behind
thousands of them; when too many wait, more are told to come again, each at another time.

Not for: connections before anything is asked on them (``portal.callers.arrivals``), or turns at the database
(``portal.storage.lanes``).
"""

import asyncio
import random
from collections import deque

from portal.problems import ProblemError

A_ROUND = 20
"""Calls that begin in one round of the event loop: some 20 ms."""
MOST_WAITING = 1000
"""Calls that wait for their turn: about a second's."""
SOONEST, LATEST = 3, 30
"""Seconds after which those come again for whom there was no room."""
RUSH_SECONDS = 60.0
"""For so long after calls had to wait, polls end at random times: else those that came together come together again."""
SHORTEST = 0.5
"""Of the time asked for, that a poll is held in a rush."""


def no_room() -> ProblemError:
    """503, with another time to come again for each."""
    after = random.randint(SOONEST, LATEST)  # noqa: S311  no secret
    return ProblemError(
        503, "Too many agents call at once.", f"Try again in {after} seconds.", {"Retry-After": str(after)}
    )


class Turns:
    """Lives on the event loop."""

    def __init__(self, a_round: int = A_ROUND, most_waiting: int = MOST_WAITING) -> None:
        self._a_round = a_round
        self._most_waiting = most_waiting
        self._taken = 0
        self._next_round: asyncio.Handle | None = None
        self._queue: deque[asyncio.Future[None]] = deque()
        self._rush_until = 0.0

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def take(self) -> None:
        """ProblemError 503 when too many wait already."""
        loop = asyncio.get_running_loop()
        if self._next_round is None:
            self._next_round = loop.call_soon(self._begin_round, loop)
        if self._taken < self._a_round and not self._queue:
            self._taken += 1
            return
        self.note_rush()
        if len(self._queue) >= self._most_waiting:
            raise no_room()
        turn = loop.create_future()
        self._queue.append(turn)
        await turn

    def note_rush(self) -> None:
        """Calls, or connections before them, have to wait."""
        self._rush_until = asyncio.get_running_loop().time() + RUSH_SECONDS

    def held_for(self, seconds: float) -> float:
        """How long a poll that asks for so many seconds is held: less, at random, in a rush."""
        if asyncio.get_running_loop().time() >= self._rush_until:
            return seconds
        return seconds * random.uniform(SHORTEST, 1)  # noqa: S311  no secret

    def _begin_round(self, loop: asyncio.AbstractEventLoop) -> None:
        self._taken = 0
        while self._queue and self._taken < self._a_round:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                self._taken += 1
        self._next_round = loop.call_soon(self._begin_round, loop) if self._queue else None
