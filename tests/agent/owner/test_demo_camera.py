"""The demo's camera: others rely on its clock being readable, its stream playable, and its staying on loopback."""

import asyncio
import time
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.burned_clock import draw_clock, draw_text, read_clock
from tests.counterparts.onvif.ipycam_camera import ipycam_camera


def grey(width: int = 640, height: int = 360) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


@given(st.integers(0, 2**48 - 1), st.sampled_from([(320, 180), (640, 360), (1001, 563)]))
def test_a_burned_clock_reads_back_as_it_was_drawn(milliseconds: int, size: tuple[int, int]) -> None:
    frame = grey(*size)
    draw_clock(frame, milliseconds)
    assert read_clock(frame) == milliseconds
    assert read_clock(frame[:, :, 0]) == milliseconds


def test_a_picture_without_a_whole_clock_has_no_time() -> None:
    frame = grey()
    assert read_clock(frame) is None
    assert read_clock(np.zeros_like(frame)) is None
    assert read_clock(grey(width=64)) is None
    draw_clock(frame, 1_700_000_000_000)
    frame[:18, 100:111] = 255 - frame[:18, 100:111]
    assert read_clock(frame) is None


def test_a_time_too_large_for_the_blocks_is_refused() -> None:
    with pytest.raises(ValueError, match="48 bits"):
        draw_clock(grey(), 2**48)


def test_the_clock_in_words_leaves_the_blocks_alone() -> None:
    frame = grey()
    draw_clock(frame, 42)
    draw_text(frame, "2026-11-21 10:00:00.000 UTC", centre=(0.5, 0.2), width=0.9)
    assert read_clock(frame) == 42


def _play(url: str, frames: int) -> list[int | None]:
    """The burned-in milliseconds of so many frames."""
    shown: list[int | None] = []
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=10) as stream:
        for frame in stream.decode(video=0):
            shown.append(read_clock(frame.to_ndarray(format="bgr24")))
            if len(shown) == frames:
                break
    return shown


@pytest.mark.parametrize("path", ["ffmpeg of the system", "no ffmpeg on PATH"])
async def test_its_stream_plays_over_tcp_and_every_frame_tells_its_moment(
    path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if path == "no ffmpeg on PATH":
        monkeypatch.setenv("PATH", str(tmp_path))
    async with ipycam_camera() as camera:
        before = time.time() * 1000
        shown = await asyncio.to_thread(_play, camera.rtsp, 20)
        after = time.time() * 1000
    clocks = [clock for clock in shown if clock is not None]
    assert len(clocks) == 20
    assert clocks == sorted(set(clocks))
    assert before - 1000 < clocks[0] < clocks[-1] < after


async def test_it_listens_on_loopback_and_nowhere_else() -> None:
    async with ipycam_camera() as camera:
        sockets = psutil.Process(camera.pid).net_connections("inet")
        listening = {s.laddr.ip for s in sockets if s.status == psutil.CONN_LISTEN}
        assert listening == {"127.0.0.1"}
        assert {camera.onvif_port, camera.rtsp_port} <= {s.laddr.port for s in sockets}
