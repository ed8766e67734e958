"""Two forces on one portal, for tests that want them."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exchange.signing.documents import SigningKey
from portal.force import officers
from portal.force.keys import Force, validity
from portal.settings import PortalFolder, PortalSettings
from portal.storage.database import open_database
from tests.counterparts.portals.portal import DETAILS, Place
from tests.counterparts.storage.postgres_server import PostgresServer
from tests.portal.county.two_forces import EVERY_ROLE, NAMES, Two, free_port, served
from tests.portal.wire import SetClock


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Force]:
    root = tmp_path_factory.mktemp("forces")
    return {name: Force.create(root / name, f"{name.title()} Police") for name in NAMES}


@pytest.fixture
def places(
    room: Path, keys: dict[str, Force], clock: SetClock, engine: str, request: pytest.FixtureRequest
) -> Iterator[dict[str, Place]]:
    """A folder for both, with a portal of each in it; one officer a force, who may do everything."""
    database, ended = None, None
    if engine == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        name = server.create(request.getfixturevalue("for_forces"), server.plain())
        database, ended = server.plain_url(name), name
    port = free_port()
    found = {}
    for name, force in keys.items():
        folder = PortalFolder(room / "portal").of_force(name)
        origin = f"http://127.0.0.1:{port}/forces/{name}"
        settings = PortalSettings(
            force=force.name, force_key=force.key.public.line, origin=origin, short_name=name, database=database
        )
        folder.save(settings)
        key = SigningKey.generate()
        details = replace(DETAILS, name=f"Officer of {name}", roles=EVERY_ROLE)
        credential = force.credential(key.public, details, validity(clock.now(), 365))
        db = open_database(folder.where(settings), None, name)
        db.write_now(lambda session, credential=credential, settings=settings: officers.add(
            session, credential, settings, clock.now()
        ))  # fmt: skip
        db.close()
        found[name] = Place(folder, settings, force, room, key, credential)
    yield found
    if ended is not None:
        server.drop(ended)


@pytest.fixture
async def two(places: dict[str, Place], clock: SetClock) -> AsyncIterator[Two]:
    async with served(places, clock) as two:
        yield two
