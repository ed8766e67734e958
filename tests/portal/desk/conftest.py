"""A served desk of a town's officer (see ``tests.portal.desk.desks``)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.portal.conftest import Town
from tests.portal.desk.desks import Desk, served


@pytest.fixture
async def desk(town: Town, tmp_path: Path) -> AsyncIterator[Desk]:
    async with served(town, tmp_path / "officer") as desk:
        yield desk
