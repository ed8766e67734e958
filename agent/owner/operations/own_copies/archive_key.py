"""The archive key: put back from the recovery sheet, or made anew. It counts from the daemon's next start on.

Not for: the sheet (``recovery``), or what is sealed for it.
"""

import asyncio
from typing import Annotated

from pydantic import Field

from agent.owner.operations.context import Actor, Json, Nothing, Owned
from agent.records.backups.archive_words import identities_of_text
from agent.services import Services
from agent.store.keys import accept_archive_keys, missing_archive_keys, new_archive, save_archive
from exchange.age.files import Identity, read_identities
from exchange.documents.messages import Part


class KeyTyped(Part):
    secret_keys: Annotated[str, Field(max_length=20_000)]
    """Age identities, as text. It is kept in the key's file, and shown to nobody."""


async def put(agent: Owned, typed: KeyTyped, actor: Actor) -> Json:
    """Put keys from a sheet first; those that are here stay, as copies may be sealed for them. InputInvalid."""
    identities = await asyncio.to_thread(identities_of_text, typed.secret_keys)
    here = await _save(agent.services, identities)
    async with agent.services.store.transaction() as tx:
        missing = await missing_archive_keys(tx, here)
    return {"kinds": [identity.recipient.kind for identity in identities], "missing": missing}


async def make(agent: Owned, _: Nothing, actor: Actor) -> Json:
    """New keys, for what is handed over from now on; the old ones stay, for what was before."""
    await _save(agent.services, new_archive())
    async with agent.services.store.transaction() as tx:
        await accept_archive_keys(tx)
    return {}


async def _save(services: Services, first: list[Identity]) -> list[Identity]:
    """All that are there now."""
    path = services.settings.archive_key
    known = await asyncio.to_thread(read_identities, path)
    together = [*first, *(each for each in known if each not in first)]
    await asyncio.to_thread(save_archive, path, together)
    return together
