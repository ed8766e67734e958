"""Gives recordings their true time when the host's clock was set after they were made.

A segment is named by what the host's clock told when it began. Beside it, the journal holds which boot of the host that
was and the time since then (``uptime``), which nobody can set. Once the clock is known to be right, the two together
tell when the segment really began; it is renamed, so that names alone go on telling what there is.

Not for: noticing that the clock was set (``agent/background/clock_watch.py``), or removing recordings (``retention``).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.recordings import journal, layout
from agent.recordings.holds import Holds
from agent.recordings.retention import remove_if_left
from exchange.clock import SECOND, Instant, Window, from_rfc3339
from exchange.documents.human_time import duration_text, time_text
from exchange.documents.messages import Part
from exchange.durable import sync_folder

_SMALL = 2 * SECOND
_DRIFT = 2000
"""A clock that nobody corrects drifts by less than one part in this many (500 ppm, what Linux can correct)."""
_PLAUSIBLE = from_rfc3339("2026-01-01T00:00:00Z")
"""A clock that tells an earlier time than this software's was not set yet."""
_MOST_SEEN = 200
_NAMED, _BY, _STEPS = "named", "clock_set_by", "host_steps"
MARKS = (_BY, _STEPS)
"""One of them is in every journal's line that ``notes`` has something to say of."""


class ClockSeen(Part):
    """The host's clock as it was found at one moment. ``offset``: UTC as it told minus the time since boot, in
    microseconds. ``synchronised``: whether somebody vouched for it."""

    boot: str
    uptime: int
    offset: int
    synchronised: bool


History = tuple[ClockSeen, ...]
"""What was seen of the host's clock whenever that changed, oldest first."""


def noticed(history: History, seen: ClockSeen) -> History:
    """The history with what is seen now, if it is something new."""
    last = history[-1] if history else None
    if last is None or last.boot != seen.boot or last.synchronised != seen.synchronised or set_by(last, seen):
        return (*history, seen)[-_MOST_SEEN:]
    return history


def set_by(before: ClockSeen, after: ClockSeen) -> int:
    """By how much the clock was set between two moments of one boot, in microseconds; 0 when it only drifted."""
    if before.boot != after.boot:
        return 0
    by = after.offset - before.offset
    return by if _is_step(by, after.uptime - before.uptime) else 0


def _is_step(by: int, elapsed: int) -> bool:
    return abs(by) > _SMALL + abs(elapsed) // _DRIFT


def late_by(history: History, boot: str, uptime: int, offset: int) -> int:
    """By how much a clock was late that had this offset then, in microseconds; 0 when it was right, or nobody knows.

    It was right when it was vouched for. Otherwise the next time it was, or else what it tells now, is taken for right.
    """
    of_this_boot = [seen for seen in history if seen.boot == boot]
    before = [seen for seen in of_this_boot if seen.uptime <= uptime]
    if before and before[-1].synchronised and not _is_step(offset - before[-1].offset, uptime - before[-1].uptime):
        return 0
    later = [seen for seen in of_this_boot if seen.uptime > uptime]
    right = next((seen for seen in later if seen.synchronised), of_this_boot[-1] if of_this_boot else None)
    if right is None or not (right.synchronised or right.offset + right.uptime >= _PLAUSIBLE):
        return 0
    by = right.offset - offset
    return by if _is_step(by, right.uptime - uptime) else 0


def never_set(history: History) -> dict[str, Instant]:
    """The boots whose clock nobody vouched for, nor set, before the host was restarted; of each, when at the latest
    that was: the true time at which the next boot was seen first whose clock is known to be right."""
    first = {seen.boot: seen for seen in reversed(history)}
    vouched = {seen.boot for seen in history if seen.synchronised}
    found: dict[str, Instant] = {}
    ended: Instant | None = None
    for boot in reversed(list(dict.fromkeys(seen.boot for seen in history))):
        seen = first[boot]
        late = late_by(history, boot, seen.uptime, seen.offset)
        if boot in vouched or late:
            ended = seen.uptime + seen.offset + late
        elif ended is not None:
            found[boot] = ended
    return found


@dataclass(frozen=True, slots=True)
class _Recorded:
    camera_id: str
    folder: Path
    entry: dict[str, Any]


class ClockSet:
    """Renames what was recorded by a clock that was wrong. Reads of each journal only what is new."""

    def __init__(self, root: Path, holds: Holds) -> None:
        self.root = root
        self._holds = holds
        self._history: History = ()
        self._read: dict[Path, tuple[int, int]] = {}
        """Of a day's folder: its journal's inode, and how many bytes of it were looked at by this history."""
        self._never_set: dict[str, Instant] = {}
        self._doubtful: dict[Path, str] = {}
        """Segments by a clock that was never set, and the boot that they are of."""
        self._told_last: dict[str, Instant] = {}
        """The end of the last segment of such a boot, as its clock told."""

    def settle(self, history: History) -> int:
        """Give every finished segment its true time, as far as it is known; how many were renamed. OSError.

        What a crash leaves is found again: the journal's line comes first, and one without its file tells nothing.
        """
        if history != self._history:
            self._history, self._read, self._doubtful, self._told_last = history, {}, {}, {}
            self._never_set = never_set(history)
        if not history or not self.root.is_dir():
            return 0
        moved = 0
        for day, camera in layout.day_folders(self.root):
            folder = self.root / camera / day
            left = sum([self._move(each) for each in self._unsettled(camera, folder)])
            if left:
                remove_if_left(folder)
                self._read.pop(folder, None)  # it may come again, for what was still being written
            moved += left
        return moved

    def may_be_later_by(self, path: Path) -> int:
        """How much later than its name tells a segment may have been made, in microseconds; 0 for nearly all.

        A clock was no further behind than from the last that it told to when the host was next known to run.
        """
        boot = self._doubtful.get(path)
        return 0 if boot is None else max(0, self._never_set[boot] - self._told_last[boot])

    def doubtful(self, camera_id: str, window: Window) -> tuple[str, ...]:
        """What should be known of recordings that may be of this window, though their names tell another time."""
        camera = self.root / camera_id
        starts = [
            name.start
            for path in self._doubtful
            if path.parent.parent == camera
            and (name := layout.parse(path.name)) is not None
            and name.end <= window.start <= name.end + self.may_be_later_by(path)
            and path.exists()
        ]
        if not starts:
            return ()
        which = "One recording" if len(starts) == 1 else f"{len(starts)} recordings"
        reported = (
            f"{which} of this camera may be of this time: the machine was restarted before its clock was set, so that "
            f"nobody knows when they were made. By that clock the first began {time_text(min(starts))}, and the last "
            f"{time_text(max(starts))}."
        )
        return (reported,)

    def _unsettled(self, camera: str, folder: Path) -> Iterable[_Recorded]:
        try:
            there = (folder / layout.JOURNAL).stat()
        except FileNotFoundError:
            return
        inode, start = self._read.get(folder, (0, 0))
        start = start if inode == there.st_ino else 0
        if there.st_size == start:
            return
        lines = journal.content(folder, start)
        self._read[folder] = (there.st_ino, start + len(lines))
        for entry in journal.entries(lines, ('"uptime"',)):
            if entry.get("event") == "segment" and isinstance(entry.get("name"), str):
                yield _Recorded(camera, folder, entry)

    def _move(self, recorded: _Recorded) -> bool:
        entry, name = recorded.entry, layout.parse(recorded.entry["name"])
        boot, uptime, start = (entry.get(field) for field in ("boot", "uptime", "start"))
        if name is None or not isinstance(boot, str) or not isinstance(uptime, int) or not isinstance(start, int):
            return False
        old = recorded.folder / entry["name"]
        by = late_by(self._history, boot, uptime, start - uptime)
        if not by:
            if boot in self._never_set:
                self._doubtful[old] = boot
                self._told_last[boot] = max(name.end, self._told_last.get(boot, 0))
            return False
        if not old.exists():
            return False
        name = replace(name, start=name.start + by)
        folder = layout.day_folder(self.root, recorded.camera_id, name.start)
        folder.mkdir(mode=0o770, parents=True, exist_ok=True)
        while (folder / str(name)).exists():
            name = replace(name, start=name.start + 1)
        line = entry | {"name": str(name), "start": name.start, "end": name.end}
        line[_NAMED] = entry.get(_NAMED, start)
        line[_BY] = name.start - line[_NAMED]
        if isinstance(clock := entry.get("camera_clock"), int):
            line["camera_ahead"] = clock - name.start
        journal.append(folder, line)
        self._holds.renamed(recorded.camera_id, old, folder / str(name))
        old.rename(folder / str(name))
        sync_folder(folder)
        if folder != recorded.folder:
            sync_folder(recorded.folder)
        return True


def notes(entries: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """What the owner, the officer and a court should know of the clock by which these segments were timed.

    From the journal's entries of the segments; a sentence for each time the clock was set.
    """
    reported: list[str] = []
    by_step: dict[int, list[dict[str, Any]]] = {}
    for entry in entries:
        by = entry.get(_BY)
        if isinstance(by, int) and abs(by) > _SMALL and isinstance(entry.get(_NAMED), int):
            by_step.setdefault(round(by / SECOND), []).append(entry)
        for step in entry.get(_STEPS, ()):
            at, by = step.get("at"), step.get("by")
            if isinstance(at, int) and isinstance(by, int) and abs(by) >= SECOND:
                reported.append(_stepped(at, by))
    for moved in by_step.values():
        first = min(moved, key=lambda entry: int(entry[_NAMED]))
        reported.append(_corrected(first[_NAMED], first[_BY], len(moved)))
    return tuple(dict.fromkeys(reported))


def _stepped(at: Instant, by: int) -> str:
    way = "forward" if by > 0 else "back"
    return (
        f"The clock of the recording host was set {way} by {duration_text(by)}, to {time_text(at)}, while this was "
        "recorded."
    )


def _corrected(named: Instant, by: int, count: int) -> str:
    which = "One recording was" if count == 1 else f"{count} recordings were"
    way = "behind" if by > 0 else "ahead"
    return (
        f"{which} made while the clock of the recording host was {duration_text(by)} {way}: by that clock the first "
        f"began {time_text(named)}. The clock was set right later, and the times given here were put right by the "
        "time that passed since the host was started."
    )
