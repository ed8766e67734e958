"""What is known of clocks reaches everybody who has to rely on a time: the owner, the officer, a court."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.devices.clock import ClockCheck
from agent.host.clock import HostClock
from agent.owner.operations.context import Nothing
from agent.owner.terminal.prompt import show_request, show_status
from exchange.clock import HOUR, MINUTE, SECOND, from_rfc3339, to_rfc3339
from tests.journey.home import ACTOR, CAMERA, Home, besieged, owner_does
from tests.journey.test_footage_missing import evidence_of

LOST = HostClock(False, "systemd-timesyncd, which 0.pool.example has not answered")
UNKNOWN = HostClock(None)
KEPT = HostClock(True, "chrony, after 192.0.2.7 (stratum 3)", -1200, 4000)


def set_host_clock(at: Home, clock: HostClock) -> None:
    async def told() -> HostClock:
        return clock

    object.__setattr__(at.agent.services, "host_clock", told)  # what the machine at hand says is no test's business


def on_screen(show: Callable[[Console, Any], None], told: Any) -> str:
    """What is shown in 80 columns, with its lines and borders taken out."""
    screen = io.StringIO()
    show(Console(file=screen, width=80, no_color=True), told)
    return re.sub(r"[\s│]+", " ", screen.getvalue())


@pytest.mark.parametrize(
    ("clock", "words"), [(LOST, "does not follow a time server"), (UNKNOWN, "could not be asked whether it follows")]
)
async def test_a_host_that_is_not_known_to_be_synchronised_says_so_everywhere(
    tmp_path: Path, clock: HostClock, words: str
) -> None:
    async with besieged(tmp_path) as at:
        set_host_clock(at, clock)
        request_id = await at.asked()
        shown = await at.shown(request_id)
        status = await owner_does(at.agent, "status", Nothing(), ACTOR)
        assert f"This clock {words}" in on_screen(show_status, status)
        prompt = on_screen(show_request, shown)
        assert f"This machine's clock {words}" in prompt
        assert "All times above may be wrong" in prompt
        assert shown["plan"]["host"]["synchronised"] is clock.synchronised
        assert shown["plan"]["host"]["source"] == clock.source
        clocks = (await evidence_of(at, request_id))["clocks"]
        assert clocks.get("host_synchronised") is clock.synchronised
        assert clocks["host"]["source"] == clock.source
        assert "offset_us" not in clocks["host"]


async def test_how_well_a_hosts_clock_is_kept_is_in_the_plan_and_the_manifest(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        set_host_clock(at, KEPT)
        request_id = await at.asked()
        shown = await at.shown(request_id)
        assert "This machine's clock" not in on_screen(show_request, shown)
        assert (shown["plan"]["host"]["offset_us"], shown["plan"]["host"]["uncertainty_us"]) == (-1200, 4000)
        status = await owner_does(at.agent, "status", Nothing(), ACTOR)
        words = "follows a time server (kept by chrony, after 192.0.2.7 (stratum 3)): right to 0.005 s"
        assert words in on_screen(show_status, status)
        clocks = (await evidence_of(at, request_id))["clocks"]
        assert clocks["host_synchronised"] is True
        assert (clocks["host"]["offset_us"], clocks["host"]["uncertainty_us"]) == (-1200, 4000)


def checked(at: int, offset: int, uncertainty: int = 20_000) -> ClockCheck:
    return ClockCheck(
        device_time=at + offset,
        reference_time=at,
        offset_us=offset,
        uncertainty_us=uncertainty,
        method="ONVIF GetSystemDateAndTime",
        at=at,
        zone="GMT0BST,M3.5.0/1,M10.5.0",
    )


async def keep_checks(at: Home, *checks: ClockCheck) -> None:
    for check in checks:
        await at.execute("INSERT INTO clock_checks VALUES (?, ?, ?)", CAMERA, check.at, check.model_dump_json())


async def test_a_clock_that_was_set_between_two_comparisons_is_shown_as_a_range_everywhere(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        set_host_clock(at, KEPT)
        before, after = at.window.start - HOUR, at.window.end + MINUTE
        # Older ones, and the latest, say nothing of this window.
        latest = checked(after + HOUR, 300 * SECOND)
        await keep_checks(at, checked(before - HOUR, 0), checked(before, 60 * SECOND), checked(after, -SECOND), latest)
        request_id = await at.asked()
        shown = await at.shown(request_id)
        clock = shown["plan"]["cameras"][0]["clock"]
        assert clock["range"] == {"from_us": -SECOND - 20_000, "to_us": 60 * SECOND + 20_000}
        assert {clock["check"]["at"], clock["other"]["at"]} == {to_rfc3339(before), to_rfc3339(after)}
        prompt = on_screen(show_request, shown)
        assert "Its clock was set, or ran away, between" in prompt
        assert "anywhere from 1.02 s behind to 1 min 0 s ahead of this machine's" in prompt
        evidence = await evidence_of(at, request_id)
        clocks, windows = evidence["clocks"], evidence["windows"]
        assert clocks["camera_range"] == clock["range"]
        assert {clocks["camera"]["offset_us"], clocks["camera_other"]["offset_us"]} == {60 * SECOND, -SECOND}
        start = from_rfc3339(windows["delivered"]["from"])
        earliest, latest_shown = windows["delivered_as_displayed"], windows["delivered_as_displayed_latest"]
        assert from_rfc3339(earliest["from"]) == start - SECOND - 20_000
        assert from_rfc3339(latest_shown["from"]) == start + 60 * SECOND + 20_000


async def test_the_comparisons_on_both_sides_of_a_window_count_not_the_latest(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        set_host_clock(at, KEPT)
        before, after = checked(at.window.start - HOUR, 3 * SECOND), checked(at.window.end + MINUTE, 3 * SECOND, 50_000)
        await keep_checks(at, before, after, checked(at.window.end + HOUR, 300 * SECOND))
        request_id = await at.asked()
        shown = await at.shown(request_id)
        words = "Its clock 3 s ahead of this machine's, give or take 0.05 s; compared"
        assert words in on_screen(show_request, shown)
        evidence = await evidence_of(at, request_id)
        clocks = evidence["clocks"]
        assert (clocks["camera"]["at"], clocks["camera_other"]["at"]) == (to_rfc3339(after.at), to_rfc3339(before.at))
        assert "camera_range" not in clocks
        assert "delivered_as_displayed_latest" not in evidence["windows"]


async def test_a_camera_whose_clock_was_never_compared_is_said_to_be_so(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        shown = await at.shown(request_id)
        assert "clock" not in shown["plan"]["cameras"][0] or shown["plan"]["cameras"][0]["clock"] is None
        assert "Its clock never compared with this machine's" in on_screen(show_request, shown)
