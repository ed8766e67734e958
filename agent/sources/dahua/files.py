"""When a file that a Dahua recorder brought begins: as its frames say where that fits the list, else as listed.

Not for: the frames' headers (``agent.footage.files.dav``). In worker processes only.
"""

from datetime import datetime, timedelta
from pathlib import Path

from agent.devices.device_time import DeviceTime
from agent.footage.files import dav
from agent.sources.device.local_list import nearest
from agent.sources.device.orders import FetchedFile
from exchange.clock import HOUR, SECOND, Window


def placed_file(path: Path, listed: Window, time: DeviceTime) -> FetchedFile:
    """When a file that came begins: as its frames say where that fits what was listed, else as listed."""
    with path.open("rb") as file:
        if file.read(12)[4:8] == b"ftyp":
            return FetchedFile(name=path.name, start=listed.start, uncertainty_us=time.uncertainty_us + SECOND)
    notes: list[str] = []
    start, uncertain = listed.start, time.uncertainty_us + SECOND
    first, last = _first_picture(path), dav.last_frame(path)
    if first is None:
        return FetchedFile(name=path.name, start=start, torn=True, uncertainty_us=uncertain)
    own = nearest(time.either(first), listed.start)
    until = None if last is None else own + max(0, int((last.local - first).total_seconds())) * SECOND
    if listed.start - 12 * HOUR <= own <= listed.end and (until is None or until >= listed.start - 2 * SECOND):
        start, uncertain = own, time.uncertainty_us
    else:
        notes.append("The times within the recorder's file contradict its list; the list's were taken.")
    if until is not None and start + until - own < listed.end - 3 * SECOND:
        notes.append("The recorder sent less than it listed.")
    return FetchedFile(
        name=path.name, start=start, torn=not dav.is_complete(path), uncertainty_us=uncertain, notes=tuple(notes)
    )


def _first_picture(path: Path) -> datetime | None:
    """The recorder's time at the first picture. Frames tell whole seconds and a counter of milliseconds: where the
    second changes, both are known."""
    first = before = None
    passed = 0
    for frame in dav.frames(path):
        if frame.kind not in dav.VIDEO:
            continue
        if first is None or before is None:
            first = before = frame
            continue
        passed += (frame.counter - before.counter) % 65536
        before = frame
        if frame.local != first.local:
            exact = frame.local - timedelta(milliseconds=passed)
            near = first.local <= exact < first.local + timedelta(seconds=1)
            return exact if near else first.local
    return None if first is None else first.local
