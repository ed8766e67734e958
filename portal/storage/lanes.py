"""A lane of the database for some of its callers: however many they are, others find a free thread.

Not for: what is waited for without a thread, such as a poll that is held.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.orm import Session

from exchange.errors import StoreUnavailable
from portal.storage.database import Database, InFront

T = TypeVar("T")
MOST_WAITING = 2000
"""Calls that wait for their turn in a lane; more are sent away, to come again."""


class Lane(InFront):
    """``Database`` for those who may have so many reads and writes at once, and no more."""

    def __init__(self, db: Database, reads: int, writes: int, most_waiting: int = MOST_WAITING) -> None:
        super().__init__(db)
        self._reads = asyncio.Semaphore(reads)
        self._writes = asyncio.Semaphore(writes)
        self._waiting = 0
        self._most_waiting = most_waiting

    @property
    def waiting(self) -> int:
        """Calls that wait for their turn."""
        return self._waiting

    async def write(self, work: Callable[[Session], T], *, durable: bool = True) -> T:
        await self._turn(self._writes)
        try:
            return await self._db.write(work, durable=durable)
        finally:
            self._writes.release()

    async def read(self, work: Callable[[Session], T]) -> T:
        await self._turn(self._reads)
        try:
            return await self._db.read(work)
        finally:
            self._reads.release()

    async def _turn(self, lane: asyncio.Semaphore) -> None:
        if lane.locked() and self._waiting >= self._most_waiting:
            raise StoreUnavailable(
                "Too many calls wait for the portal's database.",
                meaning="Nothing was lost, and nothing was done.",
                do="Try again in a moment.",
            )
        self._waiting += 1
        try:
            await lane.acquire()
        finally:
            self._waiting -= 1
