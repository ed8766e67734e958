"""Times as officers write them: with an offset, or with a named time zone; never guessed.

Not for: time inside the program, which is microseconds UTC (``exchange.clock``).
"""

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from exchange.clock import from_rfc3339, to_rfc3339
from exchange.errors import InputInvalid

HOW_TO_WRITE = "As '2026-05-03 18:30' with --tz, or 2026-05-03T18:30:00+01:00 (Z for UTC)."
"""Of an option that ``read_time`` reads, for its help."""


def read_zone(name: str | None) -> ZoneInfo | None:
    """``Europe/London``. InputInvalid for a zone that doesn't exist."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputInvalid(f"There is no time zone {name!r}.", do="Write it as in Europe/London.") from None


def read_time(text: str, zone: ZoneInfo | None) -> int:
    """``2026-11-21T10:00:00Z``, ``2026-11-21 10:00+01:00``, or without an offset if there is a ``zone``.

    Microseconds UTC. InputInvalid for anything else, also for a local time that the zone has twice or never.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InputInvalid(f"{text!r} is no time.", do=f"Write it {HOW_TO_WRITE.replace('As', 'as', 1)}") from None
    if moment.tzinfo is None:
        if zone is None:
            raise InputInvalid(
                f"The time {text!r} doesn't say in which time zone it is.",
                meaning="An hour's error would ask for the wrong footage.",
                do="Add the offset (Z for UTC, +01:00), or name the zone: --tz Europe/London.",
            )
        moment = _place(moment, zone, text)
    return from_rfc3339(moment.isoformat())


def show_time(instant: int, zone: ZoneInfo | None) -> str:
    """For a person: local time with its offset where a zone is named, else UTC; to the second."""
    if zone is None:
        return to_rfc3339(instant)[:19].replace("T", " ") + "Z"
    return datetime.fromtimestamp(instant // 1_000_000, zone).isoformat(" ")


def _place(moment: datetime, zone: ZoneInfo, text: str) -> datetime:
    early, late = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if early.utcoffset() != late.utcoffset():
        raise InputInvalid(
            f"The time {text!r} exists twice or not at all in {zone.key}: the clocks change then.",
            do=f"Write the offset: {early.isoformat()} or {late.isoformat()}.",
        )
    return early
