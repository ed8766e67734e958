"""The index of a folder of recordings: one row a file, brought up to date by what changed; looked up by time.

Not for: what the times rest on (``folder``), or reading footage. It may be thrown away at any time: it is made anew.
"""

import fnmatch
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Self

from exchange.clock import DAY, Window

_VERSION = 5
Learn = Callable[[str, list[str]], str]
MOST_FILES = 500_000
MOST_DEPTH = 12
_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS files (
    path        BLOB PRIMARY KEY,       -- relative to the folder, as the system has it: it may be no text
    size        INTEGER NOT NULL,
    mtime       INTEGER NOT NULL,       -- nanoseconds
    container   TEXT NOT NULL,          -- '' for what can't be used, or has no time: not looked at again
    start       INTEGER NOT NULL,       -- UTC microseconds
    end         INTEGER NOT NULL,
    clock       TEXT NOT NULL,
    uncertainty INTEGER NOT NULL,
    whole       INTEGER NOT NULL,
    note        TEXT NOT NULL,
    reaches     INTEGER NOT NULL        -- up to when there may be footage behind a damaged place; 0: none
) STRICT;
CREATE INDEX IF NOT EXISTS files_by_start ON files (start) WHERE container <> '';
CREATE INDEX IF NOT EXISTS unusable_by_start ON files (start) WHERE container = '' AND start > 0;
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One file; see the table. A file that can't be used has no container, and says why in ``note``; when its time is
    known, that is there; where its name can be read in two ways, ``end`` is how long it is, and ``start`` 0."""

    path: str
    size: int
    mtime: int
    container: str = ""
    start: int = 0
    end: int = 0
    clock: str = ""
    uncertainty: int = 0
    whole: bool = True
    note: str = ""
    reaches: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as the folder lists it; ``path`` relative to the folder."""

    path: str
    size: int
    mtime: int


class FolderIndex:
    """Opened for one job. ``settings`` is what the rows rest on: an index made under others is begun anew."""

    def __init__(self, file: Path, settings: str) -> None:
        self._file = file
        try:
            self._open(settings)
        except sqlite3.DatabaseError:
            self._db.close()
            file.unlink(missing_ok=True)  # damaged: nothing is lost but time
            self._open(settings)

    def _open(self, settings: str) -> None:
        self._db = sqlite3.connect(self._file, isolation_level=None, timeout=30)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")
        if self._db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:  # an earlier version's, or none
            self._db.execute("DROP TABLE IF EXISTS files")
        self._db.executescript(f"{_SCHEMA}PRAGMA user_version = {_VERSION};")
        known = self._db.execute("SELECT value FROM about WHERE name = 'settings'").fetchone()
        if known != (settings,):
            self._db.execute("DELETE FROM files")
            self._db.execute("DELETE FROM about WHERE name = 'learned'")
            self._db.execute("INSERT OR REPLACE INTO about VALUES ('settings', ?)", [settings])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def update(
        self,
        root: Path,
        read: Callable[[Path, Seen, Seen | None], Row],
        wanted: frozenset[str],
        only: str = "",
        learn: Learn | None = None,
        rests: str = "",
    ) -> int:
        """Bring the rows up to date with the folder; how many files were read.

        ``read(root, seen, before)`` makes the row of a file that is new or has changed since ``before``; see
        ``files_below`` for ``wanted`` and ``only``. ``learn(known, paths)`` is told the new paths before any is read;
        when what it answers is not what was known, rows whose note has ``rests`` in it are made again.
        Raises OSError when the folder itself can't be listed.
        """
        asked = "SELECT path, size, mtime, whole, container, ?1 <> '' AND instr(note, ?1) > 0 FROM files"
        with closing(self._db.execute(asked, [rests])) as cursor:
            known = {os.fsdecode(path): tuple(rest) for path, *rest in cursor}
        waiting: list[tuple[Seen, Seen | None]] = []
        resting: list[tuple[Seen, Seen | None]] = []
        for seen in files_below(root, wanted, only):
            before = known.pop(seen.path, None)
            # What was not whole is looked at again: being written ends without a change of the file.
            if before is not None and before[:2] == (seen.size, seen.mtime) and (before[2] or not before[3]):
                if before[4]:
                    resting.append((seen, Seen(seen.path, before[0], before[1])))
                continue
            waiting.append((seen, Seen(seen.path, before[0], before[1]) if before is not None else None))
        learned = self._learned()
        proven = learn(learned, [seen.path for seen, before in waiting if before is None]) if learn else learned
        changed = [read(root, *each) for each in (*waiting, *(resting if proven != learned else ()))]
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("INSERT OR REPLACE INTO about VALUES ('learned', ?)", [proven])
        self._db.executemany("DELETE FROM files WHERE path = ?", [[os.fsencode(path)] for path in known])
        self._db.executemany(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(os.fsencode(row.path), *astuple(row)[1:]) for row in changed],
        )
        self._db.execute(
            "INSERT OR REPLACE INTO about SELECT 'longest', coalesce(max(end - start), 0) "
            "FROM files WHERE container <> ''"
        )
        self._db.execute("COMMIT")
        return len(changed)

    def _learned(self) -> str:
        row = self._db.execute("SELECT value FROM about WHERE name = 'learned'").fetchone()
        return str(row[0]) if row else ""

    def reaching(self, window: Window) -> list[Row]:
        """The files that reach into a window, by start."""
        longest = self._db.execute("SELECT value FROM about WHERE name = 'longest'").fetchone()
        earliest = window.start - min(int(longest[0]) if longest else 0, 7 * DAY)
        rows = self._db.execute(
            "SELECT * FROM files WHERE container <> '' AND start >= ? AND start < ? AND end > ? ORDER BY start, path",
            [earliest, window.end, window.start],
        )
        return [_row(row) for row in rows]

    def unusable(self, window: Window, most: int) -> list[Row]:
        """Footage of this time that can't be used, by start."""
        rows = self._db.execute(
            "SELECT * FROM files WHERE container = '' AND start > 0 AND start < ? AND end > ? ORDER BY start LIMIT ?",
            [window.end, window.start, most],
        )
        return [_row(row) for row in rows]

    def damaged(self, window: Window, most: int) -> list[Row]:
        """Files that may have footage of this time behind a damaged place."""
        asked = "SELECT * FROM files WHERE reaches > ? AND end < ? ORDER BY start, path LIMIT ?"
        return [_row(row) for row in self._db.execute(asked, [window.start, window.end, most])]

    def noted(self, note: str, most: int) -> list[Row]:
        """The rows without a time that have this note."""
        asked = "SELECT * FROM files WHERE container = '' AND start = 0 AND note = ? ORDER BY path LIMIT ?"
        return [_row(row) for row in self._db.execute(asked, [note, most])]

    def file(self, path: str) -> Row | None:
        row = self._db.execute("SELECT * FROM files WHERE path = ?", [os.fsencode(path)]).fetchone()
        return _row(row) if row else None

    def paths(self, most: int) -> list[str]:
        """The paths of the newest files that can be used."""
        rows = self._db.execute("SELECT path FROM files WHERE container <> '' ORDER BY start DESC LIMIT ?", [most])
        return [os.fsdecode(row[0]) for row in rows]

    def oldest(self) -> int | None:
        row = self._db.execute("SELECT min(start) FROM files WHERE container <> ''").fetchone()
        return None if row[0] is None else int(row[0])

    def counts(self) -> tuple[int, int]:
        """How many files can be used, and how many can't."""
        counting = "SELECT count(*) FILTER (WHERE container <> ''), count(*) FROM files"
        used, other = self._db.execute(counting).fetchone()
        return int(used), int(other) - int(used)

    def unused(self, most: int) -> list[Row]:
        return [
            _row(row)
            for row in self._db.execute("SELECT * FROM files WHERE container = '' ORDER BY path LIMIT ?", [most])
        ]


def _row(row: tuple[Any, ...]) -> Row:
    return Row(os.fsdecode(row[0]), *row[1:])


_PICTURES = "jpg jpeg jpe png gif bmp webp heic tif tiff svg ico"
_SOUNDS = "wav mp3 m4a aac flac ogg oga opus wma amr"
_TEXTS = "txt text log md json jsonl xml html htm css js csv tsv srt vtt sub ass ssa nfo pdf doc docx xls xlsx"
_SETTINGS = "ini conf cfg yaml yml toml url lnk m3u m3u8 mpd lock pid"
_DATA = "db db3 sqlite sqlite3 wal shm idx zip gz tgz bz2 xz zst tar rar 7z iso sha1 sha256 sha512 md5 sig asc pem age"
_PROGRAMS = "exe dll dmg apk deb sh bat py"
OTHER = frozenset(f"{_PICTURES} {_SOUNDS} {_TEXTS} {_SETTINGS} {_DATA} {_PROGRAMS}".split())
"""The endings of what is kept beside recordings, and is none."""


def files_below(root: Path, wanted: frozenset[str], only: str = "") -> Iterator[Seen]:
    """The files below a folder with a ``wanted`` ending; without any wanted, all that don't end as something else does.
    ``only``: a pattern of their paths, as of ``fnmatch``; capitals don't matter.

    No link is followed, nothing hidden is entered. A name may be any bytes: it is as ``os.fsdecode`` makes it.
    """
    count = 0
    fits = re.compile(fnmatch.translate(only.lower() or "*")).match
    stack = [("", str(root), 0)]
    while stack:
        prefix, folder, depth = stack.pop()
        try:
            entries = os.scandir(folder)
        except OSError:
            if not depth:
                raise
            continue  # a subfolder that vanished, or may not be read
        with entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if depth < MOST_DEPTH:
                        stack.append((f"{prefix}{entry.name}/", entry.path, depth + 1))
                elif (
                    _counts(entry.name, wanted)
                    and fits(f"{prefix}{entry.name}".lower())
                    and entry.is_file(follow_symlinks=False)
                ):
                    try:
                        facts = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue
                    count += 1
                    if count > MOST_FILES:
                        return
                    yield Seen(f"{prefix}{entry.name}", facts.st_size, facts.st_mtime_ns)


def _counts(name: str, wanted: frozenset[str]) -> bool:
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    return ending in wanted if wanted else ending not in OTHER
