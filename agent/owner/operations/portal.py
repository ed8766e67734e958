"""What an owner can do about the portal: see whose it is, join it, leave it.

Not for: the calls (``agent.portal``), or what joining means (``agent.membership``).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from pydantic import Field

from agent.membership import enrolment, leaving, registration
from agent.owner.operations.context import Actor, Json, Nothing, Owned
from agent.portal.client import PortalClient
from exchange.documents.messages import Line, Part
from exchange.errors import HandoverError, PortalUnreachable


class PortalAt(Part):
    url: Annotated[str, Field(max_length=500)]


class Enrol(Part):
    url: Annotated[str, Field(max_length=500)]
    fingerprint: Line


async def introduce(agent: Owned, portal: PortalAt, actor: Actor) -> Json:
    with _not_tried_again():
        introduction = await enrolment.introduce(agent.services, await agent.open_portal(portal.url))
    return {
        "force": introduction.info.force,
        "fingerprint": introduction.fingerprint,
        "words": introduction.words,
        "pinned": introduction.pinned,
    }


async def enrol(agent: Owned, asked: Enrol, actor: Actor) -> Json:
    client: PortalClient = await agent.open_portal(asked.url)
    with _not_tried_again():
        async with agent.journey.paused():  # what is under way may be for another force
            force = await enrolment.enrol(agent.services, client, asked.fingerprint, actor.name)
    registered = await register(agent)
    return {"force": force.name, "device": agent.services.keys.device.public.fingerprint, "registered": registered}


async def withdraw(agent: Owned, _: Nothing, actor: Actor) -> Json:
    with _not_tried_again():
        async with agent.journey.paused():
            stopped = await leaving.withdraw(agent.services, await agent.services.portal(), actor.name)
    return {"stopped": stopped}


async def register(agent: Owned) -> Json:
    """Bring a changed registration to the portal when there is one. What was done here stays done when that can't
    be: then ``portal_trouble`` says why, and the daemon tries again."""
    async with agent.services.store.transaction() as tx:
        if await tx.force() is None:
            return {"registered": False, "portal_trouble": None}
    try:
        await registration.register(agent.services, await agent.services.portal())
    except HandoverError as error:
        return {"registered": False, "portal_trouble": error.what}
    return {"registered": True, "portal_trouble": None}


@contextmanager
def _not_tried_again() -> Iterator[None]:
    """Around what only the owner begins: a portal that is away is told as that, and that nothing goes on by itself."""
    try:
        yield
    except PortalUnreachable as error:
        raise PortalUnreachable(
            error.what,
            meaning="Nothing was changed, and nothing tries it again by itself.",
            do="Check the internet connection and the portal's address, then type the command again.",
        ) from error
