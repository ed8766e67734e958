"""Messages on their way: stored before they are sent, sent by Apprise in a worker, tried again, shown if they fail.

Not for: what is said (``messages``), or to whom it may go (``recipients``). Nothing here tells of footage.
"""

import asyncio
import logging

from agent.host.daily_hours import next_closing
from agent.owner.notify.messages import Message, due, written
from agent.owner.notify.recipients import Recipient, Recipients
from agent.owner.people.page_address import is_open, url_of
from agent.owner.words import Words
from agent.requests.states import State
from agent.services import Services
from agent.workers.process import Limits
from exchange.clock import DAY, MINUTE, SECOND
from exchange.errors import HandoverError, NotDelivered

log = logging.getLogger(__name__)

MAIL = Limits(memory=256 * 1024 * 1024, cpu=30, wall=60.0)
_EVERY = 20.0
_FIRST_PAUSE = 30 * SECOND
_LONGEST_PAUSE = 30 * MINUTE
_GIVE_UP = DAY
_KEPT = 30 * DAY
_AT_ONCE = 10


class Outbox:
    """``run`` it as long as the daemon lives; one of a kind a process."""

    def __init__(self, services: Services, recipients: Recipients) -> None:
        self._services = services
        self._recipients = recipients

    async def run(self) -> None:
        while True:
            try:
                await self.look()
                await self.send_due()
            except HandoverError as error:
                log.error("messages: %s", error)
            except Exception:
                log.exception("messages: an error that should not be")
            await asyncio.sleep(_EVERY)

    async def look(self) -> int:
        """Put into the store what should be told by now and was not yet; how many messages."""
        recipients = await asyncio.to_thread(self._recipients.all)
        if not recipients:
            return 0
        page = self._services.settings.page
        link = url_of(page) if page.enabled and is_open(page) else ""
        put = 0
        for message in await due(self._services, link):
            for recipient in recipients:
                put += await self._put(message, recipient)
        return put

    async def _put(self, message: Message, recipient: Recipient) -> int:
        now = self._services.clock.now()
        key, words = f"{message.key} to {recipient.recipient_id}", Words(recipient.language)
        async with self._services.store.transaction() as tx:
            if await tx.one("SELECT 1 FROM messages WHERE message_key = ?", [key]) is not None:
                return 0
            if recipient.rank and message.request_id is not None:
                row = await tx.request(message.request_id)
                wait = recipient.rank * self._services.settings.notify.escalate_after
                if row is None or now < row.state_at + wait:
                    return 0
            await tx.insert(
                "messages",
                message_key=key,
                recipient_id=recipient.recipient_id,
                request_id=message.request_id,
                subject=written((message.subject,), words),
                body=written(message.text + message.detail if recipient.detail else message.text, words),
                made_at=now,
                due_at=now if message.urgent else next_closing(self._services.settings.notify.quiet, now),
                ends_at=message.ends,
            )
        return 1

    async def send_due(self) -> int:
        """Send what is due; how many got there. What can't be sent is tried again later, for a day."""
        now, sent = self._services.clock.now(), 0
        async with self._services.store.transaction() as tx:
            await tx.execute("DELETE FROM messages WHERE made_at < ?", [now - _KEPT])
            await tx.execute(
                "UPDATE messages SET given_up_at = ? WHERE sent_at IS NULL AND given_up_at IS NULL "
                "AND (made_at < ? OR ends_at < ? OR request_id IN (SELECT request_id FROM requests WHERE state <> ?))",
                [now, now - _GIVE_UP, now, State.ASKED],
            )
            rows = await tx.all(
                "SELECT * FROM messages WHERE sent_at IS NULL AND given_up_at IS NULL AND due_at <= ? "
                "ORDER BY due_at LIMIT ?",
                [now, _AT_ONCE],
            )
        for row in rows:
            key = {"message_key": row["message_key"]}
            try:
                recipient = await asyncio.to_thread(self._recipients.of, row["recipient_id"])
                await send(self._services, recipient, row["subject"], row["body"])
            except HandoverError as error:
                pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(row["tries"], 10))
                async with self._services.store.transaction() as tx:
                    await tx.update("messages", key, tries=row["tries"] + 1, due_at=now + pause, failure=error.what)
                if not row["tries"]:
                    log.warning("a message to %s was not delivered: %s", row["recipient_id"], error.what)
                continue
            async with self._services.store.transaction() as tx:
                await tx.update("messages", key, sent_at=self._services.clock.now(), failure=None)
            sent += 1
        return sent


async def send(services: Services, recipient: Recipient, subject: str, text: str) -> None:
    """Send one message now. NotDelivered says why not, without the address."""
    job = {"secret_address": recipient.address, "subject": subject, "text": text}
    outcome = await services.run_job("agent.workers.notify:send", job, limits=MAIL)
    if not outcome["delivered"]:
        why = f": {outcome['why']}" if outcome["why"] else ""
        raise NotDelivered(
            f"{recipient.name} ({recipient.kind}) did not take the message{why}.",
            meaning="It was not delivered.",
            do="Check the address, and test it with: handover notify test",
        )


async def undelivered(services: Services) -> list[dict[str, object]]:
    """Messages that did not get there, the newest first: ``recipient_id``, ``subject``, ``failure``, ``tries``."""
    async with services.store.transaction() as tx:
        rows = await tx.all(
            "SELECT recipient_id, subject, failure, tries, made_at, given_up_at FROM messages "
            "WHERE sent_at IS NULL AND failure IS NOT NULL AND made_at > ? ORDER BY made_at DESC LIMIT 20",
            [services.clock.now() - 7 * DAY],
        )
    return [dict(row) for row in rows]
