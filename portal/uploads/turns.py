"""Whose turn it is to send to an upload: one call at a time, at one replica.

Not for: where the bytes go (``portal.uploads.store``).
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable

from portal.problems import ProblemError
from portal.wakeups.claims import Claims, LocalClaims

IDLE_SECONDS = 2
"""How long a sender must have been silent before another call may take the upload over (a half-dead connection)."""
TAKEOVER_SECONDS = 10


class Turn:
    """One call's hold on an upload. ``break_off`` ends the call that has it."""

    def __init__(self, break_off: Callable[[], None]) -> None:
        self.break_off = break_off
        self.over = asyncio.Event()
        self.made_progress()

    def made_progress(self) -> None:
        """The sender just sent something."""
        self.last_progress = asyncio.get_running_loop().time()

    def busy(self) -> None:
        """It is the portal that works now: nobody takes over until ``made_progress`` again, or the end."""
        self.last_progress = math.inf


class Turns:
    """Of one process; several share them when they share claims. Lives on the event loop."""

    def __init__(self, claims: Claims | None = None) -> None:
        self._claims = claims or LocalClaims()
        self._claims.when_asked(self._asked_for)
        self._held: dict[str, Turn] = {}

    @property
    def held(self) -> int:
        """How many uploads a call of this process holds."""
        return len(self._held)

    def of(self, upload: str) -> Turn | None:
        """Who has it, in this process."""
        return self._held.get(upload)

    @contextlib.asynccontextmanager
    async def hold(self, upload: str, break_off: Callable[[], None] = lambda: None) -> AsyncIterator[Turn]:
        """Hold the upload. ProblemError 423 while another call receives; one that fell silent is ended first."""
        if (other := self._held.get(upload)) is not None:
            await self._take_over(other)
        if upload in self._held:
            raise _locked()
        turn = self._held[upload] = Turn(break_off)
        try:
            if not await self._claims.take(upload, break_off):
                self._claims.ask_for(upload)
                raise _locked()
            yield turn
        finally:
            await self._claims.release(upload)
            del self._held[upload]
            turn.over.set()

    def end(self, upload: str) -> None:
        """Break off whoever has it in this process."""
        if (turn := self._held.get(upload)) is not None:
            turn.break_off()

    async def _take_over(self, other: Turn) -> None:
        if asyncio.get_running_loop().time() - other.last_progress < IDLE_SECONDS:
            raise _locked()
        other.break_off()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(other.over.wait(), TAKEOVER_SECONDS)

    def _asked_for(self, upload: str) -> None:
        """Another replica has the sender now: end a call here whose sender fell silent."""
        turn = self._held.get(upload)
        if turn is not None and asyncio.get_running_loop().time() - turn.last_progress >= IDLE_SECONDS:
            turn.break_off()


def _locked() -> ProblemError:
    return ProblemError(423, "Another call is sending to this upload.", "Wait a moment, ask for the offset, go on.")
