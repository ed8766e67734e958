"""When a recording began, by its file's name or folder: common exports' ways to write it, and patterns of the owner.

Not for: what the file says inside (``folder_probe``). Times are local unless the name says otherwise.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache

_DATE = r"(?P<Y>20\d\d)[-_.]?(?P<m>[01]\d)[-_.]?(?P<d>[0-3]\d)"
_TIME = r"(?P<H>[0-2]\d)[-_.:hH]?(?P<M>[0-5]\d)[-_.:mM]?(?P<S>[0-5]\d)"
_FOLDERS = r"(?P<Y>20\d\d)[-/](?P<m>[01]\d)[-/](?P<d>[0-3]\d)"
_FRACTION = r"(?:[.,_](?P<f>\d{3}|\d{6})(?!\d))?"
_ZONE = r"(?P<z>Z|[+-]\d\d:?\d\d(?!\d))?"
_BUILT_IN = tuple(
    re.compile(pattern)
    for pattern in (
        # 20260610_100000, 2026-06-10T10:00:00Z, Ring_2026_06_10_10_00_00, ch01_20260610100000, 2026-06-10 10.00.00
        rf"(?<!\d){_DATE}[T _.-]{{0,3}}{_TIME}(?!\d){_FRACTION}{_ZONE}[^/]*$",
        # 2026-06-10/001/dav/10/10.00.00-10.10.00[M][0@0][0].dav, 20260610/front/10-00-00.mp4
        rf"(?<!\d){_DATE}/(?:[^/]*/){{0,4}}[^/0-9]*{_TIME}(?!\d){_FRACTION}[^/]*$",
        # 2026/06/10/10/00/00.mp4, 2026-06-10/10/front/00.00.mp4
        rf"(?<!\d){_FOLDERS}/(?P<H>[0-2]\d)/(?:[^/]*/)?(?P<M>[0-5]\d)[-_./](?P<S>[0-5]\d)(?!\d)[^/]*$",
        # 1781085600.mp4, front-1781085600.123-abc.mp4: seconds since 1970, or milliseconds
        r"(?<!\d)(?P<s>1[5-9]\d{8}|2[0-4]\d{8})(?:\.(?P<f>\d{1,6})|(?P<milli>\d{3}))?(?!\d)[^/]*$",
    )
)
_END = re.compile(rf"^[-_ ~]*(?:to[-_ ])?(?:{_DATE}[T _.-]{{0,3}})?{_TIME}(?!\d)")
_FIELDS = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "m": r"(?P<m>\d{1,2})",
    "d": r"(?P<d>\d{1,2})",
    "H": r"(?P<H>\d{1,2})",
    "I": r"(?P<I>\d{1,2})",
    "p": r"(?P<p>[AaPp][Mm])",
    "M": r"(?P<M>\d{1,2})",
    "S": r"(?P<S>\d{1,2})",
    "f": r"(?P<f>\d{1,6})",
    "s": r"(?P<s>\d{9,10})",
    "z": r"(?P<z>Z|[+-]\d\d:?\d\d)",
}


@dataclass(frozen=True, slots=True)
class NameTime:
    """What a name says: naive local times, or, with an offset, times that are sure. ``end`` where it says that too."""

    start: datetime
    end: datetime | None = None


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """An owner's pattern: strptime's letters (%Y %y %m %d %H %I %p %M %S %f %s %z), ``*`` for anything but a slash.

    ValueError in words when it is none, or does not tell a whole time.
    """
    parts, at = [], 0
    seen: set[str] = set()
    while at < len(pattern):
        letter = pattern[at]
        if letter == "%" and at + 1 < len(pattern):
            at += 1
            name = pattern[at]
            if name == "%":
                parts.append("%")
            elif name not in _FIELDS:
                raise ValueError(f"%{name} is none of %{', %'.join(_FIELDS)}")
            elif name in seen:
                raise ValueError(f"%{name} is there twice")
            else:
                seen.add(name)
                parts.append(_FIELDS[name])
        else:
            parts.append("[^/]*?" if letter == "*" else re.escape(letter))
        at += 1
    whole = {"Y", "m", "d", "H", "M"} <= seen | ({"Y"} if "y" in seen else set()) | ({"H"} if "I" in seen else set())
    if not whole and "s" not in seen:
        raise ValueError("it must tell year, month, day, hour and minute (%Y %m %d %H %M), or seconds since 1970 (%s)")
    return re.compile("(?:^|(?<=[^0-9]))" + "".join(parts) + r"(?!\d)")


def read_name(relative: str, pattern: re.Pattern[str] | None = None) -> NameTime | None:
    """The time in a path relative to the folder; None when it has none."""
    stem = re.sub(r"\.[A-Za-z0-9]{2,4}$", "", relative)
    for each in (pattern,) if pattern is not None else _BUILT_IN:
        for match in each.finditer(stem):
            start = _moment(match.groupdict())
            if start is not None:
                return NameTime(start, _end(stem[match.end() if pattern else _after(match) :], start))
    return None


def _after(match: re.Match[str]) -> int:
    """Where the time ends that a built-in pattern found: they run to the name's end, so that the last one counts."""
    return max(end for name in match.groupdict() if (end := match.end(name)) >= 0)


def _end(rest: str, start: datetime) -> datetime | None:
    """A second time right behind the first is when it ended."""
    match = _END.match(rest)
    if match is None:
        return None
    told = match.groupdict()
    if told["Y"] is None:
        told |= {"Y": str(start.year), "m": str(start.month), "d": str(start.day)}
    told |= {"z": start.strftime("%z") or None}
    end = _moment(told)
    if end is not None and end <= start and match["Y"] is None:
        end += timedelta(days=1)
    return end if end is not None and timedelta() < end - start <= timedelta(days=1) else None


def _moment(told: dict[str, str | None]) -> datetime | None:
    micro = int((told.get("f") or "0").ljust(6, "0"))
    if told.get("s"):
        micro += int(told.get("milli") or 0) * 1000
        return datetime.fromtimestamp(int(told["s"] or 0), UTC) + timedelta(microseconds=micro)
    hour = int(told.get("H") or told.get("I") or 0)
    if told.get("p"):
        hour = hour % 12 + (12 if (told["p"] or "").lower() == "pm" else 0)
    year = int(told.get("Y") or 2000 + int(told.get("y") or 0))
    try:
        return datetime(
            year, int(told["m"] or 0), int(told["d"] or 0), hour, int(told["M"] or 0), int(told.get("S") or 0), micro,
            _offset(told.get("z")),
        )  # fmt: skip
    except (ValueError, KeyError):
        return None


def _offset(text: str | None) -> timezone | None:
    if not text:
        return None
    if text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))
