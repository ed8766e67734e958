"""How far each recorder's clock is off: known well where the time is taken for it, and looked for where it moved."""

from pathlib import Path

import pytest

from agent.devices.clock import ClockCheck
from agent.sources.registry import Sources
from exchange.clock import MINUTE, SECOND, Window, from_rfc3339
from tests.sources.counterpart.dahua import DahuaUnderTest
from tests.sources.counterpart.frigate import FrigateUnderTest
from tests.sources.counterpart.hikvision import HikvisionUnderTest
from tests.sources.counterpart.mediamtx import MediaMtxUnderTest
from tests.sources.counterpart.onvif_replay import OnvifReplayUnderTest
from tests.sources.counterpart.pieces import ShiftedClock, piece
from tests.sources.counterpart.reolink import ReolinkUnderTest
from tests.sources.counterpart.under_test import CAMERA, DeviceUnderTest
from tests.sources.counterpart.unifi import UnifiUnderTest

RECORDERS = (
    HikvisionUnderTest,
    DahuaUnderTest,
    ReolinkUnderTest,
    FrigateUnderTest,
    MediaMtxUnderTest,
    UnifiUnderTest,
    OnvifReplayUnderTest,
)
MOMENT = from_rfc3339("2026-06-10T10:00:00Z")


@pytest.mark.parametrize("kind", RECORDERS, ids=lambda kind: kind.name)
async def test_a_recorders_clock_is_known_to_hundredths_of_a_second(
    kind: type[DeviceUnderTest], tmp_path: Path
) -> None:
    under = kind(tmp_path, ShiftedClock(MOMENT + 10 * MINUTE))
    under.device_offset = 40 * SECOND
    await under.lay(piece(MOMENT, 4))
    async with under.source() as sources:
        device = await sources.device(CAMERA)
        window = Window(MOMENT, MOMENT + 4 * SECOND)
        quick = (await sources.devices.look(device, window)).answer.clock
        narrow = (await sources.devices.look(device, window, narrow=True)).answer.clock
    assert quick.uncertainty_us >= SECOND
    assert narrow.uncertainty_us < 100_000
    assert "around the turn of its second" in narrow.method
    assert abs(narrow.offset_us - 40 * SECOND) <= narrow.uncertainty_us
    assert narrow.zone == quick.zone


@pytest.mark.parametrize("kind", [HikvisionUnderTest, MediaMtxUnderTest], ids=lambda kind: kind.name)
async def test_footage_is_looked_for_over_all_that_a_clock_may_have_been_off(
    kind: type[DeviceUnderTest], tmp_path: Path
) -> None:
    under = kind(tmp_path, ShiftedClock(MOMENT + 10 * MINUTE))
    await under.lay(piece(MOMENT, 4))
    async with under.source() as sources:
        check = await _checked_before(sources, offset=60 * SECOND)
        device = await sources.device(CAMERA, Window(MOMENT, MOMENT + 4 * SECOND))
        assert device.clock.checks == (check,)
        # By the clock as it is now, this footage is of now; by the one of before, of a minute earlier.
        for early in (0, -60 * SECOND):
            window = Window(MOMENT + early - 30 * SECOND, MOMENT + early + 34 * SECOND)
            assert (await sources.coverage(CAMERA, window)).spans
        (span,) = (await sources.coverage(CAMERA, window)).spans
        files = await sources.fetch(span, tmp_path / "into")
    assert all(file.uncertainty >= 30 * SECOND for file in files)


async def _checked_before(sources: Sources, *, offset: int) -> ClockCheck:
    at = MOMENT - 5 * MINUTE
    check = ClockCheck(
        device_time=at + offset, reference_time=at, offset_us=offset, uncertainty_us=20_000, method="m", at=at
    )
    async with sources.store.transaction() as tx:
        await tx.insert("clock_checks", camera_id=CAMERA, at=at, result=check.model_dump_json())
    return check
