"""Runs what keeps the owner's own copies: filing, second places, checks, deletions, each by its rule.

What takes long goes on beside the rest, so that nothing of it is put off by another: what is done on this disk but the
checks is short, and waits its turn. Not for: any of these (the modules beside this one), or the hour at which they run
(``agent.background``).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager

from agent.records.backups import integrity, retention
from agent.records.backups.at_place import AtPlace, Outcome
from agent.records.backups.filing import file_new
from agent.records.backups.second_places import OpenPlace, There
from agent.records.deletion_clock import deletion_now
from agent.services import Services
from exchange.errors import AlreadyRunning, HandoverError

log = logging.getLogger(__name__)


class Backups:
    """One of a kind a process."""

    def __init__(self, services: Services, open_place: OpenPlace) -> None:
        self._services = services
        self._places = [AtPlace(services, open_place, rule) for rule in services.settings.backups.places]
        self._filing, self._running, self._checking = asyncio.Lock(), asyncio.Lock(), asyncio.Lock()
        self._task: asyncio.Task[Outcome] | None = None
        self._beside: set[asyncio.Task[None]] = set()
        self._doing: dict[str, str] = {}
        self.last: Outcome | None = None
        """Of the run that somebody asked for."""

    @property
    def doing(self) -> str:
        """What is being done, in words, while something is."""
        there = [f"{place}: {text}" for place, text in self.doing_there().items()]
        return "; ".join([*self._doing.values(), *there])

    def doing_there(self) -> dict[str, str]:
        """By place."""
        return {each.rule.place: ", ".join(each.doing.values()) for each in self._places if each.doing}

    async def look(self) -> None:
        """What ``run`` does, begun and not waited for: a place that takes days keeps nothing else waiting."""
        await self._file()
        for each in self._places:
            task = asyncio.create_task(_told(each.work(Outcome())), name=f"backups at {each.rule.place}")
            self._beside.add(task)
            task.add_done_callback(self._beside.discard)

    async def run(self, *, asked: bool = False) -> Outcome:
        """File what is new, bring what is missing to every place whose rule lets it, remove what is to go from there.

        ``asked``: by a person, so that neither hours nor an earlier failure put it off. AlreadyRunning.
        """
        outcome = Outcome()
        async with self._once(self._running, "filing"):
            await self._file()
            self._doing.pop("filing")
            await _all(each.work(outcome, asked=asked) for each in self._places)
        return outcome

    async def _file(self) -> None:
        async with self._filing:
            await retention.clear_deleted(self._services)
            await file_new(self._services)

    async def check(self, *, everything: bool = False) -> Outcome:
        """Read copies on this disk again whose time has come, and put right what is damaged from a second place.

        ``everything``: all of them, there as well. AlreadyRunning.
        """
        outcome = Outcome()
        async with self._once(self._checking, "checking"):
            await self._file()
            places: list[tuple[AtPlace, There]] = []
            for each in self._places:
                try:
                    places.append((each, await each.open(asked=True)))
                except HandoverError as error:
                    outcome.failures[each.rule.place] = error
            outcome.checked, outcome.damaged = await integrity.check_here(
                self._services, [there for _, there in places],
                lambda text: self._doing.__setitem__("checking", text), everything=everything,
            )  # fmt: skip
            self._doing.pop("checking")
            if everything:
                await _all(each.check(there, outcome, everything=True) for each, there in places)
        return outcome

    async def prune(self, *, at_once: bool = False) -> tuple[list[retention.Due], list[retention.Due]]:
        """Announce and delete by the rules; what was announced, and what was deleted."""
        async with self._filing:
            await file_new(self._services)
            now = await deletion_now(self._services)
            announced, deleted = await retention.prune(self._services, now, at_once=at_once)
        for each in self._places:
            each.deleted(due.filed.copy.copy_id for due in deleted)
        return announced, deleted

    async def deletion_time(self) -> int:
        """The time that deletions go by, microseconds UTC."""
        return await deletion_now(self._services)

    def begin(self, *, check: bool = False) -> None:
        """Start a run, or a check of everything, that goes on by itself. AlreadyRunning."""
        asked_before = self._task is not None and not self._task.done()
        if asked_before or (self._checking if check else self._running).locked():
            raise self._already()
        self.last = None
        self._doing["asked"] = "beginning"
        work = self.check(everything=True) if check else self.run(asked=True)
        self._task = asyncio.create_task(work, name="backups that were asked for")
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Outcome]) -> None:
        self._doing.pop("asked", None)
        if task.cancelled():
            return
        if (error := task.exception()) is None:
            self.last = task.result()
        else:
            log.error("backups: %s", error, exc_info=None if isinstance(error, HandoverError) else error)
            wrong = error if isinstance(error, HandoverError) else HandoverError("An internal error; see the log.")
            self.last = Outcome(failures={"": wrong})

    async def close(self) -> None:
        """End what goes on, at a safe place."""
        going = [*self._beside, *([] if self._task is None else [self._task])]
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)

    @asynccontextmanager
    async def _once(self, lock: asyncio.Lock, what: str) -> AsyncIterator[None]:
        if lock.locked():
            raise self._already()
        async with lock:
            self._doing.pop("asked", None)
            self._doing[what] = what
            try:
                yield
            finally:
                self._doing.pop(what, None)

    def _already(self) -> AlreadyRunning:
        return AlreadyRunning(
            f"Backups are being worked on already ({self.doing or 'just begun'}).",
            meaning="Nothing was begun a second time.",
            do="See how far it is with: handover backups",
        )


async def _all(works: Iterable[Awaitable[None]]) -> None:
    """Beside each other, each to its end; then what went wrong first."""
    for how in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(how, BaseException):
            raise how


async def _told(work: Awaitable[None]) -> None:
    """What goes wrong is no more than a line of the log: the next look tries again."""
    try:
        await work
    except HandoverError as error:
        log.warning("backups: %s", error)
    except Exception:
        log.exception("backups: an error that should not be")
