"""A camera's clock as its recorded stream told it, by RTCP sender reports (RFC 3550, 6.4.1) that the recorder noted.

Not for: a camera that answers when it is asked, which tells its clock better (``agent/devices/clock.py``).
"""

from pathlib import Path

from agent.devices.clock import ClockCheck
from agent.recordings import journal, layout
from exchange.clock import HOUR, SECOND

RTCP = "RTCP sender reports in the recorded stream"
LONGEST_WAY = SECOND
"""Microseconds that a picture takes at most from the camera to the recorder, at its quickest within the hour."""
_NO_CLOCK = 946_684_800_000_000
"""2000-01-01: a camera that tells an earlier time counts from when it was switched on."""


def latest_stream_check(recordings: Path, camera_id: str, now: int) -> ClockCheck | None:
    """From the journal's lines of the last hour; None when the stream told nothing of a clock.

    Each line tells how far the camera's clock was ahead of the picture's arrival, so its offset is that and the way the
    picture took: at least nothing, at most LONGEST_WAY by the quickest picture. Reads files: not for the event loop.
    """
    days = sorted({layout.day_of(now - HOUR), layout.day_of(now)})
    reported = [
        (ahead, clock, start)
        for day in days
        for entry in journal.segments(recordings / camera_id / day)
        if isinstance(ahead := entry.get("camera_ahead"), int)
        and isinstance(clock := entry.get("camera_clock"), int)
        and isinstance(start := entry.get("start"), int)
        and now - HOUR <= start <= now
        and clock >= _NO_CLOCK
    ]
    if not reported:
        return None
    quickest = max(ahead for ahead, _, _ in reported)
    clock = max(reported, key=lambda each: each[2])[1]
    offset = quickest + LONGEST_WAY // 2
    return ClockCheck(
        device_time=clock,
        reference_time=clock - offset,
        offset_us=offset,
        uncertainty_us=LONGEST_WAY // 2,
        method=f"{RTCP}, {len(reported)} within an hour",
        at=clock - offset,
    )
