"""The segment store as the daemon sees it: which segments there are, where a window lies, and the footage source.

Not for: writing segments (``recorder``), or removing them (``retention``). Names alone answer; there is no index to
be wrong, and nothing to be rebuilt but the journal.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.footage.files import salvage
from agent.footage.source import (
    ClockQuality,
    CodecHint,
    Coverage,
    FetchCancelled,
    Gap,
    GapReason,
    Progress,
    SourceFile,
    Span,
)
from agent.recordings import clock_set, journal, layout
from agent.recordings.holds import Holds
from agent.recordings.layout import SegmentName, SegmentState
from agent.recordings.retention import Policy, Purged, Retention
from exchange.clock import DAY, SECOND, Clock, Window
from exchange.durable import raising_disk_full, sync_folder
from exchange.errors import NoFootage

ARRIVAL_UNCERTAINTY = SECOND
"""Microseconds by which the instant of a frame may be off: the camera's encoder and the network's delay, bounded."""
STALE = 30 * SECOND
"""Microseconds after which an open segment that has not grown is not waited for."""
NEAR = 5 * SECOND
"""A stream may be found to be lost this long after its last packet."""
_CHUNK = 4 << 20
_LEFT_OUT = "sound_left_out"


@dataclass(frozen=True, slots=True)
class Located:
    """A segment that reaches into a window. ``end`` is what can be read of it now, when it is open."""

    path: Path
    name: SegmentName
    end: int

    @property
    def window(self) -> Window:
        return Window(self.name.start, max(self.end, self.name.start + 1))


class SegmentStore:
    """The recordings under one root. Methods block on the disk; ``RecordedFootage`` is for the event loop."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self.root = root
        self.clock = clock
        self.gone: Callable[[], Exception | None] = lambda: None
        """What is to be raised when the disk is not there, so that its absence isn't taken for no footage."""
        self._holds = Holds(root, self._finished_in)
        self._retention = Retention(root, self._holds)
        self._clock_set = clock_set.ClockSet(root, self._holds)

    # -- finding ----------------------------------------------------------------------------------------------

    def locate(self, camera_id: str, window: Window) -> list[Located]:
        """The segments that overlap the window, by start; a held one's path is its hold's. ValueError for an id that
        no camera can have."""
        return [each for each in self._may_overlap(camera_id, window) if each.end > window.start]

    def _may_overlap(self, camera_id: str, window: Window) -> list[Located]:
        """Those that overlap the window, or are open and may come to."""
        found = {name: folder for folder, name in self._names(camera_id, window)}
        for held in self._holds.folders(camera_id):
            for day in layout.days_between(window.start - layout.LONGEST, window.end):
                found.update(dict.fromkeys(_listing(held / day, window), held / day))
        located: list[Located] = []
        for name in sorted(found):
            segment = layout.parse(name)
            if segment is None or (segment.duration is not None and segment.end <= window.start):
                continue  # before anything costly: of the hour looked back at, most end before the window
            each = self._located(found[name] / name, segment)
            if each is not None:
                located.append(each)
        return located

    def _names(self, camera_id: str, window: Window) -> Iterable[tuple[Path, str]]:
        camera = layout.camera_folder(self.root, camera_id)
        for day in layout.days_between(window.start - layout.LONGEST, window.end):
            folder = camera / day
            for name in _listing(folder, window):
                yield folder, name

    def _located(self, path: Path, segment: SegmentName) -> Located | None:
        if segment.duration is not None:
            return Located(path, segment, segment.end)
        try:
            complete = salvage.scan(path)
        except OSError:  # finished, and so renamed, since it was listed
            return self._finished_since(path, segment)
        return Located(path, segment, segment.start + complete.duration)

    def _finished_since(self, path: Path, opened: SegmentName) -> Located | None:
        for name in sorted(os.listdir(path.parent)) if path.parent.is_dir() else []:
            segment = layout.parse(name)
            if segment is not None and segment.duration is not None and segment.start == opened.start:
                return Located(path.with_name(name), segment, segment.end)
        return None

    def _finished_in(self, camera_id: str, window: Window) -> list[Path]:
        """The finished segments of the window, in the camera's own folder."""
        return [
            folder / name
            for folder, name in self._names(camera_id, window)
            if (segment := layout.parse(name)) and segment.duration is not None and segment.end > window.start
        ]

    def oldest_day(self, camera_id: str) -> int | None:
        """Midnight UTC of the day of a camera's oldest finished recording; None when there is none. Without what lies
        before ``purged_until``: it is held, or was, and whoever learns of it learns that somebody asked."""
        camera, purged = layout.camera_folder(self.root, camera_id), self.purged_until(camera_id)
        try:
            days = sorted(name for name in os.listdir(camera) if layout.is_day(name))
        except FileNotFoundError:
            return None
        for day in days:
            names = [name for name in map(layout.parse, os.listdir(camera / day)) if name and name.duration is not None]
            if starts := [max(name.start, purged) for name in names if name.end > purged]:
                return min(starts) // DAY * DAY
        return None

    def purged_until(self, camera_id: str) -> int:
        """Up to when its recordings were removed (``frontier``), in microseconds UTC; 0 while none were."""
        return self._retention.frontier.of(camera_id, self.clock.now())

    def coverage(self, camera_id: str, window: Window) -> Coverage:
        """See ``FootageSource``. Reads the folders of the window's days, and journals only to give gaps a reason."""
        self._must_be_there()
        reach = self._may_overlap(camera_id, window)
        now = self.clock.now()
        spans = tuple(self._span(camera_id, each) for each in reach if each.end > max(window.start, each.name.start))
        growing = [each.end for each in reach if each.name.state is SegmentState.OPEN and _grows(each.path, now)]
        gaps = tuple(self._explained(camera_id, gap, now) for gap in gaps_between(window, spans))
        entries = self._entries(camera_id, spans)
        notes = clock_set.notes(entries) + self._clock_set.doubtful(camera_id, window) + _sound_left_out(entries)
        return Coverage(window, spans, gaps, max(growing, default=None), notes=notes)

    def _entries(self, camera_id: str, spans: tuple[Span, ...]) -> list[dict[str, Any]]:
        """The journal's lines about these spans that tell what should be known of them; there are seldom any."""
        names: dict[str, set[str]] = {}
        for span in spans:
            path = Path(span.reference)
            names.setdefault(path.parent.name, set()).add(path.name)
        return [
            entry
            for day, wanted in names.items()
            for entry in journal.segments(self.root / camera_id / day, (*clock_set.MARKS, _LEFT_OUT))
            if entry.get("name") in wanted
        ]

    def _must_be_there(self) -> None:
        if (gone := self.gone()) is not None:
            raise gone

    def _span(self, camera_id: str, each: Located) -> Span:
        return Span(
            camera_id=camera_id,
            window=each.window,
            reference=str(each.path.relative_to(self.root)),
            path=each.path,
            finished=each.name.state is not SegmentState.OPEN,
            torn=each.name.state is SegmentState.TORN,
        )

    def _explained(self, camera_id: str, gap: Window, now: int) -> Gap:
        """The gap with what the recorder noted: the stream lost in it, or up to a day before and not recorded since."""
        if gap.start >= now:
            return Gap(gap, GapReason.NOT_YET)
        found: tuple[int, object] | None = None
        for day in layout.days_between(gap.start - DAY, min(gap.end, now, gap.start + DAY)):
            for entry in journal.read(self.root / camera_id / day):
                at, end = entry.get("at"), entry.get("end")
                if entry.get("event") == "lost" and isinstance(at, int) and at < gap.end:
                    if at <= gap.start + NEAR or found is None:
                        found = (at, entry.get("reason"))
                elif isinstance(end, int) and found is not None and found[0] + NEAR < end <= gap.start:
                    found = None
        return Gap(gap, GapReason.NOT_RECORDED if found is None else _reason(found[1]))

    def codec(self, span: Span) -> CodecHint:
        """What the journal says of a span's codec; empty when it has no entry."""
        path = self.root / span.reference
        day = self.root / span.camera_id / path.parent.name
        for entry in journal.segments(day):
            if entry.get("name") == path.name:
                size = entry.get("width", 0), entry.get("height", 0)
                return CodecHint(str(entry.get("video", "")), str(entry.get("audio", "")), *map(int, size))
        return CodecHint()

    # -- bringing ---------------------------------------------------------------------------------------------

    def fetch(self, span: Span, into: Path, progress: Progress | None = None) -> SourceFile:
        """The span's file in ``into``: a hard link where possible, else a copy that can be resumed; of an open
        segment a copy of its whole fragments. Raises NoFootage, FetchCancelled, DiskFull."""
        already = into / Path(span.reference).name
        if span.finished and already.exists():
            return self._source_file(span, already)
        source = self._current(span)
        target = into / source.name
        if target.exists():
            return self._source_file(span, target)
        if layout.parse(source.name) is None:
            raise _gone(span)
        if span.finished:
            try:
                os.link(source, target)
                sync_folder(into)
                return self._source_file(span, target)
            except FileNotFoundError:
                raise _gone(span) from None
            except OSError:
                pass  # another file system, or one without links: copy
        try:
            size = source.stat().st_size if span.finished else salvage.scan(source).size
            _copy(source, target, size, progress)
        except FileNotFoundError:
            raise _gone(span) from None
        return self._source_file(span, target)

    def _current(self, span: Span) -> Path:
        """Where the span's file is now: as it was named, or finished since, or only in a hold."""
        path = self.root / span.reference
        if path.exists():
            return path
        opened = layout.parse(path.name)
        for each in self.locate(span.camera_id, span.window):
            if each.path.name == path.name or (opened and opened.start == each.name.start):
                return each.path
        raise _gone(span)

    def where(self, camera_id: str, path: Path) -> Path:
        """Where a finished segment is now that was found at ``path``: in the camera's own folder, or in any hold. Holds
        come and go, and retention takes what only a hold keeps out of the camera's folder. As it was when nowhere."""
        if path.exists():
            return path
        folders = (layout.camera_folder(self.root, camera_id), *self._holds.folders(camera_id))
        places = (folder / path.parent.name / path.name for folder in folders)
        return next((place for place in places if place.exists()), path)

    def _source_file(self, span: Span, path: Path) -> SourceFile:
        name = layout.parse(path.name)
        assert name is not None
        end = name.end if name.duration is not None else name.start + salvage.scan(path).duration
        return SourceFile(
            path, name.start, end, ClockQuality.HOST_ARRIVAL, ARRIVAL_UNCERTAINTY, name.state is SegmentState.TORN
        )

    # -- keeping and letting go -------------------------------------------------------------------------------

    def hold(self, hold_id: str, camera_id: str, window: Window) -> int:
        """See ``FootageSource``. What is still open is linked once it is finished, by the next ``keep_holds``;
        until then no purge removes it, because the hold's window is on disk."""
        self._must_be_there()
        return self._holds.hold(hold_id, camera_id, window)

    def release(self, hold_id: str) -> None:
        self._holds.release(hold_id)

    def holds(self) -> dict[str, tuple[tuple[str, Window], ...]]:
        """Every hold's id and what it keeps: (camera id, window)."""
        return self._holds.windows()

    def keep_holds(self) -> int:
        """Link what was finished since its window was held; how many files. Cheap: call it every minute or so."""
        return self._holds.keep()

    def held_bytes(self) -> int:
        return self._holds.bytes()

    def settle(self, history: clock_set.History) -> int:
        """Rename segments that were recorded while the clock was wrong to their true time. Returns how many. OSError.

        To be called before ``purge``, so that nothing is removed for an age that it doesn't have.
        """
        return self._clock_set.settle(history)

    def purge(self, now: int, policy: Policy) -> Purged:
        """Remove the oldest segments that the policy no longer keeps, never a held or an open one."""
        self._holds.keep()
        return self._retention.purge(now, policy, later=self._clock_set.may_be_later_by)


class RecordedFootage:
    """``FootageSource`` over a segment store: each call in a thread, as disks block."""

    def __init__(self, store: SegmentStore) -> None:
        self.store = store

    async def coverage(self, camera_id: str, window: Window) -> Coverage:
        return await asyncio.to_thread(self.store.coverage, camera_id, window)

    async def where(self, camera_id: str, path: Path) -> Path:
        return await asyncio.to_thread(self.store.where, camera_id, path)

    async def oldest_day(self, camera_id: str) -> int | None:
        return await asyncio.to_thread(self.store.oldest_day, camera_id)

    async def purged_until(self, camera_id: str) -> int:
        return await asyncio.to_thread(self.store.purged_until, camera_id)

    async def fetch(self, span: Span, into: Path, progress: Progress | None = None) -> tuple[SourceFile, ...]:
        return (await asyncio.to_thread(self.store.fetch, span, into, progress),)

    async def hold(self, hold_id: str, camera_id: str, window: Window) -> int:
        return await asyncio.to_thread(self.store.hold, hold_id, camera_id, window)

    async def release(self, hold_id: str) -> None:
        await asyncio.to_thread(self.store.release, hold_id)

    async def held_bytes(self) -> int:
        return await asyncio.to_thread(self.store.held_bytes)


def gaps_between(window: Window, spans: Iterable[Span]) -> list[Window]:
    """What of the window no span covers, to the microsecond; spans may overlap and come in any order."""
    gaps: list[Window] = []
    covered = window.start
    for span in sorted(spans, key=lambda each: each.window):
        if span.window.start >= window.end:
            break
        if span.window.start > covered:
            gaps.append(Window(covered, span.window.start))
        covered = max(covered, span.window.end)
    if covered < window.end:
        gaps.append(Window(covered, window.end))
    return gaps


def _listing(folder: Path, window: Window) -> list[str]:
    """The names in a day's folder that may reach into the window. Names sort as their starts do."""
    low, high = layout.stamp(window.start - layout.LONGEST), layout.stamp(window.end)
    try:
        return [name for name in os.listdir(folder) if low <= name < high]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _grows(path: Path, now: int) -> bool:
    try:
        return now - path.stat().st_mtime_ns // 1000 < STALE
    except FileNotFoundError:
        return False


def _sound_left_out(entries: list[dict[str, Any]]) -> tuple[str, ...]:
    kinds = {str(entry[_LEFT_OUT])[:100] for entry in entries if entry.get(_LEFT_OUT)}
    return tuple(f"The camera's sound ({kind}) could not be recorded, and is not there." for kind in sorted(kinds))


def _reason(word: object) -> GapReason:
    try:
        return GapReason(str(word))
    except ValueError:
        return GapReason.NOT_RECORDED


def _copy(source: Path, target: Path, size: int, progress: Progress | None) -> None:
    part = target.with_name(f"{target.name}.part")
    with raising_disk_full(target), source.open("rb") as reading, part.open("ab") as writing:
        done = min(writing.tell(), size)
        writing.truncate(done)
        reading.seek(done)
        while done < size:
            chunk = reading.read(min(_CHUNK, size - done))
            if not chunk:
                break
            writing.write(chunk)
            done += len(chunk)
            if progress is not None and not progress(done, size):
                raise FetchCancelled
        writing.flush()
        os.fsync(writing.fileno())
    shutil.copystat(source, part)
    part.rename(target)
    sync_folder(target.parent)


def _gone(span: Span) -> NoFootage:
    return NoFootage(
        f"The recording of {span.window} is no longer there.",
        meaning="It was removed after it was found: by retention, or by hand.",
        do="Nothing can bring it back; footage that is held is never removed.",
    )
