"""A database whose writes return once what they wrote down of officers' deeds has its place in the log of use.

Many deeds at once share the transaction that gives them their places. Not for: what a line is (``portal.audit.uses``).
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.orm import Session

from portal.audit import uses
from portal.storage.database import Database, InFront

T = TypeVar("T")


class LoggedDatabase(InFront):
    """``Database``, for who calls; whether a work writes deeds down, it finds out itself."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self._asked = self._done = 0
        self._appending: asyncio.Task[None] | None = None
        self.read = db.read

    async def write(self, work: Callable[[Session], T], *, durable: bool = True) -> T:
        """StoreUnavailable also when the work is done and its deeds wait for their places: it may be done again."""
        result, waiting = await self._db.write(
            lambda session: (work(session), uses.are_waiting(session)), durable=durable
        )
        if waiting:
            await self._append()
        return result

    async def _append(self) -> None:
        """Until everything is in the log that was committed before: what is under way may have begun too early."""
        self._asked += 1
        mine = self._asked
        while self._done < mine:
            if self._appending is None:
                self._appending = asyncio.create_task(self._append_all())
            await asyncio.shield(self._appending)

    async def _append_all(self) -> None:
        until = self._asked
        try:
            while await self._db.write(uses.append):
                pass
            self._done = until
        finally:
            self._appending = None
