"""The owner's line: how fast uploads may go, and in which hours of the day.

Not for: which uploads there are, or when hours begin and end (``agent.host.daily_hours``).
"""

from agent.deliveries.contract import NotNow
from agent.host.daily_hours import next_opening
from agent.places.pace import Pace, unhindered
from agent.services import Services


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
