"""Footage of other recorders: how fast a window comes by ONVIF replay, and how fast a folder of files is known.

Not for: the recorder's own speed; a real server plays as fast as it can, on this machine too. There is nothing to run
beside replay: FFmpeg knows none, so what a user would do is watch in real time. Beside the folder runs ``ffprobe``, a
file after the other, which is how a user would find out when each recording was and how long it is.
"""

import asyncio
import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from agent.devices.address import Credentials
from agent.sources.device.jobs import look_job
from agent.sources.device.kind import FETCH
from agent.sources.device.orders import FetchAnswer
from agent.sources.folder.index import FolderIndex
from agent.sources.folder.options import Options
from agent.sources.folder.session import index_settings
from agent.workers.process import run_job
from exchange.clock import SECOND, Window, from_rfc3339
from scripts.benchmarks.row import Row
from tests.counterparts.onvif.soap_camera import soap_camera
from tests.counterparts.onvif.soap_recorder import Held, SoapRecorder
from tests.counterparts.rtsp.gst_replay import GstReplay, tape

MINUTES = 5
SLOWEST = 12.0
"""Seconds for a minute of footage: five times real time."""
MOST_CPU = 10.0
"""Per cent of a core, if the footage came in real time."""
FILES, PROBED = 10_000, 100
_Answer = TypeVar("_Answer")
_START = from_rfc3339("2026-06-10T10:00:00Z")
_LOGIN = Credentials("owner", "correct horse")


def rows(work: Path) -> Iterator[Row]:
    """A worker's whole job, from its start to files under their final names: 1080p at 4 Mbit/s, with AAC."""
    for codec in ("h264", "h265"):
        seconds, cpu = asyncio.run(_fetched(work / f"replay-{codec}", codec))
        name = f"replay of {codec.upper()} at 4 Mbit/s"
        yield Row(f"{name}, a minute", seconds / MINUTES, None, "s", SLOWEST)
        yield Row(f"{name}, CPU in real time", cpu / (MINUTES * 60) * 100, None, "% core", MOST_CPU)
    yield from _folder_rows(work / "folder")


def _folder_rows(work: Path) -> Iterator[Row]:
    """A folder of 10,000 MP4 of a minute's names: read for the first time, looked through again, and looked up."""
    root = _many(work)
    options = Options(path=str(root), zone="UTC")
    order = {
        "brand": "agent.sources.folder",
        "camera_id": "gate",
        "options": options.model_dump(mode="json"),
        "state": str(work),
    }
    middle = _START + FILES // 2 * 60 * SECOND
    ask = order | {"start": middle, "end": middle + 600 * SECOND}
    first, said = _timed(lambda: look_job(ask, lambda _: None))
    assert len(said["spans"]) >= 10
    again, _ = _timed(lambda: look_job(ask, lambda _: None))
    settings = index_settings(options)
    with FolderIndex(work / "folder.db", settings) as index:
        looked, _ = _timed(lambda: [index.reaching(Window(middle, middle + 600 * SECOND)) for _ in range(100)])
    probed, _ = _timed(lambda: [_ffprobe(path) for path in sorted(root.iterdir())[:PROBED]])
    yield Row("folder of 10,000 files, a file's first reading", first / FILES * 1000, probed / PROBED * 1000, "ms", 0.1)
    yield Row("folder of 10,000 files, first index", first, None, "s", 15.0)
    yield Row("folder of 10,000 files, index brought up to date", again, None, "s", 2.0)
    yield Row("folder of 10,000 files, ten minutes looked up", looked / 100 * 1000, None, "ms", 5.0)


def _many(work: Path) -> Path:
    """The same recording under 10,000 names, a minute apart."""
    root = work / "exports"
    root.mkdir(parents=True)
    made = work / "made.mp4"
    _ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=10:duration=60", "-c:v", "libx264", "-preset", "ultrafast",
            str(made))  # fmt: skip
    os.utime(made, (0, _START // SECOND))  # long ago: what changed a moment ago is read again
    for number in range(FILES):
        os.link(made, root / f"front_{(_START // SECOND) + number * 60}.mp4")
    return root


def _ffprobe(path: Path) -> None:
    words = ["ffprobe", "-v", "error", "-show_entries", "format=duration:format_tags=creation_time", "-of", "csv"]
    subprocess.run([*words, str(path)], check=True, capture_output=True)


def _timed(work: Callable[[], _Answer]) -> tuple[float, _Answer]:
    began = time.monotonic()
    answer = work()
    return time.monotonic() - began, answer


async def _fetched(work: Path, codec: str) -> tuple[float, float]:
    """Seconds, and seconds of processor time, that a fetch took."""
    clip = _clip(work, codec)
    length = MINUTES * 60 * SECOND
    with GstReplay({_LOGIN.user: _LOGIN.password}) as server:
        rate = clip.stat().st_size * 8 / (MINUTES * 60)
        assert rate >= 3_800_000, f"the clip has {rate / 1e6:.1f} Mbit/s only"
        server.lay({"/replay/r1": tape(work / "tape", [(clip, _START)])})
        soap = SoapRecorder(held=[Held("r1", [(_START, _START + length)])], user=_LOGIN.user, password=_LOGIN.password)
        soap.replay = f"rtsp://{{host}}:{server.port}/replay/{{token}}"
        async with soap_camera(soap) as url:
            order = {
                "brand": "agent.sources.onvif",
                "camera_id": "gate",
                "address": url,
                "credentials": asdict(_LOGIN),
                "options": {},
                "state": str(work),
                "reference": '{"recording": "r1"}',
                "start": _START,
                "end": _START + length,
                "into": str(work),
                "most_bytes": 10**10,
            }
            before, began = _cpu(), time.monotonic()
            said = await run_job("agent.sources.device.jobs:fetch_job", order, limits=FETCH)
            took, cpu = time.monotonic() - began, _cpu() - before
    files = FetchAnswer.model_validate(said).files
    brought = sum((file.end or file.start) - file.start for file in files)
    assert brought >= length - 2 * SECOND, "less came than was asked for"
    return took, cpu


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _clip(work: Path, codec: str) -> Path:
    """1080p at a constant 4 Mbit/s, 25 frames a second, a key frame every two seconds, with sound."""
    work.mkdir(parents=True)
    once, clip = work / "once.mp4", work / "clip.mp4"
    encoder = {
        "h264": ["libx264", "-x264-params", "nal-hrd=cbr:scenecut=0:bframes=0"],
        "h265": ["libx265", "-tag:v", "hvc1", "-x265-params", "log-level=error:scenecut=0:bframes=0"],
    }[codec]
    pictures = ["-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=25,noise=alls=20:allf=t"]
    sound = ["-f", "lavfi", "-i", "sine=f=440:sample_rate=16000"]
    rate = ["-b:v", "4M", "-minrate", "4M", "-maxrate", "4M", "-bufsize", "4M"]
    _ffmpeg(*pictures, *sound, "-t", "10", "-c:v", *encoder, "-preset", "ultrafast", "-pix_fmt", "yuv420p",
            "-g", "50", *rate, "-c:a", "aac", str(once))  # fmt: skip
    _ffmpeg("-stream_loop", str(MINUTES * 6 - 1), "-i", str(once), "-c", "copy", "-t", str(MINUTES * 60), str(clip))
    return clip


def _ffmpeg(*words: str) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *words], check=True)
