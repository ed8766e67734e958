"""Dahua's CGI beyond the common cases: zones, how channels are counted, long lists, files that do not come."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from agent.devices.time_zones import zone_of
from agent.sources.dahua import files
from agent.sources.dahua.time import local_time, posix, read_clock, written
from agent.sources.device import jobs
from agent.sources.device.jobs import fetch_job, look_job
from exchange.clock import DAY, HOUR, MINUTE, SECOND, Window, from_rfc3339
from exchange.errors import CameraAnswerInvalid, CameraRefused, CameraUnreachable, InputInvalid, NoFootage
from tests.agent.media.recordings import ffmpeg
from tests.counterparts.files.packets import Coded, coded_frames
from tests.counterparts.http.dahua_stand_in import DahuaStandIn, DavRecording
from tests.sources.counterpart.orders import fetch_order, look_order
from tests.sources.counterpart.pieces import ShiftedClock, piece
from tests.sources.counterpart.under_test import GOOD, Fault

SUMMER = from_rfc3339("2026-06-10T10:00:00Z")
Json = dict[str, Any]


@cache
def frames(codec: str = "h264") -> tuple[Coded, ...]:
    return tuple(coded_frames(piece(SUMMER, codec=codec).path))


@contextmanager
def recorder(*starts: int, now: int = SUMMER + 10 * MINUTE, **settings: Any) -> Iterator[tuple[DahuaStandIn, str]]:
    stand_in = DahuaStandIn(ShiftedClock(now))
    stand_in.held = [DavRecording(start, frames(), "h264") for start in starts]
    for name, value in settings.items():
        assert hasattr(stand_in, name)
        setattr(stand_in, name, value)
    with stand_in.running() as where:
        yield stand_in, where
    assert not stand_in.strange, "something was asked that could change the recorder"
    assert GOOD.password not in "".join(stand_in.asked)


def window(start: int = SUMMER, seconds: int = 6) -> Window:
    return Window(start, start + seconds * SECOND)


def look(stand_in: DahuaStandIn, where: str, state: Path, asked: Window | None = None, **options: Any) -> Json:
    order = look_order("agent.sources.dahua", where, stand_in.clock, asked or window(), state, **options)  # type: ignore[arg-type]
    return look_job(order, lambda _: None)


def bring(stand_in: DahuaStandIn, where: str, work: Path, span: Json, **options: Any) -> tuple[Json, Path]:
    order = look_order("agent.sources.dahua", where, stand_in.clock, window(), work / "state", **options)  # type: ignore[arg-type]
    said = fetch_job(fetch_order(order, span, work / "into"), lambda _: None)
    return said["files"][0], work / "into" / said["files"][0]["name"]


# -- time ------------------------------------------------------------------------------------------------------------


def _locales(start: str, end: str) -> dict[str, str]:
    told = {"DSTEnable": "true"}
    for which, text in (("DSTStart", start), ("DSTEnd", end)):
        for name, value in zip(("Month", "Week", "Day", "Hour", "Minute"), text.split(), strict=True):
            told[f"{which}.{name}"] = value
    return told


@pytest.mark.parametrize(
    ("index", "locales", "summer", "winter"),
    [
        ("0", {}, 0, 0),
        ("0", _locales("3 -1 0 1 0", "10 -1 0 2 0"), 60, 0),
        ("1", _locales("3 5 0 2 0", "10 5 0 3 0"), 120, 60),
        ("22", {"DSTEnable": "false"}, -180, -180),
        ("25", _locales("3 2 0 2 0", "11 1 0 2 0"), -240, -300),
        ("9", {}, 345, 345),
        ("0", _locales("3 0 29 1 0", "10 0 25 2 0"), 60, 0),
    ],
)
def test_its_settings_are_read_as_a_zone(index: str, locales: dict[str, str], summer: int, winter: int) -> None:
    zone = zone_of(posix({"TimeZone": index}, locales) or "nothing")
    for month, minutes in ((7, summer), (1, winter)):
        offset = datetime(2026, month, 10, tzinfo=zone).utcoffset()
        assert offset is not None
        assert offset.total_seconds() == minutes * 60


@pytest.mark.parametrize("ntp", [{}, {"TimeZone": "x"}, {"TimeZone": "99"}, {"TimeZone": "-1"}])
def test_settings_without_a_zone_are_none(ntp: dict[str, str]) -> None:
    assert posix(ntp, {}) is None


@pytest.mark.parametrize("end", ["13 9 9 99 0", "x 1 0 2 0", "0 0 0 0 0"])
def test_a_rule_that_cannot_be_leaves_the_zone_without_summer(end: str) -> None:
    assert posix({"TimeZone": "1"}, _locales("3 5 0 2 0", end)) == "STD-1"


def test_times_are_read_with_and_without_leading_zeros() -> None:
    assert written(local_time("2011-7-3 21:02:32")) == "2011-07-03 21:02:32"
    for wrong in ("", "2011-7-3", "2011-13-3 00:00:00", "2011-7-3 25:00:00", "x" * 100_000):
        with pytest.raises(ValueError):
            local_time(wrong)


def _clock(shown: str, *, zone: str = "", configured: str | None = None) -> Any:
    return read_clock(local_time(shown), sent=SUMMER, received=SUMMER, zone=zone, configured=configured)


def test_a_clock_that_is_off_is_told_from_a_zone_that_is_set_wrongly() -> None:
    london = "STD0DST-1,M3.5.0/1,M10.5.0/2"
    forty = _clock("2026-06-10 11:40:00", configured=london)
    assert (forty.check.offset_us, forty.note) == (40 * MINUTE, "")
    beijing = _clock("2026-06-10 11:00:20", configured="STD-8")
    assert (beijing.check.offset_us, beijing.zone) == (20 * SECOND, "+01:00")
    assert "not the time zone in its settings" in beijing.note
    owners = _clock("2026-06-10 12:00:00", zone="Europe/London", configured="STD-8")
    assert (owners.check.offset_us, owners.note) == (HOUR, "")


def test_a_clock_without_a_zone_is_measured_and_that_is_said(tmp_path: Path) -> None:
    with recorder(SUMMER, settings={}) as (stand_in, where):
        said = look(stand_in, where, tmp_path)
        named = look(stand_in, where, tmp_path, zone="Europe/London")
    assert said["clock"]["zone"] == "+01:00"
    assert "does not tell its time zone" in " ".join(said["notes"])
    assert not named["notes"]
    for each in (said, named):
        assert abs(each["spans"][0]["start"] - SUMMER) <= 1_500_000


def test_half_of_a_repeated_hour_that_nothing_tells_apart_is_said(tmp_path: Path) -> None:
    alone = from_rfc3339("2026-10-25T01:30:00Z")
    with recorder(alone, now=alone + DAY) as (stand_in, where):
        said = look(stand_in, where, tmp_path, Window(alone - 90 * MINUTE, alone + HOUR))
    assert "this hour twice" in " ".join(said["notes"])


def test_a_zone_that_is_none_is_the_owners_to_mend(tmp_path: Path) -> None:
    with recorder(SUMMER) as (stand_in, where), pytest.raises(InputInvalid, match="no time zone"):
        look(stand_in, where, tmp_path, zone="Mars/Olympus")


# -- channels --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [0, 1])
def test_the_right_camera_is_asked_for_whatever_the_recorder_counts_from(tmp_path: Path, first: int) -> None:
    with recorder(first=first, channels=2) as (stand_in, where):
        stand_in.held = [
            DavRecording(SUMMER, frames(), "h264", channel=1),
            DavRecording(SUMMER + 20 * SECOND, frames(), "h264", channel=2),
        ]
        for channel, start in ((1, SUMMER), (2, SUMMER + 20 * SECOND)):
            said = look(stand_in, where, tmp_path, window(seconds=60), channel=channel)
            assert [abs(span["start"] - start) <= 1_500_000 for span in said["spans"]] == [True]
        stand_in.asked.clear()
        look(stand_in, where, tmp_path, channel=2)
    assert not any("getCollect" in each for each in stand_in.asked), "it was found out before"


def test_where_the_counting_cannot_be_seen_no_camera_is_guessed(tmp_path: Path) -> None:
    with recorder(channels=3) as (stand_in, where):
        stand_in.held = [DavRecording(SUMMER, frames(), "h264", channel=1)]  # the last channel has none
        with pytest.raises(CameraAnswerInvalid, match="may call this camera") as told:
            look(stand_in, where, tmp_path)
        assert "counting=1" in told.value.do
        assert look(stand_in, where, tmp_path, counting="1")["spans"]
        assert not look(stand_in, where, tmp_path, channel=3)["spans"]


def test_the_owner_is_told_how_it_counts_and_what_its_clock_goes_by(tmp_path: Path) -> None:
    with recorder(SUMMER) as (stand_in, where):
        order = look_order("agent.sources.dahua", where, stand_in.clock, window(), tmp_path, channel=1)  # type: ignore[arg-type]
        said = jobs.test_job(order, lambda _: None)
        missing = jobs.test_job(order | {"options": {"channel": 3}}, lambda _: None)
    assert said["good"][0] == "Its search calls the first channel 1."
    assert "STD0DST-1,M3.5.0/1,M10.5.0/2" in said["good"][1]
    assert "no channel 3" in missing["wrong"][0]


def test_the_sub_stream_stands_in_where_the_main_one_is_missing_and_that_is_said(tmp_path: Path) -> None:
    with recorder() as (stand_in, where):
        stand_in.held = [DavRecording(SUMMER, frames(), "h264", stream="Extra1")]
        said = look(stand_in, where, tmp_path)
        assert "sub-stream" in " ".join(said["notes"])
        stand_in.held.append(DavRecording(SUMMER, frames(), "h264"))
        said = look(stand_in, where, tmp_path)
    assert len(said["spans"]) == 1
    assert not said["notes"]


# -- lists -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [100, 64])
def test_all_pages_of_a_list_are_read_also_where_they_are_short(tmp_path: Path, page: int) -> None:
    with recorder(page=page) as (stand_in, where):
        stand_in.held = [DavRecording(SUMMER + index * SECOND, frames()[:1], "h264") for index in range(230)]
        said = look(stand_in, where, tmp_path, window(seconds=600))
    assert len(said["spans"]) == 230


def test_a_recording_that_ends_before_it_starts_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    with recorder(SUMMER) as (stand_in, where):
        row = stand_in._row
        stand_in._row = lambda number, each: [  # type: ignore[method-assign]
            line.replace("EndTime=2026-06-10 11:00:16", "EndTime=2026-06-10 10:59:00") for line in row(number, each)
        ]
        stand_in.held.append(DavRecording(SUMMER + 10 * SECOND, frames(), "h264"))
        said = look(stand_in, where, tmp_path, window(seconds=60))
    assert len(said["spans"]) == 1
    assert "ends before it starts" in " ".join(said["notes"])


def test_a_list_that_never_ends_is_given_up(tmp_path: Path) -> None:
    with (
        recorder(SUMMER, endless=True) as (stand_in, where),
        pytest.raises(CameraAnswerInvalid, match="again and again"),
    ):
        look(stand_in, where, tmp_path)
    assert len(stand_in.asked) < 40


@pytest.mark.parametrize(
    "hostile", ["0001-01-01 00:00:00", "9999-12-31 23:59:59", "2026-13-01 00:00:00", "soon", "2026-06-10 99:00:00"]
)
def test_a_list_with_times_that_cannot_be_is_told_as_that(tmp_path: Path, hostile: str) -> None:
    with recorder(SUMMER) as (stand_in, where):
        stand_in._row = lambda number, each: [  # type: ignore[method-assign]
            f"items[{number}].FilePath=/x", f"items[{number}].StartTime={hostile}", f"items[{number}].EndTime={hostile}"
        ]  # fmt: skip
        with pytest.raises(CameraAnswerInvalid):
            look(stand_in, where, tmp_path)


def test_what_was_found_out_is_not_asked_again_at_every_look(tmp_path: Path) -> None:
    with recorder(SUMMER) as (stand_in, where):
        first = look(stand_in, where, tmp_path)
        stand_in.asked.clear()
        second = look(stand_in, where, tmp_path)
    assert len(stand_in.asked) <= 11  # the clock and the zone; one search; one logs in
    assert {name: first[name] for name in ("model", "oldest", "serial")} == {
        name: second[name] for name in ("model", "oldest", "serial")
    }


def test_finders_are_given_back_also_after_an_error(tmp_path: Path) -> None:
    with recorder(SUMMER, endless=True) as (stand_in, where):
        with pytest.raises(CameraAnswerInvalid):
            look(stand_in, where, tmp_path)
        assert not stand_in._finders
        stand_in.endless = False
        look(stand_in, where, tmp_path)
        assert not stand_in._finders


@pytest.mark.parametrize(
    "answer", [b"", b"\xff\xfe\x00", b"<html></html>", b"result=", b"result=yesterday", b"=" * 100, b"x" * 2_000_000]
)
def test_garbage_is_told_as_that(tmp_path: Path, answer: bytes) -> None:
    with recorder(SUMMER) as (stand_in, where):
        stand_in.answer = lambda call: call.send(answer)  # type: ignore[method-assign]
        with pytest.raises(CameraAnswerInvalid):
            look(stand_in, where, tmp_path)


def test_what_the_recorder_is_comes_along(tmp_path: Path) -> None:
    with recorder(SUMMER) as (stand_in, where):
        said = look(stand_in, where, tmp_path)
    assert (said["make"], said["model"], said["serial"]) == ("Dahua", "NVR4108", "6A00000PAZ00000")
    assert abs(said["oldest"] - SUMMER) <= 1_500_000


def test_a_wrong_password_is_tried_once_and_named_nowhere(tmp_path: Path) -> None:
    with recorder(SUMMER) as (stand_in, where):
        stand_in.guard.password = "another"
        with pytest.raises(CameraRefused) as refused:
            look(stand_in, where, tmp_path)
    assert stand_in.guard.wrong == 1
    assert GOOD.password not in str(refused.value)


# -- footage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("preamble", [True, False])
def test_what_comes_is_to_the_byte_what_the_recorder_holds_and_ffmpeg_reads_it(
    tmp_path: Path, codec: str, preamble: bool
) -> None:
    with recorder(preamble=preamble) as (stand_in, where):
        stand_in.held = [DavRecording(SUMMER, frames(codec), codec)]
        span = look(stand_in, where, tmp_path / "state")["spans"][0]
        file, path = bring(stand_in, where, tmp_path, span)
        assert path.read_bytes() == stand_in.file(stand_in.held[0])
    (tmp_path / "held.bin").write_bytes(b"".join(frame.data for frame in frames(codec)))
    kind = {"h264": "h264", "h265": "hevc"}[codec]
    ffmpeg("-f", "dhav", "-i", path, "-map", "0:v", "-c", "copy", "-f", kind, tmp_path / "came.bin")
    assert (tmp_path / "came.bin").read_bytes() == (tmp_path / "held.bin").read_bytes()
    assert not file["torn"]


def test_a_file_that_begins_within_a_second_is_placed_within_it(tmp_path: Path) -> None:
    with recorder(SUMMER, SUMMER + 20 * SECOND + 700_000) as (stand_in, where):
        spans = look(stand_in, where, tmp_path / "state", window(seconds=60))["spans"]
        exact = []
        for index, span in enumerate(spans):
            _, path = bring(stand_in, where, tmp_path / str(index), span)
            first = files._first_picture(path)
            assert first is not None
            exact.append(first)
    assert (exact[1] - exact[0]).total_seconds() == pytest.approx(20.7, abs=0.1)


def test_a_recorder_that_brings_an_empty_file_is_asked_for_the_time(tmp_path: Path) -> None:
    with recorder(SUMMER, empty_files=True) as (stand_in, where):
        span = look(stand_in, where, tmp_path / "state")["spans"][0]
        file, path = bring(stand_in, where, tmp_path, span)
        assert path.read_bytes() == stand_in.file(stand_in.held[0])
    assert any("loadfile.cgi" in each for each in stand_in.asked)
    assert abs(file["start"] - SUMMER) <= 1_500_000


def test_by_time_only_the_part_that_is_needed_comes_with_what_its_key_frames_need(tmp_path: Path) -> None:
    with recorder(SUMMER) as (stand_in, where):
        span = look(stand_in, where, tmp_path / "state", by="time")["spans"][0]
        assert span["divisible"]
        part = span | {"start": SUMMER + 2_500_000, "end": SUMMER + 4_000_000}
        _, narrow = bring(stand_in, where, tmp_path / "a", part, by="time", margin=0)
        _, wide = bring(stand_in, where, tmp_path / "b", part, by="time")
    assert narrow.stat().st_size < wide.stat().st_size
    assert wide.read_bytes() == stand_in.file(stand_in.held[0])


def test_a_file_that_is_gone_by_now_is_no_footage_and_leaves_nothing(tmp_path: Path) -> None:
    with recorder(SUMMER) as (stand_in, where):
        span = look(stand_in, where, tmp_path / "state")["spans"][0]
        stand_in.held.clear()
        with pytest.raises((CameraAnswerInvalid, NoFootage)):
            bring(stand_in, where, tmp_path, span)
    assert not list((tmp_path / "into").iterdir())


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_broke_off_is_gone_on_with_where_the_recorder_can(tmp_path: Path, ranges: bool) -> None:
    with recorder(SUMMER, ranges=ranges) as (stand_in, where):
        span = look(stand_in, where, tmp_path / "state")["spans"][0]
        stand_in.fault = Fault.GONE
        with pytest.raises(CameraUnreachable):
            bring(stand_in, where, tmp_path, span)
        stand_in.fault = None
        _, path = bring(stand_in, where, tmp_path, span)
        assert path.read_bytes() == stand_in.file(stand_in.held[0])
    assert bool(stand_in.ranged) is ranges
