"""Lengths of time and sizes as a person writes them: ``90s``, ``14d``, ``200 GB``, ``5 GiB``.

Not for: instants (``exchange.clock``), or what a person reads in a prompt.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from exchange.clock import DAY, HOUR, MINUTE, SECOND

_TIME = {"ms": SECOND // 1000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_SIZE = {
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("kMGT", start=1)},
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGT", start=1)},
}
_SIZE_LOWER = {unit.lower(): factor for unit, factor in _SIZE.items()}

DURATION_PATTERN = r"^\d+(\.\d+)? ?(ms|s|m|h|d)$"
SIZE_PATTERN = r"^\d+(\.\d+)? ?([kMGT]|[KMGT]i)?B$"

A_DURATION = "a length of time with its unit, such as 90s, 15m, 2h or 14d"
A_SIZE = "a size with its unit, such as 500 MB, 200 GB or 5 GiB"


def parse_duration(text: str) -> int:
    """``15m`` to microseconds. ValueError when it has no unit or isn't one."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?) ?(ms|s|m|h|d)", text.strip())
    if match is None:
        raise ValueError(f"wanted {A_DURATION}")
    return _scaled(match[1], _TIME[match[2]])


def parse_size(text: str) -> int:
    """``200 GB`` to bytes: kB, MB, GB, TB are powers of 1000, KiB … TiB of 1024; upper or lower case."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?) ?([a-zA-Z]{1,3})", text.strip())
    factor = _SIZE_LOWER.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise ValueError(f"wanted {A_SIZE}")
    return _scaled(match[1], factor)


def format_duration(microseconds: int) -> str:
    """Microseconds to the largest unit that divides them: ``7200000000`` to ``2h``."""
    for unit, factor in reversed(_TIME.items()):
        if microseconds % factor == 0 and (microseconds or unit == "s"):
            return f"{microseconds // factor}{unit}"
    return f"{microseconds / SECOND:f}".rstrip("0").rstrip(".") + "s"


def format_size(count: int) -> str:
    """Bytes to the unit that says them in the fewest characters: ``200000000000`` to ``200 GB``."""
    exact = [f"{count // factor} {unit}" for unit, factor in _SIZE.items() if count % factor == 0]
    return min(exact, key=len)


def _scaled(number: str, factor: int) -> int:
    whole, _, fraction = number.partition(".")
    return int(whole) * factor + (int(fraction) * factor // 10 ** len(fraction) if fraction else 0)


def _duration(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return parse_duration(value if isinstance(value, str) else "")
    except ValueError:
        raise PydanticCustomError("duration", A_DURATION) from None


def _size(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return parse_size(value if isinstance(value, str) else "")
    except ValueError:
        raise PydanticCustomError("size", A_SIZE) from None


Duration = Annotated[
    int,
    BeforeValidator(_duration),
    Field(ge=0),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN}),
]
"""Microseconds in Python, text with a unit in the file."""

Size = Annotated[
    int,
    BeforeValidator(_size),
    Field(ge=0),
    PlainSerializer(format_size, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN}),
]
"""Bytes in Python, text with a unit in the file."""


def between(low: str, high: str) -> AfterValidator:
    """The ends, both allowed, of a ``Duration``; told in the units they are written in."""
    least, most = parse_duration(low), parse_duration(high)

    def check(value: int) -> int:
        if not least <= value <= most:
            raise PydanticCustomError("duration_range", f"a length of time from {low} to {high}")
        return value

    return AfterValidator(check)
