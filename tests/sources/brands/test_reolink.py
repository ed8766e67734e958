"""Reolink: what is special to its sessions, its recorders, and its local time."""

import stat
from pathlib import Path

import pytest

from agent.devices.time_zones import zone_of
from agent.footage.source import narrowed
from agent.sources.device.orders import LookOrder
from agent.sources.reolink.options import Options
from agent.sources.reolink.session import Session
from agent.sources.reolink.time import Now, Saving, posix
from exchange.clock import MINUTE, SECOND, Window, from_rfc3339
from exchange.errors import CameraAnswerInvalid, CameraRefused, CameraUnreachable
from tests.sources.counterpart.pieces import ShiftedClock, brought, piece
from tests.sources.counterpart.reolink import ReolinkUnderTest
from tests.sources.counterpart.under_test import CAMERA, GOOD, Fault, Served, add_source, house_of

MOMENT = "2026-06-10T10:00:00Z"
T = from_rfc3339(MOMENT)


@pytest.fixture
def under(tmp_path: Path) -> ReolinkUnderTest:
    return ReolinkUnderTest(tmp_path, ShiftedClock(T + 10 * MINUTE))


async def test_a_cameras_file_comes_byte_for_byte_and_no_session_is_left_open(
    under: ReolinkUnderTest, tmp_path: Path
) -> None:
    there = piece(MOMENT)
    await under.lay(there)
    async with under.source() as source:
        (span,) = (await source.coverage(CAMERA, there.window)).spans
        (file,) = await source.fetch(span, tmp_path / "into")
    assert file.path.read_bytes() == under.stand_in.recorded[0].path.read_bytes()
    assert span.size == file.path.stat().st_size
    assert not under.stand_in.tokens
    assert not list(under.work.rglob("session.json"))


async def test_a_download_that_broke_off_is_gone_on_with_in_the_same_session(
    under: ReolinkUnderTest, tmp_path: Path
) -> None:
    there = piece(MOMENT)
    await under.lay(there)
    async with under.source() as source:
        (span,) = (await source.coverage(CAMERA, there.window)).spans
        under.fault = Fault.GONE
        with pytest.raises(CameraUnreachable):
            await source.fetch(span, tmp_path / "into")
        (kept,) = under.work.rglob("session.json")
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert GOOD.password not in kept.read_text()
        under.fault = None
        logins = under.stand_in.logins
        (file,) = await source.fetch(span, tmp_path / "into")
    assert under.stand_in.logins == logins
    size = file.path.stat().st_size
    assert under.stand_in.ranges == [f"bytes={size // 2}-"]
    assert file.path.read_bytes() == under.stand_in.recorded[0].path.read_bytes()


async def test_a_session_that_ended_meanwhile_is_opened_anew(under: ReolinkUnderTest, tmp_path: Path) -> None:
    there = piece(MOMENT)
    await under.lay(there)
    async with under.source() as source:
        (span,) = (await source.coverage(CAMERA, there.window)).spans
        under.fault = Fault.GONE
        with pytest.raises(CameraUnreachable):
            await source.fetch(span, tmp_path / "into")
        under.fault = None
        under.stand_in.tokens.clear()
        assert await source.fetch(span, tmp_path / "into")


async def test_a_recorder_is_asked_for_the_part_and_not_for_its_hour(under: ReolinkUnderTest, tmp_path: Path) -> None:
    under.stand_in.is_recorder = True
    there = piece(MOMENT, 60)
    await under.lay(there)
    window = Window(there.start + 30 * SECOND, there.start + 36 * SECOND)
    async with under.source() as source:
        (span,) = (await source.coverage(CAMERA, window)).spans
        assert span.window == there.window
        (file,) = await source.fetch(narrowed(span, window), tmp_path / "into")
    came = brought([file])
    truth = {picture: at for at, picture in there.frames}
    assert came[0][0] <= window.start
    assert came[-1][0] >= window.end - SECOND
    assert len(came) < 200
    assert all(abs(truth[picture] - at) <= file.uncertainty for at, picture in came)
    assert file.uncertainty >= 2 * SECOND


async def test_without_utc_the_hour_that_comes_twice_is_told_apart_by_what_came_before(
    under: ReolinkUnderTest,
) -> None:
    under.stand_in.tells_utc = False
    first, second = piece("2026-10-25T00:30:10Z", look=1), piece("2026-10-25T01:30:10Z", look=2)
    under.clock.stand(second.end + 10 * MINUTE)
    await under.lay(first, second)
    async with under.source() as source:
        for each in (first, second):
            (span,) = (await source.coverage(CAMERA, each.window)).spans
            assert span.window == each.window


@pytest.mark.parametrize(
    ("west", "saving", "text"),
    [
        (0, {}, "LOC00:00:00"),
        (-28800, {}, "LOC-08:00:00"),
        (
            18000,
            {"enable": 1, "startMon": 3, "startWeek": 2, "startHour": 2, "endMon": 11, "endWeek": 1, "endHour": 2},
            "LOC05:00:00SUM04:00:00,M3.2.0/02:00:00,M11.1.0/02:00:00",
        ),
    ],
)
def test_its_time_zone_is_read_west_of_utc_as_posix_has_it(west: int, saving: dict[str, int], text: str) -> None:
    now = Now(year=2026, mon=6, day=10, hour=1, min=2, sec=3, timeZone=west)
    assert posix(now, Saving(**saving)) == text
    zone_of(text)


def test_a_password_is_not_sent_readable_over_the_network(tmp_path: Path) -> None:
    login = {"user": GOOD.user, "password": GOOD.password}
    order = LookOrder(
        brand="agent.sources.reolink",
        camera_id=CAMERA,
        address="http://192.0.2.7",
        credentials=login,
        state=tmp_path,
        start=0,
        end=1,
        timeout=1,
    )
    with pytest.raises(CameraRefused, match="readable"):
        Session(order, Options())


@pytest.mark.parametrize("is_recorder", [True, False])
async def test_the_sub_stream_is_taken_only_where_the_main_one_is_missing_and_that_is_said(
    under: ReolinkUnderTest, tmp_path: Path, is_recorder: bool
) -> None:
    under.stand_in.is_recorder = is_recorder
    there = piece(MOMENT)
    await under.lay(there)
    async with under.source() as source:
        assert not (await source.coverage(CAMERA, there.window)).notes
        under.stand_in.stream = "sub"
        coverage = await source.coverage(CAMERA, there.window)
        files = await source.fetch(coverage.spans[0], tmp_path / "into")
    assert any("sub-stream" in note for note in coverage.notes)
    assert [picture for _, picture in brought(files)] == list(there.pictures)


async def test_a_channel_that_there_is_not_is_told_with_how_many_there_are(under: ReolinkUnderTest) -> None:
    await under.lay(piece(MOMENT))
    with under.stand_in.serving() as port:
        async with house_of(under.work / "house", under.clock) as house:
            await add_source(house, "reolink", Served(f"http://127.0.0.1:{port}", {"channel": "3"}))
            with pytest.raises(CameraAnswerInvalid, match="no channel 3; it has 1"):
                await house.coverage(CAMERA, piece(MOMENT).window)


async def test_the_oldest_recording_is_looked_for_month_by_month_and_no_further_than_an_empty_one(
    under: ReolinkUnderTest,
) -> None:
    long_ago, first = piece("2026-02-03T09:00:00Z"), piece("2026-04-30T22:30:00Z", look=1)
    may = piece("2026-05-12T10:00:00Z", look=2)
    await under.lay(long_ago, first, may, piece(MOMENT, look=3))
    async with under.source() as source:
        coverage = await source.coverage(CAMERA, piece(MOMENT).window)
    months = [body for _, _, body in under.stand_in.asked if b'"onlyStatus": 1' in body]
    assert coverage.oldest is not None
    assert abs(coverage.oldest - first.start) <= under.precision
    assert len(months) == 4, "June back to March, of which there is nothing"
