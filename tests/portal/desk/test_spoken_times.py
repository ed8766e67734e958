"""Times as people say them: each reading held against the instants that a person would mean."""

import contextlib
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from exchange.clock import DAY, MINUTE, Window, from_rfc3339, to_rfc3339
from exchange.errors import InputInvalid
from portal.officer import cli
from portal.officer.crime.spoken_times import read_window, show_window

LONDON = ZoneInfo("Europe/London")
SATURDAY_NOON = from_rfc3339("2026-11-21T12:00:00Z")
SUMMER = from_rfc3339("2026-07-15T09:00:00Z")


def window(start: str, end: str) -> Window:
    return Window(from_rfc3339(f"{start}:00Z"), from_rfc3339(f"{end}:00Z"))


@pytest.mark.parametrize(
    ("said", "start", "end"),
    [
        ("yesterday 15:00", "2026-11-20T14:45", "2026-11-20T15:15"),
        ("Yesterday at 3pm", "2026-11-20T14:45", "2026-11-20T15:15"),
        ("around 3 p.m. yesterday", "2026-11-20T14:45", "2026-11-20T15:15"),
        ("last friday 22:30 to 23:15", "2026-11-20T22:30", "2026-11-20T23:15"),
        ("last saturday 11:00-11:10", "2026-11-14T11:00", "2026-11-14T11:10"),
        ("saturday 11:00-11:10", "2026-11-21T11:00", "2026-11-21T11:10"),
        ("saturday 13:00-13:10", "2026-11-14T13:00", "2026-11-14T13:10"),
        ("on Thurs 9.15 until 9.20", "2026-11-19T09:15", "2026-11-19T09:20"),
        ("friday 22:30 to 00:15", "2026-11-20T22:30", "2026-11-21T00:15"),
        ("friday 22:30 to saturday 00:15", "2026-11-20T22:30", "2026-11-21T00:15"),
        ("friday 23:00 to 24:00", "2026-11-20T23:00", "2026-11-21T00:00"),
        ("3 May 18:40-18:55", "2026-05-03T17:40", "2026-05-03T17:55"),
        ("3rd of may, 18:40\u201318:55", "2026-05-03T17:40", "2026-05-03T17:55"),
        ("May 3 at 18:40 for 15 minutes", "2026-05-03T17:40", "2026-05-03T17:55"),
        ("24 December 20:00 to 21:00", "2025-12-24T20:00", "2025-12-24T21:00"),
        ("24 Dec 2024 20:00 to 21:00", "2024-12-24T20:00", "2024-12-24T21:00"),
        ("29 February 20:00 to 21:00", "2024-02-29T20:00", "2024-02-29T21:00"),
        ("03/05/2026 18:40 to 18:55", "2026-05-03T17:40", "2026-05-03T17:55"),
        ("3.5.26 18:40 to 18:55", "2026-05-03T17:40", "2026-05-03T17:55"),
        ("2026-05-03 18:40-18:55", "2026-05-03T17:40", "2026-05-03T17:55"),
        ("2026-05-03T18:40:00+01:00 to 2026-05-03T17:55:00Z", "2026-05-03T17:40", "2026-05-03T17:55"),
        ("18:40-18:55 3 may", "2026-05-03T17:40", "2026-05-03T17:55"),
        ("today 11:00 to 11:30", "2026-11-21T11:00", "2026-11-21T11:30"),
        ("11:00 to 11:30", "2026-11-21T11:00", "2026-11-21T11:30"),
        ("between 11:00 and 11:30", "2026-11-21T11:00", "2026-11-21T11:30"),
        ("from 11 am to 11:30 am", "2026-11-21T11:00", "2026-11-21T11:30"),
        ("the day before yesterday noon", "2026-11-19T11:45", "2026-11-19T12:15"),
        ("last night 23:00 to 02:00", "2026-11-20T23:00", "2026-11-21T02:00"),
        ("last night 01:30", "2026-11-21T01:15", "2026-11-21T01:45"),
        ("yesterday 15:00 ±5 min", "2026-11-20T14:55", "2026-11-20T15:05"),
        ("yesterday 15:00 for an hour", "2026-11-20T15:00", "2026-11-20T16:00"),
        ("2 hours ago for 20 minutes", "2026-11-21T10:00", "2026-11-21T10:20"),
        ("an hour ago", "2026-11-21T10:45", "2026-11-21T11:15"),
        ("20 November 12 am to 1 am", "2026-11-20T00:00", "2026-11-20T01:00"),
        ("20 November 12 pm to 1 pm", "2026-11-20T12:00", "2026-11-20T13:00"),
        ("yesterday 3-4pm", "2026-11-20T15:00", "2026-11-20T16:00"),
        ("yesterday between 3:30 and 4 p.m.", "2026-11-20T15:30", "2026-11-20T16:00"),
        ("yesterday ca. 15:00", "2026-11-20T14:45", "2026-11-20T15:15"),
        ("yesterday 11 to 1pm", "2026-11-20T11:00", "2026-11-20T13:00"),
        ("yesterday 11 to 1 am", "2026-11-20T23:00", "2026-11-21T01:00"),
        ("yesterday 12-1pm", "2026-11-20T12:00", "2026-11-20T13:00"),
        ("yesterday 11:45am to 1pm", "2026-11-20T11:45", "2026-11-20T13:00"),
        ("3 May 6.40-6.55 pm", "2026-05-03T17:40", "2026-05-03T17:55"),
        ("1 July 10:00 utc to 10:30 utc", "2026-07-01T10:00", "2026-07-01T10:30"),
        ("1 July 10:00 bst to 10:30+01:00", "2026-07-01T09:00", "2026-07-01T09:30"),
        ("25 October 01:30 BST to 01:45 BST", "2026-10-25T00:30", "2026-10-25T00:45"),
        ("25 October 01:30 GMT to 01:45 GMT", "2026-10-25T01:30", "2026-10-25T01:45"),
        ("25 October 00:30 to 02:30", "2026-10-24T23:30", "2026-10-25T02:30"),
    ],
)
def test_what_people_type_is_read_as_they_mean_it(said: str, start: str, end: str) -> None:
    assert read_window(said, LONDON, SATURDAY_NOON) == window(start, end)


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("", "not understood"),
        ("when it was dark", "time of the day"),
        ("yesterday", "time of the day"),
        ("yesterday 15", "time of the day"),
        ("yesterday 25:00", "no time"),
        ("yesterday 15:61", "no time"),
        ("yesterday 13 pm", "no time"),
        ("yesterday midnight", "first moment or its last"),
        ("31 June 12:00", "no day"),
        ("05/13/2026 12:00", "no day"),
        ("0000-01-01 12:00", "no day"),
        ("tomorrow 12:00", "in the future"),
        ("today 13:00", "in the future"),
        ("13:00 to 14:00", "in the future"),
        ("3 May 2027 12:00", "in the future"),
        ("saturday 11:00 to friday 10:00", "ends before"),
        ("1 May 12:00 to 3 July 12:00", "31 days"),
        ("yesterday 15:00 and something", "time of the day"),
        ("yesterday 15:00 to 15:30 roughly", "'roughly' is not understood"),
        ("yesterday 15:00+99:00", "no offset"),
        ("yesterday 15:00 BST", "don't show BST"),
        ("25 October 01:30", "was twice"),
        ("29 March 01:30", "was never"),
        ("9" * 201, "not understood"),
    ],
)
def test_what_is_unclear_is_asked_back(said: str, word: str) -> None:
    with pytest.raises(InputInvalid, match=word):
        read_window(said, LONDON, SATURDAY_NOON)


def test_an_hour_that_was_twice_is_told_with_both_ways_to_write_it() -> None:
    with pytest.raises(InputInvalid) as told:
        read_window("25 October 01:30 to 01:45", LONDON, SATURDAY_NOON)
    assert told.value.do == "Say which one: 01:30 BST (the first) or 01:30 GMT (the second)."


def test_a_window_is_said_back_in_full() -> None:
    shown = {
        said: show_window(read_window(said, LONDON, SATURDAY_NOON), LONDON)
        for said in ("last friday 22:30 to 23:15", "friday 22:30 to 00:15", "25 October 00:30 to 02:30")
    }
    assert list(shown.values()) == [
        "Friday 20 November 2026, 22:30 to 23:15 GMT",
        "Friday 20 November 2026, 22:30 to Saturday 21 November 2026, 00:15 GMT",
        "Sunday 25 October 2026, 00:30 BST to 02:30 GMT",
    ]


def test_days_are_those_of_the_zone() -> None:
    late = from_rfc3339("2026-07-14T23:30:00Z")  # half past midnight in London
    assert read_window("yesterday 15:00", LONDON, late) == window("2026-07-14T13:45", "2026-07-14T14:15")
    assert read_window("yesterday 15:00", ZoneInfo("Etc/UTC"), late) == window("2026-07-13T14:45", "2026-07-13T15:15")


@given(st.integers(0, 300 * 24 * 60), st.integers(1, 23 * 60))
def test_every_written_window_is_read_back(back: int, minutes: int) -> None:
    start = SATURDAY_NOON - (back + minutes) * MINUTE
    meant = Window(start, start + minutes * MINUTE)
    said = f"{to_rfc3339(meant.start)} to {to_rfc3339(meant.end)}"
    assert read_window(said, LONDON, SATURDAY_NOON) == meant


TYPED = r"(yesterday|last (mon|fri)|3 may)? ?[0-9:.+-]{0,12} ?(to|for|and)? ?[0-9a-z:]{0,9}"


@given(st.text(max_size=60) | st.from_regex(TYPED, fullmatch=True))
def test_whatever_is_typed_gives_a_past_window_or_a_word_of_help(said: str) -> None:
    found = None
    with contextlib.suppress(InputInvalid):
        found = read_window(said, LONDON, SUMMER)
    assert found is None or (found.start < SUMMER and 0 < found.duration <= 31 * DAY)


@pytest.mark.parametrize("command", ["search", "request", "people", "ask-person", "appeal new", "authorise"])
def test_help_says_how_a_time_is_typed(command: str) -> None:
    said = CliRunner().invoke(cli.main, [*command.split(), "--help"], catch_exceptions=False)
    assert " ".join(said.output.split()).count("2026-05-03 18:30") == 2
