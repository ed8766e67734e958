"""Addresses to places, by the force's own file; and what any other geocoder has to do.

The file is CSV in UTF-8 with a heading line. Columns: ``latitude`` and ``longitude`` (WGS 84 degrees), and at least one
of ``name``, ``number``, ``street``, ``town``, ``postcode``; others are passed over. Not for: asking anybody online.
"""

import csv
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from exchange.documents.letters import harmless
from exchange.errors import NotFound, SettingsInvalid

MOST_ROWS = 5_000_000
MOST_FOUND = 10
MOST_LETTERS = 200
WORDS = ("name", "number", "street", "town", "postcode")
_LINE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Address:
    """Degrees, and what a person calls the place."""

    text: str
    latitude: float
    longitude: float


class Geocoder(Protocol):
    """Where places are found by what people call them. It is called in a thread, by one at a time."""

    def find(self, text: str) -> list[Address]:
        """The best first, at most MOST_FOUND; empty when there is none."""
        ...


class Gazetteer:
    """The force's file in memory, behind SQLite's full-text index: a word matches from its beginning."""

    def __init__(self, path: Path) -> None:
        """Reads the file. NotFound when it isn't there; SettingsInvalid when it is no such file, naming the line."""
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.execute(
            "CREATE VIRTUAL TABLE places USING fts5(text, latitude UNINDEXED, longitude UNINDEXED, prefix='1 2 3', "
            "tokenize='unicode61 remove_diacritics 2')"
        )
        try:
            with path.open(encoding="utf-8-sig", newline="") as file, self._db:
                self._db.executemany("INSERT INTO places VALUES (?, ?, ?)", _rows(path, csv.reader(_lines(file))))
        except OSError:
            raise NotFound(f"There is no gazetteer {path}.", do="Correct gazetteer in desk.yaml.") from None
        except UnicodeDecodeError:
            raise _unusable(path, "it is not UTF-8") from None
        except csv.Error as error:
            raise _unusable(path, str(error)) from None

    def find(self, text: str) -> list[Address]:
        """Every word must be there, in any order; whole words come before beginnings."""
        words = re.findall(r"\w+", text[:MOST_LETTERS].lower())
        if not words:
            return []
        begins = " ".join(f'"{word}"*' for word in words)
        found = self._db.execute(
            "SELECT text, latitude, longitude FROM places WHERE places MATCH ? "
            "ORDER BY rank, length(text), text LIMIT ?",
            (begins, 5 * MOST_FOUND),
        )
        addresses = [Address(*row) for row in found]
        addresses.sort(key=lambda each: -sum(word in re.findall(r"\w+", each.text.lower()) for word in words))
        return addresses[:MOST_FOUND]


def _rows(path: Path, lines: Iterator[list[str]]) -> Iterator[tuple[str, float, float]]:
    heading = [name.strip().lower() for name in next(lines, [])]
    if not {"latitude", "longitude"} <= set(heading) or not set(WORDS) & set(heading):
        raise _unusable(path, f"its first line must name latitude, longitude and some of {', '.join(WORDS)}")
    places = [heading.index(name) for name in WORDS if name in heading]
    latitude, longitude = heading.index("latitude"), heading.index("longitude")
    for number, line in enumerate(lines, 2):
        if number > MOST_ROWS:
            raise _unusable(path, f"it has more than {MOST_ROWS} lines")
        if not any(line):
            continue
        try:
            where = float(line[latitude]), float(line[longitude])
            words = [harmless(line[place], 100) for place in places if line[place].strip()]
        except (ValueError, IndexError):
            raise _unusable(path, f"line {number} has no place") from None
        if not (-90 <= where[0] <= 90 and -180 <= where[1] <= 180) or not words:
            raise _unusable(path, f"line {number} has no place")
        yield " ".join(words), *where


def _lines(file: Iterator[str]) -> Iterator[str]:
    for line in file:
        if len(line) > _LINE:
            raise csv.Error("a line of it is too long")
        yield line


def _unusable(path: Path, why: str) -> SettingsInvalid:
    return SettingsInvalid(f"The gazetteer {path} can't be used: {why}.", do="Correct it; see the officer's guide.")
