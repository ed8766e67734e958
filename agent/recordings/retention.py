"""Removes the oldest recordings that need not be kept any longer: by days, by bytes, and for a floor of free disk.

Not for: anything held or open, which is never removed here, whatever the policy says.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agent.recordings import layout
from agent.recordings.frontier import Frontier
from agent.recordings.holds import Holds
from agent.recordings.layout import SegmentName
from exchange.clock import HOUR, Window
from exchange.durable import sync_folder
from exchange.errors import DiskFull

YOUNG = HOUR
"""Microseconds before now in which a segment is not removed for room: after the clock was set back, the newest
footage has the oldest name of all."""


class Why(StrEnum):
    AGE = "age"
    BYTES = "bytes"
    FREE_DISK = "free_disk"


@dataclass(frozen=True, slots=True)
class Policy:
    """What is kept: ``max_age`` in microseconds, ``max_bytes`` of all recordings, ``keep_free`` bytes on their disk."""

    max_age: int | None = None
    max_bytes: int | None = None
    keep_free: int = 0


@dataclass(frozen=True, slots=True)
class Removed:
    camera_id: str
    name: str
    window: Window
    bytes: int
    why: Why


@dataclass(frozen=True, slots=True)
class Purged:
    """What was removed, oldest first. ``short_by``: bytes that the policy wants and that nothing was left to free."""

    removed: tuple[Removed, ...]
    short_by: int = 0

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self.removed)


@dataclass(frozen=True, slots=True)
class _Candidate:
    camera_id: str
    folder: Path
    file: str
    name: SegmentName


class Retention:
    def __init__(self, root: Path, holds: Holds) -> None:
        self.root = root
        self.frontier = Frontier(root)
        self._holds = holds
        self._sizes: dict[Path, tuple[int, int]] = {}
        """Of a day's folder: when it last changed, and its segments' bytes, so that a month isn't read each time."""

    def purge(
        self,
        now: int,
        policy: Policy,
        free: Callable[[Path], int] | None = None,
        later: Callable[[Path], int] | None = None,
    ) -> Purged:
        """Remove what the policy no longer keeps at ``now`` (microseconds UTC). ``free`` tells the disk's free bytes;
        ``later``, by how much later than its name tells a segment may have been made: it ages from then.

        Age never removes what ends after now - max_age, so a clock that was set back removes nothing. OSError when
        the folder cannot be read; a file that is gone already is passed over.
        """
        if not self.root.is_dir():
            return Purged(())
        free = free or _free
        held = [each for windows in self._holds.windows().values() for each in windows]
        going: list[tuple[_Candidate, Removed]] = []
        oldest = (each for each in self._oldest_first() if not _is_held(each, held))
        kept: list[_Candidate] = []
        over = self._total() - policy.max_bytes if policy.max_bytes is not None else 0
        lacking = policy.keep_free - free(self.root)
        limit = now - policy.max_age if policy.max_age is not None else None
        for each in oldest:
            doubt = 0 if later is None else later(each.folder / each.file)
            if limit is not None and each.name.end + doubt <= limit:
                why = Why.AGE
            elif now - YOUNG < each.name.start <= now:
                kept.append(each)
                continue
            elif over > 0 or lacking > 0:
                why = Why.BYTES if over > 0 else Why.FREE_DISK
            elif limit is None or each.name.start > limit:
                break
            else:
                continue
            if (gone := _to_go(each, why)) is not None:
                going.append((each, gone))
                over, lacking = over - gone.bytes, lacking - gone.bytes
        for each in kept:  # only when nothing older is left
            if over <= 0 and lacking <= 0:
                break
            if (gone := _to_go(each, Why.BYTES if over > 0 else Why.FREE_DISK)) is not None:
                going.append((each, gone))
                over, lacking = over - gone.bytes, lacking - gone.bytes
        self._remove(going, now)
        return Purged(tuple(gone for _, gone in going), max(over, lacking, 0))

    def _oldest_first(self) -> Iterator[_Candidate]:
        days = layout.day_folders(self.root)
        for day in sorted({day for day, _ in days}):
            found: list[_Candidate] = []
            for camera in (camera for each, camera in days if each == day):
                folder = self.root / camera / day
                for file in os.listdir(folder):
                    name = layout.parse(file)
                    if name is not None and name.duration is not None:
                        found.append(_Candidate(camera, folder, file, name))
            yield from sorted(found, key=lambda each: (each.name.start, each.camera_id))

    def _total(self) -> int:
        """Bytes of all segments. Held ones count once; their links take no room of their own."""
        sizes: dict[Path, tuple[int, int]] = {}
        days = layout.day_folders(self.root)
        newest = {camera: day for day, camera in days}
        for day, camera in days:
            folder = self.root / camera / day
            changed = folder.stat().st_mtime_ns
            known = self._sizes.get(folder)
            # An open segment grows without its folder changing.
            again = known is None or known[0] != changed or newest[camera] == day
            sizes[folder] = (changed, _bytes_in(folder)) if again or known is None else known
        self._sizes = sizes
        return sum(size for _, size in sizes.values())

    def _remove(self, going: list[tuple[_Candidate, Removed]], now: int) -> None:
        reached = [(each.camera_id, each.name.end) for each, _ in going]
        try:
            self.frontier.note(reached, now)
            noted = True
        except DiskFull:  # it has no room of its own until something went
            noted = False
        for each, _ in going:
            (each.folder / each.file).unlink(missing_ok=True)
        if not noted:
            self.frontier.note(reached, now)
        self._tidy([gone for _, gone in going])

    def _tidy(self, removed: list[Removed]) -> None:
        """Make the removals durable, and remove a day that has nothing left but its journal."""
        for folder in {self.root / each.camera_id / layout.day_of(each.window.start) for each in removed}:
            if folder.is_dir():
                sync_folder(folder)
                remove_if_left(folder)


def remove_if_left(folder: Path) -> None:
    """Remove a day's folder when only its journal is left in it."""
    if set(os.listdir(folder)) <= {layout.JOURNAL}:
        (folder / layout.JOURNAL).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # a segment began in it meanwhile
            folder.rmdir()


def _bytes_in(folder: Path) -> int:
    with os.scandir(folder) as entries:
        return sum(entry.stat().st_size for entry in entries if layout.parse(entry.name) is not None)


def _is_held(each: _Candidate, held: list[tuple[str, Window]]) -> bool:
    return any(
        camera == each.camera_id and window.start < each.name.end and each.name.start < window.end
        for camera, window in held
    )


def _to_go(each: _Candidate, why: Why) -> Removed | None:
    """What removing it frees; None when it is gone already."""
    try:
        size = (each.folder / each.file).stat().st_size
    except FileNotFoundError:
        return None
    window = Window(each.name.start, max(each.name.end, each.name.start + 1))
    return Removed(each.camera_id, each.file, window, size, why)


def _free(root: Path) -> int:
    disk = os.statvfs(root)
    return disk.f_bavail * disk.f_frsize
