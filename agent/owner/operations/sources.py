"""What an owner can do with footage sources: see, set and test them.

Not for: the work itself (``agent.cameras.footage_sources``).
"""

from agent.cameras.footage_sources import AskChannels, SetSource, SetStart, TestSources
from agent.owner.operations.context import Actor, Json, Nothing, Owned


async def list_sources(agent: Owned, _: Nothing, actor: Actor) -> Json:
    return await agent.inventory.footage_sources.listed()


async def channels(agent: Owned, asked: AskChannels, actor: Actor) -> Json:
    return await agent.inventory.footage_sources.channels(asked)


async def set_source(agent: Owned, wanted: SetSource, actor: Actor) -> Json:
    return await agent.inventory.set_source(wanted)


async def test(agent: Owned, wanted: TestSources, actor: Actor) -> Json:
    return await agent.inventory.footage_sources.test(wanted)


async def set_start(agent: Owned, wanted: SetStart, actor: Actor) -> Json:
    return await agent.inventory.footage_sources.set_start(wanted)
