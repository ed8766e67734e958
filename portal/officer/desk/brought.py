"""What people without an agent sent, while it is fetched, unsealed and looked at; and what was opened in this run.

Not for: the work itself (``portal.officer.people.brought``).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from exchange.errors import HandoverError, NotFound
from portal.officer.desk.under_way import break_off, of_a_desk
from portal.officer.people.brought import BroughtFile


@dataclass
class BroughtOpening:
    """All files of one answer or contribution. ``error`` says why they could not be opened, and what to do."""

    files: Sequence[BroughtFile] | None = None
    error: HandoverError | None = None
    task: "asyncio.Task[None] | None" = None

    @property
    def is_running(self) -> bool:
        return self.files is None and self.error is None


@dataclass
class BroughtOpenings:
    """By the request or contribution that they belong to."""

    found: dict[str, BroughtOpening] = field(default_factory=dict)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def start(self, name: str, work: Callable[[], Awaitable[list[BroughtFile]]]) -> None:
        """Begin, unless it is under way. What ended is begun again."""
        before = self.found.get(name)
        if before is not None and before.is_running:
            return
        opening = self.found[name] = BroughtOpening()
        opening.task = asyncio.create_task(self._work(opening, work))

    def file(self, name: str, file_id: str) -> BroughtFile:
        """One that was opened in this run and is clean. NotFound."""
        opening = self.found.get(name)
        for each in (opening.files or ()) if opening is not None else ():
            if each.file_id == file_id and each.path is not None:
                return each
        raise NotFound("There is no such file open here.", do="Fetch and open it first.")

    async def end(self) -> None:
        """Give up what is under way; what was fetched is kept."""
        await break_off(self.found.values())

    async def _work(self, opening: BroughtOpening, work: Callable[[], Awaitable[list[BroughtFile]]]) -> None:
        async with self._one_at_a_time:
            try:
                opening.files = await work()
            except HandoverError as error:
                opening.error = error
            except OSError as error:
                what = f"The files can't be kept here: {error.strerror}."
                opening.error = HandoverError(what, do="Look at this machine's disk; try again.")
            except Exception:
                opening.error = HandoverError("Something went wrong here.", do="Try it again.")
                raise


BROUGHT_OPENINGS = web.AppKey("brought-openings", BroughtOpenings)

set_up = of_a_desk(BROUGHT_OPENINGS, BroughtOpenings)
