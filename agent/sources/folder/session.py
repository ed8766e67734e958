"""Looks through a folder of recordings, and copies files out of it.

The folder is looked through at every question; only files that are new or changed are read. A file that changed a
moment ago is taken for one that is still being written.
Not for: when a file was recorded (``time``), reading containers (``probe``), or the index itself (``index``).
"""

import json
import os
import re
import unicodedata
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from agent.footage.source import ClockQuality
from agent.sources.device.orders import FetchedFile, FetchOrder, FoundSpan, LookOrder, Order, Report, TestAnswer
from agent.sources.device.session import DeviceSession
from agent.sources.folder.index import FolderIndex, Row
from agent.sources.folder.options import Options
from agent.sources.folder.time import (
    DAMAGED,
    DAY_ALONE,
    DOUBTFUL,
    EMPTY,
    ORDER,
    UNTIMED,
    Reader,
    end_in_name,
    is_fresh,
    machine_zone,
)
from exchange.clock import DAY, SECOND, Window
from exchange.counted import counted
from exchange.durable import raising_disk_full, sync_folder
from exchange.errors import CameraUnreachable, FootageUnreadable, NoFootage

_CHUNK = 1 << 20
_MOST_NAMES = 5000
_LONGEST_ASKED = 31 * DAY
_CHANNEL = re.compile(r"(?i)(?<![^\W_])(ch|chn|chan|channel|cam|camera|ipc|d|input)[ _-]?0*(\d{1,3})(?!\d)")
_DEVICE = re.compile(r"/\d{4}-([0-9A-Fa-f]{8})$")
"""A device's number behind minute and second, as exacqVision's disks have it."""


class Session(DeviceSession[Options]):
    """One folder, its index open. Raises CameraUnreachable when the folder is not there."""

    def __init__(self, order: Order, options: Options) -> None:
        super().__init__(order, options)
        self._index: FolderIndex | None = None

    @property
    def index(self) -> FolderIndex:
        if self._index is None:
            self._index = FolderIndex(self.order.state / "folder.db", index_settings(self.options))
        return self._index

    def close(self, *, failed: bool) -> None:
        if self._index is not None:
            self._index.close()

    def _update(self) -> None:
        """Bring the index up to date."""
        options, reader = self.options, Reader(self.options, self.order.now())
        suffixes = frozenset(options.suffixes.lower().split())
        try:
            self.index.update(Path(options.path), reader.row, suffixes, options.only, reader.learn, ORDER)
        except OSError as error:
            raise CameraUnreachable(
                f"The folder {options.path} can't be read ({error.strerror}).",
                meaning="Whether there is footage in it can't be told.",
                do="Check that its disk is mounted, and that the user handover may read it.",
            ) from error

    def spans(self, window: Window) -> list[FoundSpan]:
        """The files of a window. Raises FootageUnreadable when there are some and none can be read."""
        self._update()
        rows = [
            row
            for row in self.index.reaching(Window(max(0, window.start - DAY), window.end + DAY))
            if row.start < window.end and row.end > window.start
        ]
        spans = [self._span(row) for row in rows]
        usable, unusable = self.index.counts()
        self.trouble = self._trouble(unusable)
        doubtful = [row for note in DOUBTFUL for row in self.index.noted(note, _MOST_NAMES)]
        reader = Reader(self.options, self.order.now())
        there = self.index.unusable(window, 40)
        broken = [row for row in there if row.note != EMPTY][:20]
        broken += [replace(row, note=DAMAGED) for row in self.index.damaged(window, 20)]
        broken += [row for row in doubtful if reader.may_be_of(row, window)][:20]
        core = Window(window.start, max(window.start + 1, window.end - 2 * SECOND))  # what is fetched around it counts
        margin = self.options.margin * SECOND
        asked = window.duration <= _LONGEST_ASKED
        waits = [row for row in broken if asked or row.note != DAY_ALONE]  # of all time, such a file says nothing
        if waits and not any(span.start < core.end and span.end > core.start + margin for span in spans):
            raise _unreadable(waits)
        self.notes += _several(self.index, [row.path for row in rows])
        self.notes += [f"{printable(row.path)[-80:]} is of this time, but {row.note}" for row in broken]
        self.notes += [
            f"{printable(row.path)[-80:]} is of this time, but {row.note}" for row in there if row.note == EMPTY
        ]
        if unusable and not usable and not broken:
            self.notes.append(
                f"None of {counted(unusable, 'file')} in the folder can be used: handover sources test says why."
            )
        return spans

    def _trouble(self, unusable: int) -> str:
        """What can't be used of the folder, in words that follow on the camera's name; empty when all can."""
        if not unusable:
            return ""
        named = [f"{printable(row.path)[-60:]} ({row.note.partition('. ')[0][:90]})" for row in self.index.unused(2)]
        more = "" if unusable <= len(named) else ", and more"
        return f"has {counted(unusable, 'file')} that can't be used: {'; '.join(named)}{more} (handover sources test)"

    def _span(self, row: Row) -> FoundSpan:
        ended = row.whole or not is_fresh(row.mtime, self.options, self.order.now())
        return FoundSpan(
            start=row.start,
            end=row.end,
            reference=json.dumps({"path": row.path, "size": row.size, "mtime": row.mtime}),
            finished=ended,
            torn=ended and not row.whole,
            size=row.size,
            clock=ClockQuality(row.clock),
            uncertainty_us=row.uncertainty,
        )

    def oldest(self) -> int | None:
        return self.index.oldest()

    def tested(self, order: LookOrder) -> TestAnswer:
        """How many files can be used, and why some can't."""
        self._update()
        usable, unusable = self.index.counts()
        unused = self.index.unused(10)
        wrong = _several(self.index, self.index.paths(_MOST_NAMES))
        wrong += [f"{printable(row.path)}: {row.note}"[:300] for row in unused]
        good = [f"{counted(usable, 'file')} can be used."]
        if unusable > len(unused):
            wrong.append(f"{counted(unusable - len(unused), 'more file')} can't be used.")
        return TestAnswer(good=tuple(good), wrong=tuple(wrong))

    # -- bringing a file --

    def fetch(self, order: FetchOrder, report: Report) -> list[FetchedFile]:
        """A copy of the file, as the original may be overwritten where it lies."""
        wanted = json.loads(order.reference)
        row = self.index.file(wanted["path"])
        if row is None or (row.size, row.mtime) != (wanted["size"], wanted["mtime"]):
            self._update()
            row = self.index.file(wanted["path"])
        if row is None or not row.container or row.size < wanted["size"]:
            raise _gone(wanted["path"])
        if not row.whole and self._why_unreadable(row):
            raise NoFootage(
                f"{printable(row.path)} is still being written, and can't be read before its recorder has closed it.",
                meaning="What it holds of this time is not there yet.",
                do="Wait until it is finished.",
            )
        name = kept_name(row.path)
        _copy(Path(self.options.path) / row.path, order.into, name, row.size, report)
        timed = row.whole and row.container in UNTIMED and end_in_name(row, self.options)
        notes = (row.note, f"In the folder it is {printable(row.path)}"[:300])
        fetched = FetchedFile(
            name=name,
            start=row.start,
            end=row.end if timed else None,
            torn=not row.whole,
            clock=ClockQuality(row.clock),
            uncertainty_us=row.uncertainty,
            notes=tuple(note for note in notes if note),
        )
        return [fetched]

    def _why_unreadable(self, row: Row) -> str:
        from agent.sources.folder.probe import probe

        try:
            return probe(Path(self.options.path) / row.path).why
        except OSError:
            return ""


def index_settings(options: Options) -> str:
    """A hash of the options that the rows depend on; with others the index is made anew."""
    rest = {"timeout", "fetches", "margin", "certificate"}
    settings = options.model_dump_json(exclude=rest) + (machine_zone() if options.zone == "local" else "")
    return sha256(settings.encode()).hexdigest()


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
    reported = (
        f"The files' names differ: {names}. If they are of several cameras, tell which are of this one by the option"
    )
    return [f"{reported} only, such as only=*Name*."]


def _words(path: str) -> str:
    """The words in a file's path, without its ending, times, numbers and numbers in hexadecimal; and what numbers a
    camera or a recorder's channel."""
    stem = printable(path).rpartition(".")[0] or printable(path)
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?i)(?<![^\W_])(?=[a-f]*\d)[\da-f]{3,}(?![^\W_])", " ", stem))
    channels = [f"{name} {int(number)}" for name, number in _CHANNEL.findall(stem)] + _DEVICE.findall(stem)
    return " ".join([*(word for word in words if len(word) > 2), *channels])


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
        with raising_disk_full(part), part.open("ab") as writing:
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


def _unreadable(broken: list[Row]) -> FootageUnreadable:
    names = ", ".join(printable(row.path)[-80:] for row in broken[:3]) + (" and more" if len(broken) > 3 else "")
    if broken[0].note in DOUBTFUL:
        return FootageUnreadable(
            f"What may be of this time can't be used: {names}: {broken[0].note.partition('. ')[0]}.",
            meaning="It may be of this time or of another: nothing is handed over, and nobody is told that there is "
            "none.",
            do=broken[0].note.partition(". ")[2],
        )
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
