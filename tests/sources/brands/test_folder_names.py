"""What recorders' names of files say: the products' own ways, days and months in either order, and zones by name."""

import json
from pathlib import Path

import pytest

from agent.sources.device.jobs import test_job as folder_test_job
from agent.sources.folder import names as folder_names
from exchange.clock import HOUR, SECOND, from_rfc3339, to_rfc3339
from exchange.errors import FootageUnreadable
from tests.agent.media.recordings import ffmpeg
from tests.sources.brands.test_folder import Folder
from tests.sources.counterpart.pieces import piece

LATER = from_rfc3339("2026-12-12T12:00:00Z")
LONG_AFTER = from_rfc3339("2026-12-01T12:00:00Z")

TEN, QUARTER = "2026-06-10T10:00:00", "2026-06-10T10:15:30"
PRODUCTS = [
    ("Hikvision, web page", "192.168.1.64_01_20260610100000123_1.mp4", "2026-06-10T10:00:00.123000", None),
    ("Hikvision, backup", "ch01_20260610100000_20260610101530.mp4", TEN, QUARTER),
    ("Dahua, backup", "XVR_ch4_main_20260610100000_20260610101530.dav", TEN, QUARTER),
    ("Dahua, card", "2026-06-10/001/dav/10/10.00.00-10.15.30[M][0@0][0].dav", TEN, QUARTER),
    ("Reolink, client", "Front-20260610-100000-20260610101530.mp4", TEN, None),
    ("Reolink, card", "Mp4Record/2026-06-10/RecM02_20260610_100000_101530_6D28808_13CE8C7.mp4", TEN, QUARTER),
    ("Uniview, client", "2026-06-10/192.168.1.30_1_S10-00-00 E10-15-30.mp4", TEN, QUARTER),
    ("Axis, card", "20260610_095500_8F2C_ACCC8E000000/20260610_10/20260610_100000_5F3E.mkv", TEN, None),
    ("Hanwha, backup", "CH01_20260610_100000_101530.avi", TEN, QUARTER),
    ("Milestone, export", "Front 10-Jun-2026 10.00.00.mkv", TEN, None),
    ("Blue Iris", "Front.20260610_100000.mp4", TEN, None),
    ("Synology", "20260610AM/Front20260610-100000-1781085600.mp4", TEN, None),
    ("Synology, name with a number", "20260610AM/Cam 120260610-100000-1781085600.mp4", f"{TEN}+00:00", None),
    ("QNAP", "20260610/10/Front_20260610_100000.avi", TEN, None),
    ("Brickcom", "20260610-100000-101530_192.168.1.11-CH2.avi", TEN, QUARTER),
    ("Frigate", "recordings/2026-06-10/10/front/00.00.mp4", TEN, None),
    ("Ring", "Ring_FrontDoor_2026_06_10_10_00_00.mp4", TEN, None),
    ("Arlo", "1781085600000.mp4", f"{TEN}+00:00", None),
    ("Tapo", "20260610_100000_tp00012.mp4", TEN, None),
    ("Wyze", "record/20260610/10/00.mp4", TEN, None),
    ("exacqVision, disk", "2026/06/10/10/1530-00270180.ps", QUARTER, None),
    ("Canon, recorder", "NVR_MPEG4_0123456789ABCDEF_20260610_100000_20260610_101530.mov", TEN, QUARTER),
    ("Tapo, by Home Assistant", "1781085600-1781085660.mp4", f"{TEN}+00:00", None),
    ("Android", "1781085600123456.mp4", "2026-06-10T10:00:00.123456+00:00", None),
]
WAYS = [
    ("day first", "porch 13.06.2026 10-00-00.mp4", "2026-06-13T10:00:00", None),
    ("an end that is no zone", "2026-06-10_10.00.00-10.15.30.mp4", TEN, QUARTER),
    ("day first, with an end", "13-06-2026_10.12.10-10.45.00.mp4", "2026-06-13T10:12:10", "2026-06-13T10:45:00"),
    ("month first", "06-13-2026_10.00.00.mp4", "2026-06-13T10:00:00", None),
    ("day first, twelve hours", "Front 13-6-2026, 10.00.00 PM.mp4", "2026-06-13T22:00:00", None),
    ("a folder for each day", "13-06-2026/10-00-00.mp4", "2026-06-13T10:00:00", None),
    ("day twice", "06-06-2026_10.00.00.mp4", "2026-06-06T10:00:00", None),
    ("no such day", "31-02-2026_10.00.00.mp4", None, None),
    ("a month's name", "Jun-10-2026_10-00-00.mp4", TEN, None),
    ("a month's name, run together", "10Jun2026_100000.mp4", TEN, None),
    ("a whole month's name", "June 10, 2026 10.00.00 PM.mp4", "2026-06-10T22:00:00", None),
    ("the year first", "2026-SEP-01 10-00-00.mp4", "2026-09-01T10:00:00", None),
    ("no month's name", "10Jux2026_100000.mp4", None, None),
    ("no zeros", "2026-6-1 9-5-7.mp4", "2026-06-01T09:05:07", None),
    ("no zeros, no such month", "2026-16-1 9-5-7.mp4", None, None),
    ("two numbers before", "cam_1_2_2026-06-10_10-00-00.mp4", TEN, None),
    ("two numbers before, signs alike", "1_1_2026_06_10_10_00_00.mp4", TEN, None),
    ("two digits, day first", "13.06.26 10.00.00.mp4", "2026-06-13T10:00:00", None),
    ("two digits, month first", "06-13-26_10-00-00.mp4", "2026-06-13T10:00:00", None),
    ("two digits, year first", "26-06-10_10-00-00.mp4", TEN, None),
    ("two digits, twelve hours", "Front 06-13-26 10.00.00 PM.mp4", "2026-06-13T22:00:00", None),
    ("two digits, in folders", "13/06/26/10-00-00.mp4", "2026-06-13T10:00:00", None),
    ("run together, day first", "130626_100000.mp4", "2026-06-13T10:00:00", None),
    ("run together, a whole year behind", "13062026_100000.mp4", "2026-06-13T10:00:00", None),
    ("run together, all of it", "13062026100000.mp4", "2026-06-13T10:00:00", None),
    ("an address before", "192.168.10.26_10-00-00.mp4", None, None),
    ("no seconds", "2026-06-10_15-00.mp4", "2026-06-10T15:00:00", None),
    ("no seconds, with an end", "2026-06-10_15-00_15-10.mp4", "2026-06-10T15:00:00", None),
    ("no seconds, twelve hours", "Front 2026-06-10 at 3.05 PM.mp4", "2026-06-10T15:05:00", None),
    ("no seconds, a month's name", "10 June 2026 15.05.mp4", "2026-06-10T15:05:00", None),
    ("no seconds, run together", "202606101505.mp4", "2026-06-10T15:05:00", None),
    ("no seconds, ISO 8601", "20260610T1505Z.mp4", "2026-06-10T15:05:00+00:00", None),
    ("afternoon without signs", "20260610_030500PM.mp4", "2026-06-10T15:05:00", None),
    ("afternoon before the time", "2026-06-10 PM 03.05.00.mp4", "2026-06-10T15:05:00", None),
    ("afternoon in Chinese", "2026-06-10 下午 03.05.00.mp4", "2026-06-10T15:05:00", None),
    ("afternoon in Korean", "2026-06-10 오후 3_05_00.mp4", "2026-06-10T15:05:00", None),
    ("afternoon in Spanish", "2026-06-10 3.05.00 p. m..mp4", "2026-06-10T15:05:00", None),
    ("afternoon in a day's folder", "2026-06-10/03-05-00 PM.mp4", "2026-06-10T15:05:00", None),
    ("the day in brackets", "[2026-06-10] 10-00-00.mp4", TEN, None),
    ("blanks alone", "2026 06 10 10 00 00.mp4", TEN, None),
    ("the day of the week", "2026-06-10_Wednesday_10-00-00.mp4", TEN, None),
    ("the time first", "10-00-00 2026-06-10.mp4", TEN, None),
    ("a number and a day", "123456_20260610.mp4", None, None),
    ("GMT and an offset", "20260610_100000_GMT+2.mp4", f"{TEN}+02:00", None),
]


@pytest.mark.parametrize(("what", "name", "start", "end"), [*PRODUCTS, *WAYS])
def test_what_products_name_their_files_is_read(what: str, name: str, start: str | None, end: str | None) -> None:
    read = folder_names.readings(name)
    assert len(read) == (start is not None), what
    told = read[0] if read else None
    assert (told and told.start.isoformat()) == start
    if end is not None:
        assert (told and told.end and told.end.isoformat()) == end


def starts(folder: Folder) -> dict[str, tuple[str, int]]:
    """By name: when it starts, and its doubt in seconds."""
    return {
        json.loads(each["reference"])["path"]: (to_rfc3339(each["start"])[:19], each["uncertainty_us"] // SECOND)
        for each in folder.look()["spans"]
    }


@pytest.mark.parametrize("sign", [".", "-", "_"])
def test_whether_the_day_or_the_month_is_first_is_told_by_the_folder_s_other_names_also_later(
    tmp_path: Path, sign: str
) -> None:
    folder = Folder(tmp_path, now=LATER, zone="UTC")
    name, other = f"10{sign}06{sign}2026 10-00-00.mp4", f"13{sign}06{sign}2026 10-00-00.mp4"
    folder.add(name, changed=LONG_AFTER)
    with pytest.raises(FootageUnreadable, match="two ways"):
        folder.look()
    path = folder.add(other, changed=LONG_AFTER)
    assert starts(folder) == {name: ("2026-06-10T10:00:00", 1), other: ("2026-06-13T10:00:00", 1)}
    path.unlink()
    assert starts(folder) == {name: ("2026-06-10T10:00:00", 1)}, "what was proven stays so"
    (span,) = folder.look()["spans"]
    notes = " ".join(folder.fetch(span, tmp_path / "into")["files"][0]["notes"])
    assert "Other files' names tell whether the day or the month comes first" in notes


def test_names_that_contradict_each_other_prove_nothing_and_the_file_waits(tmp_path: Path) -> None:
    folder = Folder(tmp_path, now=LATER, zone="UTC")
    for name in ("10-06-2026_10.00.00.mp4", "13-06-2026_10.00.00.mp4"):
        folder.add(name, changed=LONG_AFTER)
    assert len(starts(folder)) == 2
    folder.add("06-14-2026_10.00.00.mp4", changed=LONG_AFTER)
    assert sorted(starts(folder)) == ["06-14-2026_10.00.00.mp4", "13-06-2026_10.00.00.mp4"]


@pytest.mark.parametrize(("day", "start"), [("06-10", "2026-06-10T10:00:00"), ("10-06", "2026-10-06T10:00:00")])
def test_the_last_change_tells_it_too(tmp_path: Path, day: str, start: str) -> None:
    changed = from_rfc3339(f"2026-{day}T10:00:08Z")
    folder = Folder(tmp_path, now=LATER, zone="UTC")
    folder.add("10.06.2026 10.00.00.mp4", changed=changed)
    assert starts(folder) == {"10.06.2026 10.00.00.mp4": (start, 1)}


@pytest.mark.parametrize("beside", [True, False])
def test_a_request_for_a_time_that_a_name_may_tell_waits_or_names_the_file(tmp_path: Path, beside: bool) -> None:
    folder = Folder(tmp_path, now=LATER, zone="UTC", margin=1)
    folder.add("10-06-2026_10.00.00.mp4", changed=LONG_AFTER)
    folder.add("20260610_100001.mp4" if beside else "20260611_100000.mp4", changed=LONG_AFTER)
    for month, day in ((6, 10), (10, 6)):
        at = from_rfc3339(f"2026-{month:02}-{day:02}T10:00:01Z")
        if beside and month == 6:
            assert any("10-06-2026" in note and "two ways" in note for note in folder.look(at, at + SECOND)["notes"])
            continue
        with pytest.raises(FootageUnreadable, match="10-06-2026") as raised:
            folder.look(at, at + SECOND)
        assert "pattern" in raised.value.do
    later = from_rfc3339("2026-07-01T00:00:00Z")
    assert folder.look(later, later + SECOND)["spans"] == []
    (wrong,) = folder_test_job(folder.order() | {"start": 0, "end": 1}, lambda _: None)["wrong"][-1:]
    assert wrong.startswith("10-06-2026_10.00.00.mp4: its name can be read in two ways")


@pytest.mark.parametrize(
    ("zone", "name", "start", "doubt"),
    [
        ("America/New_York", "20260610_100000_EDT.mp4", "2026-06-10T14:00:00", 0),
        ("America/New_York", "20261101_013000 EDT.mp4", "2026-11-01T05:30:00", 0),
        ("America/New_York", "20261101_013000_EST.mp4", "2026-11-01T06:30:00", 0),
        ("America/New_York", "261101_013000-EST.mp4", "2026-11-01T06:30:00", 0),
        ("America/New_York", "20260610_100000_EST.mp4", "2026-06-10T15:00:00", HOUR),
        ("EST5EDT,M3.2.0,M11.1.0", "20261101_013000_EST.mp4", "2026-11-01T06:30:00", 0),
        ("America/Chicago", "20260610_100000_CST.mp4", "2026-06-10T16:00:00", 14 * HOUR),
        ("Europe/London", "20261025_013000_BST.mp4", "2026-10-25T00:30:00", 0),
        ("Europe/London", "20261025_013000_GMT.mp4", "2026-10-25T01:30:00", 0),
        ("Europe/Berlin", "20261025_023000_CEST.mp4", "2026-10-25T00:30:00", 0),
        ("Europe/Berlin", "20261025_023000_CET.mp4", "2026-10-25T01:30:00", 0),
        ("Europe/Berlin", "20261025_023000_MEZ.mp4", "2026-10-25T01:30:00", 0),
        ("Africa/Nairobi", "20260610_100000_EAT.mp4", "2026-06-10T07:00:00", 0),
        ("Europe/London", "20260610_100000_EAT.mp4", "2026-06-10T09:00:00", 0),
        ("Europe/London", "20260610_100000_MAIN.mp4", "2026-06-10T09:00:00", 0),
        ("Europe/London", "20260610_100000_EDT.mp4", "2026-06-10T14:00:00", 5 * HOUR),
    ],
)
def test_a_zone_s_name_behind_a_time_is_read_by_the_folder_s_zone_or_the_doubt_is_told(
    tmp_path: Path, zone: str, name: str, start: str, doubt: int
) -> None:
    folder = Folder(tmp_path, now=LATER, zone=zone)
    folder.add(name, changed=LONG_AFTER)
    assert starts(folder) == {name: (start, 1 + doubt // SECOND)}
    (span,) = folder.look()["spans"]
    notes = " ".join(folder.fetch(span, tmp_path / "into")["files"][0]["notes"])
    assert ("can be read in two ways" in notes) == (doubt > 0)


def test_where_a_zone_s_name_does_not_fit_the_last_change_tells(tmp_path: Path) -> None:
    folder = Folder(tmp_path, now=LATER)
    folder.add("20260610_100000_EDT.mp4", changed=from_rfc3339("2026-06-10T09:00:08Z"))
    folder.add("20260611_100000_EDT.mp4", changed=from_rfc3339("2026-06-11T14:00:08Z"))
    assert [start for start, doubt in starts(folder).values() if doubt == 1] == [
        "2026-06-10T09:00:00",
        "2026-06-11T14:00:00",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "10.06.26 10.00.00.mp4",
        "10-06-26_10.00.mp4",
        "10062026_100000.mp4",
        "210625_100000.avi",
        "Saved 2026-08-02 09-00-00 Front 2026-06-10 10-00-00.mp4",
    ],
)
def test_a_name_that_may_tell_days_far_apart_waits_and_is_told(tmp_path: Path, name: str) -> None:
    folder = Folder(tmp_path, now=LATER, zone="UTC")
    folder.add(name, changed=LONG_AFTER)
    with pytest.raises(FootageUnreadable, match="two ways") as raised:
        folder.look()
    assert "sources start" in raised.value.do


def test_two_digits_for_the_year_are_read_by_what_other_names_prove(tmp_path: Path) -> None:
    folder = Folder(tmp_path, now=LATER, zone="UTC")
    folder.add("10.06.26 10.00.00.mp4", changed=LONG_AFTER)
    folder.add("13.06.26 10.00.00.mp4", changed=LONG_AFTER)
    folder.add("260625_100000.avi", changed=LONG_AFTER)
    folder.add("260610_100000.avi", changed=LONG_AFTER)
    assert {start[:10] for start, _ in starts(folder).values()} == {
        "2026-06-10",
        "2026-06-13",
        "2026-06-25",
    }


def test_a_name_without_seconds_has_a_minute_of_doubt(tmp_path: Path) -> None:
    folder = Folder(tmp_path, now=LATER, zone="UTC")
    folder.add("2026-06-10_15-05.mp4", changed=LONG_AFTER)
    ((start, doubt),) = starts(folder).values()
    assert (start, 50 < doubt <= 60) == ("2026-06-10T15:05:00", True)


@pytest.mark.parametrize("fits", [True, False])
def test_four_digits_behind_a_day_are_a_time_only_where_the_last_change_says_so(tmp_path: Path, fits: bool) -> None:
    folder = Folder(tmp_path, now=LATER, zone="UTC")
    name = "20260610_1505.mp4"
    folder.add(name, changed=from_rfc3339("2026-06-10T15:05:40Z") if fits else LONG_AFTER)
    if fits:
        assert starts(folder)[name][0] == "2026-06-10T15:05:00"
        return
    day = from_rfc3339("2026-06-10T00:00:00Z")
    with pytest.raises(FootageUnreadable, match="tells a day"):
        folder.look(day + 9 * HOUR, day + 10 * HOUR)
    assert folder.look(day - 30 * HOUR, day - HOUR)["spans"] == []
    assert folder.look()["spans"] == [], "what is asked of all time names it, and goes on"


@pytest.mark.parametrize(("created", "used"), [("2026-06-10T10:00:00Z", True), ("2026-07-01T10:00:00Z", False)])
def test_the_time_inside_a_file_is_not_believed_against_the_day_in_its_name(
    tmp_path: Path, created: str, used: bool
) -> None:
    made = tmp_path / "made.mp4"
    ffmpeg("-i", piece(0).path, "-c", "copy", "-metadata", f"creation_time={created}", made)
    folder = Folder(tmp_path, now=LATER, zone="UTC")
    folder.add("front 10 June 2026.mp4", made, changed=LONG_AFTER)
    at = from_rfc3339("2026-06-10T10:00:01Z")
    if used:
        assert [span["clock"] for span in folder.look(at, at + SECOND)["spans"]] == ["container"]
        return
    with pytest.raises(FootageUnreadable, match="10 June 2026"):
        folder.look(at, at + SECOND)
    assert folder.look(from_rfc3339(created), from_rfc3339(created) + SECOND)["spans"] == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ch01_20260610100000.mp4", "ch02_20260610101000.mp4", "ch01_20260610102000.mp4"),
        ("D1_20260610_100000.mp4", "D2_20260610_101000.mp4", "D1_20260610_102000.mp4"),
        ("Camera 1 2026-06-10 10.00.00.mp4", "Camera 2 2026-06-10 10.10.00.mp4", "Camera 1 2026-06-10 10.20.00.mp4"),
        ("2026/06/10/10/0000-00270180.ps", "2026/06/10/10/1000-00270280.ps", "2026/06/10/10/2000-00270180.ps"),
    ],
)
def test_cameras_that_are_told_apart_by_a_number_alone_are_several(
    tmp_path: Path, one: str, other: str, same: str
) -> None:
    folder = Folder(tmp_path, now=LATER, zone="UTC")
    folder.add(one, changed=LONG_AFTER)
    folder.add(same, changed=LONG_AFTER)
    assert folder.look()["notes"] == []
    folder.add(other, changed=LONG_AFTER)
    (note,) = folder.look()["notes"]
    assert "If they are of several cameras" in note


@pytest.mark.parametrize(
    ("name", "start", "doubt"),
    [
        ("20251026_015957_020003.mp4", "2025-10-26T01:59:57", 0),
        ("20251026_005957_010003.mp4", "2025-10-25T23:59:57", 0),
        ("20251026_013000_013006.mp4", "2025-10-26T00:30:00", HOUR),
        ("20260329_013000.mp4", "2026-03-29T01:30:00", HOUR),
        ("20260329_023000.mp4", "2026-03-29T01:30:00", 0),
    ],
)
def test_near_a_change_of_the_clocks_an_end_tells_the_hour_and_one_that_was_left_out_is_doubted(
    tmp_path: Path, name: str, start: str, doubt: int
) -> None:
    folder = Folder(tmp_path, now=LATER)
    folder.add(name, changed=LONG_AFTER)
    assert starts(folder) == {name: (start, 1 + doubt // SECOND)}
