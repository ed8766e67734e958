"""The hours and the limit that an owner sets for uploads: by the wall's clock, over midnight, over clock changes."""

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from agent.deliveries.contract import NotNow
from agent.deliveries.line import next_opening, refuse_outside
from agent.deliveries.progress import duration_text
from agent.places.pace import Limit
from exchange.clock import HOUR, MINUTE, SECOND

LONDON = ZoneInfo("Europe/London")


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=LONDON).timestamp() * SECOND)


@pytest.mark.parametrize(
    ("hours", "now", "opens"),
    [
        (None, "2026-05-03T12:00", "2026-05-03T12:00"),
        ("22:00-06:30", "2026-05-03T23:00", "2026-05-03T23:00"),
        ("22:00-06:30", "2026-05-03T06:29", "2026-05-03T06:29"),
        ("22:00-06:30", "2026-05-03T06:30", "2026-05-03T22:00"),
        ("22:00-06:30", "2026-05-03T21:59:59", "2026-05-03T22:00"),
        ("1:00-5:00", "2026-05-03T00:30", "2026-05-03T01:00"),
        ("1:00-5:00", "2026-05-03T05:00", "2026-05-04T01:00"),
        # Clocks go forward at 01:00 on 29 March 2026: half past one is not there, and it opens at half past two.
        ("01:30-05:00", "2026-03-29T00:30", "2026-03-29T02:30"),
        # Clocks go back at 02:00 on 25 October 2026: the hours are those of the wall's clock.
        ("03:00-05:00", "2026-10-25T00:30", "2026-10-25T03:00"),
        ("22:00-06:30", "2026-10-24T12:00", "2026-10-24T22:00"),
    ],
)
def test_uploads_wait_for_the_hours_by_the_clock_on_the_wall(hours: str | None, now: str, opens: str) -> None:
    assert next_opening(hours, at(now), LONDON) == at(opens)


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
