"""A served desk whose clock agrees with the packages that tests make."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.counterparts.portals.portal import Place, make_place
from tests.exchange.makers import NOW
from tests.portal.conftest import Town
from tests.portal.desk.desks import Desk, served
from tests.portal.wire import SetClock


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
def place(room: Path, clock: SetClock) -> Place:
    return make_place(room, clock=clock)


@pytest.fixture
async def desk(town: Town, tmp_path: Path) -> AsyncIterator[Desk]:
    async with served(town, tmp_path / "officer") as desk:
        yield desk
