"""``handover sources test``, every kind: reachable, how far back, its clock, a sample; and what to do if not."""

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest

from agent.cameras.footage_sources import CameraSources, TestSources
from agent.host.clock import HostClock
from agent.services import Services
from agent.sources import registry as all_sources
from agent.sources.device.session import DeviceSession
from exchange.clock import DAY, HOUR, MINUTE, SECOND, from_rfc3339
from exchange.errors import NotFound
from tests.counterparts.processes import same_process
from tests.sources.counterpart.dahua import DahuaUnderTest
from tests.sources.counterpart.folder import BroughtByHand, FolderUnderTest
from tests.sources.counterpart.frigate import FrigateUnderTest
from tests.sources.counterpart.hikvision import HikvisionUnderTest
from tests.sources.counterpart.mediamtx import MediaMtxUnderTest
from tests.sources.counterpart.onvif_replay import OnvifReplayUnderTest
from tests.sources.counterpart.pieces import ShiftedClock, piece
from tests.sources.counterpart.reolink import ReolinkUnderTest
from tests.sources.counterpart.under_test import CAMERA, DeviceUnderTest, Fault
from tests.sources.counterpart.unifi import UnifiUnderTest

MOMENT = "2026-06-10T10:00:00Z"
T = from_rfc3339(MOMENT)
NETWORK: tuple[type[DeviceUnderTest], ...] = (
    HikvisionUnderTest,
    DahuaUnderTest,
    MediaMtxUnderTest,
    OnvifReplayUnderTest,
    FrigateUnderTest,
    ReolinkUnderTest,
    UnifiUnderTest,
)
EVERY = (*NETWORK, FolderUnderTest, BroughtByHand)


def each_of(kinds: tuple[type[DeviceUnderTest], ...]) -> Any:
    return pytest.mark.parametrize("under", [pytest.param(each, id=each.kind) for each in kinds], indirect=True)


@pytest.fixture
def under(request: pytest.FixtureRequest, tmp_path: Path) -> DeviceUnderTest:
    made: DeviceUnderTest = request.param(tmp_path, ShiftedClock(T + 10 * MINUTE))
    return made


async def _well_kept() -> HostClock:
    return HostClock(True, "a test")


@asynccontextmanager
async def cameras_of(under: DeviceUnderTest, password: str | None = None) -> AsyncIterator[CameraSources]:
    async with under.source(password=password) as source:
        (under.work / "work").mkdir(exist_ok=True)
        settings = SimpleNamespace(work_dir=under.work / "work", sources_dir=under.work / "house" / "sources")
        parts = SimpleNamespace(
            store=source.store,
            settings=settings,
            clock=under.clock,
            footage=source,
            run_job=same_process.run_job,
            host_clock=_well_kept,
        )
        yield CameraSources(cast(Services, parts))


@asynccontextmanager
async def trying(under: DeviceUnderTest, password: str | None = None) -> AsyncIterator[Any]:
    """A function that does what the command does, and gives what it says of the camera."""
    async with cameras_of(under, password) as footage_sources:

        async def tried() -> dict[str, Any]:
            (told,) = (await footage_sources.test(TestSources(camera_id=CAMERA)))["cameras"]
            return cast(dict[str, Any], told)

        yield tried


def test_every_kind_is_tried_here_and_has_more_to_say_than_the_common_points() -> None:
    assert {each.kind for each in EVERY} == set(all_sources.kinds())
    sessions = [importlib.import_module(f"{brand}.session").Session for brand in all_sources.BRANDS.values()]
    assert all(session.tested is not DeviceSession.tested for session in sessions)


@each_of(EVERY)
async def test_a_source_that_works_answers_all_four_points(under: DeviceUnderTest) -> None:
    under.device_offset = 5 * SECOND
    old, new = piece(T - 3 * DAY, look=1), piece(MOMENT, 12)
    await under.lay(old, new)
    async with trying(under) as tried:
        told = await tried()
    assert told["ok"], told
    assert told["reachable"]
    if under.kind in ("folder", "by_hand"):
        assert told["clock"] is None  # nothing compares the clock that wrote its names
    else:
        assert abs(told["clock"]["offset_us"] - under.device_offset) <= told["clock"]["uncertainty_us"] + SECOND
    assert abs(from_rfc3339(told["oldest"]) - old.start) <= under.precision + SECOND
    assert told["sample"]["codec"] == "h264"
    assert told["good"]
    assert not told["wrong"]
    assert not list((under.work / "work").glob("*"))


@each_of(EVERY)
async def test_what_was_recorded_last_is_shown_and_nothing_is_left_behind(under: DeviceUnderTest) -> None:
    await under.lay(piece(T - 3 * DAY, look=1), piece(MOMENT, 12))
    async with cameras_of(under) as cameras:
        jpeg = await cameras.last_picture(CAMERA)
    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape[1] >= 100
    assert not list((under.work / "work").glob("*"))


@each_of(EVERY)
async def test_of_a_camera_that_recorded_nothing_there_is_no_picture(under: DeviceUnderTest) -> None:
    await under.lay(piece(T - 30 * DAY))
    async with cameras_of(under) as cameras:
        with pytest.raises(NotFound, match="no footage of the last week"):
            await cameras.last_picture(CAMERA)


@each_of(NETWORK)
async def test_a_wrong_password_is_told_with_what_to_do(under: DeviceUnderTest) -> None:
    await under.lay(piece(MOMENT))
    async with trying(under, password="wrong horse") as tried:
        told = await tried()
    assert (told["ok"], told["reachable"]) == (False, False)
    assert told["exit_code"] == 21
    assert told["do"]
    assert "horse" not in str(told)


@each_of(NETWORK)
async def test_a_device_that_is_gone_is_told_with_what_to_do(under: DeviceUnderTest) -> None:
    await under.lay(piece(MOMENT))
    async with trying(under) as tried:
        under.fault = Fault.AWAY
        told = await tried()
    assert (told["ok"], told["reachable"]) == (False, False)
    assert told["exit_code"] == 20
    assert told["do"]


@each_of(EVERY)
async def test_a_device_that_recorded_nothing_lately_is_reachable_and_told_with_what_to_do(
    under: DeviceUnderTest,
) -> None:
    await under.lay(piece(MOMENT))
    under.clock.stand(T + 30 * DAY)
    async with trying(under) as tried:
        told = await tried()
    assert (told["ok"], told["reachable"]) == (False, True)
    assert "no footage of the last week" in told["what"]
    assert told["do"]
    assert abs(from_rfc3339(told["oldest"]) - T) <= under.precision + SECOND


async def test_how_far_back_is_asked_once_an_hour_and_failing_to_tell_is_no_failure(tmp_path: Path) -> None:
    under = FrigateUnderTest(tmp_path, ShiftedClock(T + 10 * MINUTE))
    await under.lay(piece(MOMENT))
    asked = lambda: [target for _, target, _ in under.stand_in.asked if "summary" in target]  # noqa: E731
    async with trying(under) as tried:
        first = await tried()
        again = await tried()
        assert first["oldest"] == again["oldest"]
        assert len(asked()) == 1
        under.clock.stand(T + 2 * HOUR)
        under.stand_in.summarises = False
        later = await tried()
        assert len(asked()) == 2
    assert later["ok"], later
    assert "oldest" not in later


async def test_a_mediamtx_that_stopped_recording_says_what_to_look_for(tmp_path: Path) -> None:
    under = MediaMtxUnderTest(tmp_path, ShiftedClock(T + 3 * DAY))
    await under.lay(piece(MOMENT))
    async with trying(under) as tried:
        told = await tried()
    assert not told["ok"]
    assert "record: yes" in told["wrong"][0]
    assert told["sample"]


@pytest.mark.parametrize(
    ("disks", "words"), [([], "no card or disk"), ([{"capacity": 30462, "format": 0, "mount": 0}], "can't be used")]
)
async def test_a_reolink_without_a_usable_card_says_so(tmp_path: Path, disks: list[Any], words: str) -> None:
    under = ReolinkUnderTest(tmp_path, ShiftedClock(T + 10 * MINUTE))
    await under.lay(piece(MOMENT))
    under.stand_in.disks = disks
    async with trying(under) as tried:
        told = await tried()
    assert not told["ok"]
    assert words in told["wrong"][0]


async def test_an_onvif_recorder_without_recordings_says_what_to_look_for(tmp_path: Path) -> None:
    under = OnvifReplayUnderTest(tmp_path, ShiftedClock(T + 10 * MINUTE))
    await under.lay(piece(MOMENT))
    under.soap.held = []
    async with trying(under) as tried:
        told = await tried()
    assert (told["ok"], told["reachable"]) == (False, True)
    assert "switch recording on" in told["wrong"][0]


async def test_an_onvif_recorder_tells_what_it_replays(tmp_path: Path) -> None:
    under = OnvifReplayUnderTest(tmp_path, ShiftedClock(T + 10 * MINUTE))
    await under.lay(piece(MOMENT, codec="h265"))
    async with trying(under) as tried:
        told = await tried()
    assert told["ok"], told
    assert any("h265" in each or "hevc" in each for each in told["good"])
