"""The recorder beside as many ``ffmpeg -c copy -f segment`` on the same live streams, in the same seconds.

Not for: picture quality or disk speed; both sides copy the same packets onto the same disk.
"""

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from agent.recorder.config import CameraSource, RecorderConfig, save
from exchange.clock import MINUTE
from scripts.benchmarks.row import Row
from tests.counterparts.rtsp.gst_server import GstServer, replay

WARM_UP = 8.0
MEASURED = 30.0
"""Seconds of the same slice of time on both sides; a segment ends in it on neither or on both."""
LIMITS = {4: (1.0, 1.0), 16: (1.0, 0.5)}
"""Cameras to the limits of CPU and of memory against theirs."""


def rows(work: Path) -> Iterator[Row]:
    """CPU (seconds a minute of recording) and memory (sum of PSS) with 4 and with 16 cameras of 1080p, 4 Mbit/s."""
    clip = _clip(work)
    for cameras, (cpu_limit, memory_limit) in LIMITS.items():
        cpu, memory = _side_by_side(work, clip, cameras)
        scale = 60 / MEASURED
        yield Row(f"record {cameras} cameras, CPU", cpu[0] * scale, cpu[1] * scale, "CPU s/min", cpu_limit)
        yield Row(f"record {cameras} cameras, memory", memory[0], memory[1], "MB", memory_limit)


def _clip(work: Path) -> Path:
    """Two minutes of 1080p at a constant 4 Mbit/s, 25 frames a second, a key frame every two seconds."""
    once, clip = work / "once.mp4", work / "load.mp4"
    encode = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50 -b:v 4M -minrate 4M -maxrate 4M -bufsize 4M"
    _ffmpeg(
        *["-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=25", "-t", "10"],
        *encode.split(),
        *["-x264-params", "nal-hrd=cbr:scenecut=0"],
        str(once),
    )
    _ffmpeg("-stream_loop", "11", "-i", str(once), "-c", "copy", str(clip))
    return clip


def _ffmpeg(*words: str) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *words], check=True)


def _side_by_side(work: Path, clip: Path, cameras: int) -> tuple[tuple[float, float], tuple[float, float]]:
    names = [f"cam{number}" for number in range(cameras)]
    folder = work / f"record-{cameras}"
    shutil.rmtree(folder, ignore_errors=True)
    theirs_folder, root = folder / "theirs", folder / "ours"
    theirs_folder.mkdir(parents=True)
    root.mkdir()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(GstServer({f"/{name}": replay(clip) for name in names}))
        sources = tuple(CameraSource(name, server.url(f"/{name}"), sound=False) for name in names)
        save(folder / "recorder.json", RecorderConfig(root, sources, segment=MINUTE))
        started = f"from agent.recorder.process import main; main({str(folder / 'recorder.json')!r})"
        ours = [stack.enter_context(_process([sys.executable, "-c", started]))]
        theirs = [
            stack.enter_context(_process(_their_command(server.url(f"/{name}"), theirs_folder / name)))
            for name in names
        ]
        time.sleep(WARM_UP)
        before = _cpu(ours), _cpu(theirs)
        time.sleep(MEASURED)
        cpu = _cpu(ours) - before[0], _cpu(theirs) - before[1]
        memory = _memory(ours), _memory(theirs)
        for process in (*ours, *theirs):
            assert process.poll() is None, "one of the recorders ended early"
    _assert_recorded(root, cameras)
    shutil.rmtree(folder)
    return cpu, memory


def _their_command(url: str, name: Path) -> list[str]:
    words = f"ffmpeg -nostdin -v error -rtsp_transport tcp -i {url} -c copy -f segment -segment_time 60"
    return [*words.split(), "-reset_timestamps", "1", f"{name}-%03d.mp4"]


@contextlib.contextmanager
def _process(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _cpu(processes: list[subprocess.Popen[bytes]]) -> float:
    """Seconds on a processor, of all threads, to the nanosecond (the scheduler's own count)."""
    tasks = [task for process in processes for task in Path(f"/proc/{process.pid}/task").iterdir()]
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def _memory(processes: list[subprocess.Popen[bytes]]) -> float:
    """MB; what processes share is counted once in all (PSS)."""
    total = 0
    for process in processes:
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1000


def _assert_recorded(root: Path, cameras: int) -> None:
    """A recorder that records nothing is cheap: each camera must have its bytes."""
    for number in range(cameras):
        size = sum(path.stat().st_size for path in (root / f"cam{number}").rglob("*.mp4"))
        assert size > 0.7 * (MEASURED + WARM_UP) * 4e6 / 8, f"camera {number} was not recorded"
