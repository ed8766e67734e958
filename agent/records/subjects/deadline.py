"""By which day somebody who was filmed must have an answer: calendar months, as the jurisdiction's wording says.

Regulation (EEC, Euratom) 1182/71, Article 3, and the ICO's guidance count alike: the same day of the next month, its
last day where it has no such day, and the next working day where that one is none. Not for: holidays that move.
"""

import calendar
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta

from exchange.clock import SECOND


def due_date(received: date, months: int, holidays: Collection[str]) -> date:
    """The last day for an answer. ``holidays``: month and day, such as ``12-25``."""
    year, month = divmod(received.month - 1 + months, 12)
    year, month = received.year + year, month + 1
    due = date(year, month, min(received.day, calendar.monthrange(year, month)[1]))
    while due.weekday() >= 5 or f"{due:%m-%d}" in holidays:
        due += timedelta(days=1)
    return due


def end_of_day(day: date) -> int:
    """The last moment of a day of the host's zone, microseconds UTC."""
    midnight = datetime.combine(day + timedelta(days=1), time()).astimezone()
    return round(midnight.timestamp()) * SECOND - 1


def day_of(at: int) -> date:
    """The day of the host's zone that an instant lies in."""
    return datetime.fromtimestamp(at / SECOND, UTC).astimezone().date()
