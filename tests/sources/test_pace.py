"""A recorder that plays in real time: the owner sees while it lasts how long it still takes."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.owner.operations.context import Nothing
from agent.owner.terminal import prompt
from agent.rtsp import playback as session
from agent.rtsp.pace import Pace
from agent.sources.fetched import FetchedFootage
from agent.sources.registry import Sources
from agent.workers.process import Limits
from exchange.clock import MINUTE, SECOND, Window
from tests.counterparts.processes import same_process
from tests.counterparts.rtsp.replay_proxy import ReplayProxy
from tests.journey.home import ACTOR, home, owner_does
from tests.sources.counterpart.onvif_replay import OnvifReplayUnderTest, replay_server
from tests.sources.counterpart.pieces import ShiftedClock, piece
from tests.sources.counterpart.replaying import START
from tests.sources.counterpart.under_test import CAMERA

Json = dict[str, Any]


def fetching(source: Sources, work: Path, seen: list[str]) -> FetchedFootage:
    """As the daemon has it, but that what is shown of a request is collected."""
    return FetchedFootage(
        devices=source.devices,
        preserved=work / "preserved",
        work=work / "work",
        recipient="",
        identity="",
        run_job=same_process.run_job,
        most_kept=1 << 30,
        show=lambda _hold, words: seen.append(words),
    )


def played_at(pace: float, proxy: ReplayProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clock that judges the recorder go on with what it plays: ``pace`` seconds of footage are one second."""
    monkeypatch.setattr(session, "Pace", lambda: Pace(lambda: proxy.passed / SECOND / pace))


async def test_while_a_recorder_plays_in_real_time_the_owner_sees_how_long_it_still_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    under = OnvifReplayUnderTest(tmp_path, ShiftedClock(START + 600 * SECOND))
    there = piece(START, 9)
    await under.lay(there)
    seen: list[str] = []
    under.proxy = ReplayProxy(0, waits=lambda: not any("real time" in words for words in seen))
    played_at(1.0, under.proxy, monkeypatch)
    async with under.source() as source:
        under.proxy.upstream = replay_server().port
        device = await source.device(CAMERA)
        async with fetching(source, tmp_path, seen).open("request", device, there.window) as brought:
            assert brought.files
            assert any("real time" in note for file in brought.provenance.files for note in file.notes)
    assert any(words.endswith("MB; the recorder plays in real time: about 1 min left") for words in seen), seen


async def test_a_recorder_that_plays_as_fast_as_it_can_is_not_said_to_play_in_real_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    under = OnvifReplayUnderTest(tmp_path, ShiftedClock(START + 600 * SECOND))
    there = piece(START, 9)
    await under.lay(there)
    played_at(20.0, under.proxy, monkeypatch)
    seen: list[str] = []
    async with under.source() as source:
        device = await source.device(CAMERA)
        async with fetching(source, tmp_path, seen).open("request", device, there.window) as brought:
            assert brought.files
    assert seen
    assert not any("real time" in words for words in seen)


@pytest.mark.parametrize(
    ("speed", "seconds", "left"),
    [(1.0, 10, 60), (1.5, 10, 40), (0.5, 10, 120), (1.0, 2, None), (2.0, 10, None), (40.0, 10, None)],
)
def test_a_pace_is_judged_after_seconds_of_playing(speed: float, seconds: int, left: int | None) -> None:
    now = [100.0]
    pace = Pace(lambda: now[0])
    for _ in range(seconds):
        now[0] += 1
        pace.played(round((now[0] - 100) * speed * SECOND))
    assert pace.speed == speed
    assert pace.left(MINUTE) == (None if left is None else left * SECOND)


def test_a_recorder_that_begins_at_double_pace_is_found_out_later() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    for seconds, came in ((2, 4), (4, 8), (10, 14)):
        now[0] = seconds
        pace.played(came * SECOND)
    assert pace.real_time
    assert pace.left(-SECOND) == 0


async def test_the_owner_sees_it_in_the_status_and_in_the_list_of_requests(tmp_path: Path) -> None:
    async with home(tmp_path, extra="requests: {preserve: no}") as at:
        request_id = await at.send(at.request())
        await at.fetch_and_walk()
        words = "fetching from the recorder: part 1 of 1, 12 MB; the recorder plays in real time: about 7 min left"
        at.agent.services.progress.doing[request_id] = words
        status = await owner_does(at.agent, "status", Nothing(), ACTOR)
        listed = await at.listed(request_id)
    shown = Console(record=True, width=200, file=io.StringIO())
    prompt.show_status(shown, status)
    prompt.show_row(shown, listed)
    assert shown.export_text().lower().count(words.lower()) == 2


async def test_what_lies_in_later_parts_counts_too(tmp_path: Path) -> None:
    under = OnvifReplayUnderTest(tmp_path, ShiftedClock(START + 3600 * SECOND))
    first, second = piece(START), piece(START + 20 * MINUTE, look=1)
    await under.lay(first, second)
    seen: list[str] = []
    async with under.source() as source:

        async def slow(
            function: str, job: Json, *, limits: Limits, progress: Callable[[Json], None] | None = None
        ) -> Json:
            if function.endswith(":fetch_job") and progress is not None:
                progress({"bytes": 3_000_000, "total": None, "speed": 1.0, "left_us": 130 * SECOND})
            return await same_process.run_job(function, job, limits=limits)

        source.devices.run_job = slow
        device = await source.device(CAMERA)
        window = Window(first.start, second.end)
        async with fetching(source, tmp_path, seen).open("request", device, window) as brought:
            assert len(brought.files) >= 2
    assert "part 1 of 2, 3 MB; the recorder plays in real time: about 3 min left" in seen[0]
    assert "part 2 of 2" in seen[-1]
