"""When no text is sent that nobody waits for. Not for: owners with an agent, whose own program knows their hours."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from exchange.clock import SECOND
from portal.settings import QuietHours


def quiet_until(hours: QuietHours, zone: ZoneInfo, now: int) -> int | None:
    """When it may be sent (microseconds UTC); None: now."""
    start, end = time.fromisoformat(hours.start), time.fromisoformat(hours.end)
    moment = datetime.fromtimestamp(now // SECOND, zone)
    clock = moment.time()
    within = start <= clock < end if start <= end else clock >= start or clock < end
    if not within:
        return None
    day = moment.date() if clock < end else moment.date() + timedelta(days=1)
    return int(datetime.combine(day, end, zone).timestamp()) * SECOND
