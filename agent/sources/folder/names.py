"""When a recording began, by its file's name or folder: common exports' ways to write it, and patterns of the owner.

Not for: what the file says inside (``probe``). Times are local unless the name says otherwise.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache

from exchange.clock import HOUR, MINUTE, SECOND

_DATE = r"(?P<Y>20\d\d)[-_.年]?(?P<m>[01]\d)[-_.月]?(?P<d>[0-3]\d)日?"
_SHORT_DATE = r"(?P<y>[2-4]\d)(?P<m>[01]\d)(?P<d>[0-3]\d)"
_FOLDERS = r"(?P<Y>20\d\d)[-/]?(?P<m>[01]\d)[-/]?(?P<d>[0-3]\d)"
_BETWEEN = r"(?:[T\s_.-]{0,3}|,?[\s_]+(?:[^\W\d_]{1,4}[\s_]+)?)"
_TIME = r"(?P<H>[0-2]\d)(?P<sep>[-_.:hH时時]?)(?P<M>[0-5]\d)[-_.:mM分]?(?P<S>[0-5]\d)[s秒]?"
_TWELVE = r"(?P<H>[01]?\d)(?P<sep>[-_.:])(?P<M>[0-5]\d)[-_.:](?P<S>[0-5]\d)"
_NOON = r"[\s_.]*(?P<p>[AaPp])\.?[Mm](?![A-Za-z])"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<b>(?i:{'|'.join(_MONTHS)}))(?i:uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?"
_EITHER = r"(?P<d>\d\d?)(?P<dash>[-._/])(?P<m>\d\d?)(?P=dash)(?P<Y>20\d\d)(?!\d)"
"""A day and a month, which of them first nobody knows, and the year behind."""
_NO_ZEROS = (
    r"(?P<Y>20\d\d)(?P<dash>[-_.])(?P<m>\d\d?)(?P=dash)(?P<d>\d\d?)[T\s_-]{1,3}"
    r"(?P<H>\d\d?)(?P<sep>[-_.:])(?P<M>\d\d?)(?P=sep)(?P<S>\d\d?)"
)
_FRACTION = r"(?:[.,](?P<f>\d{3}|\d{6})(?!\d))?"
_OFFSET = r"(?:(?:GMT|UTC)[+-]\d\d?|[+-]\d\d)(?:[:_.]?\d\d)?(?!\d|[:_.]\d\d(?!\d))"
_PLAIN = (
    rf"20\d\d(?P<plain>[-_.]?)[01]\d(?P=plain)[0-3]\d{_BETWEEN}"
    r"[0-2]\d[-_.:]?[0-5]\d[-_.:]?[0-5]\d(?![-_.:]?\d\d(?!\d))"
)
_ZONE = rf"(?:(?:[\s_]?|-(?=[A-Z]))(?P<z>{_OFFSET}|Z(?![A-Za-z])|(?:GMT|UTC)(?![A-Za-z])))?"
_BUILT_IN = tuple(
    re.compile(pattern)
    for pattern in (
        # Front 2026-06-10 at 10.05.00 PM, with whatever space there is
        rf"(?<!\d){_DATE}{_BETWEEN}{_TWELVE}{_NOON}{_ZONE}[^/]*$",
        # 6-10-2026, 10.00.00am GMT+1
        rf"(?<!\d){_EITHER}{_BETWEEN}{_TWELVE}{_NOON}{_ZONE}[^/]*$",
        # 10.06.2026 10-00-00, but 1_2_2026_06_10_10_00_00 has two numbers before an ordinary time
        rf"(?<!\d)(?!\d\d?[-._/]\d\d?[-._/]{_PLAIN}){_EITHER}(?:/|{_BETWEEN}){_TIME}(?!\d){_FRACTION}{_ZONE}[^/]*$",
        # 10Jun2026_100000, Jun-10-2026_10-00-00, 2026-Jun-10 10.00.00 PM
        *(
            rf"{date}{_BETWEEN}{time}{_ZONE}[^/]*$"
            for date in (
                rf"(?<!\d)(?P<d>[0-3]?\d)[-_.\s]?{_MONTH}[-_.,\s]{{0,2}}(?P<Y>20\d\d)(?!\d)",
                rf"(?<![^\W\d_]){_MONTH}[-_.\s]?(?P<d>[0-3]?\d)[-_.,\s]{{1,2}}(?P<Y>20\d\d)(?!\d)",
                rf"(?<!\d)(?P<Y>20\d\d)[-_.\s]?{_MONTH}[-_.\s]?(?P<d>[0-3]?\d)(?!\d)",
            )
            for time in (rf"{_TWELVE}{_NOON}", rf"{_TIME}(?!\d){_FRACTION}")
        ),
        # 20260610_100000, 2026-06-10T10:00:00Z, Ring_2026_06_10_10_00_00, ch01_20260610100000123, 2026-06-10 10.00.00
        rf"(?<!\d){_DATE}{_BETWEEN}{_TIME}(?P<ms>\d{{3}})?(?!\d){_FRACTION}{_ZONE}[^/]*$",
        # 260610_100000
        rf"(?<!\d){_SHORT_DATE}[_-]{_TIME}(?!\d)[^/]*$",
        # 2026Y06M10D10H/00M00S, 2026061010/E00M00S60
        r"(?<!\d)(?P<Y>20\d\d)Y?(?P<m>[01]\d)M?(?P<d>[0-3]\d)D?(?P<H>[0-2]\d)H?/[A-Z]?(?P<M>[0-5]\d)M(?P<S>[0-5]\d)S[^/]*$",
        # 2026-06-10/001/dav/10/10.00.00-10.10.00[M][0@0][0].dav, 20260610/front/10-00-00.mp4
        rf"(?<!\d){_DATE}/(?:[^/]*/){{0,4}}(?:[^/0-9]*[^/0-9A-Za-z])?{_TIME}(?!\d){_FRACTION}[^/]*$",
        # 2026-06-10/192.168.1.30_1_S10-00-00 E10-15-30.mp4
        rf"(?<!\d){_DATE}/(?:[^/]*/){{0,4}}[^/]*_S{_TIME}(?!\d)[^/]*$",
        # 2026/06/10/10/00/00.mp4, 2026-06-10/10/front/00.00.mp4
        rf"(?<!\d){_FOLDERS}/(?P<H>[0-2]\d)/(?:[^/]*/)?(?P<M>[0-5]\d)[-_./](?P<S>[0-5]\d)(?!\d)[^/]*$",
        # 20260610/10/00.mp4: a minute a file
        rf"(?<!\d){_FOLDERS}/(?P<H>[0-2]\d)/(?P<M>[0-5]\d)$",
        # 2026061010.mp4: an hour a file
        r"(?<!\d)(?P<Y>20\d\d)(?P<m>[01]\d)(?P<d>[0-3]\d)(?P<H>[0-2]\d)(?!\d)[^/]*$",
        # 1781085600.mp4, front-1781085600.123-abc.mp4: seconds since 1970, or milliseconds
        r"(?<!\d)(?P<s>1[5-9]\d{8}|2[0-4]\d{8})(?:\.(?P<f>\d{1,6})|(?P<milli>\d{3}))?(?!\d)[^/]*$",
        # 2026-6-1 9-5-7
        rf"(?<!\d){_NO_ZEROS}(?!\d){_ZONE}[^/]*$",
    )
)
_TWELVE_EITHER, _DAY_OR_MONTH = _BUILT_IN[1], _BUILT_IN[1:3]
_EVENT = re.compile(r"(?:^|/)(\d{5,})/\1(?!\d)[^/]*$")
"""A folder and a file in it of the same number: an event's, as ZoneMinder has them, and no time."""
_END = re.compile(rf"^[-_ ~\s]*(?:to[-_ ]|E)?(?P<date>{_DATE}[T _.-]{{0,3}})?{_TIME}(?:\d{{3}})?(?!\d)(?:{_NOON})?")
_ESCAPED = re.compile(r"%(3[aA]|2[bB]|20)")
"""A colon, a plus or a space, as a browser or an API's client saves them in a name."""
_WORD = re.compile(r"^(?:[\s_]{0,2}|-)\(?([A-Z]{3,5})(?![A-Za-z0-9])")
_SIX = re.compile(r"^[-_](\d{6})(?!\d)")
_FIELDS = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "m": r"(?P<m>\d{1,2})",
    "d": r"(?P<d>\d{1,2})",
    "H": r"(?P<H>\d{1,2})",
    "I": r"(?P<I>\d{1,2})",
    "p": r"(?P<p>[AaPp])\.?[Mm]\.?",
    "M": r"(?P<M>\d{1,2})",
    "S": r"(?P<S>\d{1,2})",
    "f": r"(?P<f>\d{1,6})",
    "s": r"(?P<s>\d{9,10})",
    "z": r"(?P<z>Z|(?:GMT|UTC)?[+-]\d\d?(?:[:_.]?\d\d)?)",
}


@dataclass(frozen=True, slots=True)
class NameTime:
    """What a name says: naive local times, or, with an offset, times that are sure.

    ``end`` where it says that too; ``end_sure``: whether that can be nothing else, such as a serial number.
    ``resolution``: what it tells the start to, in microseconds. ``word``: what stands behind a local time in capitals,
    as a zone's name does. ``order``: "day" or "month", whichever this reading takes to be first; ``shape`` is alike in
    names that one program wrote.
    """

    start: datetime
    end: datetime | None = None
    end_sure: bool = False
    resolution: int = SECOND
    word: str = ""
    order: str = ""
    shape: str = ""


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
            parts.append({"*": "[^/]*?", " ": r"\s"}.get(letter, re.escape(letter)))
        at += 1
    whole = {"Y", "m", "d", "H", "M"} <= seen | ({"Y"} if "y" in seen else set()) | ({"H"} if "I" in seen else set())
    if not whole and "s" not in seen:
        raise ValueError("it must tell year, month, day, hour and minute (%Y %m %d %H %M), or seconds since 1970 (%s)")
    return re.compile("(?:^|(?<=[^0-9]))" + "".join(parts) + r"(?!\d)")


def read_name(relative: str, pattern: re.Pattern[str] | None = None) -> NameTime | None:
    """The time in a path relative to the folder; None when it has none."""
    return next(iter(readings(relative, pattern)), None)


def readings(relative: str, pattern: re.Pattern[str] | None = None) -> list[NameTime]:
    """What a path relative to the folder may say, what is likeliest first; empty when it has no time."""
    stem = re.sub(r"\.[A-Za-z0-9]{2,5}$", "", relative)
    stem = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), stem)
    if pattern is not None:
        return _found(pattern, stem, stem)
    event = _EVENT.search(stem)
    # Letters of one width stand for one, so that what is behind a time can be looked at by the time's place.
    read = stem if event is None else f"{stem[: event.start(1)]}{'.' * (len(stem) - event.start(1))}"
    return next((found for known in _BUILT_IN if (found := _found(known, read, stem))), [])


def orders(paths: Iterable[str]) -> dict[str, str]:
    """By shape, what those names prove that can be read in one way alone: "day" or "month" first, or "both" where they
    contradict each other."""
    proven: dict[str, str] = {}
    for path in paths:
        if any(pattern.search(path) for pattern in _DAY_OR_MONTH):
            read = readings(path)
            if len(read) == 1 and read[0].order:
                merge_orders(proven, {read[0].shape: read[0].order})
    return proven


def merge_orders(known: dict[str, str], more: dict[str, str]) -> None:
    for shape, order in more.items():
        known[shape] = order if known.get(shape, order) == order else "both"


def _found(pattern: re.Pattern[str], read: str, stem: str) -> list[NameTime]:
    """What one pattern finds: of several times in a name the first."""
    for match in _overlapping(pattern, read):
        fields = match.groupdict()
        if pattern in _DAY_OR_MONTH:
            found = _either(fields, pattern, stem[_after(match) :])
            if found:
                return found
            continue
        start = _moment(fields)
        if start is None:
            continue
        rest = stem[_after(match) :]
        resolution = _resolution(fields)
        end, sure = _end(rest, start, fields)
        six = _SIX.match(rest)
        if six is not None and fields.get("sep") and not sure:
            # A time with signs between, then six digits without: millionths of a second, or a number of the file.
            return [NameTime(start.replace(microsecond=int(six[1])), resolution=SECOND)]
        word = _word(rest, start) if pattern in _BUILT_IN else ""
        found = [NameTime(start, end, sure, resolution, word)]
        zone = fields.get("z") or ""
        if pattern in _BUILT_IN and re.fullmatch(r"-\d\d(\d\d)?", zone) and "T" not in match.group():
            # Behind a time without a T it may also be the file's number, which -0001 certainly is, and -01 likely.
            without = _moment(fields | {"z": None})
            number = [] if without is None else [NameTime(without, resolution=resolution)]
            found = number + found if len(zone) == 3 else found + number
        return found
    return []


def _either(fields: dict[str, str | None], pattern: re.Pattern[str], rest: str) -> list[NameTime]:
    """The one or two days that a date may be whose day or month comes first.

    UniFi puts the month first, and is known by a zone behind a time of twelve hours.
    """
    shape = f"{fields['dash']}{'12' if pattern is _TWELVE_EITHER else '24'}"
    turned = fields | {"m": fields["d"], "d": fields["m"]}
    starts = {"day": _moment(fields), "month": _moment(turned)}
    if starts["month"] is not None and (
        starts["day"] == starts["month"] or (pattern is _TWELVE_EITHER and fields.get("z"))
    ):
        del starts["day"]
    found = []
    for order, start in starts.items():
        if start is not None:
            end, sure = _end(rest, start, fields)
            told = "" if fields["d"] == fields["m"] else order
            found.append(NameTime(start, end, sure, _resolution(fields), _word(rest, start), told, shape))
    return found


def _word(rest: str, start: datetime) -> str:
    match = _WORD.match(rest) if start.tzinfo is None else None
    return match[1] if match else ""


def _overlapping(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """The matches that begin at different places; each runs to the name's end, so that they overlap."""
    at = 0
    while (match := pattern.search(text, at)) is not None:
        yield match
        at = match.start() + 1


def _resolution(fields: dict[str, str | None]) -> int:
    if fraction := fields.get("f") or fields.get("ms") or fields.get("milli"):
        return int(10 ** (6 - len(fraction)))
    if fields.get("S") is not None or fields.get("s"):
        return SECOND
    return MINUTE if fields.get("M") is not None else HOUR


def _after(match: re.Match[str]) -> int:
    """Where the time ends that a built-in pattern found: they run to the name's end."""
    return max(end for name in match.groupdict() if (end := match.end(name)) >= 0)


def _end(rest: str, start: datetime, fields: dict[str, str | None]) -> tuple[datetime | None, bool]:
    """A second time right behind the first is when it ended; and whether it can be nothing else.

    It is written as the first one is. Six digits alone may be the file's number as well.
    """
    match = _END.match(rest)
    if match is None or fields.get("sep") is None or bool(match["sep"]) != bool(fields["sep"]):
        return None, False
    read = match.groupdict()
    if read["Y"] is None:
        read |= {"Y": str(start.year), "m": str(start.month), "d": str(start.day)}
    end = _moment(read | {"z": None})
    if end is None:
        return None, False
    end = end.replace(tzinfo=start.tzinfo)
    if end <= start and match["Y"] is None:
        end += timedelta(days=1)
    if not timedelta() < end - start <= timedelta(days=1):
        return None, False
    return end, bool(match["date"] or match["sep"])


def _moment(read: dict[str, str | None]) -> datetime | None:
    micro = int((read.get("f") or read.get("ms") or "0").ljust(6, "0"))
    if read.get("s"):
        micro += int(read.get("milli") or 0) * 1000
        return datetime.fromtimestamp(int(read["s"] or 0), UTC) + timedelta(microseconds=micro)
    hour = int(read.get("H") or read.get("I") or 0)
    if half := read.get("p"):
        if hour > 12:
            return None
        hour = hour % 12 + (12 if half.lower() == "p" else 0)
    month = _MONTHS.index(name.lower()) + 1 if (name := read.get("b")) else int(read.get("m") or 0)
    year = int(read.get("Y") or 2000 + int(read.get("y") or 0))
    try:
        return datetime(
            year, month, int(read["d"] or 0), hour, int(read.get("M") or 0), int(read.get("S") or 0),
            micro, _offset(read.get("z")),
        )  # fmt: skip
    except (ValueError, KeyError):
        return None


def _offset(text: str | None) -> timezone | None:
    """An offset from UTC; None when there is none, or when it is one that no zone has, as of a file's number."""
    if not text:
        return None
    if text in ("Z", "GMT", "UTC"):
        return UTC
    match = re.fullmatch(r"(?:GMT|UTC)?([+-])(\d\d?)[:_.]?(\d\d)?", text)
    if match is None or int(match[2]) > 14 or match[3] not in (None, "00", "15", "30", "45"):
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return timezone(-offset if match[1] == "-" else offset)
