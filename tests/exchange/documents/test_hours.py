"""Hours of recordings, as a document tells them and as a window is held against them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from exchange.clock import DAY, HOUR, MINUTE, Window
from exchange.documents.hours import RecordedHours, days_of, hours_of, recorded_in
from exchange.signing.documents import SigningKey

DAY_ONE = 20_000 * DAY
DEVICE = SigningKey.generate().public.fingerprint


def document(**changed: Any) -> RecordedHours:
    fields: dict[str, Any] = {
        "device": DEVICE, "day": DAY_ONE, "cameras": ({"camera_id": "front", "hours": "1" * 24},),
        "issued": DAY_ONE + DAY,
    }  # fmt: skip
    return RecordedHours.model_validate(fields | changed)


def test_a_day_that_is_over_can_be_told() -> None:
    assert RecordedHours.model_validate_json(document().to_text()) == document()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"day": DAY_ONE + HOUR, "issued": DAY_ONE + 3 * DAY}, "midnight"),
        ({"issued": DAY_ONE + DAY - 1}, "is over"),
        ({"cameras": ({"camera_id": "a", "hours": "1" * 24},) * 2}, "twice"),
        ({"cameras": ({"camera_id": "a", "hours": "1" * 23},)}, "pattern"),
        ({"cameras": ()}, "at least 1"),
    ],
)
def test_nothing_else_can(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        document(**changed)


def test_an_hour_counts_when_anything_of_it_was_recorded() -> None:
    found = hours_of(DAY_ONE, (Window(DAY_ONE - HOUR, DAY_ONE + 1), Window(DAY_ONE + 5 * HOUR - 1, DAY_ONE + 6 * HOUR)))
    assert found == "1" + "000" + "11" + "0" * 18


def test_a_window_is_told_of_only_when_all_its_hours_say_the_same() -> None:
    days = {DAY_ONE: "1" * 12 + "0" * 12, DAY_ONE + DAY: "0" * 24}
    at = DAY_ONE + 12 * HOUR
    assert recorded_in(Window(at - HOUR, at), days) is True
    assert recorded_in(Window(at, at + 1), days) is False
    assert recorded_in(Window(at - 1, at + 1), days) is None
    assert recorded_in(Window(DAY_ONE + 23 * HOUR, DAY_ONE + 26 * HOUR), days) is False
    assert recorded_in(Window(DAY_ONE + 47 * HOUR, DAY_ONE + 49 * HOUR), days) is None
    assert recorded_in(Window(at, at + 1), {}) is None


@given(st.integers(0, 3 * DAY - 1), st.integers(1, 2 * DAY), st.lists(st.integers(0, 71), max_size=72))
def test_what_was_recorded_is_never_told_as_not_there(start: int, length: int, recorded: list[int]) -> None:
    first = DAY_ONE - DAY
    spans = tuple(Window(first + hour * HOUR, first + hour * HOUR + MINUTE) for hour in recorded)
    days = {day: hours_of(day, spans) for day in range(first, first + 3 * DAY, DAY)}
    window = Window(first + start, first + start + length)
    touched = {at // HOUR for at in range(window.start // HOUR * HOUR, window.end, HOUR)}
    has = {hour in {first // HOUR + each for each in recorded} for hour in touched}
    beyond = any(day not in days for day in days_of(window))
    assert recorded_in(window, days) == (None if beyond or len(has) > 1 else has.pop())
