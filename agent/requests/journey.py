"""The state machine that walks each request through its steps, and goes on where it stood after a crash.

Not for: what a step does. A step reads what the store holds and returns a ``Move``; only here is a state changed, and
only along ``states.MOVES``, in one transaction with all that the step writes.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agent.portal.client import PortalBusy
from agent.requests import answer, clip, deliver, intake, plan, preserve, receipt, seal
from agent.requests.feedback import sending_again
from agent.requests.on_the_way.stop import is_paused
from agent.requests.states import UNDECIDED, UNDER_WAY, State, change_state
from agent.requests.step import Later, Move
from agent.services import Services
from agent.store.database import RequestRow
from exchange.clock import MINUTE, SECOND
from exchange.custody.log import CustodyKind
from exchange.errors import HandoverError, PortalUnreachable

log = logging.getLogger(__name__)

Step = Callable[[Services, RequestRow], Awaitable[Move]]


STEPS: Mapping[State, Step] = {
    State.RECEIVED: intake.verify,
    State.VERIFIED: preserve.preserve,
    State.PRESERVED: plan.ask,
    State.APPROVED: clip.clip,
    State.CLIPPED: seal.seal,
    State.SEALED: deliver.deliver,
    State.DELIVERED: receipt.settle,
    State.REFUSED: answer.close,
    State.DECLINED: answer.close,
    State.UNAVAILABLE: answer.close,
    State.EXPIRED: answer.close,
    State.WITHDRAWN: answer.close,
    State.REOPENED: sending_again.wait_for_owner,
    State.AGAIN: sending_again.prepare,
}
"""What is done in a state. ASKED waits for the owner, CLOSED for nobody."""

_HEAVY = frozenset({State.APPROVED, State.AGAIN, State.CLIPPED})
"""Steps that work a disk and a core: one at a time on the whole machine."""
_FIRST_PAUSE = 5 * SECOND
_LONGEST_SLEEP = 60.0
"""Seconds."""
_TROUBLE = 2000
"""Characters of a trouble that are kept."""
_LONGEST_PAUSE = 15 * MINUTE


@dataclass(frozen=True)
class _PutOff:
    """A step that waits: until when by the clock that is never set, and what its row says while it does (None: any)."""

    due: int
    retry_at: int | None


class Journey:
    """Walks all open requests; ``kick`` it when something changed, ``run`` it as long as the daemon lives."""

    def __init__(self, services: Services, steps: Mapping[State, Step] = STEPS) -> None:
        self._services = services
        self._steps = steps
        self._changed = asyncio.Event()
        self._walks: dict[str, asyncio.Task[int]] = {}
        self._waiting: dict[str, _PutOff] = {}
        self._heavy = asyncio.Lock()
        self._paused = False

    def kick(self) -> None:
        """Something changed: look at all requests anew."""
        self._changed.set()

    async def run(self) -> None:
        """Walk until cancelled."""
        reply = ""
        try:
            while True:
                self._changed.clear()
                try:
                    await self._start_walks()
                    pause = await self._pause()
                    reply = ""
                except HandoverError as error:  # the store's disk is full, perhaps: that passes
                    if str(error) != reply:  # once
                        log.error("%s", error)
                    pause, reply = _LONGEST_SLEEP, str(error)
                try:
                    async with asyncio.timeout(pause):
                        await self._changed.wait()
                except TimeoutError:
                    pass
        finally:
            await self._stop_walks()

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """No step runs inside the block: uploads and cuts under way are broken off, and go on after it if they may."""
        self._paused = True
        try:
            await self._stop_walks()
            yield
        finally:
            self._paused = False
            self.kick()

    async def break_off(self, request_id: str) -> None:
        """End the step that a request is at, at a safe place; it begins again with the next look, if it may."""
        walk = self._walks.get(request_id)
        if walk is not None:
            walk.cancel()
            await asyncio.gather(walk, return_exceptions=True)
        self.kick()

    async def settle(self) -> None:
        """Walk every request as far as it goes now, then return: what a test, or one pass, needs."""
        await self._start_walks()
        while self._walks:
            await asyncio.gather(*self._walks.values(), return_exceptions=True)
            await asyncio.sleep(0)

    async def _stop_walks(self) -> None:
        walks = list(self._walks.values())
        for walk in walks:
            walk.cancel()
        await asyncio.gather(*walks, return_exceptions=True)

    async def _start_walks(self) -> None:
        if self._paused:
            return
        async with self._services.store.transaction() as tx:
            rows = await tx.requests(*self._steps)
            under_way = [row.request_id for row in rows if row.state in UNDER_WAY]
            paused = {request_id for request_id in under_way if await is_paused(tx, request_id)}
        for row in rows:
            if row.request_id in paused:
                continue
            if row.request_id not in self._walks and self._left(row) <= 0 and not self._paused:
                walk = asyncio.create_task(self._walk(row.request_id), name=f"request {row.request_id}")
                self._walks[row.request_id] = walk
                walk.add_done_callback(lambda _, request_id=row.request_id: self._walked(request_id))  # type: ignore[misc]

    def _walked(self, request_id: str) -> None:
        walk = self._walks.pop(request_id)
        if not walk.cancelled() and (error := walk.exception()) is not None:
            log.error("request %s: %s", request_id, error, exc_info=error)
            self._waiting[request_id] = _PutOff(self._services.clock.monotonic() + MINUTE, None)
        self._services.progress.doing.pop(request_id, None)
        self._changed.set()

    def _left(self, row: RequestRow) -> int:
        """Microseconds until a request's step may be tried again.

        Measured by the monotonic clock: the host's may be set. Nothing is waited for after a start, nor when somebody
        changed the row meanwhile (a receipt came).
        """
        waiting = self._waiting.get(row.request_id)
        if waiting is None or waiting.retry_at not in (row.retry_at, None):
            return 0
        return waiting.due - self._services.clock.monotonic()

    async def _pause(self) -> float:
        """Seconds to sleep until the next step that waits is due."""
        async with self._services.store.transaction() as tx:
            rows = await tx.requests(*self._steps)
        left = min((self._left(row) for row in rows if row.request_id not in self._walks), default=MINUTE)
        return min(_LONGEST_SLEEP, max(0.0, left / SECOND))

    async def _walk(self, request_id: str) -> int:
        """Take steps until one must wait; the number taken."""
        taken = 0
        while True:
            async with self._services.store.transaction() as tx:
                row = await tx.request(request_id)
            if row is None or State(row.state) not in self._steps:
                return taken
            if not await self._take(row):
                return taken
            taken += 1

    async def _take(self, row: RequestRow) -> bool:
        """One step; False when it must be tried again later."""
        services, state = self._services, State(row.state)
        if state in UNDECIDED and row.expires_at and row.expires_at <= services.clock.now():
            return await self._expire(row)
        try:
            if state in _HEAVY:
                async with self._heavy:
                    move = await self._steps[state](services, row)
            else:
                move = await self._steps[state](services, row)
            async with services.store.transaction() as tx:
                if await change_state(tx, row, move.to, services.clock.now()):
                    await move.write(tx)
            self._waiting.pop(row.request_id, None)
            log.info("request %s: %s -> %s", row.request_id, row.state, move.to)
            return True
        except Later as later:
            await self._put_off(row, later.at - services.clock.now(), None)
        except HandoverError as error:
            log.log(_level(row, error), "request %s, %s: %s", row.request_id, row.state, error)
            told = int(error.after * SECOND) if isinstance(error, PortalBusy) else 0
            await self._put_off(row, max(told, _next_pause(row)), str(error))
        except Exception:
            log.exception("request %s, %s: an error that should not be", row.request_id, row.state)
            await self._put_off(row, _next_pause(row), "An internal error; the log has the details.")
        return False

    async def _expire(self, row: RequestRow) -> bool:
        async with self._services.store.transaction() as tx:
            if await change_state(tx, row, State.EXPIRED, self._services.clock.now()):
                await self._services.custody.record(tx, CustodyKind.EXPIRED, "agent", row.request_id)
        return True

    async def _put_off(self, row: RequestRow, pause: int, trouble: str | None) -> None:
        """Not again for ``pause`` microseconds. The row tells when and why; if it can't, we wait all the same."""
        clock = self._services.clock
        until = clock.now() + pause
        self._waiting[row.request_id] = _PutOff(clock.monotonic() + pause, row.retry_at)
        columns = {} if trouble is None else {"failures": row.failures + 1, "trouble": trouble[:_TROUBLE]}
        try:
            async with self._services.store.transaction() as tx:
                # Only if nobody woke the request since its row was read.
                key = {"request_id": row.request_id, "state": row.state, "retry_at": row.retry_at}
                if await tx.update("requests", key, retry_at=until, **columns):
                    self._waiting[row.request_id] = _PutOff(clock.monotonic() + pause, until)
        except HandoverError as error:
            log.error("request %s: what hinders it could not be noted: %s", row.request_id, error)

    async def expire(self) -> int:
        """Close what the owner left unanswered until its end; how many. Nobody is told anything of it."""
        now, expired = self._services.clock.now(), 0
        async with self._services.store.transaction() as tx:
            for row in await tx.requests(*UNDECIDED):
                if row.expires_at and row.expires_at <= now and await change_state(tx, row, State.EXPIRED, now):
                    await self._services.custody.record(tx, CustodyKind.EXPIRED, "agent", row.request_id)
                    expired += 1
        if expired:
            self.kick()
        return expired


def _next_pause(row: RequestRow) -> int:
    """Microseconds, twice as long after every failure in a row."""
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(row.failures, 10))
    return int(pause * random.uniform(0.75, 1.25))  # noqa: S311 jitter


def _level(row: RequestRow, error: HandoverError) -> int:
    """A portal that is away is told once, not every quarter of an hour."""
    return logging.DEBUG if isinstance(error, PortalUnreachable) and row.failures else logging.WARNING
