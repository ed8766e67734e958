"""Hours of the day by the clock on the wall: over midnight, and on the nights when clocks are put forward or back."""

import time
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from agent.host.daily_hours import next_closing, next_opening
from exchange.clock import SECOND

LONDON = ZoneInfo("Europe/London")


def at(text: str) -> int:
    """``again`` after it: the second time that the clock shows it, on the night when it goes back."""
    moment = datetime.fromisoformat(text.removesuffix(" again")).replace(tzinfo=LONDON)
    return round(moment.replace(fold=int(text.endswith(" again"))).timestamp() * SECOND)


@pytest.fixture(params=["named", "host's"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ZoneInfo | None]:
    """London's, given by name, or as what this host is set to."""
    if request.param == "named":
        yield LONDON
        return
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "Europe/London")
        time.tzset()
        yield None
    time.tzset()


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
        # Hours that are not there that night begin on the next.
        ("01:15-01:45", "2026-03-29T00:30", "2026-03-30T01:15"),
        # Clocks go back at 02:00 on 25 October 2026: the hours are those of the wall's clock.
        ("03:00-05:00", "2026-10-25T00:30", "2026-10-25T03:00"),
        ("22:00-06:30", "2026-10-24T12:00", "2026-10-24T22:00"),
        # What is there twice that night begins twice.
        ("01:30-01:45", "2026-10-25T01:15", "2026-10-25T01:30"),
        ("01:30-01:45", "2026-10-25T01:50", "2026-10-25T01:30 again"),
        ("01:30-05:00", "2026-10-25T01:15 again", "2026-10-25T01:30 again"),
    ],
)
def test_hours_begin_by_the_clock_on_the_wall(zone: ZoneInfo | None, hours: str | None, now: str, opens: str) -> None:
    assert next_opening(hours, at(now), zone) == at(opens)


@pytest.mark.parametrize(
    ("quiet", "now", "ends"),
    [
        (None, "2026-05-03T23:30", "2026-05-03T23:30"),
        ("22:00-07:00", "2026-05-03T21:59", "2026-05-03T21:59"),
        ("22:00-07:00", "2026-05-03T22:00", "2026-05-04T07:00"),
        ("22:00-7:00", "2026-05-03T03:00", "2026-05-03T07:00"),
        ("22:00-07:00", "2026-05-03T07:00", "2026-05-03T07:00"),
        ("12:00-14:00", "2026-05-03T13:00", "2026-05-03T14:00"),
        # A night with an hour less, and one with an hour more.
        ("22:00-07:00", "2026-03-28T23:00", "2026-03-29T07:00"),
        ("22:00-07:00", "2026-10-24T23:00", "2026-10-25T07:00"),
        ("22:00-01:30", "2026-03-29T00:30", "2026-03-29T02:30"),
        ("22:00-01:30", "2026-10-25T01:15", "2026-10-25T01:30"),
        ("22:00-01:30", "2026-10-25T01:15 again", "2026-10-25T01:30 again"),
    ],
)
def test_hours_end_by_the_clock_on_the_wall(zone: ZoneInfo | None, quiet: str | None, now: str, ends: str) -> None:
    assert next_closing(quiet, at(now), zone) == at(ends)
