"""Questions of one kind, asked of the database together: those that come while one read runs go with the next.

When thousands of agents come at once, each has the same small question. Not for: questions that are rare.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy.orm import Session

from portal.storage.database import Database

V = TypeVar("V")
MOST = 200
"""Questions in one read."""


class Gathered(Generic[V]):
    """Lives on the event loop."""

    def __init__(self, db: Database, read: Callable[[Session, list[str]], dict[str, V]]) -> None:
        """``read`` answers many at once; what it leaves out is None."""
        self._db = db
        self._read = read
        self._asked: dict[str, asyncio.Future[V | None]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def ask(self, name: str) -> V | None:
        """What a read says that begins from now on. Errors as ``Database.read``."""
        answer = self._asked.get(name)
        if answer is None:
            answer = self._asked[name] = asyncio.get_running_loop().create_future()
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_on())
        return await asyncio.shield(answer)

    async def _read_on(self) -> None:
        try:
            while self._asked:
                names = list(self._asked)[:MOST]
                answers = {name: self._asked.pop(name) for name in names}
                try:
                    found = await self._db.read(lambda session, names=names: self._read(session, names))  # type: ignore[misc]
                except Exception as error:
                    for answer in answers.values():
                        answer.set_exception(error)
                        answer.exception()  # whoever asked may have gone
                else:
                    for name, answer in answers.items():
                        answer.set_result(found.get(name))
        finally:
            self._reading = None
