"""Commands of this folder's tests go by the test's clock."""

import pytest

from portal.officer import cli
from tests.portal.conftest import Town


@pytest.fixture
def own_clock(monkeypatch: pytest.MonkeyPatch, town: Town) -> None:
    monkeypatch.setattr(cli, "SystemClock", lambda: town.clock)
