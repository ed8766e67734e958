"""Whatever is killed, and whenever: after the restart the journey ends, once, with the same package."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from exchange.clock import SECOND
from portal.settings import Limits
from tests.agent.media.recordings import Recording, record
from tests.counterparts.http.timestamp_authority import TimestampAuthority
from tests.counterparts.portals.portal import PortalProcess, make_place
from tests.journey.machine.crash_home import CrashHome, Daemons, crash_home

POINTS = (
    "after the portal's inbox",
    "after the commit of: insert requests received, insert custody request-received, insert notes inbox-cursor",
    "after the step of received, before its row",
    "after the step of verified, before its row",
    "after the step of preserved, before its row",
    "in the middle of the worker agent.media.cut.cut:job",
    "after the worker agent.media.cut.cut:job",
    "after the step of approved, before its row",
    "before the commit of: delete stamps, insert custody timestamped, insert stamps, insert OR, update packages",
    "after the commit of: delete stamps, insert custody timestamped, insert stamps, insert OR, update packages",
    "in the middle of the worker agent.requests.seal_job:job",
    "after the worker agent.requests.seal_job:job",
    "after the step of clipped, before its row",
    "after an upload was created",
    "in the middle of an upload",
    "when the last byte of an upload was given away",
    "after the portal's decide",
    "after the portal's deliver",
    "after the step of sealed, before its row",
    "before the receipt's file .json has its name",
    "after the receipt's file .json",
    "after the receipt's file .sig",
    "after the step of delivered, before its row",
)
"""Some of the points: between a step's work and its row, mostly, where what was done must be found done."""
ALONE = tuple(point for point in POINTS if re.search(r"worker|timestamped|of an upload|\.sig|delivered", point))
PORTAL_POINTS = (
    "before the portal's inbox",
    "before the portal's decide",
    "after an upload was created",
    "in the middle of an upload",
    "before the portal's deliver",
    "after the portal's deliver",
)


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProcess]:
    with PortalProcess(
        make_place(tmp_path_factory.mktemp("force"), Limits(enrolments_per_minute=1000, supervised_owners=1000))
    ) as running:
        yield running


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    start = time.time_ns() // 1000 - 120 * SECOND
    return record(tmp_path_factory.mktemp("camera"), "h264-aac", seconds=9, start_us=start)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def daemons() -> AsyncIterator[Daemons]:
    async with Daemons() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def authority(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TimestampAuthority]:
    made = TimestampAuthority(tmp_path_factory.mktemp("authority") / "one")
    async with made.running():
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def home(
    tmp_path: Path, portal: PortalProcess, daemons: Daemons, recording: Recording, authority: TimestampAuthority
) -> AsyncIterator[CrashHome]:
    async with crash_home(tmp_path, portal, daemons, recording, authority) as made:
        yield made


pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(480)]


async def test_a_daemon_that_is_killed_at_every_point_there_is_hands_over_once(home: CrashHome) -> None:
    await home.live(at=None)
    assert len(home.passed) > 60
    assert set(POINTS) - set(home.passed) == set()
    await asyncio.to_thread(home.assert_handed_over_once)


@pytest.mark.parametrize("point", ALONE)
async def test_a_daemon_that_is_killed_once_goes_on_where_it_was(home: CrashHome, point: str) -> None:
    await home.live(at=[point])
    assert home.passed == [point]
    await asyncio.to_thread(home.assert_handed_over_once)


async def test_a_portal_that_is_killed_in_each_phase_gets_one_delivery(home: CrashHome, portal: PortalProcess) -> None:
    def kill_and_start_again() -> None:
        portal.kill()
        portal.start()

    await home.live(PORTAL_POINTS, stopped=kill_and_start_again)
    assert home.passed == list(PORTAL_POINTS)
    await asyncio.to_thread(home.assert_handed_over_once)
