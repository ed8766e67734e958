"""The owner's line: how fast uploads may go, and in which hours of the day.

The hours are local time, over midnight too; where clocks are put forward or back they are those that a clock on the
wall shows. Not for: which uploads there are.
"""

from datetime import UTC, datetime, time, timedelta, tzinfo

from agent.deliveries.contract import NotNow
from agent.places.pace import Pace, unhindered
from agent.services import Services
from exchange.clock import SECOND


def pace_of(services: Services, *, at_once: bool) -> Pace:
    """What is awaited before each block of an upload: it waits for the limit, and raises NotNow outside the hours."""
    hours, clock = services.settings.sending.hours, services.clock
    if at_once or (hours is None and not services.limit.rate):
        return unhindered

    async def pace(count: int) -> None:
        refuse_outside(hours, clock.now())
        await services.limit(count)

    return pace


def refuse_outside(hours: str | None, now: int) -> None:
    """NotNow, with when the next of these hours begin."""
    opens = next_opening(hours, now)
    if opens > now:
        raise NotNow(opens, f"outside the hours that you set for uploads ({hours})")


def next_opening(hours: str | None, now: int, zone: tzinfo | None = None) -> int:
    """``now`` within the hours (``22:00-06:30``), else when they begin next. ``zone``: the host's, without one."""
    if hours is None:
        return now
    start, end = (time.fromisoformat(each.strip().rjust(5, "0")) for each in hours.split("-"))
    moment = datetime.fromtimestamp(now / SECOND, UTC).astimezone(zone)
    clock = moment.time()
    if start <= clock < end if start < end else not end <= clock < start:
        return now
    for day in (0, 1, 2):
        # Naive, and then made local: a time that is skipped when clocks go forward is the one after it.
        opens = _local(datetime.combine(moment.date() + timedelta(days=day), start), zone)
        if opens > now:
            return opens
    raise AssertionError("hours begin every day")


def _local(moment: datetime, zone: tzinfo | None) -> int:
    aware = moment.astimezone() if zone is None else moment.replace(tzinfo=zone)
    return round(aware.timestamp() * SECOND)
