"""What recurs: each job alone, with jitter, a failure no more than a log line.

Intervals go by the event loop's monotonic clock, so that nothing stands still when the host's clock is set back, and
nothing is caught up with when it leaps. What is meant for an hour of the day is APScheduler's.

Not for: waiting on the portal's inbox, which is a long poll of its own (``agent/background/inbox.py``).
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from agent.host.wall_clock import WallClock
from exchange.clock import MINUTE, SECOND, Clock, SystemClock
from exchange.errors import HandoverError, PortalUnreachable

log = logging.getLogger(__name__)

_LOOK = MINUTE
"""Microseconds between two looks at whether the host's clock was set."""


@dataclass(frozen=True)
class Recurring:
    """``every`` and ``jitter`` in microseconds of time that passes. The first run comes right at the start."""

    name: str
    every: int
    run: Callable[[], Awaitable[object]]
    jitter: int = 0


@dataclass(frozen=True)
class Nightly:
    """Once a day, at this hour (0 to 23) of the host's own zone and some minutes more; and right at the start."""

    name: str
    hour: int
    run: Callable[[], Awaitable[object]]


class Schedule:
    def __init__(self, jobs: tuple[Recurring | Nightly, ...], clock: Clock | None = None, look: int = _LOOK) -> None:
        """``look``: microseconds between two looks at whether the clock was set."""
        self._recurring = [job for job in jobs if isinstance(job, Recurring)]
        self._nightly = [job for job in jobs if isinstance(job, Nightly)]
        self._clock, self._look = clock or SystemClock(), look

    async def run(self) -> None:
        """Until it is cancelled; then no job runs any more."""
        async with asyncio.TaskGroup() as group:
            for job in self._recurring:
                group.create_task(_recur(job), name=job.name)
            for nightly in self._nightly:
                group.create_task(_guarded(nightly), name=nightly.name)
            if self._nightly:
                group.create_task(self._by_the_clock(), name="nightly jobs")

    async def _by_the_clock(self) -> None:
        scheduler = AsyncIOScheduler(
            timezone=datetime.now().astimezone().tzinfo,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        for job in self._nightly:
            scheduler.add_job(_guarded, _Daily(hour=job.hour, timezone=scheduler.timezone), args=[job], id=job.name)
        host = WallClock(self._clock)
        scheduler.start()
        try:
            while True:
                await asyncio.sleep(self._look / SECOND)
                if host.step():  # what was due by the clock as it was would come years too late, or at once
                    for each in scheduler.get_jobs():
                        scheduler.reschedule_job(each.id, trigger=each.trigger)
        finally:
            with suppress(Exception):
                scheduler.shutdown(wait=False)


class _Daily(CronTrigger):  # type: ignore[misc]  # APScheduler 3 has no types
    """The next time is counted from now. APScheduler counts from the last one, and by that makes a list of every day
    that went by since: 20,000 of them when a clock that began at 1970 is set."""

    def __init__(self, **fields: object) -> None:
        super().__init__(minute=random.randrange(60), **fields)  # noqa: S311  # only spreads the load

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime | None:
        found: datetime | None = super().get_next_fire_time(None, now + timedelta(microseconds=1))
        return found


async def _recur(job: Recurring) -> None:
    loop = asyncio.get_running_loop()
    due, trouble = loop.time(), ""
    while True:
        trouble = await _guarded(job, trouble)
        # A run that took longer than the pause is followed by one, not by all that were missed.
        due = max(due + job.every / SECOND, loop.time())
        jitter = random.uniform(-job.jitter, job.jitter) / SECOND  # noqa: S311  # only spreads the load
        await asyncio.sleep(max(0.0, due + jitter - loop.time()))


async def _guarded(job: Recurring | Nightly, before: str = "") -> str:
    """A job's failure never stops the others, nor its own next run. What it was; not said again if it was so before."""
    try:
        await job.run()
    except HandoverError as error:
        trouble = str(error)
        if trouble != before:
            level = logging.INFO if isinstance(error, PortalUnreachable) else logging.WARNING
            log.log(level, "%s: %s", job.name, error)
        return trouble
    except Exception:
        log.exception("%s: an error that should not be", job.name)
    return ""
