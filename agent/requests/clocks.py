"""What a plan and a manifest say of clocks: this host's, and the camera's around a window.

Not for: asking the host (``agent/host/clock.py``) or a camera (``agent/cameras``).
"""

from agent.cameras.stored import facts_of
from agent.devices.clock import ClockCheck
from agent.devices.clock_history import Around, checks_around
from agent.devices.time_zones import seconds_east
from agent.host.clock import NOTHING, HostClock
from agent.store.database import CameraRow, Transaction
from exchange.clock import MINUTE, SECOND, Window
from exchange.documents.clock_facts import ClockCheck as ClockCheckEntry
from exchange.documents.clock_facts import HostClock as HostClockEntry
from exchange.documents.clock_facts import OffsetRange
from exchange.documents.evidence import DisplayedStretch, as_displayed
from exchange.documents.letters import harmless

REFERENCE = "the recording host's clock"


def host_clock_entry(host: HostClock, at: int) -> HostClockEntry:
    """What this host said of its own clock, within the manifest's limits."""
    source = "".join(letter for letter in host.source if letter.isprintable())[:200] or NOTHING
    return HostClockEntry(source=source, offset_us=host.offset_us, uncertainty_us=host.uncertainty_us, at=at)


async def clock_around(tx: Transaction, camera: CameraRow, window: Window) -> Around | None:
    """The comparisons of a camera's clock around a window; the one that it was found with, where there are none."""
    around = await checks_around(tx, camera.camera_id, window)
    found = facts_of(camera).clock
    return Around(window, (found,)) if around is None and found is not None else around


def clock_check_entry(check: ClockCheck) -> ClockCheckEntry:
    """One comparison of a camera's clock."""
    return ClockCheckEntry(
        device_time=check.device_time,
        reference_time=check.reference_time,
        reference_source=REFERENCE,
        offset_us=check.offset_us,
        uncertainty_us=check.uncertainty_us,
        method=check.method,
        at=check.at,
        zone=_zone(check),
    )


def _zone(check: ClockCheck) -> str | None:
    """The zone as the device named it, where we know what it means."""
    known = seconds_east(check.zone, check.device_time, daylight_saving=check.daylight_saving) is not None
    return (harmless(check.zone, 200) or None) if known else None


def offset_range(around: Around) -> OffsetRange | None:
    """Where the offset lay, if comparisons around the window contradict each other."""
    if around.changed is None:
        return None
    return OffsetRange(from_us=around.changed[0], to_us=around.changed[1])


def displayed(around: Around, window: Window) -> tuple[DisplayedStretch, DisplayedStretch | None]:
    """A window as the camera's own clock shows it; at the earliest and at the latest, where its offset is a range."""
    if around.changed is None:
        return _shown(around.best, window, around.best.offset_us), None
    earliest, latest = (_shown(around.best, window, offset) for offset in around.changed)
    return earliest, latest


def _shown(check: ClockCheck, window: Window, offset_us: int) -> DisplayedStretch:
    zones = (
        (seconds_east(check.zone, at + offset_us, daylight_saving=check.daylight_saving) or 0) * SECOND // MINUTE
        for at in (window.start, window.end)
    )
    return as_displayed(window, offset_us, *zones)
