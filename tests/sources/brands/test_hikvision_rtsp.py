"""A Hikvision that gives no downloads: what is needed is played, placed, and said to have been played."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.sources.device.jobs import fetch_job, look_job
from agent.sources.hikvision.playback import NOTE
from exchange.clock import MINUTE, SECOND, Window, from_rfc3339
from exchange.errors import CameraAnswerInvalid, CameraRefused, CameraUnreachable, HandoverError
from tests.counterparts.files.packets import coded_frames
from tests.counterparts.http.hikvision_stand_in import HikvisionStandIn, Recording
from tests.counterparts.rtsp.gst_replay import GstReplay, tape
from tests.sources.counterpart.onvif_replay import zero_of
from tests.sources.counterpart.orders import fetch_order, look_order
from tests.sources.counterpart.pieces import Piece, ShiftedClock, piece, shown
from tests.sources.counterpart.under_test import GOOD

T = from_rfc3339("2026-01-10T10:00:00Z")
"""In winter London's time is UTC: a tape's instants are what the recorder's labels say."""
Json = dict[str, Any]


@contextmanager
def recorder(*held: Piece, password: str = GOOD.password, heeds_end: bool = True) -> Iterator[tuple[Any, str, int]]:
    """A recorder that refuses downloads to this user, and plays; its RTSP port."""
    stand_in = HikvisionStandIn(ShiftedClock(T + 10 * MINUTE))
    stand_in.no_downloads = 403
    stand_in.held = [Recording(each.start, coded_frames(each.path), each.codec) for each in held]
    with GstReplay({GOOD.user: password}, playback=True) as server, stand_in.running() as where:
        made = tape(Path(str(held[0].path) + ".tape"), [(each.path, zero_of(each)) for each in held])
        server.lay({"/Streaming/tracks/101": made | {"heeds_end": heeds_end}})
        yield stand_in, where, server.port
    assert not stand_in.strange


def fetch(
    stand_in: Any, where: str, port: int, work: Path, needed: Window, said: list[Json] | None = None, **options: Any
) -> list[Json]:
    order = look_order(
        "agent.sources.hikvision", where, stand_in.clock, needed, work / "state", rtsp_port=port, **options
    )
    (span,) = look_job(order, lambda _: None)["spans"]
    wanted = fetch_order(order, span, work / "into") | {"needed_start": needed.start, "needed_end": needed.end}
    files: list[Json] = fetch_job(wanted, (said if said is not None else []).append)["files"]
    return files


def assert_truly(files: list[Json], work: Path, truth: Piece, needed: Window) -> None:
    known = {picture: at for at, picture in truth.frames}
    came = [(file, file["start"] + after, picture) for file in files for after, picture in shown(work / file["name"])]
    assert came[0][1] <= needed.start + SECOND
    assert came[-1][1] >= needed.end - 2 * SECOND
    for file, at, picture in came:
        assert abs(known[picture] - at) <= file["uncertainty_us"]


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_where_downloads_are_refused_what_is_needed_is_played_and_not_the_whole_recording(
    tmp_path: Path, codec: str
) -> None:
    there = piece(T, 40, codec=codec)
    needed, said = Window(T + 10 * SECOND, T + 16 * SECOND), []
    with recorder(there) as (stand_in, where, port):
        files = fetch(stand_in, where, port, tmp_path, needed, said)
    assert_truly(files, tmp_path / "into", there, needed)
    assert len(shown(tmp_path / "into" / files[0]["name"])) < 120
    assert NOTE in files[0]["notes"]
    assert [each for each in said if each["left_us"] is not None], "that it plays in real time is seen while it does"
    assert not list((tmp_path / "into").glob("*.part"))


@pytest.mark.parametrize("status", [403, 404, 400])
def test_it_is_played_however_a_download_is_refused(
    tmp_path: Path, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.sources.hikvision.api.time.sleep", lambda _: None)
    there = piece(T, 6)
    with recorder(there) as (stand_in, where, port):
        stand_in.no_downloads = status
        files = fetch(stand_in, where, port, tmp_path, Window(T, T + 2 * SECOND))
    assert files[0]["notes"][0] == NOTE
    assert abs(files[0]["start"] - T) <= 2 * SECOND
    assert files[0]["uncertainty_us"] < 5 * SECOND, "a recording begins with a key frame, so where it begins is known"


def test_one_that_plays_on_past_the_end_is_stopped_there(tmp_path: Path) -> None:
    there = piece(T, 40)
    needed = Window(T + 4 * SECOND, T + 8 * SECOND)
    with recorder(there, heeds_end=False) as (stand_in, where, port):
        files = fetch(stand_in, where, port, tmp_path, needed, by="rtsp")
    assert_truly(files, tmp_path / "into", there, needed)
    assert len(shown(tmp_path / "into" / files[0]["name"])) < 120
    assert not any("download" in each for each in stand_in.asked)


def test_a_playback_that_is_refused_too_leaves_the_first_refusal_standing(tmp_path: Path) -> None:
    with recorder(piece(T), password="another") as (stand_in, where, port):
        with pytest.raises(CameraRefused) as told:
            fetch(stand_in, where, port, tmp_path, Window(T, T + 2 * SECOND))
        with pytest.raises(CameraRefused) as played:
            fetch(stand_in, where, port, tmp_path, Window(T, T + 2 * SECOND), by="rtsp")
    for refused in (told, played):
        assert GOOD.password not in str(refused.value)
        assert refused.value.do


def test_without_rtsp_the_refusal_of_the_download_is_what_is_told(tmp_path: Path) -> None:
    with recorder(piece(T)) as (stand_in, where, _):
        with pytest.raises(CameraRefused):
            fetch(stand_in, where, 9, tmp_path, Window(T, T + 2 * SECOND))
        with pytest.raises(CameraRefused):
            fetch(stand_in, where, 9, tmp_path, Window(T, T + 2 * SECOND), by="file")
        with pytest.raises(CameraUnreachable):
            fetch(stand_in, where, 9, tmp_path, Window(T, T + 2 * SECOND), by="rtsp")


def test_no_more_is_written_than_is_allowed(tmp_path: Path) -> None:
    there, needed = piece(T), Window(T, T + 4 * SECOND)
    with recorder(there) as (stand_in, where, port):
        order = look_order(
            "agent.sources.hikvision", where, stand_in.clock, needed, tmp_path / "state", rtsp_port=port, by="rtsp"
        )
        (span,) = look_job(order, lambda _: None)["spans"]
        with pytest.raises(HandoverError) as told:
            fetch_job(fetch_order(order, span, tmp_path / "into", most_bytes=2000), lambda _: None)
    assert isinstance(told.value, CameraAnswerInvalid)
