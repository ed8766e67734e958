"""What a camera's answer to GetSystemDateAndTime says of its clock.

Not for: asking (``job``), or recorders, whose answers the source's own reader reads.
"""

from dataclasses import dataclass
from typing import Any

from agent.devices.clock import ONVIF_LOCAL, ONVIF_UTC, ClockCheck, compare, onvif_moment
from agent.devices.onvif.transport import Reply
from agent.devices.time_zones import posix_offset, zone_shown
from exchange.clock import SECOND


@dataclass(frozen=True, slots=True)
class ReportedTime:
    """``local_us``: what its local time is ahead of its UTC; 0 where it doesn't tell both."""

    check: ClockCheck
    local_us: int


def reported_clock(reported: Any, reply: Reply) -> ReportedTime | None:
    """``reported``: the SystemDateAndTime. None when it tells no time that can be one."""
    zone = "".join(filter(str.isprintable, ((reported.TimeZone and reported.TimeZone.TZ) or "")[:128]))
    summer = reported.DaylightSavings if isinstance(reported.DaylightSavings, bool) else None
    local = onvif_moment(reported.LocalDateTime)
    east = 0
    if (moment := onvif_moment(reported.UTCDateTime)) is not None:
        method = ONVIF_UTC
        zone = zone_shown(zone, utc=moment, local=local, daylight_saving=summer)
        east = 0 if local is None else local - moment
    elif local is not None:
        offset = posix_offset(zone, daylight_saving=bool(summer))
        if offset is None:
            return None
        moment, method, east = local - offset * SECOND, ONVIF_LOCAL, offset * SECOND
    else:
        return None
    check = compare(
        moment, sent=reply.sent, received=reply.received, method=method, zone=zone, daylight_saving=summer
    )  # fmt: skip
    return ReportedTime(check, east)
