"""Footage of a host whose clock was set while or after it recorded: nothing is lost, nothing is hidden."""

import asyncio
import json
from pathlib import Path

from agent.background import housekeeping
from agent.host.wall_clock import boot_id
from agent.recordings import journal, layout
from exchange.clock import DAY, MINUTE, SECOND, Window
from exchange.custody.log import CustodyKind, read_line
from tests.journey.home import CAMERA, Siege, besieged, home, place_recording, shared_recording

BEHIND = 40 * DAY


async def test_a_window_in_which_the_clock_was_set_back_is_handed_over_whole_and_says_so(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        again = shared_recording("h264-aac")
        start = at.window.start + 5 * SECOND
        place_recording(at.settings.recordings.directory, again, later=start - again.files[0].start_us)
        window = Window(at.window.start + SECOND, start + 8 * SECOND)
        request_id = await at.asked(at.request(window))
        await at.say(request_id, yes=True)
        await at.walk()
        assert await at.state(request_id) == "delivered", await at.listed(request_id)
        (package,) = await at.packages(request_id)
        evidence = json.loads(json.loads(package.evidence or "")["document"])
        assert len(evidence["masters"]) >= 2
        assert evidence["windows"]["delivered"] == evidence["windows"]["approved"]
        assert any("set back" in note for note in evidence["notes"])


def recorded_by_a_clock_that_was_behind(at: Siege) -> None:
    """The home's segments, as they would be had its clock been BEHIND when they were recorded."""
    booted = at.clock.now() - at.clock.monotonic()
    for path in at.segments:
        name = layout.parse(path.name)
        assert name is not None
        folder = layout.day_folder(at.settings.recordings.directory, CAMERA, name.start - BEHIND)
        folder.mkdir(parents=True, exist_ok=True)
        stamped = path.name.replace(layout.stamp(name.start), layout.stamp(name.start - BEHIND))
        path.rename(folder / stamped)
        entry = {"event": "segment", "name": stamped, "start": name.start - BEHIND, "end": name.end - BEHIND}
        journal.append(folder, entry | {"boot": boot_id(), "uptime": name.start - booted})


async def test_a_clock_that_was_set_late_loses_no_recording_and_is_told_to_owner_officer_and_court(
    tmp_path: Path,
) -> None:
    async with besieged(tmp_path) as at:
        await asyncio.to_thread(recorded_by_a_clock_that_was_behind, at)
        at.clock.step(-BEHIND)
        assert await housekeeping.keep_recordings_within_bounds(at.agent.services, at.agent.recordings) == 0
        at.clock.forward(MINUTE)
        at.clock.step(BEHIND)
        assert await housekeeping.keep_recordings_within_bounds(at.agent.services, at.agent.recordings) == 0
        async with at.agent.services.store.transaction() as tx:
            lines = [read_line(row["line"]) for row in await tx.all("SELECT line FROM custody")]
        (stepped,) = [line for line in lines if line.event is CustodyKind.CLOCK_STEPPED]
        assert stepped.details == {"by_us": BEHIND}
        assert await housekeeping.keep_recordings_within_bounds(at.agent.services, at.agent.recordings) == 0

        request_id = await at.asked()
        shown = await at.shown(request_id)
        (camera,) = shown["plan"]["cameras"]
        assert camera["gaps"] == []
        (note,) = camera["notes"]
        assert "40 days 0 h behind" in note
        await at.say(request_id, yes=True)
        await at.walk()
        (package,) = await at.packages(request_id)
        evidence = json.loads(json.loads(package.evidence or "")["document"])
        assert note in evidence["notes"]
