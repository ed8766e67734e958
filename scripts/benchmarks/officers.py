"""Fifty officers at once on two replicas of a portal on PostgreSQL: how long their searches take, each with its line in
the log of use, and how often the database runs a transaction again.

PostgreSQL is one of its own, in memory and without fsync. Not for: one replica with a county's agents
(``scripts.benchmarks.portal``), or the search alone (``scripts.benchmarks.search``).
"""

import asyncio
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import psycopg

from exchange.clock import DAY, HOUR, SystemClock, to_rfc3339
from exchange.documents import api
from exchange.signing.documents import SigningKey
from exchange.signing.tokens import mint
from portal.settings import Limits
from scripts.benchmarks.row import Row
from scripts.benchmarks.search import County, fill_server
from tests.counterparts.portals.portal import Place, PortalProcess, add_officer, make_place
from tests.counterparts.storage.postgres_server import PostgresServer, serving

_OFFICERS = 50
_CAMERAS = 20_000
_SECONDS = 20
_EVERY = 2.0
"""Seconds from one call of an officer to their next."""
_BEFORE = 400
"""Searches that each officer made before."""
_ROLLBACKS = "SELECT xact_rollback FROM pg_stat_database WHERE datname = '{}'"
_NOTED_SECONDS = 2
"""Until PostgreSQL's own figures are up to date."""


@dataclass
class _Calls:
    took: list[float] = field(default_factory=list)
    """Seconds."""
    failed: int = 0


def rows(work: Path) -> Iterator[Row]:
    folder = work / "officers"
    folder.mkdir()
    with serving() as server:
        name = server.create()
        place, keys = _portal(folder, server.url(name))
        fill_server(server.url(name), County(SystemClock().now(), _CAMERAS))
        _search_for_weeks(server.url(name), keys)
        with PortalProcess(place) as first, PortalProcess(place) as second:
            origins = (first.origin, second.origin)
            asyncio.run(_in_one_moment(keys, origins))  # connections are made, and code is loaded
            before = _rollbacks(server, name)
            calls = asyncio.run(_at_their_work(keys, origins))
            again = _rollbacks(server, name) - before
            moment = asyncio.run(_in_one_moment(keys, origins))
    worst = statistics.quantiles(calls.took, n=20)[-1] * 1000
    yield Row(f"{_OFFICERS} officers, a search each {_EVERY:g} s, p95", worst, None, "ms", 100)
    yield Row("transactions run again, of 100 searches", 100 * again / len(calls.took), None, "", None)
    yield Row(f"all {_OFFICERS} in one moment, the last answered", max(moment.took) * 1000, None, "ms", None)
    yield Row("searches that failed", calls.failed + moment.failed, None, "", 0)


def _portal(folder: Path, url: str) -> tuple[Place, list[SigningKey]]:
    place = make_place(folder, Limits(searches_per_officer_per_hour=100_000, searches_per_officer_per_day=100_000))
    place = replace(place, settings=place.settings.model_copy(update={"database": url}))
    place.folder.database.unlink()
    place.folder.settings_file.unlink()
    place.folder.save(place.settings)
    keys = [SigningKey.generate() for _ in range(_OFFICERS)]
    for key in keys:
        add_officer(place.folder, place.settings, place.force, key, SystemClock().now())
    return place, keys


def _search_for_weeks(url: str, keys: list[SigningKey]) -> None:
    """What the officers searched before: of an empty table, all that they read would lie on the same page."""
    now = SystemClock().now()
    columns = "officer, made, crime_reference, south, west, north, east, window_start, window_end"
    with psycopg.connect(url) as connection, connection.cursor().copy(f"COPY searches ({columns}) FROM STDIN") as copy:
        for key in keys:
            for number in range(_BEFORE):
                made = now - 2 * DAY - number * HOUR
                copy.write_row((key.public.fingerprint, made, "C-1", 52, -2, 52.1, -1.9, made - DAY, made))


def _rollbacks(server: PostgresServer, name: str) -> int:
    time.sleep(_NOTED_SECONDS)
    ((found,),) = server.execute(_ROLLBACKS.format(name))
    assert isinstance(found, int)
    return found


async def _at_their_work(keys: list[SigningKey], origins: tuple[str, ...]) -> _Calls:
    calls, until = _Calls(), time.monotonic() + _SECONDS

    async def officer(session: aiohttp.ClientSession, number: int) -> None:
        await asyncio.sleep(random.uniform(0, _EVERY))
        while time.monotonic() < until:
            await _search(session, keys[number], origins[number % len(origins)], calls)
            await asyncio.sleep(random.uniform(0.5, 1.5) * _EVERY)

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for number in range(len(keys)):
            group.create_task(officer(session, number))
    return calls


async def _in_one_moment(keys: list[SigningKey], origins: tuple[str, ...]) -> _Calls:
    calls = _Calls()
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for number, key in enumerate(keys):
            group.create_task(_search(session, key, origins[number % len(origins)], calls))
    return calls


async def _search(session: aiohttp.ClientSession, key: SigningKey, origin: str, calls: _Calls) -> None:
    clock = SystemClock()
    day = clock.now() // DAY * DAY - DAY
    query = {
        "lat": str(52 + 2 * random.random()),
        "lon": str(-2 + 2 * random.random()),
        "radius_m": "5000",
        "crime_reference": "C-1",
        "from": to_rfc3339(day + 9 * HOUR),
        "to": to_rfc3339(day + 10 * HOUR),
    }
    begun = time.monotonic()
    headers = {"Authorization": f"Bearer {mint(key, origin, clock)}"}
    async with session.get(origin + api.SEARCH, params=query, headers=headers) as answer:
        await answer.read()
    calls.took.append(time.monotonic() - begun)
    calls.failed += answer.status != 200
