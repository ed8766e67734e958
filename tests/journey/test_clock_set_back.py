"""Footage of a host whose clock was set back while it recorded: nothing is lost, nothing is hidden."""

import json
from pathlib import Path

from exchange.clock import SECOND, Window
from tests.journey.home import home, place_recording, shared_recording


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
