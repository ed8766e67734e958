"""What is known of a camera's clock, in words that somebody on a jury understands.

Not for: measuring it (``agent.devices.clock``), or the page that they stand on (``exchange.package.readme``).
"""

from datetime import datetime, timedelta

from exchange.clock import DAY, HOUR, MINUTE, SECOND, Window
from exchange.documents.clock_facts import ClockCheck, Clocks
from exchange.documents.evidence import Evidence
from exchange.documents.human_time import (
    change_text,
    duration_text,
    host_clock_text,
    long_date,
    offset_text,
    range_text,
    time_text,
    zone_text,
)
from exchange.documents.retrieval_facts import LocalTime, wall_clock

_NOT_CORRECTED = "This was not corrected in the pictures: a time shown in them is the camera’s own."
_NEVER_CHECKED = (
    "This camera’s clock was never compared with another clock. "
    "A time shown in the pictures may be wrong by any amount."
)
_TENTH = SECOND // 10


def display_sentences(evidence: Evidence) -> list[str]:
    """How a time that the camera shows in its pictures becomes the true time: an example, and what it rests on.

    By the first moment that was delivered. Empty when the clock was never compared with another.
    """
    clocks, windows = evidence.clocks, evidence.windows
    check, shown = clocks.camera, windows.delivered_as_displayed
    if check is None or shown is None:
        return []
    displayed = datetime.fromisoformat(shown.start)
    zone = round((displayed.utcoffset() or timedelta(0)).total_seconds()) // 60
    local = evidence.local_time or LocalTime(zone=zone_text(zone), zone_from="the camera", offset_minutes=zone)
    start, offset = windows.delivered.start, local.offset_at(windows.delivered.start)
    sure = check.zone is not None or zone != 0
    apart = (zone - offset) * MINUTE if sure else 0
    face = wall_clock(start + check.offset_us + apart, offset).replace(microsecond=0)
    sentences = [_range_sentence(clocks, face, apart) or _example(clocks, face, apart)]
    if not sure:
        sentences.append("The camera did not say which time zone it shows; this holds if it shows local time.")
    elif apart and clocks.camera_range is None:
        sentences.append(
            f"Of this, {_spoken(apart)} is because the camera is set to another time zone "
            f"({zone_text(zone)}) than the place was in ({zone_text(offset)}); "
            f"apart from that, its clock was {_fast(check.offset_us, _bound(clocks, check))}."
        )
    if evidence.local_time is not None:
        where = f"that of {local.zone}, " if is_place(local.zone) else ""
        sentences.append(f"Local time is {where}{zone_text(offset)}, from {local.zone_from}.")
    if not clocks.host_synchronised:
        sentences.append(
            f"What is called the true time here is that of {check.reference_source}, and nothing shows that this clock "
            "was right."
        )
    return sentences


def is_place(zone: str) -> bool:
    """Whether a zone has a name that a reader knows, such as ``Europe/London``; a camera may write it as rules."""
    return "/" in zone and "," not in zone


def _example(clocks: Clocks, face: datetime, apart: int) -> str:
    """``When the camera’s display shows 15:04:10 …``; ``face``: what it shows, to the second."""
    check = clocks.camera
    assert check is not None
    within = _bound(clocks, check)
    fast, within = _rounded(check.offset_us + apart, within)
    if not fast:
        return (
            f"When the camera’s display shows {_clock(face)} on {long_date(face)}, that is the true local time, "
            f"plus or minus {_spoken(within)}."
        )
    true = face - timedelta(microseconds=fast)
    day = f" on {long_date(true)}" if true.date() != face.date() else ""
    return (
        f"When the camera’s display shows {_clock(face)} on {long_date(face)}, the true local time was "
        f"{_clock(true)}{day}: the camera is {_spoken(fast)} {'fast' if fast > 0 else 'slow'}, "
        f"plus or minus {_spoken(within)}."
    )


def _range_sentence(clocks: Clocks, face: datetime, apart: int) -> str | None:
    """The same where the clock was set, or ran away, between two comparisons."""
    if clocks.camera_range is None or clocks.camera is None:
        return None
    lies = clocks.camera_range
    earliest = face - timedelta(microseconds=-(-(lies.to_us + apart) // SECOND) * SECOND)
    latest = face - timedelta(microseconds=(lies.from_us + apart) // SECOND * SECOND)
    days = earliest.date() != face.date() or latest.date() != face.date()
    first, last = ((f"{_clock(each)} on {long_date(each)}" if days else _clock(each)) for each in (earliest, latest))
    return (
        f"When the camera’s display shows {_clock(face)} on {long_date(face)}, the true local time was somewhere "
        f"between {first} and {last}. It can’t be told more exactly, because the camera’s clock was not "
        "the same at two comparisons."
    )


def _bound(clocks: Clocks, check: ClockCheck) -> int:
    """Microseconds by which the comparison may be wrong, with what the host's keeper says of its own clock."""
    host = clocks.host
    if host is None or host.uncertainty_us is None:
        return check.uncertainty_us
    return check.uncertainty_us + host.uncertainty_us + abs(host.offset_us or 0)


def _rounded(value: int, within: int) -> tuple[int, int]:
    """Whole seconds, or tenths where both are small; what is added or lost by it is in the bound."""
    step = SECOND if abs(value) >= MINUTE or within >= SECOND // 2 else _TENTH
    near = (abs(value) + step // 2) // step * step * (1 if value >= 0 else -1)
    return near, max(step, -(-(within + abs(value - near)) // step) * step)


def _fast(offset_us: int, within: int) -> str:
    fast, within = _rounded(offset_us, within)
    bound = f"plus or minus {_spoken(within)}"
    return f"{_spoken(fast)} {'fast' if fast > 0 else 'slow'}, {bound}" if fast else f"right, {bound}"


def _spoken(microseconds: int) -> str:
    """``40 minutes 20 seconds``, ``3.2 seconds``, ``1 hour``: in whole words, zeros at the end left out."""
    left = abs(microseconds)
    parts: list[tuple[int | float, str]] = []
    for size, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        count, left = divmod(left, size)
        if count:
            parts.append((count, name))
    seconds = round(left / SECOND, 1)
    if seconds or not parts:
        parts.append((int(seconds) if seconds == int(seconds) else seconds, "second"))
    return " ".join(f"{count} {name}{'' if count == 1 else 's'}" for count, name in parts)


def _clock(moment: datetime) -> str:
    tenths = moment.microsecond // _TENTH
    return f"{moment:%H:%M:%S}" + (f".{tenths}" if tenths else "")


def clock_sentences(clocks: Clocks, delivered: Window | None = None) -> list[str]:
    """What is known of the camera's clock, in words, as it was when the delivered window was recorded."""
    check = clocks.camera
    if check is None:
        sentences = [_NEVER_CHECKED]
    elif clocks.camera_range is not None and clocks.camera_other is not None:
        both = sorted((check, clocks.camera_other), key=lambda each: each.at)
        least, most = clocks.camera_range.from_us, clocks.camera_range.to_us
        lies = range_text(least, most, check.reference_source)
        sentences = [
            f"The camera’s clock {change_text(least, most)} between two comparisons, and nobody knows when.",
            f"While this was recorded, it may have been {lies}.",
            *(f"{_offset_text(each)} {_measured(each)}" for each in both),
            _NOT_CORRECTED,
        ]
    else:
        sentences = [_offset_text(check), _measured(check), *_one_sided(clocks, delivered), _NOT_CORRECTED]
    sentences.append(f"The UTC times on this page come from {clocks.utc_from}.")
    sentences.append(_host_text(clocks))
    return sentences


def host_warning(clocks: Clocks) -> str | None:
    """What stands out on the page when the host's own clock is not known to be right."""
    if clocks.host_synchronised:
        return None
    state = "did not follow" if clocks.host_synchronised is False else "may not have followed"
    return f"The clock of the host that made this package {state} a time server: all times here may be wrong."


def _host_text(clocks: Clocks) -> str:
    host = clocks.host
    if host is None:
        return f"That host’s own clock {host_clock_text(clocks.host_synchronised, 'a program not named', None, None)}."
    words = host_clock_text(clocks.host_synchronised, host.source, host.offset_us, host.uncertainty_us)
    return f"Asked on {time_text(host.at)}, that host said of its own clock: it {words}."


def _short(instant: int) -> str:
    return time_text(instant, zone=False)


def _offset_text(check: ClockCheck) -> str:
    within = f"give or take {duration_text(check.uncertainty_us)}"
    if abs(check.offset_us) <= check.uncertainty_us:
        return f"The camera’s clock showed the same time as {check.reference_source}, {within}."
    return f"The camera’s clock was {offset_text(check.offset_us)} {check.reference_source}, {within}."


def _measured(check: ClockCheck) -> str:
    at, device, reference = time_text(check.at), _short(check.device_time), _short(check.reference_time)
    return f"Measured on {at}, by {check.method}: the camera said {device} when the reference said {reference}."


def _one_sided(clocks: Clocks, delivered: Window | None) -> list[str]:
    """Whether the clock may have been set between the recording and the comparison, without anybody knowing."""
    if clocks.camera is None or delivered is None:
        return []
    if clocks.camera_other is not None:
        return [f"A comparison on the other side of the recording, on {time_text(clocks.camera_other.at)}, agrees."]
    side = "before" if clocks.camera.at >= delivered.start else "after"
    return [f"There is none from {side} the recording that would show whether the clock was set in between."]
