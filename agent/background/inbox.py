"""Fetch what officers and the force sent: a long poll with back-off, each item kept before the cursor moves on.

Not for: judging it (``requests/intake.py``, ``requests/receipt.py``), or how long a poll is held
(``agent/background/long_poll.py``).
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable

from agent.background.long_poll import Hold
from agent.membership import enrolment
from agent.portal.client import KINDS, CallCut, PortalBusy, PortalClient
from agent.requests import intake, receipt
from agent.requests import restored_records as went_back
from agent.requests.feedback import arriving
from agent.requests.journey import Journey
from agent.requests.restored import doubts, learning
from agent.services import Services
from exchange.clock import MINUTE, SECOND, to_rfc3339
from exchange.documents import api
from exchange.errors import HandoverError, NotEnrolled, PortalAnswerInvalid, PortalRefused, PortalUnreachable

log = logging.getLogger(__name__)

_KINDS_NOTE = "inbox-kinds"
"""Which kinds of items the inbox was asked for."""
_LONGEST_PAUSE = 10 * MINUTE
"""Between two tries with a portal that answers, and refuses or makes no sense."""
_SHORTEST_CAP = 20 * SECOND
_HELD = 10 * SECOND
"""A poll that took so long and was answered was held: the next follows at once."""
_CHECK_KEY = 10 * MINUTE
"""How often the portal is asked for the force's key."""
_SILENCE = 5 * MINUTE
"""How long polls may be cut, and none be answered, before this is trouble."""


class _Cut(Exception):
    """The portal held a poll, and something in between ended it."""

    def __init__(self, error: HandoverError, held: int) -> None:
        """``held``: microseconds."""
        super().__init__(str(error))
        self.held = held / SECOND


class InboxPoll:
    """Runs as long as the daemon lives."""

    def __init__(
        self, services: Services, journey: Journey, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """``sleep`` passes so many seconds."""
        self._sleep = sleep
        self._services = services
        self._journey = journey
        self._failures = 0
        self._key_checked: int | None = None
        self._hold = Hold(min(api.LONGEST_POLL, services.settings.poll.every // SECOND))
        self._answered = services.clock.monotonic()
        self._was_answered = False
        """Whether the last poll was."""
        self._compared = False
        """Whether what the portal holds of our own word was held against our records, since the start."""

    async def run(self) -> None:
        while True:
            try:
                begun = self._services.clock.monotonic()
                if not await self._poll():
                    await self._sleep(self._pause(self._services.clock.monotonic() - begun) / SECOND)
            except PortalBusy as busy:
                await self._wait_as_told(busy)
            except NotEnrolled:
                await self._sleep(5)
            except HandoverError as error:
                await self._put_off(error)
            except Exception:
                log.exception("an error that should not be, while taking what the portal sent")
                await self._put_off(HandoverError("An internal error while taking what the portal sent."))

    def _pause(self, took: int) -> float:
        """Until the next poll, after one that brought nothing and took so long (microseconds).

        One that was held goes on at once: what came between two polls would wait. A portal that does not hold the
        call is not asked more often for it.
        """
        if self._was_answered and took >= _HELD:
            return 0
        jitter = random.uniform(0, self._services.settings.poll.jitter)  # noqa: S311 not a secret
        return max(0, self._services.settings.poll.every - took + jitter)

    async def _wait_as_told(self, busy: PortalBusy) -> None:
        """A portal that has too much to do says when it wants to be asked again: no trouble, unless it goes on."""
        log.debug("%s", busy)
        if self._services.clock.monotonic() - self._answered >= _SILENCE:
            with contextlib.suppress(HandoverError):  # of the store: it is told with the next poll
                await self._note_failure(str(busy))
        await self._sleep(busy.after * random.uniform(1, 1.25))  # noqa: S311 jitter

    async def _poll(self) -> int:
        """One poll, as long as the way there lets it be held; the number of items taken.

        One that was cut is no failure: the next is held for less. Only when none is answered for long it is told.
        """
        self._was_answered = False
        try:
            taken = await self.fetch(self._hold.seconds)
        except (_Cut, CallCut) as cut:
            if isinstance(cut, _Cut):
                log.debug("a poll was cut after %.1f s: %s", cut.held, cut)
                self._hold.cut(cut.held)
            if self._services.clock.monotonic() - self._answered >= _SILENCE:
                await self._note_failure(str(cut))
            return 0
        if not taken:
            self._hold.kept()
        self._was_answered = True
        self._failures, self._answered = 0, self._services.clock.monotonic()
        await self._note_contact(None)
        return taken

    async def fetch(self, wait: int) -> int:
        """One poll, held by the portal up to ``wait`` seconds; the number of items taken.

        ForceKeyChanged when the portal shows another key, after what it sent was taken: requests under the other key
        are refused, each with that reason.
        """
        services = self._services
        portal = await services.portal()
        if not self._compared:
            await self._compare(portal)
        if await learning.learn(services):
            self._journey.kick()
        async with services.store.transaction() as tx:
            cursor = int(await tx.note("inbox-cursor") or "0")
            anew = await tx.note(_KINDS_NOTE) != KINDS
            lately = await doubts.lately(tx)
        if anew:  # what an earlier version was not given may lie there still
            cursor = 0
        inbox = await self._ask(portal, cursor, wait)
        try:
            for item in inbox.items:  # receipts first: no flood of requests holds them up
                if item.kind is api.InboxKind.RECEIPT:
                    await receipt.accept(services, item.signed)
            for item in inbox.items:
                if item.kind is api.InboxKind.FEEDBACK:
                    await arriving.accept(services, item.signed)
                elif not isinstance(item.kind, api.InboxKind):
                    log.warning("The portal sends %r, which this version of Handover doesn't know.", item.kind)
            for item in inbox.items:
                await self._take(item)
            if lately and inbox.items:  # a request may have come again that was answered since
                self._compared = False
                await self._compare(portal)
        finally:
            self._journey.kick()
        if inbox.items:
            log.info("took %d items from the portal", len(inbox.items))
        if anew:
            async with services.store.transaction() as tx:
                await tx.set_note(_KINDS_NOTE, KINDS)
        if lately and not inbox.items and self._compared:
            async with services.store.transaction() as tx:
                await doubts.caught_up(tx)
        await self._check_key(portal)
        return len(inbox.items)

    async def _compare(self, portal: PortalClient) -> None:
        """A portal that doesn't answer to it is asked again at the next poll, and holds up no request: it refuses
        another answer than the first one anyhow."""
        try:
            await went_back.compare(self._services, await portal.witnessed())
        except (PortalUnreachable, PortalAnswerInvalid, PortalRefused) as error:
            log.debug("the portal didn't tell what it holds of this device: %s", error)
        else:
            self._compared = True

    async def _ask(self, portal: PortalClient, cursor: int, wait: int) -> api.Inbox:
        """_Cut when the poll was ended in between: by a gateway or with its connection, or oddly after a long hold."""
        begun = self._services.clock.monotonic()
        try:
            return await portal.inbox(cursor, wait)
        except PortalBusy:
            raise
        except (PortalUnreachable, PortalAnswerInvalid) as error:
            held = self._services.clock.monotonic() - begun
            if wait and (isinstance(error, CallCut) or held * 2 >= wait * SECOND):
                raise _Cut(error, held) from error
            raise

    async def _check_key(self, portal: PortalClient) -> None:
        now = self._services.clock.monotonic()
        if self._failures or self._key_checked is None or now - self._key_checked >= _CHECK_KEY:
            self._key_checked = None
            try:
                await enrolment.check_force(self._services, portal)
            except PortalUnreachable as error:  # it has just answered: with the next poll, then
                log.debug("the force's key could not be asked for: %s", error)
                return
            self._key_checked = now

    async def _take(self, item: api.InboxItem) -> None:
        services = self._services
        async with services.store.transaction() as tx:
            if item.kind is api.InboxKind.REQUEST:
                await intake.receive(tx, services, item.signed)
            await tx.set_note("inbox-cursor", str(item.cursor))

    async def _note_contact(self, trouble: str | None) -> None:
        async with self._services.store.transaction() as tx:
            if trouble is None:
                await tx.set_note("portal-contact", to_rfc3339(self._services.clock.now()))
            await tx.set_note("portal-trouble", trouble or "")

    async def _note_failure(self, trouble: str) -> None:
        self._failures += 1
        if self._failures == 1:
            log.warning("%s", trouble)
        await self._note_contact(trouble)

    async def _put_off(self, error: HandoverError) -> None:
        try:
            await self._note_failure(str(error))
        except HandoverError as store_error:
            log.error("%s", store_error)
        # Asking a portal that is away as often as one that is there costs it no more, and it is found when it is back.
        away = isinstance(error, PortalUnreachable)
        longest = max(_SHORTEST_CAP, self._services.settings.poll.every) if away else _LONGEST_PAUSE
        pause = min(longest / SECOND, 2.0 ** min(self._failures, 10))
        await self._sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 jitter
