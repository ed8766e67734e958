"""Hikvision's clock: what ``/ISAPI/System/time`` says, and whether the ``Z`` in its lists means UTC or local time.

Not for: asking (``api``). Nothing is ever set on a recorder.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from agent.devices.clock import ClockCheck, compare
from agent.devices.device_time import DeviceTime, local_of, utc_of
from agent.devices.time_zones import posix, zone_of
from agent.sources.device.local_list import Stretch, asked_locally, micros, nearest, plausible, resolved
from exchange.bounded_xml import Element
from exchange.clock import MINUTE, SECOND, Window

METHOD = "ISAPI System/time"
_LABEL = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,6})?(Z|[+-]\d\d:?\d\d)?")
_NOW = 2 * MINUTE
"""A recording cannot end later than now by more than this; one that is being written ends within it of now."""


class Meaning(StrEnum):
    """What a time with Z in a list of recordings is."""

    UTC = "utc"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Clock:
    """The recorder's clock, compared with ours; ``zone`` as ``device_time`` takes it. ``note`` for the owner."""

    check: ClockCheck
    zone: str
    note: str = ""


def read_clock(root: Element, *, sent: int, received: int, zone: str) -> Clock:
    """The answer of ``/ISAPI/System/time``; ``zone``: as the owner says, "" to take the recorder's. ValueError when it
    tells no time."""
    label = _LABEL.fullmatch((root.text_at("localTime") or "").strip())
    if not label:
        raise ValueError("it tells no time")
    local = plausible(datetime.fromisoformat(label[1]))
    reported = label[2] or ""
    ours = (sent + received) // 2
    rules = zone or posix(root.text_at("timeZone") or "") or ""
    by_rules = nearest((utc_of(local.replace(fold=fold), zone_of(rules)) for fold in (0, 1)), ours) if rules else None
    by_offset = (
        micros(datetime.fromisoformat(label[1] + _colon(reported)).astimezone(UTC))
        if reported not in ("", "Z")
        else None
    )
    note = ""
    if by_rules is None and by_offset is None:
        shown = micros(local.replace(tzinfo=UTC))
    elif by_rules is None or (by_offset is not None and not zone and abs(by_offset - ours) < abs(by_rules - ours)):
        assert by_offset is not None
        shown, rules = by_offset, _colon(reported)
        if by_rules is not None:
            note = (
                "The recorder does not put its clock forward and back as its own time zone says; its times are read "
                f"as {rules} throughout. Name its zone with --option zone=Europe/London if that is wrong."
            )
    else:
        shown = by_rules
    return Clock(compare(shown, sent=sent, received=received, method=METHOD, zone=rules), rules, note)


# -- times in lists --------------------------------------------------------------------------------------------------


def asked(time: DeviceTime, window: Window, meaning: Meaning) -> tuple[str, str]:
    """What to write as startTime and endTime, to be told of all that a true window holds."""
    if meaning is Meaning.LOCAL:
        start, end = asked_locally(time, window)
    else:
        shown = time.asked(window)
        start, end = (local_of(each, UTC) for each in (shown.start - SECOND, shown.end + SECOND))
    return f"{_to_the_second(start)}Z", f"{_to_the_second(end)}Z"


def stretches(time: DeviceTime, labels: Sequence[tuple[str, str]], meaning: Meaning) -> list[Stretch | None]:
    """The true instants of listed times; None for one that ends before it starts. ValueError when one is no time."""
    read = [(_label(start), _label(end)) for start, end in labels]
    if meaning is Meaning.LOCAL and all(not offset for pair in read for _, offset in pair):
        return resolved(time, [(start, end) for (start, _), (end, _) in read])
    found: list[Stretch | None] = []
    for pair in read:
        start, end = (_true(time, naive, offset, meaning) for naive, offset in pair)
        # Whole seconds: what begins and ends in the same one lasted less than that.
        found.append(Stretch(start, max(end, start + SECOND)) if end >= start else None)
    return found


def _true(time: DeviceTime, naive: datetime, offset: str, meaning: Meaning) -> int:
    if offset:
        return time.from_device(micros(datetime.fromisoformat(naive.isoformat() + offset).astimezone(UTC)))
    if meaning is Meaning.LOCAL:
        return time.from_local(naive)
    return time.from_device(micros(naive.replace(tzinfo=UTC)))


def instants(time: DeviceTime, naive: datetime, meaning: Meaning) -> tuple[int, ...]:
    """All true instants that a time within a file may be."""
    if meaning is Meaning.LOCAL:
        return time.either(naive)
    return (time.from_device(micros(naive.replace(tzinfo=UTC))),)


@dataclass(frozen=True, slots=True)
class Judgement:
    """``certain``: the other meaning would put a recording into the future. Else it only would have to be one that
    ended, to the minute, as long ago as the zone is from UTC."""

    meaning: Meaning
    certain: bool


def judged(ends: Sequence[str], *, shown: int, zone: str) -> Judgement | None:
    """What Z means, by the newest recordings that the recorder lists; None when they don't show it.

    ``shown``: now by the recorder's clock, as UTC. What is recorded this minute ends now: one reading of its label
    says so, the other is hours off, and may lie in the future.
    """
    try:
        newest = max((micros(_label(end)[0].replace(tzinfo=UTC)) for end in ends), default=None)
    except ValueError:
        newest = None
    local = micros(local_of(shown, zone_of(zone)).replace(tzinfo=UTC))
    if newest is None or abs(local - shown) < 4 * _NOW or newest > max(local, shown) + _NOW:
        return None
    later, earlier = (Meaning.LOCAL, Meaning.UTC) if local > shown else (Meaning.UTC, Meaning.LOCAL)
    if newest > min(local, shown) + _NOW:
        return Judgement(later, certain=True)
    return Judgement(earlier, certain=False) if newest >= min(local, shown) - _NOW else None


def zone_matters(zone: str, window: Window) -> bool:
    """Whether local time is another than UTC in a window."""
    return any(micros(local_of(at, zone_of(zone)).replace(tzinfo=UTC)) != at for at in (window.start, window.end))


def _label(text: str) -> tuple[datetime, str]:
    """Naive time, and the offset that it is written with, if another than Z."""
    found = _LABEL.fullmatch(text.strip())
    if not found:
        raise ValueError("a recording has no time that can be read")
    return plausible(datetime.fromisoformat(found[1])), "" if found[2] in (None, "Z") else _colon(found[2])


def _colon(offset: str) -> str:
    return f"{offset[:3]}:{offset[-2:]}" if offset and offset != "Z" else offset


def _to_the_second(moment: datetime) -> str:
    return (moment - timedelta(microseconds=moment.microsecond)).isoformat()
