"""Times and durations as a person reads them, in plain English and always with their zone.

Not for: times that a program reads (``exchange.clock``).
"""

from datetime import datetime

from exchange.clock import DAY, HOUR, MINUTE, SECOND, to_rfc3339

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def time_text(instant: int, zone: bool = True) -> str:
    """``Saturday 14 March 2026, 09:00:00.000 UTC``, or without day of week and zone; cut to milliseconds."""
    text = to_rfc3339(instant)
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    date, clock = f"{day} {_MONTHS[month - 1]} {year}", text[11:23]
    if not zone:
        return f"{date}, {clock}"
    return f"{_DAYS[datetime(year, month, day).weekday()]} {date}, {clock} UTC"  # noqa: DTZ001 - a date only


def long_date(moment: datetime) -> str:
    """``14 March 2026``."""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def wall_text(moment: datetime) -> str:
    """``14 March 2026, 10:00:03.200``: a date and time as they stand, cut to milliseconds."""
    return f"{long_date(moment)}, {moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"


def zone_text(minutes: int) -> str:
    """``UTC+01:00`` for so many minutes east of UTC."""
    sign, minutes = "-" if minutes < 0 else "+", abs(minutes)
    return f"UTC{sign}{minutes // 60:02d}:{minutes % 60:02d}"


def device_time_text(text: str) -> tuple[str, str]:
    """``14 March 2026, 10:00:03.200`` and ``UTC+01:00`` from RFC 3339 with an offset."""
    moment = datetime.fromisoformat(text)
    zone = moment.strftime("%z")
    return wall_text(moment), f"UTC{zone[:3]}:{zone[3:5]}"


def duration_text(microseconds: int) -> str:
    """``3.2 s``, ``41 min 7 s``, ``1 h 0 min 3 s``, ``2 days 3 h``; to the millisecond below a minute."""
    left = abs(microseconds)
    if left < MINUTE:
        text = f"{left / SECOND:.3f}".rstrip("0").rstrip(".")
        return f"{text} s"
    seconds = (left + SECOND // 2) // SECOND
    days, seconds = divmod(seconds, DAY // SECOND)
    hours, seconds = divmod(seconds, HOUR // SECOND)
    minutes, seconds = divmod(seconds, 60)
    if days:
        return f"{days} day{'' if days == 1 else 's'} {hours} h"
    if hours:
        return f"{hours} h {minutes} min {seconds} s"
    return f"{minutes} min {seconds} s"


def offset_text(offset_us: int) -> str:
    """``3.2 s ahead of``, ``41 min 7 s behind``."""
    return f"{duration_text(offset_us)} {'ahead of' if offset_us > 0 else 'behind'}"


def range_text(from_us: int, to_us: int, reference: str) -> str:
    """``anywhere from 0.1 s behind to 1 min 0 s ahead of this machine's``."""
    if from_us < 0 < to_us:
        return f"anywhere from {duration_text(from_us)} behind to {duration_text(to_us)} ahead of {reference}"
    near, far = sorted((from_us, to_us), key=abs)
    return f"anywhere from {duration_text(near)} to {offset_text(far)} {reference}"


def change_text(from_us: int, to_us: int) -> str:
    """What a clock did whose error lay between these two, to follow its name: no quartz runs off by seconds."""
    return "was set, or ran away," if to_us - from_us > SECOND else "gained or lost a little"


def host_clock_text(synchronised: bool | None, source: str, offset_us: int | None, uncertainty_us: int | None) -> str:
    """Whether a host's own clock can be trusted, to follow its name: ``follows a time server (…): …``."""
    if synchronised is None:
        return "could not be asked whether it follows a time server: it may be wrong by any amount"
    if not synchronised:
        by = "" if source.startswith("nothing") else f" (kept by {source})"
        return f"does not follow a time server{by}: it may be wrong by any amount"
    follows = f"follows a time server (kept by {source})"
    if uncertainty_us is None:
        return f"{follows}; how far off it is, is not told"
    within = max(uncertainty_us, 1000)
    if offset_us is None or abs(offset_us) <= within:
        return f"{follows}: right to {duration_text(abs(offset_us or 0) + within)}, by its own account"
    far = f"{offset_text(offset_us)} the true time, give or take {duration_text(within)}"
    return f"{follows}: {far}, by its own account"
