"""Hikvision's ISAPI beyond the common cases: zones, what Z means, forms of a search, downloads, lock-outs.

Long because its times have two meanings, and each habit is tried with both.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from agent.devices.time_zones import posix, zone_of
from agent.sources.device import jobs
from agent.sources.device.jobs import fetch_job, look_job
from agent.sources.hikvision import files
from agent.sources.hikvision.time import Meaning, judged, read_clock
from exchange.bounded_xml import read_xml
from exchange.clock import DAY, HOUR, MINUTE, SECOND, Window, from_rfc3339
from exchange.errors import CameraAnswerInvalid, CameraRefused, CameraUnreachable, HandoverError, InputInvalid
from tests.agent.media.recordings import ffmpeg
from tests.counterparts.files.packets import Coded, coded_frames
from tests.counterparts.http.hikvision_stand_in import HikvisionStandIn, Recording
from tests.sources.counterpart.orders import fetch_order, look_order
from tests.sources.counterpart.pieces import ShiftedClock, piece
from tests.sources.counterpart.under_test import GOOD, Fault

SUMMER = from_rfc3339("2026-06-10T10:00:00Z")
WINTER = from_rfc3339("2026-11-20T10:00:00Z")
Json = dict[str, Any]


@cache
def frames(codec: str = "h264") -> tuple[Coded, ...]:
    return tuple(coded_frames(piece(SUMMER, codec=codec).path))


@contextmanager
def recorder(*starts: int, now: int = SUMMER + 10 * MINUTE, **settings: Any) -> Iterator[tuple[HikvisionStandIn, str]]:
    stand_in = HikvisionStandIn(ShiftedClock(now))
    stand_in.held = [Recording(start, frames(), "h264") for start in starts]
    for name, value in settings.items():
        assert hasattr(stand_in, name)
        setattr(stand_in, name, value)
    with stand_in.running() as where:
        yield stand_in, where
    assert not stand_in.strange, "something was asked that could change the recorder"
    assert GOOD.password not in "".join(stand_in.asked)


def window(start: int = SUMMER, seconds: int = 6) -> Window:
    return Window(start, start + seconds * SECOND)


def look(stand_in: HikvisionStandIn, where: str, state: Path, asked: Window | None = None, **options: Any) -> Json:
    order = look_order("agent.sources.hikvision", where, stand_in.clock, asked or window(), state, **options)  # type: ignore[arg-type]
    return look_job(order, lambda _: None)


def bring(
    stand_in: HikvisionStandIn, where: str, work: Path, span: Json, most_bytes: int = 1 << 30, **options: Any
) -> tuple[Json, Path]:
    order = look_order("agent.sources.hikvision", where, stand_in.clock, window(), work / "state", **options)  # type: ignore[arg-type]
    said = fetch_job(fetch_order(order, span, work / "into", most_bytes), lambda _: None)
    return said["files"][0], work / "into" / said["files"][0]["name"]


# -- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "summer", "winter"),
    [
        ("CST-8:00:00", 8 * 60, 8 * 60),
        ("CST+3:00:00", -3 * 60, -3 * 60),
        ("CST-5:45:00", 5 * 60 + 45, 5 * 60 + 45),
        ("CST+0:00:00DST01:00:00,M3.5.0/01:00:00,M10.5.0/02:00:00", 60, 0),
        ("\nCST-1:00:00DST01:00:00,M3.5.0/02:00:00,M10.5.0/03:00:00\n", 120, 60),
        ("CST+5:00:00DST01:00:00,M3.2.0/02:00:00,M11.1.0/02:00:00", -4 * 60, -5 * 60),
        ("CST+3:30:00DST01:00:00,M3.2.0/02:00:00,M11.1.0/02:00:00", -150, -210),
    ],
)
def test_a_zone_is_read_with_its_sign_and_what_summer_adds(told: str, summer: int, winter: int) -> None:
    zone = zone_of(posix(told) or "nothing")
    for month, minutes in ((7, summer), (1, winter)):
        offset = datetime(2026, month, 10, tzinfo=zone).utcoffset()
        assert offset is not None
        assert offset.total_seconds() == minutes * 60


@pytest.mark.parametrize("told", ["", "local", "CST", "M3.5.0", "CST-99999", "CST-1:00:00DST,M99"])
def test_a_zone_that_is_none_is_not_guessed(told: str) -> None:
    zone = posix(told)
    assert zone is None or zone_of(zone)


def _time(local: str, zone: str) -> Any:
    return read_xml(f"<Time><localTime>{local}</localTime><timeZone>{zone}</timeZone></Time>".encode(), most_bytes=9999)


BERLIN = "CST-1:00:00DST01:00:00,M3.5.0/02:00:00,M10.5.0/03:00:00"


@pytest.mark.parametrize("local", ["2026-06-10T12:00:00+02:00", "2026-06-10T12:00:00", "2026-06-10T12:00:00Z"])
def test_its_clock_is_read_with_or_without_an_offset(local: str) -> None:
    read = read_clock(_time(local, BERLIN), sent=SUMMER, received=SUMMER, zone="")
    assert read.check.offset_us == 0
    assert not read.note


def test_a_clock_that_is_not_put_forward_is_read_as_it_goes_and_that_is_said() -> None:
    read = read_clock(_time("2026-06-10T11:00:00+01:00", BERLIN), sent=SUMMER, received=SUMMER, zone="")
    assert read.check.offset_us == 0
    assert read.zone == "+01:00"
    assert "clock forward and back" in read.note


def test_the_owners_zone_wins_over_the_recorders() -> None:
    read = read_clock(_time("2026-06-10T11:00:00+02:00", BERLIN), sent=SUMMER, received=SUMMER, zone="Europe/London")
    assert (read.check.offset_us, read.zone) == (0, "Europe/London")


@pytest.mark.parametrize(
    ("zone", "newest", "means"),
    [
        ("+02:00", "2026-06-10T11:59:50Z", Meaning.LOCAL),
        ("+02:00", "2026-06-10T09:59:50Z", Meaning.UTC),
        ("-03:00", "2026-06-10T06:59:50Z", Meaning.LOCAL),
        ("-03:00", "2026-06-10T09:59:50Z", Meaning.UTC),
        ("+02:00", "2026-06-10T11:30:00Z", Meaning.LOCAL),  # as UTC, it would lie in the future
        ("+01:00", "2026-06-10T09:50:00Z", None),  # UTC ten minutes ago, or local an hour and ten minutes ago
        ("+02:00", "2026-06-10T04:00:00Z", None),
        ("-03:00", "2026-06-10T02:00:00Z", None),
        ("+00:00", "2026-06-10T09:59:50Z", None),
        ("+02:00", "2026-06-10T15:00:00Z", None),
    ],
)
def test_what_z_means_is_seen_by_what_is_recorded_now(zone: str, newest: str, means: Meaning | None) -> None:
    found = judged(["2026-06-01T00:00:00Z", newest], shown=SUMMER, zone=zone)
    assert (found and found.meaning) is means
    assert found is None or found.certain is (
        newest > "2026-06-10T09:59:50Z" or (zone == "-03:00" and means is Meaning.UTC)
    )


def test_what_was_certain_is_not_given_up_for_what_is_only_likely(tmp_path: Path) -> None:
    with recorder(SUMMER) as (stand_in, where):
        assert look(stand_in, where, tmp_path)["spans"]
        # In London's summer, an hour after its last recording: its local time is the present time in UTC.
        stand_in.clock.stand(SUMMER + HOUR + 6 * SECOND)  # type: ignore[attr-defined]
        said = look(stand_in, where, tmp_path)
    assert abs(said["spans"][0]["start"] - SUMMER) <= 1_500_000


@pytest.mark.parametrize("zulu", ["local", "utc"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Sao_Paulo"])
def test_both_meanings_of_z_are_found_at_the_true_time(tmp_path: Path, zulu: str, zone: str) -> None:
    with recorder(SUMMER, now=SUMMER + 30 * SECOND, zulu=zulu, zone=zone) as (stand_in, where):
        said = look(stand_in, where, tmp_path)
    (span,) = said["spans"]
    assert abs(span["start"] - SUMMER) <= 1_500_000
    assert not said["notes"]
    assert json.loads((tmp_path / "hikvision.json").read_text())["meaning"] == zulu


def test_a_meaning_that_cannot_be_seen_is_said(tmp_path: Path) -> None:
    # In winter London's time is UTC; what was recorded in summer may be either.
    with recorder(SUMMER, now=WINTER) as (stand_in, where):
        assert "could not be seen" in " ".join(look(stand_in, where, tmp_path)["notes"])
        assert not look(stand_in, where, tmp_path, z="local")["notes"]


def test_a_meaning_that_was_seen_is_remembered(tmp_path: Path) -> None:
    with recorder(SUMMER, now=SUMMER + 30 * SECOND, zulu="utc") as (stand_in, where):
        look(stand_in, where, tmp_path)
        stand_in.clock.stand(WINTER)  # type: ignore[attr-defined]
        said = look(stand_in, where, tmp_path)
    assert not said["notes"]
    assert abs(said["spans"][0]["start"] - SUMMER) <= 1_500_000


def test_half_of_a_repeated_hour_that_nothing_tells_apart_is_said(tmp_path: Path) -> None:
    alone = from_rfc3339("2026-10-25T01:30:00Z")
    with recorder(alone, now=alone + DAY) as (stand_in, where):
        asked = Window(alone - 90 * MINUTE, alone + HOUR)
        said = look(stand_in, where, tmp_path, asked, z="local")
    assert "this hour twice" in " ".join(said["notes"])


def test_a_zone_that_is_none_is_the_owners_to_mend(tmp_path: Path) -> None:
    with recorder(SUMMER) as (stand_in, where), pytest.raises(InputInvalid, match="no time zone"):
        look(stand_in, where, tmp_path, zone="Mars/Olympus")


# -- lists -----------------------------------------------------------------------------------------------------------


def test_all_pages_of_a_list_are_read(tmp_path: Path) -> None:
    starts = [SUMMER + index * 10 * SECOND for index in range(7)]
    with recorder(*starts, page=3) as (stand_in, where):
        said = look(stand_in, where, tmp_path, window(seconds=120))
    assert len(said["spans"]) == 7


@pytest.mark.parametrize("form", ["web", "bare", "old"])
def test_every_form_of_a_search_is_tried_and_the_one_that_fits_remembered(tmp_path: Path, form: str) -> None:
    with recorder(SUMMER, wants=form) as (stand_in, where):
        assert look(stand_in, where, tmp_path)["spans"]
        stand_in.asked.clear()
        assert look(stand_in, where, tmp_path)["spans"]
    assert sum("search" in each for each in stand_in.asked) <= 3  # one for Z, one for the window; one logs in


def test_another_cameras_footage_is_never_taken_for_this_ones(tmp_path: Path) -> None:
    with recorder(SUMMER, first_only=True) as (stand_in, where):
        with pytest.raises(CameraAnswerInvalid, match="another channel"):
            look(stand_in, where, tmp_path, channel=2)
        assert look(stand_in, where, tmp_path, channel=1)["spans"]


def test_the_sub_stream_stands_in_where_the_main_one_is_missing_and_that_is_said(tmp_path: Path) -> None:
    with recorder() as (stand_in, where):
        stand_in.held = [Recording(SUMMER, frames(), "h264", track=102)]
        said = look(stand_in, where, tmp_path)
    assert said["spans"]
    assert "sub-stream" in " ".join(said["notes"])


def test_a_list_that_never_ends_is_given_up(tmp_path: Path) -> None:
    with (
        recorder(SUMMER, endless=True) as (stand_in, where),
        pytest.raises(CameraAnswerInvalid, match="again and again"),
    ):
        look(stand_in, where, tmp_path)
    assert len(stand_in.asked) < 20


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\xff\xfe\x00",
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Time>&b;</Time>',
        b"<Time>" + b"<a>" * 200 + b"</a>" * 200 + b"</Time>",
        b"<Time/>",
        b"<Time><localTime>yesterday</localTime></Time>",
        b"<Other/>",
        b"<Time>" + b" " * 5_000_000 + b"</Time>",
    ],
)
def test_garbage_in_place_of_xml_is_told_as_that(tmp_path: Path, answer: bytes) -> None:
    with recorder(SUMMER) as (stand_in, where):
        stand_in.answer = lambda call: call.send(answer)  # type: ignore[method-assign]
        with pytest.raises(CameraAnswerInvalid):
            look(stand_in, where, tmp_path)


@pytest.mark.parametrize(
    "hostile", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-13-01T00:00:00Z", "soon", "2026-06-10T99:00:00Z"]
)
def test_a_list_with_times_that_cannot_be_is_told_as_that(tmp_path: Path, hostile: str) -> None:
    with recorder(SUMMER) as (stand_in, where):
        stand_in._label = lambda shown: hostile  # type: ignore[method-assign]
        stand_in._overlaps = lambda *_: True  # type: ignore[method-assign]
        with pytest.raises(CameraAnswerInvalid):
            look(stand_in, where, tmp_path)


def test_a_login_that_the_recorder_puts_into_its_list_is_not_kept(tmp_path: Path) -> None:
    with recorder(SUMMER) as (stand_in, where):
        item = stand_in._item
        stand_in._item = lambda each: item(each).replace("rtsp://", "rtsp://viewer:right@")  # type: ignore[method-assign]
        span = look(stand_in, where, tmp_path / "state")["spans"][0]
        bring(stand_in, where, tmp_path, span)
    assert "right" not in span["reference"]


def test_what_the_recorder_is_comes_along(tmp_path: Path) -> None:
    with recorder(SUMMER) as (stand_in, where):
        said = look(stand_in, where, tmp_path)
    assert (said["make"], said["model"]) == ("Hikvision", "DS-7616NXI-K2")
    assert said["firmware"] == "V4.84.000 build 240101"
    assert abs(said["oldest"] - SUMMER) <= 1_500_000
    assert said["spans"][0]["video"] == "h264"


def test_the_owner_is_told_what_the_channel_is_called_and_what_z_means(tmp_path: Path) -> None:
    with recorder(SUMMER) as (stand_in, where):
        order = look_order("agent.sources.hikvision", where, stand_in.clock, window(), tmp_path, channel=1)  # type: ignore[arg-type]
        said = jobs.test_job(order, lambda _: None)
        missing = jobs.test_job(order | {"options": {"channel": 3}}, lambda _: None)
    assert "called Gate" in said["good"][0]
    assert "local time" in said["good"][1]
    assert "no channel 3" in missing["wrong"][0]


# -- logging in ------------------------------------------------------------------------------------------------------

LOCK = "<userCheck><statusValue>401</statusValue><lockStatus>lock</lockStatus><unlockTime>1741</unlockTime></userCheck>"
TRIES = "<userCheck><lockStatus>unlock</lockStatus><retryLoginTime>4</retryLoginTime></userCheck>"


@pytest.mark.parametrize(("notice", "words"), [(LOCK, "30 minutes"), (TRIES, "4 more tries"), ("<x", "refuses")])
def test_a_lock_out_is_told_and_not_made_worse(tmp_path: Path, notice: str, words: str) -> None:
    with (
        recorder(SUMMER, locked=True, lock_notice=notice) as (stand_in, where),
        pytest.raises(CameraRefused, match=words) as refused,
    ):
        look(stand_in, where, tmp_path)
    assert len(stand_in.asked) == 2
    assert GOOD.password not in str(refused.value)


# -- footage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_what_comes_is_to_the_byte_what_the_recorder_holds_and_ffmpeg_reads_it(tmp_path: Path, codec: str) -> None:
    with recorder() as (stand_in, where):
        stand_in.held = [Recording(SUMMER + 320_000, frames(codec), codec)]
        span = look(stand_in, where, tmp_path / "state")["spans"][0]
        file, path = bring(stand_in, where, tmp_path, span)
        assert path.read_bytes() == stand_in.file(stand_in.held[0])
    (tmp_path / "held.bin").write_bytes(b"".join(frame.data for frame in frames(codec)))
    kind = {"h264": "h264", "h265": "hevc"}[codec]
    ffmpeg("-f", "mpeg", "-i", path, "-map", "0:v", "-c", "copy", "-f", kind, tmp_path / "came.bin")
    assert (tmp_path / "came.bin").read_bytes() == (tmp_path / "held.bin").read_bytes()
    assert not file["torn"]


def test_its_sound_comes_as_it_was_kept(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=f=440:sample_rate=8000:duration=6", "-f", "alaw", tmp_path / "held.alaw")
    sound = (tmp_path / "held.alaw").read_bytes()
    with recorder() as (stand_in, where):
        stand_in.held = [Recording(SUMMER, frames(), "h264", sound=sound)]
        span = look(stand_in, where, tmp_path / "state")["spans"][0]
        _, path = bring(stand_in, where, tmp_path, span)
    ffmpeg("-f", "mpeg", "-i", path, "-map", "0:a", "-c", "copy", "-f", "alaw", tmp_path / "came.alaw")
    assert (tmp_path / "came.alaw").read_bytes() == sound


def test_a_file_is_placed_to_the_millisecond_by_the_time_within_it(tmp_path: Path) -> None:
    with recorder(SUMMER, SUMMER + 20 * SECOND + 320_000) as (stand_in, where):
        spans = look(stand_in, where, tmp_path / "state", window(seconds=60))["spans"]
        starts = [bring(stand_in, where, tmp_path / str(index), span)[0]["start"] for index, span in enumerate(spans)]
        # Each fetch compares the clocks anew, to a second.
        assert abs(starts[1] - starts[0] - 20_320_000) <= 1_100_000


@pytest.mark.parametrize("map_time", [True, False])
def test_a_file_without_a_time_of_its_own_is_placed_by_the_list(tmp_path: Path, map_time: bool) -> None:
    with recorder(SUMMER, map_time=map_time) as (stand_in, where):
        span = look(stand_in, where, tmp_path / "state")["spans"][0]
        file, path = bring(stand_in, where, tmp_path, span)
    assert (files.read_times(path).begins is not None) is map_time
    assert file["at_key"] is map_time
    assert abs(file["start"] - SUMMER) <= 1_500_000


def test_a_file_whose_times_contradict_the_list_is_placed_by_the_list_and_that_is_said(tmp_path: Path) -> None:
    with recorder(SUMMER) as (stand_in, where):
        span = look(stand_in, where, tmp_path / "state")["spans"][0]
        stand_in.held = [Recording(SUMMER - 5 * DAY, frames(), "h264")]
        file, _ = bring(stand_in, where, tmp_path, span)
    assert "contradict" in " ".join(file["notes"])
    assert abs(file["start"] - SUMMER) <= 1_500_000


def test_a_busy_recorder_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.sources.hikvision.api.time.sleep", lambda _: None)
    with recorder(SUMMER, busy=1) as (stand_in, where):
        span = look(stand_in, where, tmp_path / "state")["spans"][0]
        _, path = bring(stand_in, where, tmp_path, span)
    assert files.is_media(path)


def test_an_old_recorder_is_asked_by_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.sources.hikvision.api.time.sleep", lambda _: None)
    with recorder(SUMMER, get_only=True) as (stand_in, where):
        span = look(stand_in, where, tmp_path / "state")["spans"][0]
        _, path = bring(stand_in, where, tmp_path, span)
    assert files.is_media(path)


def test_an_error_that_looks_like_a_download_is_no_footage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.sources.hikvision.api.time.sleep", lambda _: None)
    with recorder(SUMMER) as (stand_in, where):
        span = look(stand_in, where, tmp_path / "state")["spans"][0]
        stand_in.held.clear()
        with pytest.raises(CameraAnswerInvalid, match="invalidOperation"):
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


def test_a_recording_that_is_larger_than_allowed_is_not_begun(tmp_path: Path) -> None:
    with recorder(SUMMER) as (stand_in, where):
        span = look(stand_in, where, tmp_path / "state")["spans"][0]
        with pytest.raises(CameraAnswerInvalid, match="more than"):
            bring(stand_in, where, tmp_path, span, most_bytes=1000)
    assert not any("download" in each for each in stand_in.asked)


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:20], lambda data: bytes(len(data))])
def test_any_bytes_can_be_looked_at(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    stand_in = HikvisionStandIn(ShiftedClock(SUMMER))
    (tmp_path / "x").write_bytes(damage(stand_in.file(Recording(SUMMER, frames(), "h264"))))
    assert files.read_times(tmp_path / "x") == files.FileTimes(None, None)
    assert not files.is_media(tmp_path / "x") or damage(b"IMKH" * 9)[:4] == b"IMKH"


def test_errors_name_no_password(tmp_path: Path) -> None:
    with recorder(SUMMER) as (stand_in, where):
        stand_in.guard.password = "another"
        with pytest.raises(HandoverError) as told:
            look(stand_in, where, tmp_path)
    assert GOOD.password not in str(told.value)


def test_what_a_captured_stream_says_of_its_time_is_read() -> None:
    # The head of an EZVIZ stream, as its owner published it.
    head = bytes.fromhex("000001BC005EE0FF0010400E484B00021A88093BF79800FFFFFF")
    begins = files._begins(head)
    assert begins is not None
    assert begins.isoformat() == "2026-08-16T02:19:47.889000"
