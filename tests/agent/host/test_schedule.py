"""What recurs goes on whatever is done to the host's clock, and what fails stops nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.job import Job
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from agent.background import schedule
from agent.background.schedule import Nightly, Recurring, Schedule
from exchange.clock import DAY, SECOND
from exchange.errors import PortalUnreachable
from tests.journey.home import HomeClock

TICK = SECOND // 100


@asynccontextmanager
async def running(made: Schedule) -> AsyncIterator[None]:
    task = asyncio.create_task(made.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def counted(fails: Exception | None = None) -> tuple[Callable[[], Awaitable[None]], Callable[[int], Awaitable[None]]]:
    """A job, and what waits until it ran so many times."""
    runs = 0
    again = asyncio.Condition()

    async def job() -> None:
        nonlocal runs
        async with again:
            runs += 1
            again.notify_all()
        if fails is not None:
            raise fails

    async def until(count: int) -> None:
        async with asyncio.timeout(60), again:
            await again.wait_for(lambda: runs >= count)

    return job, until


@pytest.mark.parametrize("fails", [PortalUnreachable("away"), OSError("disk")])
async def test_a_job_that_fails_runs_again_and_stops_no_other(fails: Exception) -> None:
    failing, failed = counted(fails)
    other, ran = counted()
    async with running(Schedule((Recurring("failing", TICK, failing), Recurring("other", TICK, other, jitter=TICK)))):
        await failed(5)
        await ran(5)


async def test_a_job_is_never_run_twice_at_once_and_what_was_missed_is_not_made_up_for() -> None:
    under_way, most, runs = 0, 0, 0
    done = asyncio.Event()

    async def slow() -> None:
        nonlocal under_way, most, runs
        under_way, runs = under_way + 1, runs + 1
        most = max(most, under_way)
        await asyncio.sleep(0.05)
        under_way -= 1
        if runs == 3:
            done.set()

    async with running(Schedule((Recurring("slow", TICK, slow),))), asyncio.timeout(60):
        await done.wait()
    assert most == 1


async def test_after_it_was_stopped_no_job_runs() -> None:
    job, ran = counted()
    nightly, ran_once = counted()
    async with running(Schedule((Recurring("job", TICK, job), Nightly("nightly", 3, nightly)))):
        await ran(2)
        await ran_once(1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await ran(1000)


def _daily(start: datetime) -> Job:
    trigger = schedule._Daily(hour=3, timezone=UTC)
    job = AsyncIOScheduler(timezone=UTC).add_job(print, trigger)
    job._modify(next_run_time=trigger.get_next_fire_time(None, start))
    return job


def test_a_leap_from_1970_is_one_missed_night_not_twenty_thousand() -> None:
    job = _daily(datetime(1970, 1, 1, tzinfo=UTC))
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert len(job._get_run_times(now)) == 1
    following = job.trigger.get_next_fire_time(job.next_run_time, now)
    assert now < following <= now + timedelta(days=1)


def test_a_night_s_job_is_due_once_at_its_very_second() -> None:
    job = _daily(datetime(2026, 11, 22, 12, tzinfo=UTC))
    assert job.next_run_time.hour == 3
    assert job._get_run_times(job.next_run_time) == [job.next_run_time]


async def test_when_the_clock_is_set_back_by_years_the_next_night_is_not_years_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rescheduled: asyncio.Queue[str] = asyncio.Queue()
    monkeypatch.setattr(
        AsyncIOScheduler, "reschedule_job", lambda _self, job_id, **_changed: rescheduled.put_nowait(job_id)
    )
    clock = HomeClock()
    nightly, ran = counted()
    async with running(Schedule((Nightly("nightly", 3, nightly),), clock, look=TICK)), asyncio.timeout(60):
        await ran(1)
        clock.forward(DAY)  # time that passes is no step
        await asyncio.sleep(0.05)
        assert rescheduled.empty()
        clock.step(-1500 * DAY)
        assert await rescheduled.get() == "nightly"
