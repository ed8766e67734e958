"""Runs what keeps the owner's own copies: filing, second places, checks, deletions; one at a time, each by its rule.

Not for: any of these (the modules beside this one), or the hour at which they run (``agent.background``).
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from agent.host.daily_hours import next_opening
from agent.records.backups import integrity, retention
from agent.records.backups.filing import file_new
from agent.records.backups.second_places import OpenPlace, There, keep_there
from agent.records.deletion_clock import deletion_now
from agent.services import Services
from agent.settings.backups import SecondPlace
from exchange.clock import HOUR, MINUTE
from exchange.errors import AlreadyRunning, HandoverError

log = logging.getLogger(__name__)

_FIRST_PAUSE = 5 * MINUTE
_LONGEST_PAUSE = 6 * HOUR


@dataclass
class Outcome:
    """What a run did. ``failures``: by place, in words."""

    put: dict[str, int] = field(default_factory=dict)
    checked: int = 0
    damaged: int = 0
    failures: dict[str, HandoverError] = field(default_factory=dict)


class Backups:
    """One of a kind a process. ``doing`` says what is being done, in words, while something is."""

    def __init__(self, services: Services, open_place: OpenPlace) -> None:
        self._services = services
        self._open = open_place
        self._busy = asyncio.Lock()
        self._task: asyncio.Task[Outcome] | None = None
        self.doing = ""
        self.last: Outcome | None = None
        """Of the run that somebody asked for."""

    async def run(self, *, asked: bool = False) -> Outcome:
        """File what is new, bring what is missing to every place whose rule lets it, remove what is to go from there.

        ``asked``: by a person, so that neither hours nor an earlier failure put it off. AlreadyRunning.
        """
        outcome = Outcome()
        async with self._alone("filing"):
            await retention.clear_deleted(self._services)
            await file_new(self._services)
            for rule in self._services.settings.backups.places:
                if asked or await self._may_now(rule):
                    await self._keep_at(rule, outcome)
        return outcome

    async def _keep_at(self, rule: SecondPlace, outcome: Outcome) -> None:
        try:
            there = There(rule, await self._open(rule.place))
            outcome.put[rule.place] = await keep_there(
                self._services, there, lambda text: self._show(f"{rule.place}: {text}")
            )
        except HandoverError as error:
            outcome.failures[rule.place] = error
            await self._note(rule.place, error)
        else:
            await self._note(rule.place, None)
            await self._check_at(there, outcome)

    async def _check_at(self, there: There, outcome: Outcome, *, everything: bool = False) -> None:
        try:
            checked, damaged = await integrity.check_there(
                self._services, there, lambda text: self._show(f"{there.rule.place}: {text}"), everything=everything
            )
        except HandoverError as error:
            outcome.failures[there.rule.place] = error
            log.warning("copies at %s could not be checked: %s", there.rule.place, error)
            return
        outcome.checked += checked
        outcome.damaged += damaged

    async def check(self, *, everything: bool = False) -> Outcome:
        """Read copies on this disk again whose time has come, and put right what is damaged from a second place.

        ``everything``: all of them, there as well. AlreadyRunning.
        """
        outcome = Outcome()
        async with self._alone("checking"):
            await file_new(self._services)
            places = []
            for rule in self._services.settings.backups.places:
                try:
                    places.append(There(rule, await self._open(rule.place)))
                except HandoverError as error:
                    outcome.failures[rule.place] = error
            checked, damaged = await integrity.check_here(self._services, places, self._show, everything=everything)
            outcome.checked, outcome.damaged = checked, damaged
            for there in places if everything else ():
                await self._check_at(there, outcome, everything=True)
        return outcome

    async def prune(self, *, at_once: bool = False) -> tuple[list[retention.Due], list[retention.Due]]:
        """Announce and delete by the rules; what was announced, and what was deleted. AlreadyRunning."""
        async with self._alone("deleting"):
            await file_new(self._services)
            now = await deletion_now(self._services)
            return await retention.prune(self._services, now, at_once=at_once)

    async def deletion_time(self) -> int:
        """The time that deletions go by, microseconds UTC."""
        return await deletion_now(self._services)

    def begin(self, *, check: bool = False) -> None:
        """Start a run, or a check of everything, that goes on by itself. AlreadyRunning."""
        if self._busy.locked() or (self._task is not None and not self._task.done()):
            raise self._already()
        self.last = None
        self.doing = "beginning"
        work = self.check(everything=True) if check else self.run(asked=True)
        self._task = asyncio.create_task(work, name="backups that were asked for")
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Outcome]) -> None:
        self.doing = ""
        if task.cancelled():
            return
        if (error := task.exception()) is None:
            self.last = task.result()
        else:
            log.error("backups: %s", error, exc_info=None if isinstance(error, HandoverError) else error)
            wrong = error if isinstance(error, HandoverError) else HandoverError("An internal error; see the log.")
            self.last = Outcome(failures={"": wrong})

    async def close(self) -> None:
        """End a run that goes on, at a safe place."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _show(self, text: str) -> None:
        self.doing = text

    @asynccontextmanager
    async def _alone(self, what: str) -> AsyncIterator[None]:
        if self._busy.locked():
            raise self._already()
        async with self._busy:
            self.doing = what
            try:
                yield
            finally:
                self.doing = ""

    def _already(self) -> AlreadyRunning:
        return AlreadyRunning(
            f"Backups are being worked on already ({self.doing or 'just begun'}).",
            meaning="Nothing was begun a second time.",
            do="See how far it is with: handover backups",
        )

    async def _may_now(self, rule: SecondPlace) -> bool:
        now = self._services.clock.now()
        if next_opening(rule.hours, now) > now:
            return False
        async with self._services.store.transaction() as tx:
            row = await tx.one("SELECT retry_at, failing_since FROM backup_runs WHERE place = ?", [rule.place])
        return row is None or not now < row["retry_at"] <= now + _LONGEST_PAUSE  # nor when the clock was set back

    async def _note(self, place: str, error: HandoverError | None) -> None:
        """How it went there, for status, messages and the next try."""
        now = self._services.clock.now()
        async with self._services.store.transaction() as tx:
            await tx.execute("INSERT OR IGNORE INTO backup_runs (place) VALUES (?)", [place])
            row = await tx.one("SELECT * FROM backup_runs WHERE place = ?", [place])
            assert row is not None
            key = {"place": place}
            if error is None:
                if row["failing_since"] is None and 0 <= now - (row["worked_at"] or 0) < HOUR:
                    return  # no memory card is written to every ten minutes for this
                good = {"worked_at": now, "failing_since": None, "failure": None, "tries": 0, "retry_at": 0}
                await tx.update("backup_runs", key, **good)
                return
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(row["tries"], 10))
            since = row["failing_since"] or now
            await tx.update(
                "backup_runs", key, failing_since=since, failure=str(error)[:1000], tries=row["tries"] + 1,
                retry_at=now + pause,
            )  # fmt: skip
        if not row["tries"]:
            log.warning("the backup to %s failed: %s", place, error)
