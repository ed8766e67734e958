"""How far a camera's clock is off, and how well that is known: it goes into the evidence, and into the login.

Not for: correcting anything. A camera's clock is never set, and times in its pictures are never changed.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from exchange.clock import SECOND, Instant

ONVIF_UTC = "ONVIF GetSystemDateAndTime"
ONVIF_LOCAL = "ONVIF GetSystemDateAndTime, local time and zone"
HTTP_DATE = "HTTP Date header"

DEVICE_RESOLUTION = SECOND
"""ONVIF and HTTP both tell whole seconds: a device may be up to one further than it says."""


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


def posix_offset(zone: str, *, daylight_saving: bool) -> int | None:
    """Seconds east of UTC that a POSIX TZ string means now; None when it is not one (POSIX.1-2017, 8.3).

    POSIX counts west of Greenwich as positive: "CST-8" is eight hours east. Whether daylight saving is in force is the
    camera's word; it then adds what the string says, or one hour.
    """
    found = re.match(
        r"(?:<[A-Za-z0-9+-]+>|[A-Za-z]{3,})"
        r"(?P<standard>[+-]?\d{1,2}(?::\d{2}){0,2})"
        r"(?:(?:<[A-Za-z0-9+-]+>|[A-Za-z]{3,})(?P<summer>[+-]?\d{1,2}(?::\d{2}){0,2})?)?",
        zone.strip(),
    )
    if not found:
        return None
    standard = -_seconds(found["standard"])
    if not daylight_saving:
        return standard
    return -_seconds(found["summer"]) if found["summer"] else standard + 3600


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


def _seconds(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    hours, minutes, seconds = (*(int(part) for part in text.lstrip("+-").split(":")), 0, 0)[:3]
    return sign * (hours * 3600 + minutes * 60 + seconds)
