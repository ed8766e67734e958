"""What an owner can do with cameras: find, add, check, remove, and say where their footage comes from.

Not for: the work itself (``agent.cameras``).
"""

from typing import Annotated

from pydantic import Field

from agent.cameras.stored import NewCamera
from agent.owner.operations.context import Actor, CameraNamed, Json, Nothing, Owned
from agent.owner.operations.portal import register
from exchange.documents.messages import Part


class Discover(Part):
    seconds: Annotated[float, Field(gt=0, le=30)] = 3.0


async def list_cameras(agent: Owned, _: Nothing, actor: Actor) -> Json:
    async with agent.services.store.transaction() as tx:
        rows = await tx.cameras()
    return {"cameras": await agent.inventory.summaries(rows)}


async def discover(agent: Owned, asked: Discover, actor: Actor) -> Json:
    return await agent.inventory.discover(asked.seconds)


async def add(agent: Owned, new: NewCamera, actor: Actor) -> Json:
    added = await agent.inventory.add(new)
    return added | await register(agent)


async def check(agent: Owned, named: CameraNamed, actor: Actor) -> Json:
    return await agent.inventory.check(named.camera_id)


async def remove(agent: Owned, named: CameraNamed, actor: Actor) -> Json:
    await agent.inventory.remove(named.camera_id)
    return await register(agent)
