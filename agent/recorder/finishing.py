"""Makes segments durable, away from the threads that read cameras: what is written, every second; what is finished, at
once: fsync, its lasting name, fsync of the folder, a line in the journal.

Not for: deciding when a segment is finished.
"""

import contextlib
import errno
import logging
import os
import queue
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.footage.files import salvage
from agent.host.mount import GONE, is_mounted
from agent.recordings import journal, layout
from agent.recordings.layout import SegmentName, SegmentState
from exchange.clock import SECOND
from exchange.durable import sync_folder

OPENED = "opened"
"""The event of a journal's line on a segment that begins; it tells what only the finished one's line tells else."""
_MOST_OWED = 10_000
_log = logging.getLogger("handover.recorder")


@dataclass(frozen=True)
class Finished:
    """A segment that no packet is added to any more. ``broken``: its end could not be written."""

    root: Path
    camera_id: str
    path: Path
    descriptor: int
    start: int
    duration: int
    broken: bool
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Noted:
    """A line for a camera's journal of the day of ``at``."""

    root: Path
    camera_id: str
    at: int
    entry: dict[str, Any]


@dataclass(frozen=True)
class Line:
    """A line that a journal is to have."""

    folder: Path
    entry: dict[str, Any]

    def write(self) -> None:
        self.folder.mkdir(mode=0o770, parents=True, exist_ok=True)
        journal.append(self.folder, self.entry)


class Finisher(threading.Thread):
    """One thread for all cameras. ``synced`` are open segments' descriptors: put on the disk every ``interval``.
    ``mount``: see ``RecorderConfig``."""

    def __init__(self, interval: int, mount: str = "") -> None:
        super().__init__(name="finishing", daemon=True)
        self._mount = mount
        self._interval = interval / SECOND
        self._jobs: queue.SimpleQueue[Finished | Noted | None] = queue.SimpleQueue()
        self._open: dict[int, int] = {}
        """Descriptor to how many bytes of it are on the disk."""
        self._lock = threading.Lock()
        self._owed: deque[Line] = deque(maxlen=_MOST_OWED)

    def opened(self, descriptor: int) -> None:
        with self._lock:
            self._open[descriptor] = 0

    def closed(self, descriptor: int) -> None:
        with self._lock:
            self._open.pop(descriptor, None)

    def submit(self, job: Finished | Noted) -> None:
        if isinstance(job, Finished):
            self.closed(job.descriptor)
        self._jobs.put(job)

    def stop(self) -> None:
        """Finish what was submitted, then end."""
        self._jobs.put(None)
        self.join()

    def run(self) -> None:
        due = time.monotonic() + self._interval
        while True:
            with contextlib.suppress(queue.Empty):
                job = self._jobs.get(timeout=max(due - time.monotonic(), 0))
                if job is None:
                    self._write_owed()
                    return
                self._do(job)
            if time.monotonic() >= due:
                self._sync()
                due = time.monotonic() + self._interval

    def _do(self, job: Finished | Noted) -> None:
        try:
            if isinstance(job, Finished) and not is_mounted(self._mount):
                os.close(job.descriptor)  # what is whole of it is found when the recorder next starts on that disk
                raise OSError(errno.ENODEV, GONE)
            self._owed.append(finish(job) if isinstance(job, Finished) else _line(job))
        except OSError as error:
            _log.warning("%s: could not be put on the disk: %s", job.camera_id, error.strerror)
        self._write_owed()

    def _write_owed(self) -> None:
        """Write the journals' lines; those that a disk that is full or gone doesn't take are kept until it does."""
        while self._owed:
            if not is_mounted(self._mount):
                return
            try:
                self._owed[0].write()
            except OSError:
                return
            self._owed.popleft()

    def _sync(self) -> None:
        self._write_owed()
        with self._lock:
            # Duplicates, so that a segment may be finished while the disk is slow.
            pending = {
                descriptor: os.dup(descriptor)
                for descriptor, synced in self._open.items()
                if os.fstat(descriptor).st_size != synced
            }
        for descriptor, duplicate in pending.items():
            size = os.fstat(duplicate).st_size
            try:
                os.fdatasync(duplicate)
            except OSError as error:
                _log.warning("The disk does not take what is recorded: %s", error.strerror)
            finally:
                os.close(duplicate)
            with self._lock:
                if descriptor in self._open:
                    self._open[descriptor] = size


def finish(job: Finished) -> Line:
    """Give a segment its lasting name; the journal's line about it. OSError."""
    opened = layout.parse(job.path.name)
    assert opened is not None
    if job.broken:
        os.close(job.descriptor)
        return recover(job.root, job.camera_id, job.path, {**job.facts, "start": job.start})
    try:
        os.fsync(job.descriptor)
    finally:
        os.close(job.descriptor)
    name = SegmentName(job.start, job.duration, SegmentState.WHOLE, opened.container)
    return _named(job.root, job.camera_id, job.path, name, job.facts)


def recover(root: Path, camera_id: str, path: Path, facts: dict[str, Any]) -> Line:
    """Save what is whole of a segment whose end was lost, named torn; when nothing is, it goes. The journal's line.

    OSError when the file can be neither shortened nor renamed.
    """
    opened = layout.parse(path.name)
    assert opened is not None
    whole, lost = salvage.shorten(path)
    if not whole.duration:
        path.unlink()
        sync_folder(path.parent)
        return Line(path.parent, {"event": "nothing_whole", "at": opened.start, "bytes": lost})
    facts = _noted_when_opened(path.parent, opened.start) | facts
    name = SegmentName(facts.get("start", opened.start), whole.duration, SegmentState.TORN, opened.container)
    return _named(root, camera_id, path, name, {"clock": "name", **facts, "lost_bytes": lost})


def _noted_when_opened(folder: Path, start: int) -> dict[str, Any]:
    """When since the host's start a segment began that nobody finished; empty when that was not noted."""
    for entry in journal.read(folder, (OPENED,)):
        if entry.get("event") == OPENED and entry.get("at") == start:
            return {name: entry[name] for name in ("boot", "uptime") if name in entry}
    return {}


def _named(root: Path, camera_id: str, path: Path, name: SegmentName, facts: dict[str, Any]) -> Line:
    folder = layout.day_folder(root, camera_id, name.start)
    folder.mkdir(mode=0o770, parents=True, exist_ok=True)
    while (folder / str(name)).exists():
        name = SegmentName(name.start + 1, name.duration, name.state, name.container)
    target = folder / str(name)
    path.rename(target)
    sync_folder(folder)
    if folder != path.parent:
        sync_folder(path.parent)
    return Line(folder, {"event": "segment", "name": target.name, **facts, "start": name.start, "end": name.end})


def recover_all(root: Path) -> list[Path]:
    """At the recorder's start: every segment that was open when it ended, by power cut or kill. Those saved.

    A file that cannot be saved is left alone and told; recording goes on.
    """
    saved: list[Path] = []
    for camera in sorted(os.listdir(root)):
        if not layout.is_id(camera) or not (root / camera).is_dir():
            continue
        for day in sorted(os.listdir(root / camera)):
            if not layout.is_day(day):
                continue
            for name in sorted(os.listdir(root / camera / day)):
                segment = layout.parse(name)
                if segment is None or segment.state is not SegmentState.OPEN:
                    continue
                try:
                    line = recover(root, camera, root / camera / day / name, {"why": "power_cut"})
                    if "name" in line.entry:
                        saved.append(line.folder / line.entry["name"])
                    line.write()
                except OSError as error:
                    _log.warning("%s: a torn segment: %s", camera, error.strerror)
    return saved


def _line(job: Noted) -> Line:
    return Line(layout.day_folder(job.root, job.camera_id, job.at), {**job.entry, "at": job.at})
