"""How names of files write a time: the built-in ways as regular expressions, and an owner's pattern as one.

Not for: what a match means (``names``). All run to the name's end; groups are named by strptime's letters.
"""

import re
from functools import cache

_DATE = r"(?P<Y>20\d\d)[-_.\s年]?(?P<m>[01]\d)[-_.\s月]?(?P<d>[0-3]\d)日?"
_FOLDERS = r"(?P<Y>20\d\d)[-/]?(?P<m>[01]\d)[-/]?(?P<d>[0-3]\d)"
_BETWEEN = r"(?:[T\s_.,@=()\[\]-]{0,3}|,?[\s_]+(?:[^\W\d_]{1,4}[\s_]+)?|[\s_-][A-Z][a-z]{2,8}day[\s_-])"
_TIME = r"(?P<H>[0-2]\d)(?P<sep>[-_.:\shH時时]?)(?P<M>[0-5]\d)(?:(?P=sep)|[mM分])(?P<S>[0-5]\d)[s秒]?"
_NO_SECONDS = r"(?P<H>[0-2]\d)(?P<sep>[-_.:hH時时])(?P<M>[0-5]\d)[mM分]?"
_TWELVE = r"(?P<H>[01]?\d)(?P<sep>[-_.:]?)(?P<M>[0-5]\d)(?P=sep)(?P<S>[0-5]\d)"
_TWELVE_NO_SECONDS = r"(?P<H>[01]?\d)(?P<sep>[-_.:]?)(?P<M>[0-5]\d)"
_MORNINGS, _AFTERNOONS = ("上午", "午前", "오전"), ("下午", "午後", "오후")
_HALF = rf"(?P<p>[AaPp]\.?\s?[Mm](?![A-Za-z])\.?|{'|'.join((*_MORNINGS, *_AFTERNOONS))})"
_NOON = rf"[\s_.]*{_HALF}"
_NOON_FIRST = rf"[\s_.,-]*{_HALF}[\s_.-]*"
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<b>(?i:{'|'.join(MONTHS)}))(?i:uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?"
_EITHER = r"(?P<d>\d\d?)(?P<dash>[-._/])(?P<m>\d\d?)(?P=dash)(?P<Y>20\d\d)(?!\d)"
"""A day and a month, which of them first nobody knows, and the year behind."""
_EITHER_RUN_TOGETHER = r"(?P<d>[0-3]\d)(?P<dash>)(?P<m>[0-3]\d)(?P<Y>20\d\d)"
_SHORT = r"(?<!\d)(?<!\d[-._/])(?P<d>\d\d?)(?P<dash>[-._/])(?P<m>\d\d?)(?P=dash)(?P<y>\d\d)(?!\d)"
"""Two digits for the year too: it may come first as well, and is then what stands here for the day."""
_SHORT_RUN_TOGETHER = r"(?<!\d)(?P<d>\d\d)(?P<dash>)(?P<m>\d\d)(?P<y>\d\d)"
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
_REST = r"[^/]*$"
_WITH_MONTHS = (
    rf"(?<!\d)(?P<d>[0-3]?\d)[-_.\s]{{0,2}}{_MONTH}[-_.,\s]{{0,2}}(?P<Y>20\d\d)(?!\d)",
    rf"(?<![^\W\d_]){_MONTH}[-_.\s]?(?P<d>[0-3]?\d)[-_.,\s]{{1,2}}(?P<Y>20\d\d)(?!\d)",
    rf"(?<!\d)(?P<Y>20\d\d)[-_.\s]?{_MONTH}[-_.\s]?(?P<d>[0-3]?\d)(?!\d)",
)
# 1_2_2026_06_10_10_00_00 has two numbers before an ordinary time
_NOT_PLAIN = rf"(?<!\d)(?!\d\d?[-._/]\d\d?[-._/]{_PLAIN})"


def _made(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(f"{pattern}{_REST}") for pattern in patterns)


_TWELVES = _made(
    # Front 2026-06-10 at 10.05.00 PM, with whatever space there is; 2026-06-10 下午 10.05.00
    rf"(?<!\d){_DATE}{_BETWEEN}{_TWELVE}{_NOON}{_ZONE}",
    rf"(?<!\d){_DATE}{_NOON_FIRST}{_TWELVE}(?!\d){_ZONE}",
)
EITHER_TWELVE = _made(
    # 6-10-2026, 10.00.00am GMT+1; 6-10-26, 10.00.00am
    rf"(?<!\d){_EITHER}{_BETWEEN}{_TWELVE}{_NOON}{_ZONE}",
    rf"(?<!\d){_EITHER}{_NOON_FIRST}{_TWELVE}(?!\d){_ZONE}",
    rf"{_SHORT}{_BETWEEN}{_TWELVE}{_NOON}{_ZONE}",
)
_EITHER_FULL = _made(
    # 10.06.2026 10-00-00, 10062026_100000
    rf"{_NOT_PLAIN}{_EITHER}(?:/|{_BETWEEN}){_TIME}(?!\d){_FRACTION}{_ZONE}",
    rf"(?<!\d){_EITHER_RUN_TOGETHER}{_BETWEEN}{_TIME}(?!\d){_FRACTION}{_ZONE}",
    # 260610_100000
    rf"{_SHORT_RUN_TOGETHER}[_-]{_TIME}(?!\d)",
)
_FULL = _made(
    # 10Jun2026_100000, Jun-10-2026_10-00-00, 2026-Jun-10 10.00.00 PM
    *(
        rf"{date}{_BETWEEN}{time}{_ZONE}"
        for date in _WITH_MONTHS
        for time in (rf"{_TWELVE}{_NOON}", rf"{_TIME}(?!\d){_FRACTION}")
    ),
    # 20260610_100000, 2026-06-10T10:00:00Z, Ring_2026_06_10_10_00_00, ch01_20260610100000123, 2026-06-10 10.00.00
    rf"(?<!\d){_DATE}{_BETWEEN}{_TIME}(?P<ms>\d{{3}})?(?!\d){_FRACTION}{_ZONE}",
    # 10-00-00 2026-06-10
    r"(?<!\d)(?<!\d[-_.:])(?P<H>[0-2]\d)(?P<sep>[-_.:hH])(?P<M>[0-5]\d)[-_.:mM](?P<S>[0-5]\d)s?[\s_-]{1,3}"
    rf"{_DATE}(?!\d)",
)
_IN_FOLDERS = _made(
    # 2026Y06M10D10H/00M00S, 2026061010/E00M00S60
    r"(?<!\d)(?P<Y>20\d\d)Y?(?P<m>[01]\d)M?(?P<d>[0-3]\d)D?(?P<H>[0-2]\d)H?/[A-Z]?(?P<M>[0-5]\d)M(?P<S>[0-5]\d)S",
    # 2026-06-10/001/dav/10/10.00.00-10.10.00[M][0@0][0].dav, 20260610/front/10-00-00.mp4
    rf"(?<!\d){_DATE}/(?:[^/]*/){{0,4}}(?:[^/0-9]*[^/0-9A-Za-z])?{_TIME}(?!\d){_FRACTION}",
    # 2026-06-10/192.168.1.30_1_S10-00-00 E10-15-30.mp4
    rf"(?<!\d){_DATE}/(?:[^/]*/){{0,4}}[^/]*_S{_TIME}(?!\d)",
    # 2026/06/10/10/00/00.mp4, 2026-06-10/10/front/00.00.mp4
    rf"(?<!\d){_FOLDERS}/(?P<H>[0-2]\d)/(?:[^/]*/)?(?P<M>[0-5]\d)[-_./](?P<S>[0-5]\d)(?!\d)",
    # 2026/06/10/10/0503-00270180.ps: minute and second, then the device's number
    rf"(?<!\d){_FOLDERS}/(?P<H>[0-2]\d)/(?P<M>[0-5]\d)(?P<S>[0-5]\d)-[0-9A-Fa-f]{{8}}(?![0-9A-Fa-f])",
)
_EITHER_SHORT = _made(
    # 10.06.26 10.00.00, 10/06/26/10-00-00
    rf"{_SHORT}(?:/|{_BETWEEN}){_TIME}(?!\d){_FRACTION}{_ZONE}",
)
_MINUTES = _made(
    # 2026-06-10 3.05 PM
    rf"(?<!\d){_DATE}{_BETWEEN}{_TWELVE_NO_SECONDS}{_NOON}{_ZONE}",
    rf"(?<!\d){_DATE}{_NOON_FIRST}{_TWELVE_NO_SECONDS}(?!\d)",
    *(rf"{date}{_BETWEEN}{_TWELVE_NO_SECONDS}{_NOON}" for date in _WITH_MONTHS),
    # 2026-06-10_15-00, 10 June 2026 15.00, 20260610T1500, 202606101500
    *(rf"{date}{_BETWEEN}{_NO_SECONDS}(?!\d){_ZONE}" for date in (rf"(?<!\d){_DATE}", *_WITH_MONTHS)),
    rf"(?<!\d){_DATE}T(?P<H>[0-2]\d)(?P<sep>)(?P<M>[0-5]\d)(?!\d){_ZONE}",
    r"(?<!\d)(?P<Y>20\d\d)(?P<m>[01]\d)(?P<d>[0-3]\d)(?P<H>[0-2]\d)(?P<sep>)(?P<M>[0-5]\d)(?!\d)",
)
_EITHER_MINUTES = _made(
    # 6-10-2026, 3.05 PM, 10.06.2026 15.05, 10.06.26 15.05
    rf"(?<!\d){_EITHER}{_BETWEEN}{_TWELVE_NO_SECONDS}{_NOON}{_ZONE}",
    rf"{_SHORT}{_BETWEEN}{_TWELVE_NO_SECONDS}{_NOON}{_ZONE}",
    rf"{_NOT_PLAIN}{_EITHER}{_BETWEEN}{_NO_SECONDS}(?!\d)",
    rf"{_SHORT}[T\s_]{{1,2}}{_NO_SECONDS}(?!\d)",
)
NUMBER_OR_TIME = _made(
    # 20260610_1500: fifteen o'clock, or the fifteen hundredth file of that day
    rf"(?<!\d){_DATE}[\s_-](?P<H>[0-2]\d)(?P<sep>)(?P<M>[0-5]\d)(?!\d)",
)
_WHOLE = _made(
    # 20260610/10/00.mp4: a minute a file
    rf"(?<!\d){_FOLDERS}/(?P<H>[0-2]\d)/(?P<M>[0-5]\d)(?=$)",
    # 2026061010.mp4: an hour a file
    r"(?<!\d)(?P<Y>20\d\d)(?P<m>[01]\d)(?P<d>[0-3]\d)(?P<H>[0-2]\d)(?!\d)",
    # 1781085600.mp4, front-1781085600.123-abc.mp4: seconds since 1970; milliseconds, or millionths
    r"(?<!\d)(?P<s>1[5-9]\d{8}|2[0-4]\d{8})(?:\.(?P<f>\d{1,6})|(?P<milli>\d{3})|(?P<micro>\d{6}))?(?!\d)",
    # 2026-6-1 9-5-7
    rf"(?<!\d){_NO_ZEROS}(?!\d){_ZONE}",
)
BUILT_IN = (
    *_TWELVES, *EITHER_TWELVE, *_EITHER_FULL, *_FULL, *_IN_FOLDERS, *_EITHER_SHORT, *_WHOLE, *_MINUTES,
    *_EITHER_MINUTES, *NUMBER_OR_TIME,
)  # fmt: skip
DAY_OR_MONTH = (*EITHER_TWELVE, *_EITHER_FULL, *_EITHER_SHORT, *_EITHER_MINUTES)
"""Those in which nobody knows whether the day or the month comes first, or, of two digits, the year."""
DAYS = tuple(
    re.compile(f"(?<!\\d){date}(?!\\d)")
    for date in (_DATE, _EITHER, _EITHER_RUN_TOGETHER, rf"(?<!\d[-._/]){_SHORT}", *_WITH_MONTHS)
)
"""A day, with whatever before and behind."""
EVENT = re.compile(r"(?:^|/)(\d{5,})/\1(?!\d)[^/]*$")
"""A folder and a file in it of the same number: an event's, as ZoneMinder has them, and no time."""
NOON = re.compile(_NOON)
"""Which half of the day, behind a time."""
NOON_FIRST = re.compile(rf"(?<![^\W\d_]){_HALF}[\s_.-]*$")
END = re.compile(rf"^[-_ ~\s]*(?:to[-_ ]|E)?(?P<date>{_DATE}[T _.-]{{0,3}})?{_TIME}(?:\d{{3}})?(?!\d)(?:{_NOON})?")
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


def is_afternoon(half: str) -> bool:
    return half in _AFTERNOONS or half[:1] in ("P", "p")


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
