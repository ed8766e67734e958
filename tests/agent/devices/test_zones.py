"""Time zones as devices write them: POSIX's, with its inverted sign, and Hikvision's, whose summer is an addition."""

from datetime import datetime, timedelta

import pytest

from agent.devices.time_zones import posix, posix_offset, seconds_east, zone_of, zone_shown
from exchange.clock import HOUR, MINUTE, SECOND, Window, from_rfc3339
from exchange.documents.evidence import as_displayed

SUMMER, WINTER = from_rfc3339("2026-07-10T12:00:00Z"), from_rfc3339("2026-01-10T12:00:00Z")


@pytest.mark.parametrize(
    ("told", "winter", "summer"),
    [
        # ONVIF: POSIX
        ("CET-1CEST,M3.5.0,M10.5.0/3", 60, 120),
        ("GMT0BST,M3.5.0/1,M10.5.0", 0, 60),
        ("EST5EDT,M3.2.0,M11.1.0", -300, -240),
        ("EST+5EDT,M3.2.0/2,M11.1.0/2", -300, -240),
        ("NST3:30NDT2:30,M3.2.0,M11.1.0", -210, -150),
        ("<+0530>-5:30", 330, 330),
        ("AEST-10AEDT,M10.1.0,M4.1.0/3", 660, 600),
        ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 660, 630),
        ("IST-1GMT0,M10.5.0,M3.5.0/1", 0, 60),
        ("CST-8", 480, 480),
        ("UTC0", 0, 0),
        ("GMT+00:00", 0, 0),
        ("America/New_York", -300, -240),
        ("+05:30", 330, 330),
        # Hikvision
        ("CST-8:00:00", 480, 480),
        ("CST-8:00:00DST01:00:00,M3.2.0/02:00:00,M11.1.0/02:00:00", 480, 540),
        ("\nCST-1:00:00DST01:00:00,M3.5.0/02:00:00,M10.5.0/03:00:00\n", 60, 120),
        ("CST+0:00:00DST01:00:00,M3.5.0/01:00:00,M10.5.0/02:00:00", 0, 60),
        ("CST+5:00:00DST01:00:00,M3.2.0/02:00:00,M11.1.0/02:00:00", -300, -240),
        ("CST+1:00:00DST01:00:00,M3.5.0/00:00:00,M10.5.0/01:00:00", -60, 0),
        ("CST-10:30:00DST00:30:00,M10.1.0/02:00:00,M4.1.0/02:00:00", 660, 630),
        ("CST+3:00:00DST02:00:00,M3.2.0/02:00:00,M11.1.0/02:00:00", -180, -60),
    ],
)
def test_a_zone_is_read_with_its_inverted_sign_and_its_own_summer(told: str, winter: int, summer: int) -> None:
    for at, minutes in ((WINTER, winter), (SUMMER, summer)):
        # What the device says of daylight saving can't be of both: its rules tell.
        assert seconds_east(told, at, daylight_saving=False) == minutes * 60
        shown = datetime.fromtimestamp(at // SECOND, zone_of(told.strip()))
        assert shown.utcoffset() == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("zone", "winter", "summer"),
    [
        ("CET-1CEST,M3.5.0,M10.5.0/3", 3600, 7200),
        ("CST-8", 28800, 32400),
        ("EST5EDT4", -18000, -14400),
        ("EST5EDT", -18000, -14400),
        ("<+0530>-5:30", 19800, 23400),
        ("GMT+00:00", 0, 3600),
        ("CST-8:00:00DST01:00:00,M3.2.0/02:00:00,M11.1.0/02:00:00", 28800, 32400),
        ("Europe/Berlin", None, None),
        ("", None, None),
    ],
)
def test_where_a_zone_has_no_rules_the_devices_word_on_summer_counts(
    zone: str, winter: int | None, summer: int | None
) -> None:
    assert posix_offset(zone, daylight_saving=False) == winter
    assert posix_offset(zone, daylight_saving=True) == summer


@pytest.mark.parametrize(
    "told", ["", "local", "CST", "M3.5.0", "CST-99999", "CST-99", "CST-1:00:00DST,M99", "x" * 5000]
)
def test_what_is_no_zone_is_not_guessed(told: str) -> None:
    assert posix(told) is None
    assert seconds_east(told, SUMMER, daylight_saving=True) is None


def test_what_was_read_once_is_read_the_same_again() -> None:
    for told in ("CST-8:00:00DST01:00:00,M3.2.0/02:00:00,M11.1.0/02:00:00", "NST3:30NDT2:30,M3.2.0,M11.1.0/0:01"):
        again = posix(told)
        assert again is not None
        assert posix(again) == again


@pytest.mark.parametrize(
    ("told", "ahead", "zone"),
    [
        ("CST-8", 8 * HOUR, "CST-8"),
        ("CST+8", 8 * HOUR, "+08:00"),
        ("GMT+08:00", 8 * HOUR, "+08:00"),
        ("", -(3 * HOUR + 30 * MINUTE), "-03:30"),
        ("GMT0BST,M3.5.0/1,M10.5.0", HOUR, "GMT0BST,M3.5.0/1,M10.5.0"),
        ("GMT0BST,M3.5.0/1,M10.5.0", 0, "+00:00"),
        ("CST-8", 8 * HOUR + 7 * MINUTE, "CST-8"),
        ("CST-8", 40 * HOUR, "CST-8"),
        ("CST-8", None, "CST-8"),
    ],
)
def test_a_zone_that_a_devices_own_local_time_contradicts_is_that_of_its_local_time(
    told: str, ahead: int | None, zone: str
) -> None:
    local = None if ahead is None else SUMMER + ahead
    assert zone_shown(told, utc=SUMMER, local=local, daylight_saving=None) == zone


@pytest.mark.parametrize(
    ("start", "shown"),
    [
        ("2026-03-29T00:30:00Z", ("2026-03-29T00:30:10.000000+00:00", "2026-03-29T02:30:10.000000+01:00")),
        ("2026-10-25T00:30:00Z", ("2026-10-25T01:30:10.000000+01:00", "2026-10-25T01:30:10.000000+00:00")),
        # Its clock is ten seconds ahead, and changes that much earlier.
        ("2026-03-29T00:59:55Z", ("2026-03-29T02:00:05.000000+01:00", "2026-03-29T03:00:05.000000+01:00")),
    ],
)
@pytest.mark.parametrize(
    "zone", ["GMT0BST,M3.5.0/1,M10.5.0", "CST+0:00:00DST01:00:00,M3.5.0/01:00:00,M10.5.0/02:00:00", "Europe/London"]
)
def test_what_a_device_displays_is_right_across_a_change_of_the_clocks(
    zone: str, start: str, shown: tuple[str, str]
) -> None:
    window = Window(from_rfc3339(start), from_rfc3339(start) + HOUR)
    ends = (seconds_east(zone, at + 10 * SECOND, daylight_saving=None) for at in (window.start, window.end))
    displayed = as_displayed(window, 10 * SECOND, *(east // 60 for east in ends if east is not None))
    assert (displayed.start, displayed.end) == shown
