"""Dahua's clock: local time without a zone, and the settings that say which zone is meant.

Not for: asking (``api``). Nothing is ever set on a recorder.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from agent.devices.clock import ClockCheck, compare
from agent.devices.device_time import utc_of
from agent.devices.time_zones import zone_of
from agent.sources.device.local_list import micros, nearest, plausible
from exchange.clock import MINUTE

METHOD = "Dahua CGI getCurrentTime, local time"
# NTP.TimeZone: minutes east of UTC by index. Makers publish no table; these agree with what owners' recorders were
# seen to do (22: -3 h, 24: -4 h, 25: -5 h, 26: -6 h).
_BASES = (
    0, 60, 120, 180, 210, 240, 270, 300, 330, 345, 360, 390, 420, 480, 540, 570, 600, 660, 720, 780,
    -60, -120, -180, -210, -240, -300, -360, -420, -480, -540, -600, -660, -720,
)  # fmt: skip
_LOCAL = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2}) (\d{1,2}):(\d{1,2}):(\d{1,2})")
_WRONG_ZONE = 50 * MINUTE
_CLOSE = 3 * MINUTE


@dataclass(frozen=True, slots=True)
class Clock:
    """The recorder's clock, compared with ours; ``zone`` as ``device_time`` takes it. ``note`` for the owner."""

    check: ClockCheck
    zone: str
    note: str = ""


def local_time(text: str) -> datetime:
    """ "2011-7-3 21:02:32", naive. ValueError when it is none."""
    found = _LOCAL.fullmatch(text.strip())
    if not found:
        raise ValueError("it tells a time that can't be read")
    return plausible(datetime(*map(int, found.groups())))  # type: ignore[arg-type]  # noqa: DTZ001 it has no zone


def written(moment: datetime) -> str:
    """As the recorder wants times to be written."""
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def posix(ntp: Mapping[str, str], locales: Mapping[str, str]) -> str | None:
    """The settings ``NTP`` and ``Locales`` as a POSIX TZ string (POSIX.1-2017, 8.3); None when they tell no zone."""
    index = ntp.get("TimeZone", "")
    if not index.isdecimal() or int(index) >= len(_BASES):
        return None
    base = _BASES[int(index)]
    standard = f"STD{_offset(-base)}"
    if locales.get("DSTEnable", "false").lower() != "true":
        return standard
    try:
        return f"{standard}DST{_offset(-base - 60)},{_rule(locales, 'DSTStart')},{_rule(locales, 'DSTEnd')}"
    except (KeyError, ValueError):
        return standard


def _rule(locales: Mapping[str, str], which: str) -> str:
    """The n-th (last: -1) weekday of a month; with week 0, a date."""
    month, week, day, hour, minute = (
        int(locales.get(f"{which}.{name}", "0")) for name in ("Month", "Week", "Day", "Hour", "Minute")
    )
    at = f"/{hour}" + (f":{minute:02d}" if minute else "")
    if week == 0:
        return f"J{date(2023, month, day).timetuple().tm_yday}{at}"
    if not (1 <= month <= 12 and -1 <= week <= 5 and 0 <= day <= 6 and 0 <= hour <= 24):
        raise ValueError(which)
    return f"M{month}.{5 if week < 0 else week}.{day}{at}"


def read_clock(local: datetime, *, sent: int, received: int, zone: str, configured: str | None) -> Clock:
    """What its clock shows, compared with ours. ``zone``: as the owner says; ``configured``: as its settings say."""
    ours = (sent + received) // 2
    quarters = round((micros(local.replace(tzinfo=UTC)) - ours) / (15 * MINUTE))
    measured = f"{'-' if quarters < 0 else '+'}{abs(quarters) // 4:02d}:{abs(quarters) % 4 * 15:02d}"
    rules, note = zone or configured or "", ""
    if not rules:
        rules = measured
        note = (
            f"The recorder does not tell its time zone; its clock goes by {measured} now. Name the zone with --option "
            "zone=Europe/London, or times before a change of the clocks are read an hour off."
        )
    elif not zone and _set_wrongly(_shown(local, rules, ours) - ours):
        rules = measured
        note = (
            f"The recorder's clock goes by {measured}, which is not the time zone in its settings. Name the zone with "
            "--option zone=Europe/London, or times before a change of the clocks may be read an hour off."
        )
    check = compare(_shown(local, rules, ours), sent=sent, received=received, method=METHOD, zone=rules)
    return Clock(check, rules, note)


def _shown(local: datetime, rules: str, ours: int) -> int:
    return nearest((utc_of(local.replace(fold=fold), zone_of(rules)) for fold in (0, 1)), ours)


def _set_wrongly(off: int) -> bool:
    """Whether a clock is off as only a wrong time zone makes it: by whole half hours."""
    rest = abs(off) % (30 * MINUTE)
    return abs(off) >= _WRONG_ZONE and min(rest, 30 * MINUTE - rest) <= _CLOSE


def _offset(minutes: int) -> str:
    sign, minutes = ("-" if minutes < 0 else ""), abs(minutes)
    return f"{sign}{minutes // 60}" + (f":{minutes % 60:02d}" if minutes % 60 else "")
