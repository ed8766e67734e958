"""A portal whose uploads lie in a bucket, by a line that a test makes fail."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from portal.storage.database import Database, open_database
from portal.uploads.bucket import http, store
from tests.counterparts.portals.portal import Place, in_process
from tests.counterparts.storage.bucket_line import BucketLine, line_to
from tests.counterparts.storage.bucket_server import BucketServer
from tests.counterparts.storage.postgres_server import PostgresServer
from tests.portal.conftest import Town
from tests.portal.upload_places import bucket
from tests.portal.wire import Agent, SetClock


@pytest.fixture
async def line(storage: BucketServer) -> AsyncIterator[BucketLine]:
    async with line_to(storage.endpoint) as line:
        yield line


@pytest.fixture
def by_line(place: Place, line: BucketLine) -> Place:
    settings = bucket(place).model_copy(update={"endpoint": line.origin})
    return replace(place, settings=place.settings.model_copy(update={"bucket": settings}))


@pytest.fixture
async def town(by_line: Place, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    monkeypatch.setattr(http, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(store, "READY_SECONDS", 0)
    async with in_process(by_line, clock) as running, aiohttp.ClientSession() as session:
        yield Town(by_line, clock, running, session)


@pytest.fixture
async def agent(town: Town) -> Agent:
    return await town.agent().join(town.place)


@pytest.fixture(params=["sqlite", "postgres"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty one, of each engine."""
    where: Path | str = tmp_path / "portal.db"
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        where = server.url(server.create())
    opened = open_database(where)
    try:
        yield opened
    finally:
        opened.close()
