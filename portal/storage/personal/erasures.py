"""Keys whose owner is erased are destroyed once that is committed; what a crash left, the next sweep does.

Not for: erasing rows (``portal.registry.devices``, ``portal.people.registered``).
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from portal.keystore import KeyStore
from portal.storage.personal.keeping_tables import Erasure

T = TypeVar("T")


class _Database(Protocol):
    @property
    def keys(self) -> KeyStore | None: ...

    async def write(self, work: Callable[[Session], T], *, durable: bool = True) -> T: ...

    async def read(self, work: Callable[[Session], T]) -> T: ...


async def destroy_erased(db: _Database) -> int:
    """How many keys were destroyed."""
    gone = await db.read(lambda session: list(session.scalars(select(Erasure.key_id))))
    if not gone or db.keys is None:
        return 0
    for key_id in gone:
        await asyncio.to_thread(db.keys.destroy, key_id)
    await db.write(lambda session: session.execute(delete(Erasure).where(Erasure.key_id.in_(gone))))
    return len(gone)
