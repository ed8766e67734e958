"""A folder of recordings as a footage source: files from anything, exported doorbell clips too.

Not for: reading names (``folder_names``) or containers (``folder_probe``), or the index itself (``folder_index``).

A file's time comes, in this order, from what the owner said of it, from its name or folders, from what the recorder
wrote inside (DAV), or from the file's own creation time. The folder is looked through at every question; only files
that are new or changed are read. A file that changed a moment ago is taken for one that is still being written.
"""

import json
import os
import re
import unicodedata
from collections import Counter
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from agent.devices.device_time import DeviceTime
from agent.devices.time_zones import zone_of
from agent.footage.source import ClockQuality
from agent.sources.device.kind import DeviceKind, DeviceOptions
from agent.sources.device.orders import (
    FetchAnswer,
    FetchedFile,
    FetchOrder,
    FoundSpan,
    Json,
    LookAnswer,
    LookOrder,
    Report,
)
from agent.sources.device.orders import TestAnswer as Tested
from agent.sources.folder import names as folder_names
from agent.sources.folder.index import FolderIndex, Row, Seen
from exchange.clock import DAY, HOUR, MINUTE, SECOND, Window, from_rfc3339
from exchange.durable import disk_full_told, sync_folder
from exchange.errors import CameraUnreachable, FootageUnreadable, NoFootage

_UNTIMED = frozenset({"avi", "h264", "hevc"})
"""Containers whose frames have no time of their own, only a rate that the file claims."""
UNKNOWN = (
    "it is no kind of video that is known here. Export it again as MP4, MKV, AVI or TS, by the program that came with "
    "what recorded it."
)
_CHUNK = 1 << 20
_UNKNOWN_END = MINUTE
"""How long a file is believed to be that does not tell, until it is fetched."""

_MOST_NAMES = 5000
_SLOWEST = 32_000
"""Bytes a second of a camera at its thriftiest: a file that can't be read lasts no longer than that would."""


class Options(DeviceOptions):
    path: str = Field(max_length=1024, pattern=r"^/.+$")
    """The folder, as a full path; folders in it count too."""
    times: Literal["auto", "name", "file"] = "auto"
    """Where a file's start time comes from: its name, what the file says inside, or whichever there is."""
    pattern: str | None = Field(None, max_length=200)
    """How names tell the time, such as "%d-%m-%Y_%H.%M.%S" or "%Y%m%d/*/%H-%M-%S"; unset: the usual ways are known."""
    zone: str = Field("local", max_length=64)
    """The time zone of times in names, such as Europe/London; UTC; or local for this machine's."""
    names: Literal["start", "end"] = "start"
    """Whether a name tells when the recording began, or when it ended."""
    clock_ahead: float = Field(0.0, ge=-10 * 366 * 86400, le=10 * 366 * 86400)
    """Seconds by which the clock that named the files was ahead of the true time; negative when behind."""
    clock_unsure: float = Field(0.0, ge=0, le=366 * 86400)
    """Seconds by which that may be wrong."""
    settle: float = Field(10.0, ge=1, le=3600)
    """Seconds that a file must be unchanged for before it counts as finished."""
    suffixes: str = Field("", max_length=500)
    """The endings of names that count, with spaces between; unset: all but those of pictures, texts, sounds and the
    like, as what is in a file tells whether it is footage."""
    only: str = Field("", max_length=200)
    """Which files are of this camera, where several cameras write into one folder: a pattern of their paths in it, such
    as "*BackDoor*" or "front/*"; capitals don't matter."""
    starts: dict[str, str] = Field(default_factory=dict, max_length=10_000)
    """Start times by hand: a file's path in the folder, and an RFC 3339 time. ``handover sources start`` adds them."""

    @field_validator("pattern")
    @classmethod
    def _can_be_read(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            folder_names.compiled(pattern)
        return pattern

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        if zone != "local":
            zone_of(zone)
        return zone

    @field_validator("starts")
    @classmethod
    def _are_instants(cls, starts: dict[str, str]) -> dict[str, str]:
        for text in starts.values():
            from_rfc3339(text)
        return starts


SOURCE = DeviceKind(
    title="A folder of recordings",
    options=Options,
    how_read="Files out of a folder of the owner's machine, copied as they lie there",
    utc_from="the files' names or what the files say of themselves, as each file's note tells; no clock was compared",
    clock=ClockQuality.NAME,
    address=False,
)


def coverage_job(job: Json, report: Report) -> Json:
    """``LookOrder`` to ``LookAnswer``. Raises CameraUnreachable when the folder is not there."""
    order, options = LookOrder.model_validate(job), Options.model_validate(job["options"])
    with _index(order.state, options) as index:
        _update(index, options, order.now())
        rows = index.reaching(Window(max(0, order.start - DAY), order.end + DAY))
        oldest = index.oldest()
        usable, unusable = index.counts()
        broken = index.unusable(order.window, 20)
        others = _several(index, [row.path for row in rows if row.start < order.end and row.end > order.start])
    spans = [
        FoundSpan(
            start=row.start,
            end=row.end,
            reference=json.dumps({"path": row.path, "size": row.size, "mtime": row.mtime}),
            finished=row.whole or not _fresh(row.mtime, options, order.now()),
            torn=not row.whole and not _fresh(row.mtime, options, order.now()),
            size=row.size,
            clock=ClockQuality(row.clock),
            uncertainty_us=row.uncertainty,
        )
        for row in rows
        if row.start < order.end and row.end > order.start
    ]
    core = Window(order.start, max(order.start + 1, order.end - 2 * SECOND))  # what is fetched around a window counts
    if broken and not any(span.start < core.end and span.end > core.start + options.margin * SECOND for span in spans):
        raise _unreadable(broken)
    notes = others + [f"{printable(row.path)[-80:]} is of this time, but {row.note}"[:300] for row in broken]
    if unusable and not usable and not broken:
        notes += [f"None of the {unusable} files in the folder can be used: handover sources test says why."]
    return LookAnswer(spans=tuple(spans), oldest=oldest, notes=tuple(notes)).model_dump(mode="json")


def fetch_job(job: Json, report: Report) -> Json:
    """``FetchOrder`` to ``FetchAnswer``: a copy of the file, as the original may be overwritten where it lies.

    Raises NoFootage when it is gone or another by now, CameraUnreachable, DiskFull.
    """
    order, options = FetchOrder.model_validate(job), Options.model_validate(job["options"])
    wanted = json.loads(order.reference)
    with _index(order.state, options) as index:
        row = index.file(wanted["path"])
        if row is None or (row.size, row.mtime) != (wanted["size"], wanted["mtime"]):
            _update(index, options, order.now())
            row = index.file(wanted["path"])
    if row is None or not row.container or row.size < wanted["size"]:
        raise _gone(wanted["path"])
    if not row.whole and _why(order, options, row):
        raise NoFootage(
            f"{printable(row.path)} is still being written, and can't be read before its recorder has closed it.",
            meaning="What it holds of this time is not there yet.",
            do="Wait until it is finished.",
        )
    name = kept_name(row.path)
    _copy(Path(options.path) / row.path, order.into, name, row.size, report)
    whole = row.whole
    fetched = FetchedFile(
        name=name,
        start=row.start,
        end=row.end if whole and row.container in _UNTIMED and _end_in_name(row, options) else None,
        torn=not whole,
        clock=ClockQuality(row.clock),
        uncertainty_us=row.uncertainty,
        notes=tuple(note for note in (row.note, f"In the folder it is {printable(row.path)}"[:300]) if note),
    )
    return FetchAnswer(files=(fetched,)).model_dump(mode="json")


def test_job(job: Json, report: Report) -> Json:
    """``LookOrder`` to ``TestAnswer``: how many files can be used, and why some can't."""
    order, options = LookOrder.model_validate(job), Options.model_validate(job["options"])
    with _index(order.state, options) as index:
        _update(index, options, order.now())
        usable, unusable = index.counts()
        wrong = _several(index, index.paths(_MOST_NAMES))
        wrong += [f"{printable(row.path)}: {row.note}"[:300] for row in index.unused(10)]
        named = len(index.unused(10))
    good = [f"{usable} files can be used."]
    if unusable > named:
        wrong.append(f"{unusable - named} more files can't be used.")
    return Tested(good=tuple(good), wrong=tuple(wrong)).model_dump(mode="json")


def _several(index: FolderIndex, paths: list[str]) -> list[str]:
    """What is said when these files' names have different words in them, as those of several cameras do.

    Names that all differ, as by a number of letters and digits in each, tell nothing.
    """
    here = {word for path in paths if (word := _words(path))}
    if len(here) < 2:
        return []
    known = Counter(_words(path) for path in index.paths(_MOST_NAMES))
    if len(known) > max(2, sum(known.values()) // 2):
        return []
    names = ", ".join(sorted(f"{word} ({known[word]})" for word in here)[:8])[:160]
    told = f"The files' names differ: {names}. If they are of several cameras, tell which are of this one by the option"
    return [f"{told} only, such as only=*Name*."]


def _words(path: str) -> str:
    """The words in a file's path, without its ending, times, numbers and numbers in hexadecimal."""
    stem = printable(path).rpartition(".")[0] or printable(path)
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?i)(?<![^\W_])(?=[a-f]*\d)[\da-f]{3,}(?![^\W_])", " ", stem))
    return " ".join(word for word in words if len(word) > 2)


# -- the index -------------------------------------------------------------------------------------------------------


def _index(state: Path, options: Options) -> FolderIndex:
    return FolderIndex(state / "folder.db", index_settings(options))


def index_settings(options: Options) -> str:
    """What an index's rows rest on: with other options it is made anew."""
    rest = {"timeout", "fetches", "margin", "certificate"}
    settings = options.model_dump_json(exclude=rest) + (_machine_zone() if options.zone == "local" else "")
    return sha256(settings.encode()).hexdigest()


def _update(index: FolderIndex, options: Options, now: int) -> int:
    reader = Reader(options, now)
    try:
        return index.update(Path(options.path), reader.row, frozenset(options.suffixes.lower().split()), options.only)
    except OSError as error:
        raise CameraUnreachable(
            f"The folder {options.path} can't be read ({error.strerror}).",
            meaning="Whether there is footage in it can't be told.",
            do="Check that its disk is mounted, and that the user handover may read it.",
        ) from error


class Reader:
    """Makes a file's row: what it is, and when it was recorded."""

    def __init__(self, options: Options, now: int) -> None:
        self.options = options
        self.now = now
        self._pattern = folder_names.compiled(options.pattern) if options.pattern else None
        zone = _machine_zone() if options.zone == "local" else options.zone
        self._time = DeviceTime(round(options.clock_ahead * SECOND), 0, zone)
        self._unsure = round(options.clock_unsure * SECOND)

    def row(self, root: Path, seen: Seen, before: Seen | None) -> Row:
        from agent.sources.folder.probe import probe

        try:
            found = probe(root / seen.path)
        except OSError as error:
            return Row(seen.path, seen.size, seen.mtime, note=f"it can't be read ({error.strerror})")
        if not seen.size:
            return Row(seen.path, seen.size, seen.mtime, note="it is empty")
        changed = seen.mtime // 1000
        length = found.duration
        timed = self._timed(seen.path, found, changed, length)
        if timed is None:
            why = (
                found.why
                or ("" if found.container else UNKNOWN)
                or "neither its name nor the file tells when it was recorded"
            )
            if folder_names.readings(seen.path, self._pattern) and self.options.times != "file":
                why = "its name can be read in two ways, days apart: tell which by the option pattern"
            return Row(seen.path, seen.size, seen.mtime, note=why)
        start, end, clock, uncertainty, note = timed
        writing = _fresh(seen.mtime, self.options, self.now)
        if not found.container and not writing:
            end = max(end or 0, start + min(DAY, max(_UNKNOWN_END, seen.size * SECOND // _SLOWEST)))
            return Row(seen.path, seen.size, seen.mtime, "", start, end, note=UNKNOWN)
        if end is None:
            end = start + length if length else max(min(changed, start + DAY), start + _UNKNOWN_END)
        if found.why and not writing:
            end = min(end, start + max(_UNKNOWN_END, seen.size * SECOND // _SLOWEST))
            return Row(seen.path, seen.size, seen.mtime, "", start, max(end, start + 1), note=found.why)
        whole = found.whole and not writing
        return Row(
            seen.path, seen.size, seen.mtime, found.container, start, max(end, start + 1), clock.value,
            uncertainty + self._unsure, whole, note,
        )  # fmt: skip

    def _timed(
        self, path: str, found: Any, changed: int, length: int | None
    ) -> tuple[int, int | None, ClockQuality, int, str] | None:
        """Start, end where the name tells it, what they rest on, how unsure (microseconds), and a note."""
        if path in self.options.starts:
            at = from_rfc3339(self.options.starts[path])
            return at, None, ClockQuality.BY_HAND, SECOND, "Its start was set by hand."
        if self.options.times != "file":
            told = self._likeliest(folder_names.readings(path, self._pattern), changed, length)
            if told is not None:
                return self._by_name(*told, changed, length, found.container)
            if self.options.times == "name":
                return None
        if found.local is not None:
            at, unsure, note = self._choose(found.local, changed, length)
            note = note or "Its time is what the recorder wrote inside."
            return at, None, ClockQuality.CONTAINER, SECOND + unsure, note
        if found.created is not None and found.created > 0:
            note = "Its time is the creation time in the file, which some programs set when they export."
            return self._time.from_device(found.created), None, ClockQuality.CONTAINER, 2 * SECOND, note
        return None

    def _likeliest(
        self, told: list[folder_names.NameTime], changed: int, length: int | None
    ) -> tuple[folder_names.NameTime, int, str] | None:
        """Of what a name may say, what fits the file; the doubt that is left (microseconds), and a note on it.

        None when there is nothing, or nothing that is sure to a day: then the owner must say.
        """
        starts = [(each, self._choices(each.start)[0]) for each in told]
        latest = max(self.now, changed) + DAY
        fit = [(each, start) for each, start in starts if start <= latest] or starts
        if len({start for _, start in fit}) < 2:
            return (fit[0][0], 0, "") if fit else None
        near = [(each, start) for each, start in fit if -2 * SECOND <= changed - start - (length or 0) <= 20 * MINUTE]
        if len(near) == 1:
            return near[0][0], 0, "Its name can be read in two ways; its last change tells which it was."
        doubt = max(abs(start - fit[0][1]) for _, start in fit)
        shown = " or ".join(f"{each.start:%Y-%m-%d %H:%M:%S%z}" for each, _ in fit)
        if doubt > DAY:
            return None
        return (
            fit[0][0],
            doubt,
            f"Its name can be read in two ways ({shown}), and nothing tells which: the first was taken.",
        )

    def _by_name(
        self,
        told: folder_names.NameTime,
        doubt: int,
        why: str,
        changed: int,
        length: int | None,
        container: str,
    ) -> tuple[int, int | None, ClockQuality, int, str]:
        start, unsure, note = self._choose(told.start, changed, length)
        unsure, note = unsure + doubt, f"{note} {why}".strip()
        end = None
        if told.end is not None:
            chosen = self._choices(told.end)
            end = next((each for each in chosen if each > start), None)
            if end is not None and not told.end_sure and not _may_last(end - start, length, container):
                end = None
        elif self.options.names == "end" and length is not None:
            start, end = start - length, start
        elif self.options.names == "end":
            unsure, note = unsure + MINUTE, "Its name tells its end, and the file does not tell how long it is."
        # A file that is as long as the minute or the hour that its name tells began with it.
        resolution = max(SECOND, told.resolution - (length or 0)) if told.resolution > SECOND else told.resolution
        return start, end, ClockQuality.NAME, resolution + unsure, note

    def _choices(self, shown: datetime) -> tuple[int, ...]:
        if shown.tzinfo is not None:
            return (self._time.from_device(round(shown.timestamp() * SECOND)),)
        return self._time.either(shown)

    def _choose(self, shown: datetime, changed: int, length: int | None) -> tuple[int, int, str]:
        """A displayed time's instant. In the hour that comes twice, the file's own last change tells which it is."""
        choices = self._choices(shown)
        if len(choices) == 1:
            return choices[0], 0, ""
        near = [each for each in choices if -2 * SECOND <= changed - each - (length or 0) <= 20 * MINUTE]
        if len(near) == 1:
            return near[0], 0, "Its name lies in the hour that came twice; its last change tells which it was."
        note = "Its name lies in the hour that came twice, and nothing tells which it was: the first one was taken."
        return choices[0], HOUR, note


def _may_last(claimed: int, length: int | None, container: str) -> bool:
    """Whether six digits behind a name's time, read as its end, fit what the file says of its length."""
    if length is None:
        return claimed <= HOUR
    if container in _UNTIMED:  # its rate may lie
        return length / 3 <= claimed <= length * 3
    return abs(claimed - length) <= max(3 * SECOND, length // 10)


def _fresh(mtime: int, options: Options, now: int) -> bool:
    """Whether a file changed so lately that it may still be being written."""
    return 0 <= now - mtime // 1000 < options.settle * SECOND


def _machine_zone() -> str:
    """This machine's time zone, by name."""
    try:
        target = os.readlink("/etc/localtime")
        return target.partition("zoneinfo/")[2].removeprefix("posix/") or "UTC"
    except OSError:
        return "UTC"


def _end_in_name(row: Row, options: Options) -> bool:
    """Whether the row's end is the one that its name tells."""
    pattern = folder_names.compiled(options.pattern) if options.pattern else None
    lasts = timedelta(microseconds=row.end - row.start)
    return any(each.end and each.end - each.start == lasts for each in folder_names.readings(row.path, pattern))


# -- bringing a file ---------------------------------------------------------------------------------------------------


def printable(path: str) -> str:
    """A path to be shown on one line, whatever bytes it has."""
    spaced = "".join(" " if unicodedata.category(letter) == "Zs" else letter for letter in path)
    return "".join(letter if letter.isprintable() else "?" for letter in spaced)


def kept_name(path: str) -> str:
    """A name for a file in the folder that it is fetched into: its own where that is harmless, always another for
    another file."""
    bare = path.rpartition("/")[2]
    stem, dot, suffix = bare.rpartition(".")
    if not dot or not (suffix.isascii() and suffix.isalnum() and len(suffix) <= 8):
        stem, suffix = bare, "video"
    clean = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._+-") else "_" for letter in stem)
    mark = sha256(os.fsencode(path)).hexdigest()[:8]
    return f"{clean.strip('._+-')[:120] or 'file'}-{mark}.{suffix.lower()}"


def _copy(source: Path, into: Path, name: str, size: int, report: Report) -> None:
    part = into / f"{name}.part"
    try:
        reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise _gone(name) from error
    try:
        with disk_full_told(part), part.open("ab") as writing:
            done = min(writing.tell(), size)
            writing.truncate(done)
            report({"bytes": done, "total": size})
            while done < size:
                chunk = os.pread(reading, min(_CHUNK, size - done), done)
                if not chunk:
                    break
                writing.write(chunk)
                done += len(chunk)
                report({"bytes": done, "total": size})
            writing.flush()
            os.fsync(writing.fileno())
        if done < size:
            part.unlink()
            raise _gone(name)
    finally:
        os.close(reading)
    part.rename(into / name)
    sync_folder(into)


def _why(order: FetchOrder, options: Options, row: Row) -> str:
    from agent.sources.folder.probe import probe

    try:
        return probe(Path(options.path) / row.path).why
    except OSError:
        return ""


def _unreadable(broken: list[Row]) -> FootageUnreadable:
    names = ", ".join(printable(row.path)[-80:] for row in broken[:3]) + (" and more" if len(broken) > 3 else "")
    return FootageUnreadable(
        f"What there is of this time can't be read: {names}: {broken[0].note.partition('. ')[0]}.",
        meaning="The footage may still be in there, but not as it stands; nothing is handed over, and nobody is told "
        "that there is none.",
        do=f"{broken[0].note.partition('. ')[2]} Put the repaired file into the folder under a name with the same "
        "time, or take the broken one out if it can't be saved.",
    )


def _gone(name: str) -> NoFootage:
    return NoFootage(
        f"{printable(name)} is no longer in the folder as it was.",
        meaning="It was removed or changed after it was found.",
        do="Whatever writes the folder may keep too little; ask it to keep recordings for longer.",
    )
