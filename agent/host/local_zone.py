"""The local time where the cameras are, for those who read times in words: by this host's zone, or else the camera's.

Not for: which zone this host is set to (``exchange.zones``), how cameras tell theirs (``agent.devices.time_zones``), or
whether the clock is right (``clock``).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from exchange.clock import SECOND, Window
from exchange.documents.retrieval_facts import LocalTime

_HOST = "the settings of the machine that made this package"
_CAMERA = "what the camera said of its own clock"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Offset = Callable[[int], int]
"""Minutes east of UTC at an instant (microseconds UTC)."""


def hosts_time(window: Window, name: str) -> LocalTime:
    """The local time of a window (microseconds UTC) in this host's zone, ``exchange.zones.zone_name``."""
    zone = ZoneInfo(name)

    def offset(instant: int) -> int:
        east = (_EPOCH + timedelta(microseconds=instant)).astimezone(zone).utcoffset()
        return 0 if east is None else int(east.total_seconds() // 60)

    return _local_time(window, name, _HOST, offset)


def cameras_time(window: Window, name: str, offset: Offset) -> LocalTime:
    """The same by the zone that the camera said that its clock is set to; ``name``: as it wrote it."""
    return _local_time(window, name, _CAMERA, offset)


def _local_time(window: Window, name: str, zone_from: str, offset: Offset) -> LocalTime:
    first, last = offset(window.start), offset(window.end)
    known = {"zone": name, "zone_from": zone_from, "offset_minutes": first}
    if first == last:
        return LocalTime.model_validate(known)
    low, high = window.start // SECOND, -(-window.end // SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if offset(middle * SECOND) == first else (low, middle)
    return LocalTime.model_validate(known | {"changes_at": high * SECOND, "offset_minutes_after": last})
