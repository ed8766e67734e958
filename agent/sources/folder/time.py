"""When a file of the folder was recorded, and whether it can be used: its row in the index.

A file's time comes, in this order, from what the owner said of it, from its name or folders, from what the recorder
wrote inside (DAV), or from the file's own creation time.
Not for: reading names (``names``) or containers (``probe``).
"""

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from agent.devices.device_time import DeviceTime
from agent.devices.time_zones import zone_of
from agent.devices.zone_words import OFFSETS
from agent.footage.source import ClockQuality
from agent.sources.folder import names
from agent.sources.folder.index import Row, Seen
from agent.sources.folder.options import Options
from exchange.clock import DAY, HOUR, MINUTE, SECOND, Window, from_rfc3339

UNTIMED = frozenset({"avi", "h264", "hevc"})
"""Containers whose frames have no time of their own, only a rate that the file claims."""
UNKNOWN = (
    "it is no kind of video that is known here. Export it again as MP4, MKV, AVI or TS, by the program that came with "
    "what recorded it."
)
DAMAGED = (
    "it is damaged, and what follows on the damaged place can't be read. Copy it again, or export that time again by "
    "the program that came with what recorded it."
)
EMPTY = "it is empty. Whatever recorded or copied it wrote nothing into it."
ORDER = "the day or the month comes first"
"""In the notes of all rows that rest on what the names prove together, or wait for that."""
TWO_WAYS = (
    f"its name can be read in two ways, days apart, as nothing tells whether {ORDER} (or the year, or which of its "
    "times is meant). Tell which by the option pattern, such as %d-%m-%Y_%H.%M.%S, or set its start with handover "
    "sources start."
)
DAY_ALONE = (
    "its name tells a day, and nothing tells from when on that day it is. Set its start with handover sources start, "
    "or tell by the option pattern how the name is to be read."
)
DOUBTFUL = (TWO_WAYS, DAY_ALONE)
"""The notes of files without a time whose names tell of what days they may be."""
_UNKNOWN_END = MINUTE
"""How long a file is believed to be that does not tell, until it is fetched."""
_NOTHING = 5 * SECOND
"""What a power cut may cost at a file's end."""
_SLOWEST = 32_000
"""Bytes a second of a camera at its thriftiest: a file that can't be read lasts no longer than that would."""


class Reader:
    """Makes a file's row: what it is, and when it was recorded."""

    def __init__(self, options: Options, now: int) -> None:
        self.options = options
        self.now = now
        self._pattern = names.compiled(options.pattern) if options.pattern else None
        zone = machine_zone() if options.zone == "local" else options.zone
        self._time = DeviceTime(round(options.clock_ahead * SECOND), 0, zone)
        self._zone = zone_of(zone)
        self._orders: dict[str, str] = {}
        self._unsure = round(options.clock_unsure * SECOND)

    def learn(self, known: str, paths: Iterable[str]) -> str:
        """What names prove together of the order of day and month, as text; ``known``: what earlier ones did."""
        self._orders = json.loads(known or "{}")
        if self._pattern is None and self.options.times != "file":
            names.merge_orders(self._orders, names.orders(paths))
        return json.dumps(self._orders, sort_keys=True)

    def row(self, root: Path, seen: Seen, before: Seen | None) -> Row:
        from agent.sources.folder.probe import probe

        try:
            found = probe(root / seen.path)
        except OSError as error:
            return Row(seen.path, seen.size, seen.mtime, note=f"it can't be read ({error.strerror})")
        changed = seen.mtime // 1000
        length = found.duration
        timed = self._timed(seen.path, found, changed, length)
        if not seen.size:
            begins = timed[0] if timed else 0
            return Row(seen.path, seen.size, seen.mtime, "", begins, begins + _UNKNOWN_END, note=EMPTY)
        if timed is None:
            why = (
                found.why
                or ("" if found.container else UNKNOWN)
                or "neither its name nor the file tells when it was recorded"
            )
            if self.options.times != "file" and (doubt := self._doubt(seen.path, found.container)):
                return Row(seen.path, seen.size, seen.mtime, "", 0, length or _UNKNOWN_END, note=doubt)
            return Row(seen.path, seen.size, seen.mtime, note=why)
        start, end, clock, uncertainty, note = timed
        writing = is_fresh(seen.mtime, self.options, self.now)
        if not found.container and not writing:
            end = max(end or 0, start + min(DAY, max(_UNKNOWN_END, seen.size * SECOND // _SLOWEST)))
            return Row(seen.path, seen.size, seen.mtime, "", start, end, note=UNKNOWN)
        if end is None:
            end = start + length if length else max(min(changed, start + DAY), start + _UNKNOWN_END)
        if found.why and not writing:
            end = min(end, start + max(_UNKNOWN_END, seen.size * SECOND // _SLOWEST))
            return Row(seen.path, seen.size, seen.mtime, "", start, max(end, start + 1), note=found.why)
        whole = found.whole and not writing
        reaches = end + found.behind if found.behind > _NOTHING and not writing else 0
        return Row(
            seen.path, seen.size, seen.mtime, found.container, start, max(end, start + 1), clock.value,
            uncertainty + self._unsure, whole, note, reaches,
        )  # fmt: skip

    def may_be_of(self, row: Row, window: Window) -> bool:
        """Whether one of the times that the name of a row without a time may tell lies in a window."""
        if row.note == DAY_ALONE:
            spans = [(self._day(each), DAY + row.end) for each in names.days(row.path)]
        else:
            spans = [(self._choices(each.start)[0], row.end) for each in names.readings(row.path, self._pattern)]
        return any(start < window.end and start + lasts > window.start for start, lasts in spans)

    def _doubt(self, path: str, container: str) -> str:
        """The note of a file without a time whose name tells of what days it may be; empty when it tells none."""
        read = names.readings(path, self._pattern)
        if read and not any(each.weak for each in read):
            return TWO_WAYS
        return DAY_ALONE if container and self._pattern is None and names.days(path) else ""

    def _day(self, day: date) -> int:
        """When a day began by the clock that named the files."""
        return self._choices(datetime(day.year, day.month, day.day))[0]  # noqa: DTZ001 local, as names tell

    def _contradicted(self, path: str, start: int) -> bool:
        """Whether a file's name tells another day than the time that it would be given."""
        days = [] if self._pattern is not None else names.days(path)
        return bool(days) and not any(self._day(day) <= start < self._day(day) + DAY for day in days)

    def _timed(
        self, path: str, found: Any, changed: int, length: int | None
    ) -> tuple[int, int | None, ClockQuality, int, str] | None:
        """Start, end where the name tells it, what they rest on, how unsure (microseconds), and a note."""
        if path in self.options.starts:
            at = from_rfc3339(self.options.starts[path])
            return at, None, ClockQuality.BY_HAND, SECOND, "Its start was set by hand."
        if self.options.times != "file":
            read = self._likeliest(names.readings(path, self._pattern), changed, length)
            if read is not None:
                return self._by_name(*read, changed, length, found.container)
            if self.options.times == "name":
                return None
        told = self._inside(found, changed, length)
        if told is None or (self.options.times != "file" and self._contradicted(path, told[0])):
            return None
        return told

    def _inside(
        self, found: Any, changed: int, length: int | None
    ) -> tuple[int, int | None, ClockQuality, int, str] | None:
        """The same by what the file says inside."""
        if found.local is not None:
            at, unsure, note = self._choose(found.local, changed, length)
            note = note or "Its time is what the recorder wrote inside."
            return at, None, ClockQuality.CONTAINER, SECOND + unsure, note
        if found.created is not None and found.created > 0:
            note = "Its time is the creation time in the file, which some programs set when they export."
            return self._time.from_device(found.created), None, ClockQuality.CONTAINER, 2 * SECOND, note
        return None

    def _likeliest(
        self, read: list[names.NameTime], changed: int, length: int | None
    ) -> tuple[names.NameTime, int, str] | None:
        """Of what a name may say, what fits the file; the doubt that is left (microseconds), and a note on it.

        None when there is nothing, or nothing that is sure to a day: then the owner must say.
        """
        starts = [(each, self._choices(each.start)[0]) for told in read for each in self._by_word(told)]
        if any(each.weak for each in read):
            starts = [pair for pair in starts if _fits(changed - pair[1] - (length or 0))]
        latest = max(self.now, changed) + DAY
        fit = [(each, start) for each, start in starts if start <= latest] or starts
        if len({start for _, start in fit}) < 2:
            return (fit[0][0], 0, "") if fit else None
        near = [(each, start) for each, start in fit if _fits(changed - start - (length or 0))]
        ordered = [pair for pair in fit if pair[0].order and self._orders.get(pair[0].shape) == pair[0].order]
        told = ""
        if ordered and (not near or any(pair in near for pair in ordered)):
            fit, near = ordered, [pair for pair in near if pair in ordered]
            told = f"Other files' names tell whether {ORDER} in its name."
        if len(near) == 1:
            how = f" ({ORDER})" if near[0][0].order else ""
            return near[0][0], 0, f"Its name can be read in two ways{how}; its last change tells which it was."
        if len({start for _, start in fit}) < 2:
            return fit[0][0], 0, told
        doubt = max(abs(start - fit[0][1]) for _, start in fit)
        shown = " or ".join(f"{each.start:%Y-%m-%d %H:%M:%S%z}" for each, _ in fit)
        if doubt > DAY:
            return None
        return (
            fit[0][0],
            doubt,
            f"{told} Its name can be read in two ways ({shown}), and nothing tells which: the first was taken.".strip(),
        )

    def _by_word(self, read: names.NameTime) -> list[names.NameTime]:
        """What a name means by the zone's name behind its time: one time where the folder's zone is called so then.

        Where it isn't, all that the word may mean, and the folder's own zone. A word that is no zone's means nothing.
        """
        if not read.word:
            return [read]
        known = [timedelta(minutes=minutes) for minutes in OFFSETS.get(read.word, ())]
        here = [read.start.replace(fold=fold, tzinfo=self._zone) for fold in (0, 1)]
        called = {each.utcoffset() or timedelta() for each in here if each.tzname() == read.word}
        meant = called or {offset for each in here if (offset := each.utcoffset() or timedelta()) in known}
        if len(meant) == 1:
            return [_east(read, *meant)]
        return [read] if meant else [*(_east(read, offset) for offset in known), read]

    def _by_name(
        self,
        read: names.NameTime,
        doubt: int,
        why: str,
        changed: int,
        length: int | None,
        container: str,
    ) -> tuple[int, int | None, ClockQuality, int, str]:
        start, unsure, note = self._by_end(read, length) or self._choose(read.start, changed, length)
        unsure, note = unsure + doubt, f"{note} {why}".strip()
        end = None
        if read.end is not None:
            chosen = self._choices(read.end)
            end = next((each for each in chosen if each > start), None)
            if end is not None and not read.end_sure and not _may_last(end - start, length, container):
                end = None
        elif self.options.names == "end" and length is not None:
            start, end = start - length, start
        elif self.options.names == "end":
            unsure, note = unsure + MINUTE, "Its name tells its end, and the file does not tell how long it is."
        # A file that is as long as the minute or the hour that its name tells began with it.
        resolution = max(SECOND, read.resolution - (length or 0)) if read.resolution > SECOND else read.resolution
        return start, end, ClockQuality.NAME, resolution + unsure, note

    def _by_end(self, read: names.NameTime, length: int | None) -> tuple[int, int, str] | None:
        """Which of two hours a name's start is of, where only one of them fits its end and how long the file is."""
        starts = self._choices(read.start)
        if len(starts) < 2 or read.end is None or length is None:
            return None
        ends = self._choices(read.end)
        fit = [start for start in starts if any(_near(end - start, length) for end in ends)]
        note = "Its name lies in the hour that came twice; its end tells which it was."
        return (fit[0], 0, note) if len(fit) == 1 else None

    def _choices(self, shown: datetime) -> tuple[int, ...]:
        if shown.tzinfo is not None:
            return (self._time.from_device(round(shown.timestamp() * SECOND)),)
        return self._time.either(shown)

    def _skipped(self, shown: datetime) -> bool:
        there = shown.replace(tzinfo=self._zone).astimezone(UTC).astimezone(self._zone)
        return there.replace(tzinfo=None) != shown

    def _choose(self, shown: datetime, changed: int, length: int | None) -> tuple[int, int, str]:
        """A displayed time's instant. In the hour that comes twice, the file's own last change tells which it is."""
        choices = self._choices(shown)
        if len(choices) == 1 and shown.tzinfo is None and self._skipped(shown):
            note = "Its name lies in an hour that its zone left out: it is read as of a clock that was not put forward."
            return choices[0], HOUR, note
        if len(choices) == 1:
            return choices[0], 0, ""
        near = [each for each in choices if _fits(changed - each - (length or 0))]
        if len(near) == 1:
            return near[0], 0, "Its name lies in the hour that came twice; its last change tells which it was."
        note = "Its name lies in the hour that came twice, and nothing tells which it was: the first one was taken."
        return choices[0], HOUR, note


def _near(claimed: int, length: int) -> bool:
    return abs(claimed - length) <= max(3 * SECOND, length // 10)


def _fits(after: int) -> bool:
    """Whether a file's last change, so many microseconds after a presumed end, is that of its recorder."""
    return -2 * SECOND <= after <= 20 * MINUTE


def _east(read: names.NameTime, offset: timedelta) -> names.NameTime:
    zone = timezone(offset)
    return replace(read, start=read.start.replace(tzinfo=zone), end=read.end and read.end.replace(tzinfo=zone))


def _may_last(claimed: int, length: int | None, container: str) -> bool:
    """Whether six digits behind a name's time, read as its end, fit what the file says of its length."""
    if length is None:
        return claimed <= HOUR
    if container in UNTIMED:  # its rate may lie
        return length / 3 <= claimed <= length * 3
    return _near(claimed, length)


def is_fresh(mtime: int, options: Options, now: int) -> bool:
    """Whether a file changed so lately that it may still be being written."""
    return 0 <= now - mtime // 1000 < options.settle * SECOND


def machine_zone() -> str:
    """This machine's time zone, by name."""
    try:
        target = os.readlink("/etc/localtime")
        return target.partition("zoneinfo/")[2].removeprefix("posix/") or "UTC"
    except OSError:
        return "UTC"


def end_in_name(row: Row, options: Options) -> bool:
    """Whether the row's end is the one that its name tells."""
    pattern = names.compiled(options.pattern) if options.pattern else None
    lasts = timedelta(microseconds=row.end - row.start)
    return any(each.end and each.end - each.start == lasts for each in names.readings(row.path, pattern))
