"""Times as people say them: 'yesterday 15:00', 'last friday 22:30 to 23:15', '3 May 18:40-18:55'.

What is left out is filled in from now, in the zone that is named, and the whole is said back before anything is asked.
What may mean two things is never guessed. Not for: times as scripts write them (``portal.officer.times``).
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from datetime import timezone as fixed_zone
from zoneinfo import ZoneInfo

from exchange.clock import DAY, HOUR, MINUTE, Window, from_rfc3339
from exchange.errors import InputInvalid

AROUND = 15 * MINUTE
"""Before and after a single moment."""
LONGEST = 31 * DAY
MOST_LETTERS = 200
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" if len(name) > 3 else name for name in _MONTHS) + "|sept"
_WEEKDAY = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _WEEKDAYS) + "|tues|wednes|thur|thurs"
_SPACE = re.compile(r"(?:[\s,]|\b(?:at|on|the|from|between|about|around|circa|ca)\b\.?)*")
_JOIN = re.compile(r"(?:-|to\b|until\b|till?\b|and\b)")
_LENGTH = re.compile(r"for\s+(\d{1,4}|an?)\s*(minutes?|mins?|hours?|hrs?|h|m)\b")
_EITHER_SIDE = re.compile(r"(?:±|\+/?-)\s*(\d{1,4})\s*(minutes?|mins?|hours?|hrs?|h|m)\b")
_TOMORROW = re.compile(r"(the day after )?tomorrow\b")
_AGO = re.compile(r"(\d{1,4}|an?)\s*(minutes?|mins?|hours?|hrs?)\s+ago\b")
_RFC = re.compile(r"\d{4}-\d\d-\d\dt\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:z|[+-]\d\d:\d\d)")
_CLOCK = re.compile(
    r"(\d{1,2})(?:[:.](\d\d)(?::(\d\d))?)?\s*(am\b|pm\b|a\.m\.|p\.m\.)?\s*(z\b|utc\b|[a-z]{3,4}\b|\+\d\d:\d\d)?"
)
_HALVES = re.compile(
    r"(?<![\d:./+-])(\d{1,2})([:.]\d\d)?(\s*(?:-|to|until|till|and)\s*)(\d{1,2})([:.]\d\d)?\s*(am|pm|a\.m\.|p\.m\.)(?!\w)"
)
"""``3 to 4 pm``: what is said of the second hour holds for the first one too."""
_DAYS = (
    (re.compile(r"(\d{4})-(\d\d)-(\d\d)(?=[\st,-]|$)t?"), "ymd"),
    (re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4}|\d\d)\b"), "dmy"),
    (re.compile(rf"(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({_MONTH})\b\.?(?:,?\s+(\d{{4}})\b)?"), "d-month"),
    (re.compile(rf"({_MONTH})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)(?:,?\s+(\d{{4}})\b)?"), "month-d"),
    (re.compile(r"day before yesterday\b"), "2 ago"),
    (re.compile(r"yesterday\b"), "1 ago"),
    (re.compile(r"today\b"), "0 ago"),
    (re.compile(r"last night\b"), "night"),
    (re.compile(rf"(last\s+|this\s+)?({_WEEKDAY})\b\.?"), "weekday"),
)


@dataclass(frozen=True, slots=True)
class _Moment:
    """What was said of one moment. ``weekday``: today's, so that it may be the one a week ago; ``offset``: as written;
    ``instant``: when nothing is open any more."""

    day: date | None = None
    clock: time | None = None
    next_day: bool = False
    night: bool = False
    weekday: bool = False
    offset: str | None = None
    instant: int | None = None


def read_window(text: str, zone: ZoneInfo, now: int) -> Window:
    """The window that is meant; ``now`` and the window in microseconds UTC.

    A single moment stands for AROUND before and after it. InputInvalid for what is not understood, is open to two
    readings, lies in the future or is longer than LONGEST.
    """
    said = re.sub(r"[\u2012-\u2015\u2212]", "-", text[: MOST_LETTERS + 1].strip().lower().replace("o'clock", ""))
    if not said or len(said) > MOST_LETTERS:
        raise _not_understood(text[:MOST_LETTERS])
    window = _Reader(_HALVES.sub(_both_halves, said), zone, now).window()
    if window.duration > LONGEST:
        raise InputInvalid(f"The time is longer than {LONGEST // DAY} days.", do="Ask for a shorter one.")
    if window.start >= now:
        raise InputInvalid(
            f"{show_window(window, zone)} lies in the future.", do="Say which day you mean: yesterday 15:00."
        )
    return window


def show_window(window: Window, zone: ZoneInfo) -> str:
    """The window in full words: ``Friday 20 November 2026, 22:30 to 23:15 GMT``."""
    first, last = (datetime.fromtimestamp(instant / 1_000_000, zone) for instant in (window.start, window.end))
    shown = [f"{first:%A} {first.day} {first:%B %Y}, {_clock(first)}"]
    if first.tzname() != last.tzname():
        shown.append(f" {first.tzname()}")
    shown.append(" to ")
    if first.date() != last.date():
        shown.append(f"{last:%A} {last.day} {last:%B %Y}, ")
    shown.append(f"{_clock(last)} {last.tzname()}")
    return "".join(shown)


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"


class _Reader:
    """Reads from left to right; ``at`` is how far it is."""

    def __init__(self, text: str, zone: ZoneInfo, now: int) -> None:
        self.text, self.zone, self.now, self.at = text, zone, now, 0
        self.today = datetime.fromtimestamp(now / 1_000_000, zone).date()

    def window(self) -> Window:
        first = self._moment()
        if found := self._take(_LENGTH):
            start = self._instant(first)
            window = Window(start, start + max(_length(found), MINUTE))
        elif found := self._take(_EITHER_SIDE):
            start, side = self._instant(first), max(_length(found), MINUTE)
            window = Window(start - side, start + side)
        elif self._take(_JOIN):
            window = self._from_to(first, self._moment())
        else:
            start = self._instant(first)
            window = Window(start - AROUND, start + AROUND)
        self._skip()
        if self.at < len(self.text):
            raise _not_understood(self.text[self.at :])
        return window

    def _from_to(self, first: _Moment, last: _Moment) -> Window:
        """What one of them leaves out, the other says."""
        overnight = first.clock and last.clock and not last.next_day and last.clock <= first.clock
        if first.clock and first.day is None and last.day is not None and not last.night:
            last = self._dated(last)
            first = replace(first, day=_days_later(last.day, -1 if overnight else 0))
        first = self._dated(first)
        if last.clock and last.day is None:
            day = first.day or datetime.fromtimestamp((first.instant or self.now) / 1_000_000, self.zone).date()
            last = replace(last, day=_days_later(day, 1 if overnight else 0))
        start, end = self._instant(first), self._instant(last)
        if end <= start:
            raise InputInvalid("The time ends before it starts.", do="Say the day of its end too.")
        return Window(start, end)

    def _moment(self) -> _Moment:
        if found := self._take(_AGO):
            return _Moment(instant=self.now - _length(found))
        if found := self._take(_RFC):
            return _Moment(instant=from_rfc3339(found[0].upper()))
        said = self._day() or _Moment()
        said = self._time(said)
        if said.day is None and (later := self._day()):
            said = replace(later, clock=said.clock, next_day=said.next_day, offset=said.offset)
        if self._take(_TOMORROW):
            raise InputInvalid(f"{self.text!r} lies in the future.", do="Say which day you mean: yesterday 15:00.")
        if said.clock is None:
            raise InputInvalid(
                f"{self.text!r} doesn't say at what time of the day.", do="Say it as in: yesterday 15:00 to 15:30."
            )
        return said

    def _day(self) -> _Moment | None:
        for pattern, kind in _DAYS:
            if found := self._take(pattern):
                return self._day_of(kind, found)
        return None

    def _day_of(self, kind: str, found: re.Match[str]) -> _Moment:
        if kind.endswith(" ago"):
            return _Moment(day=self.today - timedelta(days=int(kind[0])))
        if kind == "night":
            return _Moment(day=self.today, night=True)
        if kind == "weekday":
            back = (self.today.weekday() - _number(found[2], _WEEKDAYS)) % 7
            last = (found[1] or "").startswith("last")
            back = 7 if last and back == 0 else back
            return _Moment(day=self.today - timedelta(days=back), weekday=back == 0)
        if kind == "ymd":
            year, month, day = int(found[1]), int(found[2]), int(found[3])
        elif kind == "dmy":
            day, month, year = int(found[1]), int(found[2]), int(found[3])
            year = 2000 + year if len(found[3]) == 2 else year
        else:
            words = (found[2], found[1]) if kind == "d-month" else (found[1], found[2])
            month, day = _number(words[0], _MONTHS) + 1, int(words[1])
            year = int(found[3]) if found[3] else self._latest_year(month, day)
        return _Moment(day=_date(year, month, day, found[0]))

    def _latest_year(self, month: int, day: int) -> int:
        """The last year in which this day has been."""
        year = self.today.year
        for back in range(9):  # a 29th of February may be eight years ago
            try:
                if date(year - back, month, day) <= self.today:
                    return year - back
            except ValueError:
                continue
        return year

    def _time(self, said: _Moment) -> _Moment:
        if self._take(re.compile(r"(?:noon|midday)\b")):
            return replace(said, clock=time(12))
        if self._take(re.compile(r"midnight\b")):
            raise InputInvalid(
                "Midnight may be a day's first moment or its last.",
                do="Write 00:00 with the day that begins, or 23:59.",
            )
        self._skip()
        found = _CLOCK.match(self.text, self.at)
        if found is None or not (found[2] or found[4]):
            return said
        self.at = found.end(4) if found[4] else found.end(3) if found[3] else found.end(2)
        said = replace(said, clock=_time_of(found), next_day=(found[1], found[2], found[4]) == ("24", "00", None))
        if found[5] and (found[5][0] == "+" or found[5] in ("z", "utc") or self._is_zone(found[5])):
            self.at = found.end(5)
            said = replace(said, offset=found[5])
        return said

    def _is_zone(self, word: str) -> bool:
        """Whether the zone's clocks are called so, at one time of the year or another: BST, GMT."""
        year = self.today.year
        return word in {str(datetime(year, month, 1, tzinfo=self.zone).tzname()).lower() for month in range(1, 13)}

    def _dated(self, said: _Moment) -> _Moment:
        """With its day, where none was said."""
        if said.instant is not None or said.clock is None:
            return said
        if said.night:
            day = _days_later(self.today, -1 if said.clock.hour >= 12 else 0)
            return replace(said, day=day, night=False)
        said = replace(said, day=said.day or self.today)
        if said.weekday and self._instant(replace(said, weekday=False)) > self.now:  # it has not been yet today
            said = replace(said, day=_days_later(said.day, -7))
        return replace(said, weekday=False)

    def _instant(self, said: _Moment) -> int:
        said = self._dated(said)
        if said.instant is not None:
            return said.instant
        assert said.day is not None
        assert said.clock is not None
        return self._placed(datetime.combine(_days_later(said.day, int(said.next_day)), said.clock), said.offset)

    def _placed(self, moment: datetime, offset: str | None) -> int:
        if offset is not None and (offset[0] == "+" or offset in ("z", "utc")):
            return _micros(moment.replace(tzinfo=_fixed(offset)))
        early, late = (moment.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        if offset is not None:
            named = [each for each in (early, late) if str(each.tzname()).lower() == offset]
            if not named:
                raise InputInvalid(
                    f"The clocks in {self.zone.key} don't show {offset.upper()} on that day.",
                    do=f"Leave {offset.upper()} out.",
                )
            return _micros(named[0])
        if early.utcoffset() == late.utcoffset():
            return _micros(early)
        clock = f"{moment:%H:%M}"
        if _micros(early) < _micros(late):
            raise InputInvalid(
                f"{clock} was twice on {moment.day} {moment:%B %Y} in {self.zone.key}: the clocks were put back.",
                do=f"Say which one: {clock} {early.tzname()} (the first) or {clock} {late.tzname()} (the second).",
            )
        raise InputInvalid(
            f"{clock} was never on {moment.day} {moment:%B %Y} in {self.zone.key}: the clocks were put forward.",
            do="Say another time.",
        )

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        self._skip()
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def _skip(self) -> None:
        found = _SPACE.match(self.text, self.at)
        assert found is not None
        self.at = found.end()


def _both_halves(found: re.Match[str]) -> str:
    first, last, half = int(found[1]), int(found[4]), found[6][0]
    if not (1 <= first <= 12 and 1 <= last <= 12):
        return found[0]
    if first % 12 > last % 12:  # 11 to 1 pm
        half = "a" if half == "p" else "p"
    return f"{found[1]}{found[2] or ''} {half}m{found[3]}{found[4]}{found[5] or ''} {found[6]}"


def _days_later(day: date | None, days: int) -> date:
    assert day is not None
    try:
        return day + timedelta(days=days)
    except OverflowError:
        raise InputInvalid(f"There is no day after {day}.", do="Write the day as in 3 May.") from None


def _number(word: str, names: "tuple[str, ...] | list[str]") -> int:
    return next(number for number, name in enumerate(names) if name.startswith(word[:3]))


def _length(found: re.Match[str]) -> int:
    many = 1 if found[1] in ("a", "an") else int(found[1])
    return many * (HOUR if found[2].startswith("h") else MINUTE)


def _date(year: int, month: int, day: int, said: str) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise InputInvalid(f"There is no day {said.strip()!r}.", do="Write the day before the month: 3 May.") from None


def _time_of(found: re.Match[str]) -> time:
    hour, minute, second = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    half = (found[4] or "").replace(".", "")
    if half and not 1 <= hour <= 12:
        raise InputInvalid(f"There is no time {found[0].strip()!r}.", do="Write 15:00, or 3 pm.")
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    if (hour, minute, second) == (24, 0, 0):
        hour = 0
    try:
        return time(hour, minute, second)
    except ValueError:
        raise InputInvalid(f"There is no time {found[0].strip()!r}.", do="Write it as in 15:00.") from None


def _fixed(offset: str) -> fixed_zone:
    if offset in ("z", "utc"):
        return UTC
    hours, minutes = int(offset[1:3]), int(offset[4:])
    if hours > 14 or minutes > 59:
        raise InputInvalid(f"There is no offset {offset}.", do="Write it as in 15:00+01:00.")
    return fixed_zone(timedelta(hours=hours, minutes=minutes))


def _micros(moment: datetime) -> int:
    return from_rfc3339(moment.isoformat())


def _not_understood(said: str) -> InputInvalid:
    return InputInvalid(
        f"The time {said.strip()!r} is not understood.",
        do="Write it as in: yesterday 15:00; last friday 22:30 to 23:15; 3 May 18:40-18:55.",
    )
