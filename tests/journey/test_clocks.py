"""What is known of clocks reaches everybody who has to rely on a time: the owner, the officer, a court."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.host_clock import HostClock
from agent.owner.desk import Nothing
from agent.owner.prompt import show_request, show_status
from tests.journey.home import ACTOR, Home, besieged
from tests.journey.test_footage_missing import evidence_of

LOST = HostClock(False, "systemd-timesyncd, which 0.pool.example has not answered")
UNKNOWN = HostClock(None)
KEPT = HostClock(True, "chrony, after 192.0.2.7 (stratum 3)", -1200, 4000)


def set_host_clock(at: Home, clock: HostClock) -> None:
    async def told() -> HostClock:
        return clock

    object.__setattr__(at.house.parts, "host_clock", told)  # what the machine at hand says is no test's business


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
        status = await at.house.desk.status(Nothing(), ACTOR)
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
        status = await at.house.desk.status(Nothing(), ACTOR)
        words = "follows a time server (kept by chrony, after 192.0.2.7 (stratum 3)): right to 0.005 s"
        assert words in on_screen(show_status, status)
        clocks = (await evidence_of(at, request_id))["clocks"]
        assert clocks["host_synchronised"] is True
        assert (clocks["host"]["offset_us"], clocks["host"]["uncertainty_us"]) == (-1200, 4000)
