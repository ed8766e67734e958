"""Time zones as devices tell them: POSIX TZ strings, Hikvision's way to write them, IANA names, bare offsets.

Not for: how far a clock is off (``clock.py``), or local times of recordings (``agent/devices/device_time.py``).
"""

import io
import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from exchange.clock import MINUTE, SECOND

_MOST = 128
_NAME = r"(?:<[A-Za-z0-9+-]{1,12}>|[A-Za-z]{3,10})"
_OFFSET = r"[+-]?\d{1,2}(?::\d{2}){0,2}"
_DATE = r"(?:M\d{1,2}\.[1-5]\.[0-6]|J?\d{1,3})"
_AT = r"[+-]?\d{1,3}(?::\d{2}){0,2}"
_TZ = re.compile(
    rf"(?P<called>{_NAME})?(?P<standard>{_OFFSET})"
    rf"(?:(?P<name>{_NAME})(?P<summer>{_OFFSET})?"
    rf"(?:,(?P<begins>{_DATE})(?:/(?P<begins_at>{_AT}))?,(?P<ends>{_DATE})(?:/(?P<ends_at>{_AT}))?)?)?"
)
_ADDED = re.compile(r"\d\d:\d\d:\d\d")
_MOST_SUMMER = 2 * 3600
_MOST_EAST = 25 * 3600


@dataclass(frozen=True, slots=True)
class Zone:
    """Seconds *east* of UTC in standard and in summer time; ``summer`` is None where there is none.

    ``begins`` and ``ends``: when, as POSIX writes it ("M3.5.0/2"); "" where the string does not tell.
    """

    standard: int
    summer: int | None = None
    begins: str = ""
    ends: str = ""

    def __str__(self) -> str:
        """As a POSIX TZ string (POSIX.1-2017, 8.3), which counts west as positive."""
        text = f"STD{_west(self.standard)}"
        if self.summer is None or not self.begins:
            return text
        return f"{text}DST{_west(self.summer)},{self.begins},{self.ends}"


def read(text: str) -> Zone | None:
    """A POSIX TZ string, or what Hikvision makes of one; None when it is neither.

    POSIX counts west of Greenwich as positive: "CST-8" is eight hours east. What follows summer time's name is summer's
    own offset in POSIX ("EST5EDT4"), but what it adds with Hikvision ("CST-8:00:00DST01:00:00,M3…": nine hours east in
    summer), whose summer is always called DST, and written in six digits without a sign.
    """
    found = _TZ.fullmatch("".join(text[:_MOST].split()))
    # Without a name it is Hikvision's in three parts; "+05:30" counts east, and is none of these.
    if not found or len(text) > _MOST or not (found["called"] or found["standard"].count(":") == 2):
        return None
    standard = -_seconds(found["standard"])
    if abs(standard) > _MOST_EAST:
        return None
    if found["name"] is None:
        return Zone(standard)
    given = found["summer"]
    if given is None:
        summer = standard + 3600
    elif found["name"] == "DST" and _ADDED.fullmatch(given) and 0 < _seconds(given) <= _MOST_SUMMER:
        summer = standard + _seconds(given)
    else:
        summer = -_seconds(given)
    if not found["begins"]:
        return Zone(standard, summer)
    begins, ends = (found[name] + _time(found[f"{name}_at"]) for name in ("begins", "ends"))
    return Zone(standard, summer, begins, ends)


def posix(text: str) -> str | None:
    """A device's zone as a POSIX TZ string that ``zone_of`` takes; None when it is none that we know."""
    zone = read(text)
    if zone is None:
        return None
    try:
        zone_of(str(zone))
    except ValueError:
        return None
    return str(zone)


def posix_offset(text: str, *, daylight_saving: bool) -> int | None:
    """Seconds east of UTC of such a string, summer time or not as the device says; None when it is none.

    Where daylight saving is said to be in force and the string has none, it adds an hour.
    """
    zone = read(text)
    if zone is None:
        return None
    if not daylight_saving:
        return zone.standard
    return zone.standard + 3600 if zone.summer is None else zone.summer


def zone_shown(text: str, *, utc: int, local: int | None, daylight_saving: bool | None) -> str:
    """The zone that a device displays times in: as it says, unless its own local time (``local``: its digits as if they
    were UTC) is not ``utc`` in that zone. Then it is the offset that those two show, as "+08:00"; instants in
    microseconds."""
    if local is None:
        return text
    quarters = round((local - utc) / (15 * MINUTE))
    east = quarters * 15 * 60
    if abs(local - utc - east * SECOND) > 2 * SECOND or abs(east) > 15 * 3600:
        return text
    if seconds_east(text, utc, daylight_saving=daylight_saving) == east:
        return text
    sign, minutes = "-" if east < 0 else "+", abs(east) // 60
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"


def seconds_east(text: str, at: int, *, daylight_saving: bool | None) -> int | None:
    """Seconds east of UTC by a device's zone at an instant; None when the zone is none that we know.

    By the zone's own rules where it has some, else by the device's word on whether daylight saving is in force.
    """
    reported = read(text)
    if reported is not None and not reported.begins:
        return posix_offset(text, daylight_saving=bool(daylight_saving))
    if not text.strip():
        return None
    try:
        zone = zone_of(text.strip())
    except ValueError:
        return None
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at)
    offset = moment.astimezone(zone).utcoffset()
    return None if offset is None else round(offset.total_seconds())


def zone_of(name: str) -> tzinfo:
    """A zone by IANA name, POSIX TZ string (Hikvision's too) or offset ("+01:00"). ValueError when it is none."""
    if not name or name in ("UTC", "Z", "GMT"):
        return UTC
    if match := re.fullmatch(r"([+-])(\d{1,2}):?(\d{2})?", name):
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        if minutes >= 24 * 60:
            raise ValueError(f"{name!r} is no time zone")
        return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes))
    if re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}", name):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    reported = read(name)
    if (
        reported is None
        or abs(reported.standard) >= 86_400
        or (reported.summer is not None and abs(reported.summer) >= 86_400)
    ):
        raise ValueError(f"{name!r} is no time zone")
    return _by_rules(str(reported), name)


def _by_rules(text: str, name: str) -> tzinfo:
    """A POSIX TZ string, by the rules that the standard library's own reader of zone files has for them."""
    # A version 2 zone file (RFC 8536) without transitions: all times follow its footer, which is the TZ string.
    block = struct.pack(">4sc15x6l", b"TZif", b"2", 0, 0, 0, 0, 1, 4) + struct.pack(">lbb", 0, 0, 0) + b"UTC\0"
    try:
        return ZoneInfo.from_file(io.BytesIO(block + block + b"\n" + text.encode() + b"\n"), name)
    except (ValueError, IndexError):
        raise ValueError(f"{name!r} is no time zone") from None


def _seconds(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    hours, minutes, seconds = (*(int(part) for part in text.lstrip("+-").split(":")), 0, 0)[:3]
    return sign * (hours * 3600 + minutes * 60 + seconds)


def _time(at: str | None) -> str:
    """When on a day a change is, without zeros that say nothing; two o'clock is POSIX's own."""
    return "" if at is None else f"/{_written(_seconds(at))}"


def _west(east: int) -> str:
    return _written(-east)


def _written(seconds: int) -> str:
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    text = f"{sign}{seconds // 3600}"
    if seconds % 3600:
        text += f":{seconds % 3600 // 60:02d}"
    return text + (f":{seconds % 60:02d}" if seconds % 60 else "")
