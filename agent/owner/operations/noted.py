"""What an owner can do with a request that came by no portal: write it down, see its files, note that they were taken.

Not for: deciding it, which goes as with any other request (``requests``).
"""

import asyncio
from pathlib import Path

from agent.owner.operations.context import Actor, Json, Owned, RequestNamed
from agent.requests.noted import noting, outgoing
from exchange.documents.messages import DecidedBy, Id, Line, Part


class ReceiptNoted(Part):
    request_id: Id
    taken_by: Line
    how: Line


async def note_request(agent: Owned, new: noting.NewRequest, actor: Actor) -> Json:
    by = DecidedBy(name=actor.name, method=actor.method, person=actor.person)
    request_id = await noting.note_request(agent.services, new, by)
    agent.journey.kick()
    return {"request_id": request_id}


async def list_files(agent: Owned, named: RequestNamed, actor: Actor) -> Json:
    """The files that lie ready to be handed over."""
    files = await asyncio.to_thread(outgoing.files_in, agent.services, named.request_id)
    return {"files": [await asyncio.to_thread(_facts, path) for path in files]}


def _facts(path: Path) -> Json:
    return {"name": path.name, "path": str(path), "size": path.stat().st_size}


async def note_receipt(agent: Owned, asked: ReceiptNoted, actor: Actor) -> Json:
    count = await outgoing.note_receipt(agent.services, asked.request_id, asked.taken_by, asked.how, actor.name)
    agent.journey.kick()
    return {"packages": count}
