"""What recurs: one APScheduler on the daemon's loop; each job alone, with jitter, a failure no more than a log line.

Not for: waiting on the portal's inbox, which is a long poll of its own (``agent/inbox.py``).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from exchange.errors import HandoverError, PortalUnreachable

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recurring:
    """``every`` and ``jitter`` in microseconds; ``at_once``: the first run comes right at the start."""

    name: str
    every: int
    run: Callable[[], Awaitable[object]]
    jitter: int = 0
    at_once: bool = True


class Schedule:
    def __init__(self, jobs: tuple[Recurring, ...]) -> None:
        self._scheduler = AsyncIOScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._jobs = jobs

    def start(self) -> None:
        """Must be called on the daemon's loop."""
        for job in self._jobs:
            trigger = IntervalTrigger(
                seconds=max(1, job.every // 1_000_000), jitter=job.jitter // 1_000_000 or None, timezone="UTC"
            )
            self._scheduler.add_job(_guarded, trigger, args=[job], id=job.name)
            if job.at_once:
                self._scheduler.add_job(_guarded, args=[job], id=f"{job.name}, first")
        self._scheduler.start()

    def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)


async def _guarded(job: Recurring) -> None:
    """A job's failure never stops the others, nor its own next run."""
    try:
        await job.run()
    except asyncio.CancelledError:
        # The daemon stops. Passed on, the scheduler would log it as a failure of the job.
        log.debug("%s: stopped half-way", job.name)
    except PortalUnreachable as error:
        log.info("%s: %s", job.name, error)
    except HandoverError as error:
        log.warning("%s: %s", job.name, error)
    except Exception:
        log.exception("%s: an error that should not be", job.name)
