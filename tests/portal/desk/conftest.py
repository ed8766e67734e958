"""A served desk of a town's officer (see ``tests.portal.desk.desks``)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.settings import Limits
from tests.portal.conftest import Town
from tests.portal.desk.desks import Desk, served


@pytest.fixture
def limits() -> Limits:
    """A street's owners may join within a minute."""
    return Limits(enrolments_per_minute=1000)


@pytest.fixture
async def desk(town: Town, tmp_path: Path) -> AsyncIterator[Desk]:
    async with served(town, tmp_path / "officer") as desk:
        yield desk
