"""A recorder's list of recordings in its local time: which true instants its times mean, the repeated hour too.

Not for: how a list is asked for (a brand's ``api``), or the device's clock (``device_time``).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from agent.devices.device_time import DeviceTime, changes
from agent.devices.time_zones import zone_of
from exchange.clock import HOUR, SECOND, Window, to_rfc3339

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_TOUCH = 2 * SECOND
"""Files follow each other; whole seconds may make them overlap by so much."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """True instants of a listed recording. ``sure``: no other hour can be meant."""

    start: int
    end: int
    sure: bool = True


def asked_locally(time: DeviceTime, window: Window) -> tuple[datetime, datetime]:
    """From when to when, in the device's local time, to ask so that nothing of a true window is missed.

    Near a change of the clocks it is wider by hours: only what was recorded before and after tells one half of a
    repeated hour from the other.
    """
    lead = time.uncertainty_us + _TOUCH
    wide = Window(max(0, window.start - lead), window.end + lead)
    near = [
        time.from_device(at)
        for at in changes(zone_of(time.zone), Window(time.to_device(wide.start) - 2 * HOUR, wide.end + 26 * HOUR))
        if at - 3 * HOUR < time.to_device(wide.end)
    ]
    for change in near:
        wide = Window(min(wide.start, change - 2 * HOUR), max(wide.end, change + 2 * HOUR))
    pairs = time.local_windows(wide)
    return min(start for start, _ in pairs), max(end for _, end in pairs)


def resolved(time: DeviceTime, shown: Sequence[tuple[datetime, datetime]]) -> list[Stretch | None]:
    """True instants of listed local times (naive), given in the order of recording. None for one that is said to end
    before it starts.

    A recording that begins in the first half of a repeated hour may end in the second; one that may lie in either is
    in the first half that lies after what is listed before it.
    """
    found: list[Stretch | None] = []
    before: int | None = None
    for start, end in shown:
        choices = list(_stretches(time, start, end))
        if not choices:
            found.append(None)
            continue
        fits = [each for each in choices if before is None or each.start >= before - _TOUCH]
        chosen = (fits or choices[-1:])[0]
        # The other half is ruled out by what is listed before; without that, nobody can tell.
        sure = len(choices) == 1 or len(fits) == 1
        found.append(replace(chosen, sure=sure))
        before = chosen.end
    return found


def _stretches(time: DeviceTime, start: datetime, end: datetime) -> Iterable[Stretch]:
    """What a listed pair of times may mean, the earliest first; the shortest of those with one beginning."""
    # Whole seconds: what begins and ends in the same one lasted less than that.
    ends = time.either(end if end != start else end + timedelta(seconds=1))
    for begin in time.either(start):
        after = [each for each in ends if each > begin]
        if after:
            yield Stretch(begin, min(after))


BACKWARDS = "The recorder lists a recording that ends before it starts, as when its clock was set; it was left out."
SUB_STREAM = "The main stream was not recorded then: this is the sub-stream, with smaller pictures."


Listed = TypeVar("Listed")


def within(
    listed: Sequence[Listed], stretches: Sequence[Stretch | None], window: Window, notes: list[str]
) -> Iterator[tuple[Listed, Stretch]]:
    """What of a list lies in a window, with its true instants; ``notes`` is told of what can't be used or is unsure."""
    for item, stretch in zip(listed, stretches, strict=True):
        if stretch is None:
            notes.append(BACKWARDS)
        elif stretch.start < window.end and stretch.end > window.start:
            if not stretch.sure:
                notes.append(
                    f"The recorder's clock shows this hour twice: what is taken for {to_rfc3339(stretch.start)} may "
                    "have been recorded an hour later."
                )
            yield item, stretch


def plausible(moment: datetime) -> datetime:
    """A time that a recorder can have shown. ValueError for a year before 1971 or after 2199."""
    if not 1971 <= moment.year <= 2199:
        raise ValueError(f"it tells a time in the year {moment.year}")
    return moment


def nearest(choices: Iterable[int], to: int) -> int:
    """The instant that is nearest to another."""
    return min(choices, key=lambda each: abs(each - to))


def micros(moment: datetime) -> int:
    """A datetime with an offset in microseconds."""
    return (moment - _EPOCH) // _TICK
