"""Fetch what officers and the force sent: a long poll with back-off, each item kept before the cursor moves on.

Not for: judging it (``requests/intake.py``, ``requests/receipt.py``).
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from agent import membership
from agent.portal import PortalClient
from agent.requests import intake, receipt
from agent.requests.journey import Journey
from agent.requests.parts import Parts
from exchange import api
from exchange.clock import HOUR, MINUTE, SECOND, to_rfc3339
from exchange.errors import HandoverError, NotEnrolled, PortalUnreachable

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 10 * MINUTE
"""Between two tries with a portal that answers, and refuses or makes no sense."""
_SHORTEST_CAP = 20 * SECOND
_SHORTER = 0.8
"""Of the time after which a held call was ended, how long the next one is held."""
_LEARN_ANEW = 6 * HOUR
_CHECK_KEY = 10 * MINUTE
"""How often the portal is asked for the force's key."""


class InboxPoll:
    """Runs as long as the daemon lives."""

    def __init__(
        self, parts: Parts, journey: Journey, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """``sleep`` passes so many seconds."""
        self._sleep = sleep
        self._parts = parts
        self._journey = journey
        self._failures = 0
        self._key_checked: int | None = None
        self._cut: tuple[float, int] | None = None
        """How many seconds a call may be held, as something on the way taught us, and when (monotonic)."""

    async def run(self) -> None:
        while True:
            try:
                begun = self._parts.clock.monotonic()
                every = self._parts.settings.poll.every
                more = await self.fetch(wait=self._longest_hold())
                await self._note_contact(None)
                self._failures = 0
                if not more:
                    # A portal that does not hold the call is not asked more often for it.
                    left = every - (self._parts.clock.monotonic() - begun)
                    jitter = random.uniform(0, self._parts.settings.poll.jitter)  # noqa: S311 not a secret
                    await self._sleep(max(0, left + jitter) / SECOND)
            except NotEnrolled:
                await self._sleep(5)
            except HandoverError as error:
                await self._put_off(error)
            except Exception:
                log.exception("an error that should not be, while taking what the portal sent")
                await self._put_off(HandoverError("An internal error while taking what the portal sent."))

    async def _ask(self, portal: PortalClient, cursor: int, wait: int) -> api.Inbox:
        """One call, held by the portal up to ``wait`` seconds.

        Proxies end calls that nothing is heard of, each after a time of its own, with an error or without a word. When
        the same question is answered at once, nothing is wrong but that time: from then on shorter calls are made.
        """
        clock = self._parts.clock
        begun = clock.monotonic()
        try:
            return await portal.inbox(cursor, wait)
        except PortalUnreachable:
            if not wait:
                raise
            held = clock.monotonic() - begun
            inbox = await portal.inbox(cursor, 0)
            if held >= SECOND:
                self._cut = (min(wait / 2, held / SECOND * _SHORTER), clock.monotonic())
                log.info(
                    "a call to the portal was ended on the way after %d s; they are held less long", held // SECOND
                )
            return inbox

    def _longest_hold(self) -> int:
        """Whole seconds. What was learnt is tried anew from time to time: networks change."""
        wait = min(api.LONGEST_POLL, self._parts.settings.poll.every // SECOND)
        if self._cut is None:
            return wait
        length, learnt = self._cut
        if self._parts.clock.monotonic() - learnt > _LEARN_ANEW:
            self._cut = None
            return wait
        return min(wait, int(length))

    async def fetch(self, wait: int) -> int:
        """One poll, held by the portal up to ``wait`` seconds; the number of items taken.

        ForceKeyChanged when the portal shows another key, after what it sent was taken: requests under the other key
        are refused, each with that reason.
        """
        parts = self._parts
        portal = await parts.portal()
        async with parts.store.transaction() as tx:
            cursor = int(await tx.note("inbox-cursor") or "0")
        inbox = await self._ask(portal, cursor, wait)
        try:
            for item in inbox.items:  # receipts first: no flood of requests holds them up
                if item.kind is api.InboxKind.RECEIPT:
                    await receipt.accept(parts, item.signed)
            for item in inbox.items:
                await self._take(item)
        finally:
            self._journey.kick()
        if inbox.items:
            log.info("took %d items from the portal", len(inbox.items))
        await self._check_key(portal)
        return len(inbox.items)

    async def _check_key(self, portal: PortalClient) -> None:
        now = self._parts.clock.monotonic()
        if self._failures or self._key_checked is None or now - self._key_checked >= _CHECK_KEY:
            self._key_checked = None
            await membership.check_force(self._parts, portal)
            self._key_checked = now

    async def _take(self, item: api.InboxItem) -> None:
        parts = self._parts
        async with parts.store.transaction() as tx:
            if item.kind is api.InboxKind.REQUEST:
                await intake.receive(tx, parts, item.signed)
            await tx.set_note("inbox-cursor", str(item.cursor))

    async def _note_contact(self, trouble: str | None) -> None:
        async with self._parts.store.transaction() as tx:
            if trouble is None:
                await tx.set_note("portal-contact", to_rfc3339(self._parts.clock.now()))
            await tx.set_note("portal-trouble", trouble or "")

    async def _put_off(self, error: HandoverError) -> None:
        self._failures += 1
        if self._failures == 1:
            log.warning("%s", error)
        try:
            await self._note_contact(str(error))
        except HandoverError as store_error:
            log.error("%s", store_error)
        # Asking a portal that is away as often as one that is there costs it no more, and it is found when it is back.
        away = isinstance(error, PortalUnreachable)
        longest = max(_SHORTEST_CAP, self._parts.settings.poll.every) if away else _LONGEST_PAUSE
        pause = min(longest / SECOND, 2.0 ** min(self._failures, 10))
        await self._sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 jitter
