"""UniFi Protect: what is special to its exports."""

from pathlib import Path

import pytest

from agent.footage.source import narrowed
from agent.sources.device import jobs
from agent.sources.device.orders import LookOrder
from agent.sources.unifi.options import Options
from agent.sources.unifi.session import NO_GAPS, SMALL, Session
from exchange.clock import DAY, MINUTE, SECOND, SystemClock, Window, from_rfc3339
from exchange.errors import CameraAnswerInvalid, CameraRefused, NoFootage
from tests.sources.counterpart.pieces import ShiftedClock, brought, piece
from tests.sources.counterpart.under_test import CAMERA, GOOD, Served, add_source, house_of
from tests.sources.counterpart.unifi import UnifiUnderTest

T = from_rfc3339("2026-06-10T10:00:00Z")


@pytest.fixture
def under(tmp_path: Path) -> UnifiUnderTest:
    return UnifiUnderTest(tmp_path, ShiftedClock(T + 10 * MINUTE))


async def test_what_lies_after_a_gap_is_never_told_to_lie_in_it(under: UnifiUnderTest, tmp_path: Path) -> None:
    first, second = piece(T, 6), piece(T + 66 * SECOND, 6, look=1)
    await under.lay(first, second)
    window = Window(first.start, second.end)
    async with under.source() as source:
        coverage = await source.coverage(CAMERA, window)
        files = await source.fetch(narrowed(coverage.spans[0], window), tmp_path / "into")
    assert coverage.notes == (NO_GAPS,)
    truth = {picture: at for each in (first, second) for at, picture in each.frames}
    assert {picture for _, picture in brought(files)} == set(truth)
    for file in files:
        for at, picture in brought([file]):
            assert abs(truth[picture] - at) <= file.uncertainty
    assert all(5 * SECOND <= file.uncertainty <= 30 * SECOND for file in files)


async def test_a_time_of_which_nothing_is_there_is_no_footage(under: UnifiUnderTest, tmp_path: Path) -> None:
    first, second = piece(T, 6), piece(T + 66 * SECOND, 6, look=1)
    await under.lay(first, second)
    window = Window(T + 20 * SECOND, T + 40 * SECOND)
    async with under.source() as source:
        (span,) = (await source.coverage(CAMERA, window)).spans
        with pytest.raises(NoFootage):
            await source.fetch(narrowed(span, window), tmp_path / "into")


@pytest.mark.parametrize("named", ["Gate", "614f2c1e00a1b20387000d4f", "f4:e2:c6:00:00:bb"])
async def test_a_camera_is_known_by_name_id_or_mac(under: UnifiUnderTest, named: str) -> None:
    there = piece(T)
    await under.lay(there)
    with under.stand_in.serving() as port:
        async with house_of(under.work / "house", under.clock) as house:
            await add_source(house, "unifi", Served(f"http://127.0.0.1:{port}", {"camera": named}))
            coverage = await house.coverage(CAMERA, there.window)
            assert coverage.oldest == there.start
            await add_source(house, "unifi", Served(f"http://127.0.0.1:{port}", {"camera": "Shed"}))
            with pytest.raises(CameraAnswerInvalid, match="Barn, Gate"):
                await house.coverage(CAMERA, there.window)


@pytest.mark.parametrize(("mode", "good"), [("always", True), ("detections", False)])
def test_when_protect_records_is_told(under: UnifiUnderTest, tmp_path: Path, mode: str, good: bool) -> None:
    under.stand_in.mode = mode
    with under.stand_in.serving() as port:
        order = {
            "brand": "agent.sources.unifi",
            "camera_id": CAMERA,
            "address": f"http://127.0.0.1:{port}",
            "credentials": {"user": GOOD.user, "password": GOOD.password},
            "options": {"camera": "Gate"},
            "skew_us": under.clock.now() - SystemClock().now(),
            "state": str(tmp_path),
            "start": T,
            "end": T + 1,
        }
        answer = jobs.test_job(order, lambda _: None)
    assert bool(answer["good"]) == good
    assert bool(answer["wrong"]) != good


def test_a_password_is_never_sent_without_tls(tmp_path: Path) -> None:
    login = {"user": GOOD.user, "password": GOOD.password}
    order = LookOrder(
        brand="agent.sources.unifi",
        camera_id=CAMERA,
        address="http://192.0.2.7",
        credentials=login,
        state=tmp_path,
        start=0,
        end=1,
    )
    with pytest.raises(CameraRefused, match="https"):
        Session(order, Options(camera="Gate"))


async def test_smaller_pictures_are_taken_only_where_the_main_recording_is_no_longer_kept_and_that_is_said(
    under: UnifiUnderTest, tmp_path: Path
) -> None:
    small, full = piece(T - 3 * DAY, 12, look=1), piece(T, 12)
    await under.lay(full)
    under.stand_in.small = [small]
    async with under.source() as source:
        new = await source.coverage(CAMERA, full.window)
        old = await source.coverage(CAMERA, small.window)
        files = await source.fetch(narrowed(old.spans[0], small.window), tmp_path / "into")
    assert SMALL not in new.notes
    assert SMALL in old.notes
    assert all(SMALL in file.notes for file in files)
    assert {picture for _, picture in brought(files)} <= set(small.pictures)
    assert len(new.spans) == len(old.spans) == 1
    assert old.oldest is not None
    assert abs(old.oldest - full.start) <= SECOND, "what is lost first is the main recording"
