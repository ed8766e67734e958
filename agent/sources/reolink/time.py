"""Reolink's times: its fields as local time, its time zone as a POSIX TZ string.

Not for: local time to UTC (``device_time``, ``listed``).
"""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

Whole = Annotated[int, Field(ge=0, le=99)]


class Fields(BaseModel):
    """A time as Reolink writes it."""

    year: Annotated[int, Field(ge=1970, le=2200)]
    mon: Annotated[int, Field(ge=1, le=12)]
    day: Annotated[int, Field(ge=1, le=31)]
    hour: Annotated[int, Field(ge=0, le=23)]
    min: Annotated[int, Field(ge=0, le=59)]
    sec: Annotated[int, Field(ge=0, le=59)]

    def local(self) -> datetime:
        """Naive. ValueError for a day that there is not."""
        return datetime(self.year, self.mon, self.day, self.hour, self.min, self.sec)  # noqa: DTZ001


def fields(local: datetime) -> dict[str, int]:
    """A naive local time as Reolink wants it."""
    return {
        "year": local.year,
        "mon": local.month,
        "day": local.day,
        "hour": local.hour,
        "min": local.minute,
        "sec": local.second,
    }


class Now(Fields):
    """``GetTime``'s clock. ``timeZone``: seconds *west* of UTC, without daylight saving."""

    timeZone: Annotated[int, Field(ge=-86_400, le=86_400)]


class Saving(BaseModel):
    """``GetTime``'s daylight saving: rules as POSIX has them, week 5 being the last, weekday 0 Sunday."""

    enable: Whole = 0
    offset: Annotated[int, Field(ge=0, le=3)] = 1
    startMon: Whole = 0
    startWeek: Whole = 0
    startWeekday: Whole = 0
    startHour: Whole = 0
    startMin: Whole = 0
    startSec: Whole = 0
    endMon: Whole = 0
    endWeek: Whole = 0
    endWeekday: Whole = 0
    endHour: Whole = 0
    endMin: Whole = 0
    endSec: Whole = 0


def posix(now: Now, saving: Saving) -> str:
    """The zone as a POSIX TZ string (POSIX.1-2017, 8.3)."""
    text = f"LOC{_clock(now.timeZone)}"
    if not saving.enable:
        return text
    start = f"M{saving.startMon}.{saving.startWeek}.{saving.startWeekday}/{_time(saving, 'start')}"
    end = f"M{saving.endMon}.{saving.endWeek}.{saving.endWeekday}/{_time(saving, 'end')}"
    return f"{text}SUM{_clock(now.timeZone - saving.offset * 3600)},{start},{end}"


def _time(saving: Saving, which: str) -> str:
    return ":".join(f"{getattr(saving, f'{which}{part}'):02d}" for part in ("Hour", "Min", "Sec"))


def _clock(seconds: int) -> str:
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    return f"{sign}{seconds // 3600:02d}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"
