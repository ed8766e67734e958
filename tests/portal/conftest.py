"""A portal on this event loop, with a clock of its own, an agent and an officer; a blocked loop fails the test."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import pytest
from blockbuster import blockbuster_ctx

from exchange.clock import from_rfc3339
from portal.force import officers
from portal.server import Running
from portal.settings import Limits, PortalFolder
from portal.storage.database import open_database
from portal.uploads.bucket import layout
from portal.wakeups.rings import Ring
from tests.counterparts.portals.portal import Place, in_process, make_place
from tests.counterparts.storage.bucket_server import BucketServer, bucket_server
from tests.counterparts.storage.postgres_server import PostgresServer, serving
from tests.portal.upload_places import bucket_of
from tests.portal.wire import Agent, Officer, SetClock

BOTH = ("sqlite", "postgres")
STORES = ("folder", "bucket")
in_a_folder = pytest.mark.parametrize("store", ["folder"], indirect=True)
on_a_file = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
NOON = from_rfc3339("2026-11-21T12:00:00Z")


@dataclass
class Town:
    """Everything that a test of the portal needs."""

    place: Place
    clock: SetClock
    running: Running
    session: aiohttp.ClientSession

    @property
    def origin(self) -> str:
        return self.running.portal.origin

    @property
    def officer(self) -> Officer:
        return Officer(
            self.session, self.origin, self.clock, self.place.officer, self.place.credential, self.place.force.name
        )

    @property
    def listening(self) -> asyncio.Event:
        """Set once some device's long poll is held."""
        bell, held = self.running.portal.bell, asyncio.Event()
        listen = bell.listen

        def tell(device: str) -> Ring:
            held.set()
            return listen(device)

        bell.listen = tell  # type: ignore[method-assign]
        return held

    def agent(self) -> Agent:
        return Agent(self.session, self.origin, self.clock)


@pytest.fixture(autouse=True)
def _no_blocking() -> Iterator[None]:
    with blockbuster_ctx("portal"):
        yield


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOON)


@pytest.fixture
def limits() -> Limits:
    """Override with ``@pytest.mark.parametrize("limits", [...])``."""
    return Limits()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A module that says ``ENGINES = BOTH`` has each of its tests of a portal run on both databases; a test that says
    otherwise (``on_a_file``) on that one. ``KEPT_IN`` says the same of where uploads are kept (``STORES``)."""
    said = any("engine" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    engines = getattr(metafunc.module, "ENGINES", None)
    if engines and "engine" in metafunc.fixturenames and not said:
        metafunc.parametrize("engine", engines, indirect=True)
    said = any("store" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    kept_in = getattr(metafunc.module, "KEPT_IN", None)
    if kept_in and "store" in metafunc.fixturenames and not said:
        metafunc.parametrize("store", kept_in, indirect=True)


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """The database of this test's portal: ``sqlite`` or ``postgres``."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What keeps the uploads of this test's portal: ``folder`` or ``bucket``; with small parts, in this process."""
    monkeypatch.setattr(layout, "PART", 256 * 1024)
    return str(getattr(request, "param", "folder"))


@pytest.fixture(scope="session")
def storage() -> Iterator[BucketServer]:
    """S3 for all tests of this process that want it; it takes parts of any size."""
    with bucket_server(smallest_part=1) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One for all tests of this process that want one."""
    with serving() as server:
        yield server


@pytest.fixture(scope="session")
def prepared(postgres: PostgresServer, template: Place) -> str:
    """The name of a database with the portal's tables and the template's officer."""
    name = postgres.create()
    db = open_database(postgres.url(name))
    db.write_now(lambda session: officers.add(session, template.credential, template.settings, NOON))
    db.close()
    return name


@pytest.fixture(scope="session")
def for_forces(postgres: PostgresServer) -> str:
    """The name of a database with the portal's tables, and row security that binds its user, for several forces."""
    name = postgres.create(owner=postgres.plain())
    postgres.execute("CREATE EXTENSION postgis", name)
    open_database(postgres.plain_url(name), None, "first").close()
    return name


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A force, a portal and an officer, made once and copied for every test."""
    return make_place(tmp_path_factory.mktemp("template"), clock=SetClock(NOON))


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: the portal's many fsyncs then wait for no other program's disk."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="handover-portal-", dir=memory) as folder:
        yield Path(folder)


@pytest.fixture
def place(
    template: Place, room: Path, limits: Limits, engine: str, store: str, request: pytest.FixtureRequest
) -> Iterator[Place]:
    shutil.copytree(template.folder.path, room / "portal")
    settings = template.settings.model_copy(update={"limits": limits})
    place = replace(template, folder=PortalFolder(room / "portal"), settings=settings)
    if store == "bucket":
        settings = settings.model_copy(update={"bucket": bucket_of(request.getfixturevalue("storage"), room)})
        place.folder.settings_file.unlink()
        place.folder.save(settings)
        place = replace(place, settings=settings)
    if engine == "sqlite":
        yield place
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.create(request.getfixturevalue("prepared"))
    place.folder.database.unlink()
    place.folder.settings_file.unlink()
    place = replace(place, settings=settings.model_copy(update={"database": server.url(name)}))
    place.folder.save(place.settings)
    yield place
    server.drop(name)


@pytest.fixture
async def town(place: Place, clock: SetClock) -> AsyncIterator[Town]:
    async with in_process(place, clock) as running, aiohttp.ClientSession() as session:
        yield Town(place, clock, running, session)
