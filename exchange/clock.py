"""Time as Handover keeps it: integer microseconds since 1970-01-01T00:00:00Z, from an injected clock.

Not for: local time (that appears only where a person reads, with its offset), or a media file's own time.
"""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Protocol

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UTC_EPOCH = _EPOCH.replace(tzinfo=None)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-][0-2]\d:[0-5]\d)", re.ASCII)


class Clock(Protocol):
    """Where "now" comes from; passed to whatever needs it, never read in the middle of a function."""

    def now(self) -> int:
        """UTC in microseconds since the epoch; may step when the host's clock is set."""
        ...

    def monotonic(self) -> int:
        """Microseconds that only go forward, also while the host sleeps, from a start that changes when it boots."""
        ...


class SystemClock:
    """The host's clock."""

    def now(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class ShiftedClock(SystemClock):
    """This host's clock, shifted: for a process that is told by how much the clock that counts is ahead of it."""

    def __init__(self, shift_us: int) -> None:
        self.shift_us = shift_us

    def now(self) -> int:
        return super().now() + self.shift_us


def to_rfc3339(instant: int) -> str:
    """Microseconds to ``2026-11-21T10:00:00.000000Z``: always six digits, always Z (RFC 3339)."""
    return (_UTC_EPOCH + timedelta(microseconds=instant)).isoformat(timespec="microseconds") + "Z"


def from_rfc3339(text: str) -> int:
    """An RFC 3339 time *with an offset* to microseconds. ValueError when it has none, or is no time at all."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"the time {text!r} has no offset: write Z for UTC, or +01:00")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def read_time(text: str) -> int:
    """A time as documents write it: RFC 3339 and nothing else of ISO 8601. ValueError for any other form."""
    if not _RFC3339.fullmatch(text):
        raise ValueError("a time is written as in RFC 3339, with its offset or Z, such as 2026-11-21T10:00:00.000000Z")
    return from_rfc3339(text)


_END_OF_TIME = 253_402_300_800 * SECOND
"""9999-12-31T24:00:00Z: what RFC 3339 can write lies before it."""


def _parse(value: object, info: ValidationInfo) -> object:
    instant = read_time(value) if isinstance(value, str) else value
    if info.mode == "json" and not isinstance(value, str):
        raise ValueError("a time is written as a string, such as 2026-11-21T10:00:00Z")
    if isinstance(instant, int) and not 0 <= instant < _END_OF_TIME:
        raise ValueError("a time must lie between 1970 and 9999")
    return instant


Instant = Annotated[int, BeforeValidator(_parse), PlainSerializer(to_rfc3339, return_type=str, when_used="json")]
"""Microseconds since the epoch in Python, an RFC 3339 string with Z in JSON."""


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open stretch of UTC, ``start <= t < end``, in microseconds."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"a window must end after it starts ({to_rfc3339(self.start)})")

    @property
    def duration(self) -> int:
        """Microseconds."""
        return self.end - self.start

    def intersect(self, other: "Window") -> "Window | None":
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Window(start, end) if start < end else None

    def __str__(self) -> str:
        return f"{to_rfc3339(self.start)} to {to_rfc3339(self.end)}"
