"""A device's own time to true UTC and back: offsets, zones, the hour that comes twice and the one that never comes."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.devices.device_time import DeviceTime, changes, utc_of
from agent.devices.time_zones import zone_of
from exchange.clock import HOUR, MINUTE, SECOND, Window, from_rfc3339, to_rfc3339

LONDON = "Europe/London"
LONDON_POSIX = "GMT0BST,M3.5.0/1,M10.5.0"
BACK = from_rfc3339("2026-10-25T01:00:00Z")
FORWARD = from_rfc3339("2026-03-29T01:00:00Z")


def shown(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(fold=fold)


@pytest.mark.parametrize(
    "zone", [LONDON, LONDON_POSIX, "America/New_York", "EST5EDT,M3.2.0,M11.1.0", "CST-8", "+05:30", ""]
)
@given(instant=st.integers(from_rfc3339("2020-01-01T00:00:00Z"), from_rfc3339("2035-01-01T00:00:00Z")))
def test_a_true_instant_comes_back_from_what_the_device_displays(zone: str, instant: int) -> None:
    time = DeviceTime(offset_us=-2400 * SECOND, zone=zone)
    assert time.from_local(time.to_local(instant)) == instant
    assert time.from_device(time.to_device(instant)) == instant


@pytest.mark.parametrize("zone", [LONDON, LONDON_POSIX])
def test_the_hour_that_comes_twice_has_two_meanings_and_fold_tells_them_apart(zone: str) -> None:
    time = DeviceTime(zone=zone)
    assert time.either(shown("2026-10-25T01:30:00")) == (BACK - 30 * MINUTE, BACK + 30 * MINUTE)
    assert time.from_local(shown("2026-10-25T01:30:00", 0)) == BACK - 30 * MINUTE
    assert time.from_local(shown("2026-10-25T01:30:00", 1)) == BACK + 30 * MINUTE
    assert time.to_local(BACK + 30 * MINUTE).fold == 1
    assert time.either(shown("2026-10-25T03:30:00")) == (from_rfc3339("2026-10-25T03:30:00Z"),)


def test_the_hour_that_never_comes_is_read_as_if_the_clock_were_late() -> None:
    assert to_rfc3339(utc_of(shown("2026-03-29T01:30:00"), zone_of(LONDON))) == "2026-03-29T01:30:00.000000Z"
    assert len(DeviceTime(zone=LONDON).either(shown("2026-03-29T01:30:00"))) == 1


def test_the_order_of_a_list_tells_the_two_hours_apart() -> None:
    time = DeviceTime(zone=LONDON)
    list_ = [
        shown(f"2026-10-25T{text}") for text in ("00:50:00", "01:20:00", "01:50:00", "01:20:00", "01:50:00", "02:10:00")
    ]
    found = time.resolve(list_)
    assert found == sorted(found)
    assert found[3] - found[1] == HOUR
    assert time.resolve([shown("2026-10-25T01:20:00")], near=BACK) == [BACK + 20 * MINUTE]


def test_a_window_is_asked_in_the_devices_clock_and_wider_by_what_is_uncertain() -> None:
    time = DeviceTime(offset_us=40 * MINUTE, uncertainty_us=2 * SECOND)
    asked = time.asked(Window(BACK, BACK + MINUTE))
    assert asked == Window(BACK + 40 * MINUTE - 2 * SECOND, BACK + 41 * MINUTE + 2 * SECOND)


def test_a_window_over_a_change_is_asked_in_two_pieces() -> None:
    time = DeviceTime(zone=LONDON)
    back = time.local_windows(Window(BACK - 30 * MINUTE, BACK + 30 * MINUTE))
    assert [(str(start)[11:], str(end)[11:]) for start, end in back] == [
        ("01:30:00", "02:00:00"),
        ("01:00:00", "01:30:00"),
    ]
    forward = time.local_windows(Window(FORWARD - MINUTE, FORWARD + MINUTE))
    assert [(str(start)[11:], str(end)[11:]) for start, end in forward] == [
        ("00:59:00", "01:00:00"),
        ("02:00:00", "02:01:00"),
    ]
    (plain,) = time.local_windows(Window(BACK + HOUR, BACK + 2 * HOUR))
    assert plain[1] - plain[0] == timedelta(hours=1)


def test_changes_are_found_to_the_microsecond() -> None:
    year = Window(from_rfc3339("2026-01-01T00:00:00Z"), from_rfc3339("2027-01-01T00:00:00Z"))
    assert changes(zone_of(LONDON), year) == [FORWARD, BACK]
    assert changes(zone_of(LONDON_POSIX), year) == [FORWARD, BACK]


@pytest.mark.parametrize("bad", ["x", "Europe/Nowhere", "../../etc/passwd", "CST-99", "+25:00", "A" * 200])
def test_what_is_no_zone_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        zone_of(bad)
