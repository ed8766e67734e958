"""A portal whose force has accounts at an OpenID provider."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from exchange.clock import SystemClock
from portal.settings import Limits, LoginSettings
from tests.counterparts.http.openid_provider import CLIENT, OpenIdProvider, openid_provider
from tests.counterparts.portals.portal import DETAILS, Place, add_officer, in_process, make_place
from tests.counterparts.storage.postgres_server import PostgresServer
from tests.portal.conftest import Town
from tests.portal.wire import SetClock

ACCOUNT = DETAILS.contact
"""Of the officer, by what their credential says."""


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as found:
        yield found


@pytest.fixture
def clock() -> SetClock:
    """The provider's clock is this machine's."""
    return SetClock(SystemClock().now())


@pytest.fixture
def login_settings() -> dict[str, object]:
    """What of the portal's ``login`` is not as it is by itself."""
    return {}


@pytest.fixture
def place(
    room: Path,
    provider: OpenIdProvider,
    limits: Limits,
    clock: SetClock,
    login_settings: dict[str, object],
    engine: str,
    request: pytest.FixtureRequest,
) -> Iterator[Place]:
    place = make_place(room, limits, clock)
    login = LoginSettings.model_validate({"issuer": provider.issuer, "client_id": CLIENT, **login_settings})
    changed: dict[str, object] = {"login": login}
    if engine == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        name = server.create(request.getfixturevalue("prepared"))
        changed["database"] = server.url(name)
    settings = place.settings.model_copy(update=changed)
    place.folder.settings_file.unlink()
    place.folder.save(settings)
    place = replace(place, settings=settings)
    if engine == "sqlite":
        yield place
        return
    place.folder.database.unlink()
    add_officer(place.folder, settings, place.force, place.officer, clock.now())
    yield place
    server.drop(name)


@pytest.fixture
async def town(place: Place, clock: SetClock) -> AsyncIterator[Town]:
    async with in_process(place, clock) as running, aiohttp.ClientSession() as session:
        yield Town(place, clock, running, session)
