"""An officer and a supervisor with machines of their own."""

from pathlib import Path

import pytest

from exchange.documents.messages import Role
from portal.officer import cli
from tests.portal.conftest import Town
from tests.portal.supervision.machines import Machine
from tests.portal.supervision.supervisors import known


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """A command waits for nobody else: it may block."""


@pytest.fixture(autouse=True)
def _commands_have_the_tests_clock(monkeypatch: pytest.MonkeyPatch, town: Town) -> None:
    monkeypatch.setattr(cli, "SystemClock", lambda: town.clock)


@pytest.fixture
def officer(town: Town, tmp_path: Path) -> Machine:
    return Machine(town, tmp_path / "officer", town.officer)


@pytest.fixture
async def supervisor(town: Town, tmp_path: Path) -> Machine:
    return Machine(town, tmp_path / "supervisor", await known(town, Role.SUPERVISOR))
