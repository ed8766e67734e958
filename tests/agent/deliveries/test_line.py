"""The hours and the limit that an owner sets for uploads."""

import asyncio
from datetime import datetime

import pytest

from agent.deliveries.contract import NotNow
from agent.deliveries.line import refuse_outside
from agent.deliveries.progress import duration_text
from agent.places.pace import Limit
from exchange.clock import HOUR, MINUTE, SECOND


def test_outside_the_hours_it_is_told_when_they_begin() -> None:
    moment = round(datetime(2026, 5, 3, 12).astimezone().timestamp() * SECOND)
    with pytest.raises(NotNow, match="outside the hours that you set") as told:
        refuse_outside("22:00-06:30", moment)
    assert told.value.at == moment + 10 * HOUR
    refuse_outside("22:00-06:30", moment + 11 * HOUR)


async def test_a_limit_is_held_by_all_uploads_together(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("agent.places.pace.asyncio.sleep", sleep)
    limit = Limit(1000)
    await limit(500)
    await asyncio.gather(limit(500), limit(500))
    assert waited[0] == pytest.approx(0.5, abs=0.1)
    assert waited[1] == pytest.approx(1.0, abs=0.1)
    unlimited = Limit(None)
    await unlimited(10**9)
    assert len(waited) == 2


def test_what_remains_is_said_as_a_person_would() -> None:
    assert duration_text(30 * SECOND) == "less than 2 min"
    assert duration_text(12 * MINUTE + 10 * SECOND) == "about 12 min"
    assert duration_text(3 * HOUR + 10 * MINUTE) == "about 3 h"
