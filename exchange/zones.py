"""The time zone that this machine is set to.

Not for: reading times (``exchange.clock``).
"""

import contextlib
import os
from pathlib import Path
from zoneinfo import ZoneInfo

_LINK, _NAME = Path("/etc/localtime"), Path("/etc/timezone")
_NOWHERE = frozenset(("UTC", "UCT", "Zulu", "Universal", "GMT", "GMT0", "Greenwich"))
"""What a machine is set to that nobody told where it is; a place that has this time is set to it by another name."""


def zone_name() -> str | None:
    """The IANA name of the zone that this host is set to, such as ``Europe/London``; None when it names no place."""
    named = [os.environ.get("TZ", "").removeprefix(":")]
    with contextlib.suppress(OSError):
        named.append(str(_LINK.resolve()).partition("zoneinfo/")[2].removeprefix("posix/"))
    with contextlib.suppress(OSError, UnicodeDecodeError):
        named.append(_NAME.read_text("ascii").strip())
    found = next((name for name in named if name and _zone(name) is not None), None)
    return None if found is None or found.removeprefix("Etc/") in _NOWHERE else found


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return None
