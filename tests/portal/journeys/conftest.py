"""A portal with a clock that agrees with the packages that tests make; a street of owners may join within a minute."""

from pathlib import Path

import pytest

from portal.settings import Limits
from tests.counterparts.portals.portal import Place, make_place
from tests.exchange.makers import NOW
from tests.portal.wire import SetClock


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
def limits() -> Limits:
    """A street's owners may join within a minute."""
    return Limits(enrolments_per_minute=1000)


@pytest.fixture
def place(room: Path, clock: SetClock, limits: Limits) -> Place:
    return make_place(room, limits, clock)
