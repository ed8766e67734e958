"""What is done at one second place by its rule: copies go there, are read again, and go from there.

Each of the three goes on beside the others, and is done once at a time: a first upload of days keeps no check and no
deletion from its turn. Not for: what is done on this disk, or when anything is begun (``backups``).
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.deliveries.contract import NotNow
from agent.host.daily_hours import next_opening
from agent.records.backups import integrity
from agent.records.backups.second_places import OpenPlace, There, Turn, keep_there, take_away
from agent.services import Services
from agent.settings.backups import SecondPlace
from exchange.clock import HOUR, MINUTE
from exchange.errors import HandoverError

log = logging.getLogger(__name__)

_FIRST_PAUSE = 5 * MINUTE
_LONGEST_PAUSE = 6 * HOUR


@dataclass
class Outcome:
    """What a run did. ``failures``: by place, in words; ``waiting``: until when a place does, microseconds UTC."""

    put: dict[str, int] = field(default_factory=dict)
    checked: int = 0
    damaged: int = 0
    failures: dict[str, HandoverError] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)


class AtPlace:
    """``doing``: what is being done there, in words, by kind of work, while something is."""

    def __init__(self, services: Services, open_place: OpenPlace, rule: SecondPlace) -> None:
        self._services, self._open_place, self.rule = services, open_place, rule
        self._copying, self._checking, self._taking = asyncio.Lock(), asyncio.Lock(), asyncio.Lock()
        self._turns: list[Turn] = []
        self.doing: dict[str, str] = {}

    async def open(self, *, asked: bool = False) -> There:
        """The place, for one turn at it. What opening raises."""
        turn = Turn(self.rule.hours, self._services.clock, asked=asked)
        return There(self.rule, await self._open_place(self.rule.place, turn.go_on), turn)

    def deleted(self, copy_ids: Iterable[str]) -> None:
        """These are not kept any more: what is being put there of them is broken off."""
        for turn in self._turns:
            turn.deleted |= set(copy_ids)

    async def work(self, outcome: Outcome, *, asked: bool = False) -> None:
        """Take away what is to go, bring what is missing, check what is due: if the hours and earlier failures let it.

        What goes on already is left to itself; ``asked`` by a person it is waited for, and no hours end it.
        """
        if not asked and not await self._may_now():
            return
        try:
            there = await self.open(asked=asked)
            self._turns.append(there.turn)
            try:
                await self._take_away(there)
                await self._copy(there, outcome, asked=asked)
            finally:
                self._turns.remove(there.turn)
        except NotNow as later:
            outcome.waiting[self.rule.place] = later.at
            await self._answers()
        except HandoverError as error:
            outcome.failures[self.rule.place] = error
            await self._fails(error)
        else:
            await self.check(there, outcome)

    async def _take_away(self, there: There) -> None:
        if self._taking.locked():
            return
        async with self._taking:
            await take_away(self._services, there, {turn.putting for turn in self._turns})

    async def _copy(self, there: There, outcome: Outcome, *, asked: bool) -> None:
        if asked:
            for turn in self._turns:
                turn.asked = True
        elif self._copying.locked():
            return
        async with self._copying:
            try:
                outcome.put[self.rule.place] = await keep_there(
                    self._services, there, lambda text: self._show("copying", text)
                )
            finally:
                self._show("copying", "")
        await self._works()

    async def check(self, there: There, outcome: Outcome, *, everything: bool = False) -> None:
        """Read copies there again whose time has come; ``everything``: all of them."""
        if self._checking.locked() and not everything:
            return
        async with self._checking:
            self._turns.append(there.turn)
            try:
                checked, damaged = await integrity.check_there(
                    self._services, there, lambda text: self._show("checking", text), everything=everything
                )
            except NotNow as later:
                outcome.waiting[self.rule.place] = later.at
            except HandoverError as error:
                outcome.failures[self.rule.place] = error
                log.warning("copies at %s could not be checked: %s", self.rule.place, error)
            else:
                outcome.checked += checked
                outcome.damaged += damaged
            finally:
                self._turns.remove(there.turn)
                self._show("checking", "")

    def _show(self, kind: str, text: str) -> None:
        if text:
            self.doing[kind] = text
        else:
            self.doing.pop(kind, None)

    async def _may_now(self) -> bool:
        now = self._services.clock.now()
        if next_opening(self.rule.hours, now) > now:
            return False
        async with self._services.store.transaction() as tx:
            row = await tx.one("SELECT retry_at FROM backup_runs WHERE place = ?", [self.rule.place])
        return row is None or not now < row["retry_at"] <= now + _LONGEST_PAUSE  # nor when the clock was set back

    async def _works(self) -> None:
        """All that should lie there does: for status, messages and the next try."""
        now, key = self._services.clock.now(), {"place": self.rule.place}
        async with self._services.store.transaction() as tx:
            await tx.execute("INSERT OR IGNORE INTO backup_runs (place) VALUES (?)", [self.rule.place])
            row = await tx.one("SELECT * FROM backup_runs WHERE place = ?", [self.rule.place])
            assert row is not None
            if row["failing_since"] is None and 0 <= now - (row["worked_at"] or 0) < HOUR:
                return  # no memory card is written to every ten minutes for this
            await tx.update(
                "backup_runs", key, worked_at=now, failing_since=None, failure=None, tries=0, retry_at=0
            )  # fmt: skip

    async def _answers(self) -> None:
        """Not all lies there yet, and nothing is wrong."""
        async with self._services.store.transaction() as tx:
            await tx.execute(
                "UPDATE backup_runs SET failing_since = NULL, failure = NULL, tries = 0, retry_at = 0 "
                "WHERE place = ? AND failing_since IS NOT NULL",
                [self.rule.place],
            )

    async def _fails(self, error: HandoverError) -> None:
        now, key = self._services.clock.now(), {"place": self.rule.place}
        async with self._services.store.transaction() as tx:
            await tx.execute("INSERT OR IGNORE INTO backup_runs (place) VALUES (?)", [self.rule.place])
            row = await tx.one("SELECT * FROM backup_runs WHERE place = ?", [self.rule.place])
            assert row is not None
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(row["tries"], 10))
            await tx.update(
                "backup_runs", key, failing_since=row["failing_since"] or now, failure=str(error)[:1000],
                tries=row["tries"] + 1, retry_at=now + pause,
            )  # fmt: skip
        if not row["tries"]:
            log.warning("the backup to %s failed: %s", self.rule.place, error)
