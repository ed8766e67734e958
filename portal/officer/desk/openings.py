"""Packages that are being fetched, unsealed and checked, while the page goes on; and those that were, in this run.

Not for: the work itself (``portal.officer.opening``).
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from aiohttp import web

from exchange.documents.messages import Delivery
from exchange.errors import HandoverError
from portal.officer.casework.opened import check_again, packages_folder, remember_opened
from portal.officer.desk.site import Site
from portal.officer.desk.under_way import break_off, of_a_desk
from portal.officer.feedback import tell_opened
from portal.officer.opening import Answer, Opened, keep_answer, open_delivery
from portal.officer.supervised.log import say_if_reached

_AT_ONCE = 2


class Step(StrEnum):
    WAITING = "waiting"
    FETCHING = "fetching"
    CHECKING = "checking"
    DONE = "done"
    FAILED = "failed"


@dataclass
class Opening:
    """One package. ``error`` says why it failed, and what to do."""

    answer: Answer
    delivery: Delivery
    sealed: Path
    step: Step = Step.WAITING
    fetched: int = 0
    """Bytes."""
    opened: Opened | None = None
    error: HandoverError | None = None
    owner_knows: bool = False
    """Whether the owner is told that it was opened."""
    task: "asyncio.Task[None] | None" = None

    @property
    def is_running(self) -> bool:
        return self.step not in (Step.DONE, Step.FAILED)

    async def look(self) -> None:
        """Count what came so far."""
        if self.step is not Step.FETCHING:
            return
        part = self.sealed.with_name(self.sealed.name + ".part")
        here, whole = await asyncio.to_thread(lambda: (_size(part), _size(self.sealed)))
        self.fetched = max(here, whole)
        if whole == self.delivery.size and self.step is Step.FETCHING:
            self.step = Step.CHECKING


@dataclass
class Openings:
    """By delivery."""

    found: dict[str, Opening] = field(default_factory=dict)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    def start(self, site: Site, answer: Answer, delivery: Delivery) -> Opening:
        """Begin, unless it is under way. One that ended is begun again."""
        before = self.found.get(delivery.delivery_id)
        if before is not None and before.is_running:
            return before
        sealed = packages_folder(site.state, delivery.request_id) / f"{delivery.delivery_id}.zip.age"
        opening = Opening(answer, delivery, sealed)
        self.found[delivery.delivery_id] = opening
        opening.task = asyncio.create_task(self._work(site, opening))
        return opening

    def of(self, delivery: Delivery) -> Opening | None:
        """What is known in this run of exactly this delivery."""
        found = self.found.get(delivery.delivery_id)
        return found if found is not None and found.delivery == delivery else None

    def opened(self, delivery: Delivery) -> Opened | None:
        """Opened and checked in this run; whether the checks hold is the report's word."""
        found = self.of(delivery)
        return None if found is None else found.opened

    async def end(self) -> None:
        """Give up what is under way; what was fetched is kept, and gone on with another time."""
        await break_off(self.found.values())

    async def _work(self, site: Site, opening: Opening) -> None:
        async with self._room:
            try:
                await self._open(site, opening)
                opening.step = Step.DONE
            except HandoverError as error:
                opening.error, opening.step = error, Step.FAILED
            except OSError as error:
                opening.step = Step.FAILED
                opening.error = HandoverError(
                    f"The package can't be kept here: {error.strerror}.", do="Look at this machine's disk; try again."
                )
            except Exception:
                opening.step = Step.FAILED
                opening.error = HandoverError("Something went wrong here.", do="Try it again.")
                raise

    async def _open(self, site: Site, opening: Opening) -> None:
        state, answer, delivery = site.state, opening.answer, opening.delivery
        await asyncio.to_thread(keep_answer, state, answer)
        opening.step = Step.CHECKING
        opening.opened = await asyncio.to_thread(check_again, state, answer, delivery)
        if opening.opened is None:
            opening.step = Step.FETCHING
            into = packages_folder(state, delivery.request_id)
            opening.opened = await open_delivery(state, site.client, answer, delivery, into)
        await asyncio.to_thread(remember_opened, state, opening.opened, site.now())
        await say_if_reached(site.client, [delivery.request_id], "opened")
        if (await asyncio.to_thread(state.setup)).tell_opened:
            with contextlib.suppress(HandoverError):  # it is told the next time
                opening.owner_knows = await tell_opened(state, site.client, opening.opened, site.now())


OPENINGS = web.AppKey("openings", Openings)

set_up = of_a_desk(OPENINGS, Openings)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
