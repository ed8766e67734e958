"""The day by which somebody must have an answer is counted by the calendar."""

from datetime import date

import pytest

from agent.records.subjects.deadline import day_of, due_date, end_of_day


@pytest.mark.parametrize(
    ("received", "months", "due"),
    [
        ("2026-09-03", 1, "2026-10-05"),  # the 3rd is a Saturday
        ("2026-09-08", 1, "2026-10-08"),
        ("2026-01-31", 1, "2026-03-02"),  # February's last day is a Saturday
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-03-31", 1, "2026-04-30"),
        ("2026-11-25", 1, "2026-12-28"),  # Christmas, Boxing Day, a Sunday
        ("2026-12-01", 1, "2027-01-04"),  # New Year's Day, then a weekend
        ("2026-12-08", 3, "2027-03-08"),
        ("2026-10-31", 3, "2027-02-01"),  # a Sunday
    ],
)
def test_it_is_the_same_day_of_the_next_month_or_the_next_working_day(received: str, months: int, due: str) -> None:
    holidays = ("01-01", "12-25", "12-26")
    assert due_date(date.fromisoformat(received), months, holidays) == date.fromisoformat(due)


def test_it_ends_when_the_day_ends() -> None:
    day = date(2026, 3, 29)
    assert day_of(end_of_day(day)) == day
    assert day_of(end_of_day(day) + 1) == date(2026, 3, 30)
