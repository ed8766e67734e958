"""Hours of the day that an owner sets (``22:00-07:00``): when they begin next, and when they end.

They are local time, over midnight too, as a clock on the wall shows it: one that is put forward or back counts as it
does there. Not for: what is done in them (uploads, backups, messages).
"""

from datetime import UTC, datetime, time, timedelta, tzinfo

from exchange.clock import SECOND

_DAYS = 4
"""That are looked at: hours that are wholly skipped when clocks go forward begin a day later."""


def next_opening(hours: str | None, now: int, zone: tzinfo | None = None) -> int:
    """``now`` within the hours, else when they begin next; microseconds UTC. ``zone``: the host's, without one."""
    if hours is None:
        return now
    start, end = _edges(hours)
    return _from(start, end, now, zone)


def next_closing(hours: str | None, now: int, zone: tzinfo | None = None) -> int:
    """``now`` outside the hours, else when they end; without hours it is always outside."""
    if hours is None:
        return now
    start, end = _edges(hours)
    return _from(end, start, now, zone)


def _edges(hours: str) -> tuple[time, time]:
    start, end = (time.fromisoformat(each.strip().rjust(5, "0")) for each in hours.split("-"))
    return start, end


def _from(start: time, end: time, now: int, zone: tzinfo | None) -> int:
    """``now`` if the wall's clock shows a time from ``start`` until before ``end``, else when it next begins to."""
    if _shows(start, end, now, zone):
        return now
    today = _local(now, zone).date()
    for day in range(_DAYS):
        moment = datetime.combine(today + timedelta(days=day), start)
        # A time that is there twice when clocks go back is two instants; one that is skipped is the one after it.
        both = {_instant(moment.replace(fold=fold), zone) for fold in (0, 1)}
        coming = [each for each in both if each > now and _shows(start, end, each, zone)]
        if coming:
            return min(coming)
    raise AssertionError("hours begin every day")


def _shows(start: time, end: time, now: int, zone: tzinfo | None) -> bool:
    clock = _local(now, zone).time()
    return start <= clock < end if start < end else not end <= clock < start


def _local(now: int, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(now / SECOND, UTC).astimezone(zone)


def _instant(moment: datetime, zone: tzinfo | None) -> int:
    aware = moment.astimezone() if zone is None else moment.replace(tzinfo=zone)
    return round(aware.timestamp() * SECOND)
