"""What an owner can do with how a request's packages go: choose the way, see media, be told the passphrase.

Not for: saying yes (``requests``), or the places that are set up (``places``).
"""

import asyncio
from typing import Annotated

from pydantic import Field

from agent.deliveries.laying_out import ready_files
from agent.deliveries.media import media
from agent.deliveries.way import WARNING, SealedFor, Way
from agent.owner.operations.context import Actor, Json, Nothing, Owned, RequestNamed
from agent.owner.operations.whose import find
from agent.owner.people.roles import Role
from agent.places.presigned import MOST_TEXT
from agent.requests.noted.taken import note_receipt
from agent.requests.on_the_way import choosing, stop
from agent.requests.states import UNDER_WAY
from exchange.documents.messages import Id, Line, Part


class Deliver(Part):
    """Which way a request's packages are to go. ``addresses``: what the force gave to upload to."""

    request_id: Id
    way: Way
    addresses: Annotated[str, Field(max_length=MOST_TEXT)] | None = None


class ReceiptNoted(Part):
    request_id: Id
    taken_by: Line
    how: Line


async def deliver(agent: Owned, asked: Deliver, actor: Actor) -> Json:
    """Choose the way. What is under way is broken off, and goes on the new way."""
    together = agent.services.settings.decide.people > 1 and actor.role is not Role.ADMINISTRATOR
    async with agent.services.store.transaction() as tx:
        row = await find(tx, asked.request_id)
        held = row.state in UNDER_WAY and not await stop.is_paused(tx, row.request_id)
    if held:  # so that nothing begins anew on the old way meanwhile
        await stop.pause(agent.services, asked.request_id, paused=True)
    try:
        await agent.journey.break_off(asked.request_id)
        await choosing.choose(
            agent.services, asked.request_id, asked.way, actor.name, asked.addresses, may_loosen=not together
        )
    finally:
        if held:
            async with agent.services.store.transaction() as tx:
                await stop.go_on(tx, asked.request_id)
        agent.journey.kick()
    return await way(agent, RequestNamed(request_id=asked.request_id), actor)


async def way(agent: Owned, named: RequestNamed, actor: Actor) -> Json:
    """Which way it goes. No secret is in it."""
    async with agent.services.store.transaction() as tx:
        row = await find(tx, named.request_id)
        chosen = await choosing.way_of(tx, row)
        by_owner = await tx.one("SELECT 1 FROM chosen_ways WHERE request_id = ?", [row.request_id])
    told = chosen.model_dump(mode="json")
    warning = WARNING if chosen.sealed_for is SealedFor.NOBODY else None
    return {"way": told, "chosen": by_owner is not None, "warning": warning}


async def passphrase(agent: Owned, named: RequestNamed, actor: Actor) -> Json:
    """For the owner's eyes and telephone only."""
    return {"passphrase": await choosing.passphrase_of(agent.services, named.request_id)}


async def list_media(agent: Owned, _: Nothing, actor: Actor) -> Json:
    """The removable media that are mounted."""
    found = await asyncio.to_thread(media)
    return {
        "media": [
            {
                "folder": str(medium.folder),
                "name": medium.name,
                "kind": medium.kind,
                "size": medium.size,
                "free": medium.free,
                "most": medium.most,
                "read_only": medium.read_only,
            }
            for medium in found
        ]
    }


async def list_files(agent: Owned, named: RequestNamed, actor: Actor) -> Json:
    """The files that lie ready to be handed over."""
    files = await ready_files(agent.services, named.request_id)
    return {
        "files": [
            {"name": file.name, "path": str(file.path), "size": file.size, "sha256": file.sha256} for file in files
        ]
    }


async def write_receipt(agent: Owned, asked: ReceiptNoted, actor: Actor) -> Json:
    count = await note_receipt(agent.services, asked.request_id, asked.taken_by, asked.how, actor.name)
    agent.journey.kick()
    return {"packages": count}
