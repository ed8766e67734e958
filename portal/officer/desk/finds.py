"""What the page works on between a search and a request: results of searches, and batches that are being sent.

In memory: after the program's end a search is made again, and sending goes on from what was written down
(``portal.officer.crime.batches``).
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from exchange.clock import Window
from exchange.documents.api import SearchResult
from exchange.errors import NotFound
from portal.officer.client import OfficerClient
from portal.officer.crime import batches
from portal.officer.crime.batches import Progress
from portal.officer.crime.shapes import Shape
from portal.officer.state import OfficerState

_MOST = 16
"""Searches that are kept; the oldest makes room."""


@dataclass(frozen=True, slots=True)
class Found:
    result: SearchResult
    shape: Shape
    window: Window


@dataclass
class Finds:
    searches: dict[str, Found] = field(default_factory=dict)
    sendings: dict[str, tuple[Progress, "asyncio.Task[None]"]] = field(default_factory=dict)

    def keep(self, found: Found) -> str:
        """The search's name."""
        while len(self.searches) >= _MOST:
            self.searches.pop(next(iter(self.searches)))
        name = secrets.token_urlsafe(12)
        self.searches[name] = found
        return name

    def search(self, name: object) -> Found:
        """NotFound when it is not there any more."""
        if not isinstance(name, str) or name not in self.searches:
            raise NotFound("What was found is not here any more.", do="Press Find cameras again.")
        return self.searches[name]

    async def progress(self, state: OfficerState, batch_id: str) -> tuple[Progress, bool]:
        """How far a batch is, and whether it is being sent right now. NotFound."""
        if batch_id in self.sendings:
            progress, task = self.sendings[batch_id]
            if not task.done() or not progress.is_done:
                return progress, not task.done()
            del self.sendings[batch_id]
        return await asyncio.to_thread(batches.load, state, batch_id), False

    async def leave(self, state: OfficerState, batch_id: str) -> None:
        """Send no more of a batch, unless that goes on right now. NotFound."""
        progress, is_sent = await self.progress(state, batch_id)
        if not is_sent:
            await asyncio.to_thread(batches.leave, state, batch_id)
            progress.is_left = True

    async def send(self, state: OfficerState, client: OfficerClient, batch_id: str, news: Callable[[], None]) -> None:
        """Begin to send what is not sent yet, unless that goes on already; ``news`` is called after each. NotFound."""
        progress, is_sent = await self.progress(state, batch_id)
        if not is_sent:
            task = asyncio.create_task(batches.send(state, client, progress, news))
            self.sendings[batch_id] = progress, task


FINDS = web.AppKey("finds", Finds)


async def set_up(app: web.Application) -> None:
    app[FINDS] = Finds()
