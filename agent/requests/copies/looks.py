"""What a cut's masters show: a contact sheet, and whether their camera signed them.

Neither holds up the evidence: what can't be made or looked at is told as that. Where a cut takes long, both are begun
while it is still being proven, which leaves a processor half idle; what was begun counts only when the cut stands.
Not for: how either is done, which are workers' jobs.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.requests.camera_signing.looking import look_for_signatures
from agent.services import Job, Services
from agent.workers.process import PICTURE
from exchange.errors import HandoverError

log = logging.getLogger(__name__)

CONTACT_SHEET = "working/contact-sheet.jpg"


@dataclass(frozen=True, slots=True)
class Look:
    """``signing``: what was found in each master, or why it could not be looked at; ``sheet``: its path in the folder
    of the cut, None when none could be made."""

    signing: list[Job]
    sheet: str | None

    @property
    def is_whole(self) -> bool:
        return self.sheet is not None and not any("why" in each for each in self.signing)


class Looks:
    """Of one cut in its ``folder``."""

    def __init__(self, services: Services, folder: Path) -> None:
        self._services = services
        self._folder = folder
        self._early: asyncio.Task[Look] | None = None

    def report(self, told: Job) -> None:
        """What the cutting worker reports: where the copied files lie from now on, until they are proven."""
        if self._early is None and "copied" in told:
            self._early = asyncio.create_task(self._one_after_the_other([Path(each) for each in told["copied"]]))

    async def at(self, result: Job) -> Look:
        """At the masters of a cut that stands. What was begun early and saw all of it is not done again: a file that
        had its last name before it was opened was not seen."""
        if self._early is not None:
            early = await self._early
            if early.is_whole:
                return early
        masters = [self._folder / master["file"] for master in result["masters"]]
        signing, sheet = await asyncio.gather(look_for_signatures(self._services, masters), self._sheet(masters))
        return Look(signing, sheet)

    async def leave(self) -> None:
        """Break off what is under way."""
        if self._early is not None:
            self._early.cancel()
            await asyncio.gather(self._early, return_exceptions=True)

    async def _one_after_the_other(self, masters: list[Path]) -> Look:
        """Beside the worker that proves them there is memory for one more."""
        sheet = await self._sheet(masters)
        return Look(await look_for_signatures(self._services, masters), sheet)

    async def _sheet(self, masters: list[Path]) -> str | None:
        job = {"masters": [str(master) for master in masters], "target": str(self._folder / CONTACT_SHEET)}
        try:
            await self._services.run_job("agent.media.pictures:contact_sheet_job", job, limits=PICTURE)
        except HandoverError as error:
            log.warning("no contact sheet was made: %s", error)
            return None
        return CONTACT_SHEET


@asynccontextmanager
async def looks(services: Services, folder: Path) -> AsyncIterator[Looks]:
    """Nothing goes on behind the block."""
    at = Looks(services, folder)
    try:
        yield at
    finally:
        await at.leave()
