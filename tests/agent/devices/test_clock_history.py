"""What several comparisons of a clock tell of it at a given time."""

import pytest

from agent.devices.clock import ClockCheck
from agent.devices.clock_history import Around
from agent.sources.device.orders import Order
from exchange.clock import DAY, HOUR, SECOND, Window

START = 1_795_000_000 * SECOND
WINDOW = Window(START, START + HOUR)


def check(at: int, offset: int, uncertainty: int = 20_000) -> ClockCheck:
    return ClockCheck(
        device_time=START + at + offset,
        reference_time=START + at,
        offset_us=offset,
        uncertainty_us=uncertainty,
        method="m",
        at=START + at,
    )


def test_comparisons_that_agree_are_the_best_of_them() -> None:
    around = Around(WINDOW, (check(-HOUR, 0, SECOND), check(2 * HOUR, 500_000)))
    assert around.changed is None
    assert around.best.offset_us == 500_000
    assert around.other == around.checks[0]
    assert around.settled


def test_a_narrow_comparison_of_long_ago_is_worth_less_than_a_rough_one_of_now() -> None:
    around = Around(WINDOW, (check(-DAY, 0), check(2 * HOUR, 500_000, SECOND)))
    assert around.best == around.checks[1]


def test_comparisons_that_contradict_each_other_leave_a_range() -> None:
    around = Around(WINDOW, (check(-HOUR, 60 * SECOND), check(2 * HOUR, 0)))
    assert around.changed == (-20_000, 60 * SECOND + 20_000)
    assert around.known == (30 * SECOND, 30 * SECOND + 20_000)


def test_a_clock_that_was_set_forth_and_back_within_a_window_has_a_range() -> None:
    around = Around(WINDOW, (check(-HOUR, 0), check(HOUR // 2, 9 * SECOND), check(2 * HOUR, 0)))
    assert around.changed == (-20_000, 9 * SECOND + 20_000)
    assert around.other is not None
    assert {around.best.offset_us, around.other.offset_us} == {0, 9 * SECOND}


def test_what_may_have_drifted_since_is_less_certain() -> None:
    around = Around(WINDOW, (check(-2 * HOUR, SECOND),))
    assert around.known == (SECOND, 20_000 + 3 * 3600 * 100)  # 100 in a million of three hours
    assert around.other is None
    assert not around.settled


def known(offset: int, uncertainty: int) -> dict[str, int]:
    return {"checked": True, "offset_us": offset, "uncertainty_us": uncertainty}


@pytest.mark.parametrize(
    ("before", "now", "read"),
    [
        ({}, (5 * SECOND, SECOND), (5 * SECOND, SECOND)),
        (known(5_100_000, 30_000), (5 * SECOND, SECOND), (5_100_000, 30_000)),
        (known(5_100_000, SECOND), (5 * SECOND, 30_000), (5 * SECOND, 30_000)),
        (known(0, 0), (60 * SECOND, SECOND), (30_500_000, 30_500_000)),
        (known(7, 3) | {"settled": True}, (60 * SECOND, SECOND), (7, 3)),
    ],
)
def test_a_window_after_the_last_comparison_is_looked_for_from_that_to_the_one_made_now(
    before: dict[str, int], now: tuple[int, int], read: tuple[int, int]
) -> None:
    order = Order.model_validate({"brand": "agent.sources.folder", "camera_id": "gate", "state": "/x", **before})
    time = order.time(check(0, *now))
    assert (time.offset_us, time.uncertainty_us) == read


def test_of_a_range_all_of_it_is_asked_for() -> None:
    order = Order.model_validate({"brand": "agent.sources.folder", "camera_id": "gate", "state": "/x", "checked": True})
    asked = order.time(check(0, 60 * SECOND, 0)).asked(WINDOW)
    assert (asked.start, asked.end) == (WINDOW.start, WINDOW.end + 60 * SECOND)
