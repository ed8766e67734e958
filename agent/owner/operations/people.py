"""What an administrator can do with people: see, add, change, invite, remove; and who did what.

Not for: what each may do (``agent.owner.people.roles``).
"""

import asyncio
from dataclasses import asdict
from typing import Annotated

from pydantic import Field

from agent.owner.operations.context import Actor, Json, Nothing, Owned
from agent.owner.people import register, sessions
from agent.owner.people.page_address import certified_names, is_open, url_of
from agent.owner.people.page_certificate import load_or_make
from agent.owner.people.register import NewPerson
from agent.owner.people.roles import Role
from exchange.clock import to_rfc3339
from exchange.documents.messages import Id, Line, Part


class PersonNamed(Part):
    person_id: Id


class ChangePerson(Part):
    """What isn't given stays as it is. ``all_cameras`` takes a limit to some cameras away."""

    person_id: Id
    name: Line | None = None
    role: Role | None = None
    os_user: Line | None = None
    cameras: Annotated[tuple[Id, ...], Field(max_length=256)] | None = None
    all_cameras: bool = False


async def list_people(agent: Owned, _: Nothing, actor: Actor) -> Json:
    async with agent.services.store.transaction() as tx:
        found = await register.people(tx)
    rows = [
        asdict(each)
        | {
            "cameras": None if each.cameras is None else sorted(each.cameras),
            "joined_at": to_rfc3339(each.joined_at),
        }
        for each in found
    ]
    return {"people": rows, "needed": agent.services.settings.decide.people}


async def add(agent: Owned, new: NewPerson, actor: Actor) -> Json:
    async with agent.services.store.transaction() as tx:
        await register.join(tx, new, agent.services.clock.now())
    return {}


async def change(agent: Owned, wanted: ChangePerson, actor: Actor) -> Json:
    async with agent.services.store.transaction() as tx:
        before = await register.person(tx, wanted.person_id)
        cameras = None if before.cameras is None else tuple(sorted(before.cameras))
        new = NewPerson(
            person_id=before.person_id,
            name=wanted.name or before.name,
            role=wanted.role or before.role,
            os_user=wanted.os_user or before.os_user,
            cameras=None if wanted.all_cameras else wanted.cameras or cameras,
        )
        await register.change(tx, new)
    return {}


async def remove(agent: Owned, named: PersonNamed, actor: Actor) -> Json:
    async with agent.services.store.transaction() as tx:
        await register.remove(tx, named.person_id)
    return {}


async def invite(agent: Owned, named: PersonNamed, actor: Actor) -> Json:
    """A one-time code for the page."""
    async with agent.services.store.transaction() as tx:
        code = await sessions.invite(tx, named.person_id, agent.services.clock.now())
    return {"code": code, "minutes": sessions.INVITATION // 60_000_000}


async def page(agent: Owned, _: Nothing, actor: Actor) -> Json:
    """Where the owner's page is, and its certificate's fingerprint where it has one."""
    settings = agent.services.settings
    opened = is_open(settings.page)
    pem = settings.keys / "page.pem"
    known = await asyncio.to_thread(load_or_make, pem, certified_names(settings.page)) if opened else None
    return {"enabled": settings.page.enabled, "url": url_of(settings.page), "fingerprint": known}


async def list_deeds(agent: Owned, _: Nothing, actor: Actor) -> Json:
    async with agent.services.store.transaction() as tx:
        found = await register.deeds(tx)
    return {"deeds": [{**each, "at": to_rfc3339(int(str(each["at"])))} for each in found]}
