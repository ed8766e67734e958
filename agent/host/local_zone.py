"""This host's time zone by its name, and the local time of a window, for those who read times in words.

Not for: how cameras tell their zones (``agent.devices.time_zones``), or whether the clock is right (``clock``).
"""

import contextlib
import os
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from exchange.clock import SECOND, Window
from exchange.documents.human_time import zone_text
from exchange.documents.retrieval_facts import LocalTime

_LINK, _NAME = Path("/etc/localtime"), Path("/etc/timezone")
_FROM = "the settings of the machine that made this package"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def zone_name() -> str | None:
    """The IANA name of the zone that this host is set to, such as ``Europe/London``; None when it can't be told."""
    named = [os.environ.get("TZ", "").removeprefix(":")]
    with contextlib.suppress(OSError):
        named.append(str(_LINK.resolve()).partition("zoneinfo/")[2].removeprefix("posix/"))
    with contextlib.suppress(OSError, UnicodeDecodeError):
        named.append(_NAME.read_text("ascii").strip())
    return next((name for name in named if name and _zone(name) is not None), None)


def local_time(window: Window, name: str | None) -> LocalTime:
    """The local time of a window (microseconds UTC) in the zone of this name; without one, by the host's own rules."""
    zone = None if name is None else _zone(name)
    first, last = _offset(window.start, zone), _offset(window.end, zone)
    known = {"zone": name if zone is not None else zone_text(first), "zone_from": _FROM, "offset_minutes": first}
    if first == last:
        return LocalTime.model_validate(known)
    low, high = window.start // SECOND, -(-window.end // SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle * SECOND, zone) == first else (low, middle)
    return LocalTime.model_validate(known | {"changes_at": high * SECOND, "offset_minutes_after": last})


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return None


def _offset(instant: int, zone: tzinfo | None) -> int:
    """Minutes east of UTC; zones of a century ago had seconds too, which are cut."""
    moment = (_EPOCH + timedelta(microseconds=instant)).astimezone(zone)
    east = moment.utcoffset()
    return 0 if east is None else int(east.total_seconds() // 60)
