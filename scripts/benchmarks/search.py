"""How soon cameras are found among a million, in a file and on PostgreSQL: from the query to the answer's JSON.

Owners of four cameras each live evenly spread over two degrees; of some cameras, agents said which hours they recorded.
PostgreSQL is one of its own, thrown away afterwards.
"""

import contextlib
import functools
import gc
import random
import sqlite3
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy.orm import Session

from exchange.clock import DAY, HOUR, SystemClock
from portal.registry import cameras
from portal.registry.search_query import SearchQuery
from portal.storage.database import Database, open_database, upgrade
from scripts.benchmarks.row import Row
from tests.counterparts.storage.postgres_server import serving

_CAMERAS = 1_000_000
_AN_OWNER = 4
_PLOT = 0.0003
"""Degrees over which an owner's cameras lie: some 30 m."""
_WITH_HOURS = 100_000
_SEARCHES = 60
_SIDE = 2.0
"""Degrees of latitude and longitude over which the cameras lie."""
_LIMITS = {500: 25, 20_000: 50}
"""Milliseconds, by the circle's radius."""
_DEVICES = "devices (fingerprint, public_key, enrolled, last_seen, revision, last_cursor)"
_PLACES = (
    "cameras (device, camera_id, label, owner_kind, latitude, longitude, direction, field_of_view, sound,"
    " retention_days)"
)
_HOURS = "day_hours (device, camera_id, day, hours)"
Values = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class County:
    """What both databases are filled with."""

    now: int
    cameras: int = _CAMERAS

    @property
    def day(self) -> int:
        """The day before this one (microseconds UTC of its beginning)."""
        return self.now // DAY * DAY - DAY

    def devices(self) -> Iterator[Values]:
        return ((_owner(number), "k", 0, self.now, 1, 0) for number in range(self.cameras // _AN_OWNER))

    def places(self) -> Iterator[Values]:
        chance = random.Random(1)
        for number in range(self.cameras):
            if number % _AN_OWNER == 0:
                home = 52 + chance.random() * _SIDE, -2 + chance.random() * _SIDE
            place = [degrees + chance.random() * _PLOT for degrees in home]
            yield (*_named(number), "Front", "business", *place, 90, 90, False, 30)

    def hours(self) -> Iterator[Values]:
        return ((*_named(number), self.day, "1" * 24) for number in range(min(_WITH_HOURS, self.cameras)))


def rows(work: Path) -> Iterator[Row]:
    """Milliseconds; the 95th of 100."""
    with filled(work, County(SystemClock().now())) as databases:
        gc.collect()
        gc.freeze()  # as a portal does that serves
        for name, db in databases.items():
            yield from measure(name, db)


@contextlib.contextmanager
def filled(work: Path, county: County) -> Iterator[dict[str, Database]]:
    """Both databases, open, by how a row calls them."""
    path = work / "million.db"
    upgrade(path)
    _fill_file(path, county)
    with serving() as server:
        where = server.url(server.create())
        upgrade(where)
        fill_server(where, county)
        databases = {"a file": open_database(path), "PostgreSQL": open_database(where)}
        try:
            yield databases
        finally:
            for db in databases.values():
                db.close()


def measure(name: str, db: Database) -> Iterator[Row]:
    """Two rows for each radius: searches at places that each come once, and what of that is this process's own CPU."""
    chance, now = random.Random(3), SystemClock().now()
    day = County(now).day
    for radius, limit in _LIMITS.items():
        took, spent = [], []
        for _ in range(_SEARCHES):
            query = SearchQuery.model_validate(
                {
                    "lat": 52.3 + chance.random() * (_SIDE - 0.6),
                    "lon": -1.7 + chance.random() * (_SIDE - 0.6),
                    "radius_m": radius,
                    "crime_reference": "C-1",
                    "from": day + 9 * HOUR,
                    "to": day + 10 * HOUR,
                }
            )
            begun = time.monotonic()
            spent.append(db.read_now(functools.partial(_search, query, now)))
            took.append(time.monotonic() - begun)
        yield Row(f"{radius} m of 1,000,000 cameras, {name}, p95", _p95(took) * 1000, None, "ms", limit)
        yield Row("CPU of that outside of PostgreSQL, p95", _p95(spent) * 1000, None, "ms", None)


def _search(query: SearchQuery, now: int, session: Session) -> float:
    """Seconds of CPU."""
    begun = time.thread_time()
    cameras.search(session, query, now).model_dump_json(exclude_none=True)
    return time.thread_time() - begun


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def _owner(number: int) -> str:
    return f"SHA256:{number:043}"


def _named(number: int) -> tuple[str, str]:
    """A camera's device, and its id."""
    return _owner(number // _AN_OWNER), f"camera-{number % _AN_OWNER}"


def _fill_file(path: Path, county: County) -> None:
    with sqlite3.connect(path) as file:
        for table, values in _tables(county):
            places = ", ".join("?" * (table.count(",") + 1))
            file.executemany(f"INSERT INTO {table} VALUES ({places})", values)
    file.close()


def fill_server(where: str, county: County) -> None:
    """As ``_fill_file`` fills a file; ``where`` is a database at this portal's schema."""
    with psycopg.connect(where, autocommit=True) as connection:
        for table, values in _tables(county):
            with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                for each in values:
                    copy.write_row(each)
        connection.execute("VACUUM ANALYZE")


def _tables(county: County) -> tuple[tuple[str, Iterator[Values]], ...]:
    return (_DEVICES, county.devices()), (_PLACES, county.places()), (_HOURS, county.hours())
