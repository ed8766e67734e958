"""How far a camera's clock is off, and how well that is known: it goes into the evidence, and into the login.

Not for: correcting anything. A camera's clock is never set, and times in its pictures are never changed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator, Iterable
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from exchange.clock import SECOND, Instant

ONVIF_UTC = "ONVIF GetSystemDateAndTime"
ONVIF_LOCAL = "ONVIF GetSystemDateAndTime, local time and zone"
HTTP_DATE = "HTTP Date header"

DEVICE_RESOLUTION = SECOND
"""ONVIF and HTTP both tell whole seconds: a device may be up to one further than it says."""
DRIFT_PPM = 100
"""How fast a device's clock may run away from a check: eight seconds a day, more than a cheap quartz."""
MOST_QUESTIONS = 6
"""Of one narrowed comparison: as few as the goal needs, as a device has other things to do."""
LONGEST = 5 * SECOND
"""Microseconds that a narrowed comparison may take."""
ENOUGH = 30_000
"""Microseconds of uncertainty at which no more is asked."""


class ClockCheck(BaseModel):
    """One comparison of a camera's clock with ours; instants and spans in microseconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device_time: Instant
    """What the camera said."""
    reference_time: Instant
    """Our clock, halfway between asking and having the answer."""
    offset_us: int
    """``device_time - reference_time``: positive when the camera's clock is ahead."""
    uncertainty_us: Annotated[int, Field(ge=0)]
    """The true offset lies within so much of ``offset_us``, if our own clock is right."""
    method: str
    at: Instant
    """When, by our clock; the same moment as ``reference_time``."""
    zone: str = ""
    """The time zone that the camera is set to, as it tells it (ONVIF: a POSIX TZ string)."""
    daylight_saving: bool | None = None
    """Whether it says that daylight saving is in force; None when it does not say."""


def compare(
    device_time: int,
    *,
    sent: int,
    received: int,
    method: str,
    zone: str = "",
    daylight_saving: bool | None = None,
) -> ClockCheck:
    """The comparison from one question and answer: half the round trip and the device's second are uncertain."""
    middle = (sent + received) // 2
    return ClockCheck(
        device_time=device_time,
        reference_time=middle,
        offset_us=device_time - middle,
        uncertainty_us=(max(0, received - sent) + 1) // 2 + DEVICE_RESOLUTION,
        method=method,
        at=middle,
        zone=zone,
        daylight_saving=daylight_saving,
    )


def intersected(checks: Iterable[ClockCheck]) -> ClockCheck | None:
    """One comparison from several that ``compare`` made shortly after each other; None when they contradict each other.

    A device that tells whole seconds tells the full ones (ONVIF's and HTTP's times are such): its clock was at what it
    said when it was asked, or less than a second further. What all the answers leave is where the offset lies; it is
    narrowest when two of them lie closely around the turn of a second. A device that rounds, or tells a time that it
    keeps for longer than a second, gives answers that contradict each other in most cases.
    """
    found = [(*_bounds(check), check) for check in checks]
    low, high = max(each[0] for each in found), min(each[1] for each in found)
    if low > high:
        return None
    # The first answer after the turn of the second: by our clock, it turned at its time less the offset.
    turned = max(found, key=lambda each: each[0])[2]
    offset = (low + high) // 2
    reference = turned.device_time - offset
    return turned.model_copy(
        update={
            "reference_time": reference,
            "offset_us": offset,
            "uncertainty_us": (high - low + 1) // 2,
            "method": f"{turned.method}, asked {len(found)} times around the turn of its second",
            "at": reference,
        }
    )


def _bounds(check: ClockCheck) -> tuple[int, int]:
    """Least and largest offset that one question and answer leave, of a device that tells full seconds."""
    travel = check.uncertainty_us - DEVICE_RESOLUTION
    return check.offset_us - travel, check.offset_us + DEVICE_RESOLUTION + travel


Again = Callable[[], ClockCheck | None]
"""Asks once more; None when the device has no answer now."""


def narrow(
    first: ClockCheck, again: Again, now: Callable[[], int], pause: Callable[[float], None] = time.sleep
) -> ClockCheck:
    """Ask more often, when the device's second is expected to turn, until its offset is known to some hundredths of a
    second. The first comparison when that leads to nothing. Blocks, up to five seconds; ``now``: our clock."""
    steps = _questions(first, now)
    wait = next(steps)
    while True:
        pause(wait)
        try:
            wait = steps.send(again())
        except StopIteration as done:
            found: ClockCheck = done.value
            return found


async def narrow_async(
    first: ClockCheck, again: Callable[[], Awaitable[ClockCheck | None]], now: Callable[[], int]
) -> ClockCheck:
    """``narrow``, of questions that are awaited."""
    steps = _questions(first, now)
    wait = next(steps)
    while True:
        await asyncio.sleep(wait)
        try:
            wait = steps.send(await again())
        except StopIteration as done:
            found: ClockCheck = done.value
            return found


def _questions(first: ClockCheck, now: Callable[[], int]) -> Generator[float, ClockCheck | None, ClockCheck]:
    """Yields seconds to wait before the next question, takes its answer, returns what is known in the end.

    Each question is to reach the device in the middle of the time in which its second may turn: that halves what is
    left, so that five do what polling would need thirty for.
    """
    checks, known, started = [first], first, now()
    while True:
        low, high = (
            _bounds(known)
            if known is first
            else (
                known.offset_us - known.uncertainty_us,
                known.offset_us + known.uncertainty_us,
            )
        )
        travel = checks[-1].uncertainty_us - DEVICE_RESOLUTION
        reaches = now() + travel
        wait = (-(low + high) // 2 - reaches) % SECOND
        answer = yield wait / SECOND
        if answer is None or answer.method != first.method:
            return known
        checks.append(answer)
        better = intersected(checks)
        if better is None:
            return first
        known = better
        late = now() - started > LONGEST - SECOND
        if known.uncertainty_us <= ENOUGH or len(checks) == MOST_QUESTIONS or late or 2 * travel > SECOND:
            return known


def http_date(text: str) -> int | None:
    """An HTTP Date header (RFC 9110, 5.6.7) in microseconds; None when it is not one."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return civil(moment)


def civil(moment: datetime) -> int:
    """A datetime with an offset, in microseconds."""
    return round(moment.timestamp()) * SECOND


def onvif_moment(reported: Any) -> int | None:
    """An ONVIF DateTime as if it were UTC, in microseconds; None when a part is missing or impossible."""
    try:
        day, time = reported.Date, reported.Time
        days = date(day.Year, day.Month, day.Day).toordinal() - date(1970, 1, 1).toordinal()
        # Some count to 60 or 24; the sum is still the moment they mean.
        return (days * 86400 + int(time.Hour) * 3600 + int(time.Minute) * 60 + int(time.Second)) * SECOND
    except (AttributeError, TypeError, ValueError, OverflowError):
        return None
