"""A device's own time: true UTC to what its clock and its zone make of it, and back, the repeated hour too.

Not for: measuring how far a clock is off (``agent/devices/clock.py``), or what a person reads.

A device that speaks local time writes the same hour twice when summer ends. Where nothing tells which of the two is
meant, ``fold`` does: 0 is the first (summer time), 1 the second (PEP 495).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from itertools import pairwise

from agent.devices.time_zones import zone_of as zone_of
from exchange.clock import HOUR, Window

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 the naive one, which local times are counted from
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class DeviceTime:
    """How one device's times relate to true UTC.

    ``offset_us``: its clock minus ours; ``uncertainty_us``: how far off that may be. ``zone``: an IANA name such as
    "Europe/London" or a POSIX TZ string such as "GMT0BST,M3.5.0/1,M10.5.0"; "" for a device that speaks UTC.
    """

    offset_us: int = 0
    uncertainty_us: int = 0
    zone: str = ""

    @cached_property
    def _zone(self) -> tzinfo:
        return zone_of(self.zone)

    # -- by the device's clock, in UTC --

    def to_device(self, instant: int) -> int:
        """What the device's clock shows, as UTC, at a true instant."""
        return instant + self.offset_us

    def from_device(self, shown: int) -> int:
        """The true instant at which the device's clock shows this UTC."""
        return shown - self.offset_us

    def asked(self, window: Window) -> Window:
        """The window to ask a device for: in its time, and wider by what is uncertain."""
        start = max(0, self.to_device(window.start) - self.uncertainty_us)
        return Window(start, self.to_device(window.end) + self.uncertainty_us)

    # -- by the device's clock, in its local time --

    def to_local(self, instant: int) -> datetime:
        """What the device displays at a true instant: naive, with ``fold`` 1 in the second of a repeated hour."""
        return local_of(self.to_device(instant), self._zone)

    def from_local(self, shown: datetime) -> int:
        """The true instant of a displayed (naive) time; by its ``fold`` in a repeated hour."""
        return self.from_device(utc_of(shown, self._zone))

    def either(self, shown: datetime) -> tuple[int, ...]:
        """All true instants that a displayed time may mean: two in a repeated hour, the first one first."""
        both = (self.from_device(utc_of(shown.replace(fold=fold), self._zone)) for fold in (0, 1))
        return tuple(dict.fromkeys(both)) if self._ambiguous(shown) else (self.from_local(shown),)

    def _ambiguous(self, shown: datetime) -> bool:
        first, second = (utc_of(shown.replace(fold=fold), self._zone) for fold in (0, 1))
        return second > first

    def local_windows(self, window: Window) -> list[tuple[datetime, datetime]]:
        """What to ask a device for that takes local times without a zone, so that nothing of a true window is missed.

        One pair, unless a change of the clocks lies inside: then one for each side of it, as a device that compares
        local times would otherwise take an hour too little, or the end for earlier than the start.
        """
        asked = Window(self.to_device(window.start), self.to_device(window.end))
        edges = [asked.start, *changes(self._zone, asked), asked.end]
        pairs = []
        for start, end in pairwise(edges):
            shift = _east(start, self._zone)
            pairs.append((_naive(start + shift), _naive(end + shift)))
        return pairs

    def resolve(self, shown: list[datetime], near: int | None = None) -> list[int]:
        """True instants of displayed times that are known to follow each other, as in a recorder's list.

        A repeated hour's two halves are told apart by that order; ``near`` is a true instant before the first.
        """
        found: list[int] = []
        before = near
        for each in shown:
            choices = self.either(each)
            chosen = next((choice for choice in choices if before is None or choice >= before), choices[-1])
            found.append(chosen)
            before = chosen
        return found


def local_of(instant: int, zone: tzinfo) -> datetime:
    """Local time at a UTC instant, naive, ``fold`` set."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=instant)
    return moment.astimezone(zone).replace(tzinfo=None)


def utc_of(local: datetime, zone: tzinfo) -> int:
    """The UTC instant of a naive local time by its ``fold``. A time that the clocks skip is read as if they had not
    been put forward yet (PEP 495: ``fold`` 0), which is what a device shows that is late to do so."""
    return (local.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None) - _EPOCH) // _TICK


def changes(zone: tzinfo, window: Window) -> list[int]:
    """The UTC instants inside a window at which the zone's offset changes."""
    found: list[int] = []
    at = window.start
    while at < window.end:
        following = min(at + 12 * HOUR, window.end)
        if _east(at, zone) != _east(following, zone):
            low, high = at, following
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _east(middle, zone) == _east(at, zone) else (low, middle)
            if high < window.end:
                found.append(high)
        at = following
    return found


def _east(instant: int, zone: tzinfo) -> int:
    """Microseconds east of UTC."""
    return (local_of(instant, zone) - _naive(instant)) // _TICK


def _naive(counted: int) -> datetime:
    return _EPOCH + timedelta(microseconds=counted)
