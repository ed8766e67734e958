"""What an owner can do with cameras: find, add, check, remove, and say where their footage comes from.

Not for: the work itself (``agent.cameras``).
"""

import base64
from typing import Annotated

from pydantic import Field

from agent.cameras.known import known_camera
from agent.cameras.stored import NewCamera, change_registration, registration_of, registrations
from agent.owner.operations.context import Actor, CameraNamed, Json, Nothing, Owned
from agent.owner.operations.portal import register
from exchange.documents.messages import Id, Latitude, Line, Longitude, Part


class Discover(Part):
    seconds: Annotated[float, Field(gt=0, le=30)] = 3.0


class ChangeCamera(Part):
    """What isn't given stays as it is."""

    camera_id: Id
    label: Line | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    description: Line | None = None
    direction: Annotated[float, Field(ge=0, lt=360)] | None = None
    field_of_view: Annotated[float, Field(gt=0, le=360)] | None = None
    range_m: Annotated[float, Field(gt=0, le=1000)] | None = None
    indoors: bool | None = None


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


async def change(agent: Owned, wanted: ChangeCamera, actor: Actor) -> Json:
    """Say anew what a camera is called, where it stands and where it looks; the portal is told."""
    changed = wanted.model_dump(exclude={"camera_id", "latitude", "longitude", "description"}, exclude_none=True)
    named = {"latitude": wanted.latitude, "longitude": wanted.longitude, "description": wanted.description}
    async with agent.services.store.transaction() as tx:
        row = await known_camera(tx, wanted.camera_id)
        place = registration_of(row).place.model_dump()
        changed["place"] = place | {name: value for name, value in named.items() if value is not None}
        await change_registration(tx, row, changed)
    return await register(agent)


async def snapshot(agent: Owned, named: CameraNamed, actor: Actor) -> Json:
    """What the camera sees now, as JPEG."""
    return {"jpeg": base64.b64encode(await agent.inventory.snapshot(named.camera_id)).decode()}


async def known_to_officers(agent: Owned, _: Nothing, actor: Actor) -> Json:
    """All that the portal knows, or would know, of this owner and their cameras."""
    async with agent.services.store.transaction() as tx:
        found = registrations(await tx.cameras())
    owner = agent.services.settings.owner
    return {
        "owner": {"kind": owner.kind.value, "name": owner.name, "contact": owner.contact},
        "cameras": [each.model_dump(mode="json") for each in found],
        "hours": agent.services.settings.portal.tell_hours,
    }


async def remove(agent: Owned, named: CameraNamed, actor: Actor) -> Json:
    await agent.inventory.remove(named.camera_id)
    return await register(agent)
