"""What an administrator can do with those who are told: see, add, test, remove.

Not for: what they are told (``agent.owner.notify.messages``).
"""

import asyncio

from agent.owner.notify.outbox import send, undelivered
from agent.owner.notify.recipients import Recipient, Recipients
from agent.owner.operations.context import Actor, Json, Nothing, Owned
from agent.owner.words import Words
from exchange.clock import to_rfc3339
from exchange.documents.messages import Id, Part


class RecipientNamed(Part):
    recipient_id: Id


def _recipients(agent: Owned) -> Recipients:
    return Recipients(agent.services.settings.recipients)


async def list_recipients(agent: Owned, _: Nothing, actor: Actor) -> Json:
    """Without addresses: they hold secrets."""
    found = await asyncio.to_thread(_recipients(agent).all)
    rows = [each.model_dump(mode="json", exclude={"address"}) | {"kind": each.kind} for each in found]
    failed = await undelivered(agent.services)
    return {
        "recipients": rows,
        "undelivered": [row | {"made_at": to_rfc3339(int(str(row["made_at"])))} for row in failed],
    }


async def add(agent: Owned, new: Recipient, actor: Actor) -> Json:
    """Add a recipient once a test message reached it. NotDelivered."""
    words = Words(new.language)
    text = words("This is a test: messages of Handover get here. You need do nothing.")
    await send(agent.services, new, words("A test message"), text)
    await asyncio.to_thread(_recipients(agent).add, new)
    return {}


async def remove(agent: Owned, named: RecipientNamed, actor: Actor) -> Json:
    await asyncio.to_thread(_recipients(agent).remove, named.recipient_id)
    async with agent.services.store.transaction() as tx:
        await tx.execute("DELETE FROM messages WHERE recipient_id = ? AND sent_at IS NULL", [named.recipient_id])
    return {}


async def test(agent: Owned, named: RecipientNamed, actor: Actor) -> Json:
    recipient = await asyncio.to_thread(_recipients(agent).of, named.recipient_id)
    words = Words(recipient.language)
    await send(agent.services, recipient, words("A test message"), words("This is a test. You need do nothing."))
    return {}
