"""When a recording began, by its file's name or folder: common exports' ways to write it, and patterns of the owner.

Not for: how such names look (``name_patterns``), or what the file says inside (``probe``). Times are local unless the
name says otherwise.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

from agent.sources.folder.name_patterns import (
    BUILT_IN,
    DAY_OR_MONTH,
    DAYS,
    EITHER_TWELVE,
    END,
    EVENT,
    MONTHS,
    NOON,
    NOON_FIRST,
    NUMBER_OR_TIME,
    is_afternoon,
)
from agent.sources.folder.name_patterns import compiled as compiled
from exchange.clock import HOUR, MINUTE, SECOND

_ESCAPED = re.compile(r"%(3[aA]|2[bB]|20)")
"""A colon, a plus or a space, as a browser or an API's client saves them in a name."""
_WORD = re.compile(r"^(?:[\s_]{0,2}|-)\(?([A-Z]{3,5})(?![A-Za-z0-9])")
_SIX = re.compile(r"^[-_](\d{6})(?!\d)")


@dataclass(frozen=True, slots=True)
class NameTime:
    """What a name says: naive local times, or, with an offset, times that are sure.

    ``end`` where it says that too; ``end_sure``: whether that can be nothing else, such as a serial number.
    ``resolution``: what it tells the start to, in microseconds. ``word``: what stands behind a local time in capitals,
    as a zone's name does. ``order``: "day", "month" or "year", whichever this reading takes to be first; ``shape`` is
    alike in names that one program wrote. ``weak``: it may be a number and no time at all.
    """

    start: datetime
    end: datetime | None = None
    end_sure: bool = False
    resolution: int = SECOND
    word: str = ""
    order: str = ""
    shape: str = ""
    weak: bool = False


def read_name(relative: str, pattern: re.Pattern[str] | None = None) -> NameTime | None:
    """The time in a path relative to the folder; None when it has none."""
    return next(iter(readings(relative, pattern)), None)


def readings(relative: str, pattern: re.Pattern[str] | None = None) -> list[NameTime]:
    """What a path relative to the folder may say, what is likeliest first; empty when it has no time."""
    stem = _stem(relative)
    if pattern is not None:
        return _found(pattern, stem, stem)
    event = EVENT.search(stem)
    # Letters of one width stand for one, so that what is behind a time can be looked at by the time's place.
    read = stem if event is None else f"{stem[: event.start(1)]}{'.' * (len(stem) - event.start(1))}"
    return next((found for known in BUILT_IN if (found := _found(known, read, stem))), [])


def days(relative: str) -> list[date]:
    """The days that a path relative to the folder may name, whether or not it tells a time; in no order."""
    stem = _stem(relative)
    found: set[date] = set()
    for pattern in DAYS:
        for match in _overlapping(pattern, stem):
            read = match.groupdict() | {"H": "0"}
            turned = _turned(read) if pattern in DAYS[1:4] else {"": read}
            found |= {moment.date() for each in turned.values() if (moment := _moment(each)) is not None}
    return sorted(found)


def _stem(relative: str) -> str:
    stem = re.sub(r"\.[A-Za-z0-9]{2,5}$", "", relative)
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), stem)


def orders(paths: Iterable[str]) -> dict[str, str]:
    """By shape, what those names prove that can be read in one way alone: "day", "month" or "year" first, or "both"
    where they contradict each other."""
    proven: dict[str, str] = {}
    for path in paths:
        if any(pattern.search(path) for pattern in DAY_OR_MONTH):
            read = readings(path)
            if len(read) == 1 and read[0].order:
                merge_orders(proven, {read[0].shape: read[0].order})
    return proven


def merge_orders(known: dict[str, str], more: dict[str, str]) -> None:
    for shape, order in more.items():
        known[shape] = order if known.get(shape, order) == order else "both"


def _found(pattern: re.Pattern[str], read: str, stem: str) -> list[NameTime]:
    """What one pattern finds: of several times in a name the first, unless it is later than another."""
    found: list[NameTime] = []
    behind = 0
    for match in _overlapping(pattern, read):
        if found and match.start() < behind:
            continue
        fields = _with_half(match.groupdict(), match, read)
        rest = stem[_after(match) :]
        more = _either(fields, pattern, rest) if pattern in DAY_OR_MONTH else _one(fields, pattern, rest, match)
        if not found:
            found, behind = more, _after(match)
        else:
            # Nobody ends before they begin: one of them may be when it was exported.
            first = found[0].start.replace(tzinfo=None)
            found += [each for each in more if each.start.replace(tzinfo=None) < first]
    return found


def _one(fields: dict[str, str | None], pattern: re.Pattern[str], rest: str, match: re.Match[str]) -> list[NameTime]:
    """The readings of a match whose day is sure."""
    start = _moment(fields)
    if start is None:
        return []
    resolution = _resolution(fields)
    end, sure = _end(rest, start, fields)
    six = _SIX.match(rest)
    if six is not None and fields.get("sep") and fields.get("S") and not sure:
        # A time with signs between, then six digits without: millionths of a second, or a number of the file.
        return [NameTime(start.replace(microsecond=int(six[1])), resolution=SECOND)]
    if pattern not in BUILT_IN:
        return [NameTime(start, end, sure, resolution)]
    found = [NameTime(start, end, sure, resolution, _word(rest, start), weak=pattern in NUMBER_OR_TIME)]
    zone = fields.get("z") or ""
    if re.fullmatch(r"-\d\d(\d\d)?", zone) and "T" not in match.group():
        # Behind a time without a T it may also be the file's number, which -0001 certainly is, and -01 likely.
        without = _moment(fields | {"z": None})
        number = [] if without is None else [NameTime(without, resolution=resolution)]
        found = number + found if len(zone) == 3 else found + number
    return found


def _with_half(fields: dict[str, str | None], match: re.Match[str], read: str) -> dict[str, str | None]:
    """The fields, with the half of the day where the name tells it right behind the time or before it."""
    if "p" in fields or not fields.get("H") or not 1 <= int(fields["H"] or 0) <= 12:
        return fields
    last = next(name for name in ("S", "M", "H") if fields.get(name))
    half = NOON.match(read, match.end(last)) or NOON_FIRST.search(read, 0, match.start("H"))
    return fields if half is None else fields | {"p": half["p"]}


def _turned(fields: dict[str, str | None]) -> dict[str, dict[str, str | None]]:
    """By what comes first, the fields of a date whose order nobody knows; of two digits, the year too may be first."""
    turned = {"day": fields, "month": fields | {"m": fields["d"], "d": fields["m"]}}
    if fields.get("y"):
        turned["year"] = fields | {"y": fields["d"], "d": fields["y"]}
    return turned


def _either(fields: dict[str, str | None], pattern: re.Pattern[str], rest: str) -> list[NameTime]:
    """The days that a date may be whose day, month or year comes first.

    UniFi puts the month first, and is known by a zone behind a time of twelve hours.
    """
    years = "2" if fields.get("y") else ""
    shape = f"{fields['dash']}{years}{'12' if pattern in EITHER_TWELVE else '24'}"
    starts = {order: start for order, each in _turned(fields).items() if (start := _moment(each)) is not None}
    if "month" in starts and (
        starts["month"] == starts.get("day") or (pattern in EITHER_TWELVE and fields.get("z") and not years)
    ):
        starts.pop("day", None)
    told = len(set(starts.values())) > 1 or fields["d"] != fields["m"]
    found = []
    for order, start in starts.items():
        end, sure = _end(rest, start, fields)
        word = _word(rest, start)
        found.append(NameTime(start, end, sure, _resolution(fields), word, order if told else "", shape))
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
    if fraction := fields.get("f") or fields.get("ms") or fields.get("milli") or fields.get("micro"):
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
    match = END.match(rest)
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
        micro += int(read.get("milli") or 0) * 1000 + int(read.get("micro") or 0)
        return datetime.fromtimestamp(int(read["s"] or 0), UTC) + timedelta(microseconds=micro)
    hour = int(read.get("H") or read.get("I") or 0)
    if half := read.get("p"):
        if hour > 12:
            return None
        hour = hour % 12 + (12 if is_afternoon(half) else 0)
    month = MONTHS.index(name.lower()) + 1 if (name := read.get("b")) else int(read.get("m") or 0)
    year = int(read.get("Y") or 2000 + int(read.get("y") or 0))
    if read.get("y") and not 2020 <= year < 2050:
        return None
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
