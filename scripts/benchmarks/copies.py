"""Working copies beside plain ``ffmpeg`` that makes the same: H.265 made H.264, and only the sound made AAC.

Not for: the masters (``clip``). Ours keeps each picture's own time, fixes how many threads code it so that the same
bytes come out everywhere, and makes the file durable; ffmpeg is told the same coding.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.benchmarks.clip import minute_of_footage
from scripts.benchmarks.row import Row

_START_US = 1_795_000_000_000_000
_SECONDS = 20
_ROUNDS = 3
_MINUTES = 72
"""Of 1080p at 4 Mbit/s: more than 2 GiB."""

_OURS = """
import json, sys
from agent.media.working import make
order = json.load(sys.stdin)
made = make.job(order, lambda _: None)
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(json.dumps({"files": made["files"], "peak_kb": int(peak[0])}))
"""
_CODING = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-bf", "0", "-g", "50", "-pix_fmt", "yuv420p"]
_SOUND = ["-c:a", "aac", "-b:a", "64k", "-ar", "48000", "-ac", "1", "-movflags", "+faststart"]


def rows(work: Path) -> Iterator[Row]:
    """Wall time in seconds of whole processes, medians of rounds that take turns; and our peak memory in MB."""
    folder = work / "copies"
    folder.mkdir(parents=True, exist_ok=True)
    ours, theirs, peaks = [], [], []
    master = _h265(folder)
    order = _order(master, folder, "matroska", "hevc", 25 * _SECONDS, _SECONDS)
    for _ in range(_ROUNDS):
        theirs.append(_theirs(master, folder / "theirs.mp4", [*_CODING, "-pix_fmt", "yuv420p", *_SOUND]))
        seconds, peak = _ours(order)
        ours.append(seconds)
        peaks.append(peak)
    name = f"playable copy of {_SECONDS} s of H.265, 720p"
    yield Row(name, statistics.median(ours), statistics.median(theirs), "s", 1.2)
    yield Row("playable copy of H.265, 720p, memory", max(peaks), None, "MB", 400)
    large = _large(folder)
    order = _order(large, folder, "matroska", "h264", 25 * 60 * _MINUTES, 60 * _MINUTES)
    beside = _theirs(large, folder / "theirs.mp4", ["-c:v", "copy", *_SOUND])
    (folder / "theirs.mp4").unlink()
    seconds, peak = _ours(order)
    yield Row("playable copy of 2 GiB, pictures copied", seconds, beside, "s", None)
    yield Row("playable copy of 2 GiB, memory", peak, None, "MB", 250)


def _order(master: Path, folder: Path, container: str, codec: str, frames: int, seconds: int) -> str:
    about = {
        "file": f"master/{master.name}",
        "path": str(master),
        "container": container,
        "codec": codec,
        "width": 1280,
        "height": 720,
        "frames": frames,
        "first_us": _START_US,
        "end_us": _START_US + seconds * 1_000_000,
        "size": master.stat().st_size,
        "sound": True,
    }
    order = {"copy": {"kind": "playable"}, "masters": [about], "window": [_START_US, _START_US + seconds * 1_000_000]}
    return json.dumps(order | {"out_dir": str(folder / "ours"), "room": 10**12})


def _h265(folder: Path) -> Path:
    master = folder / "h265.mkv"
    # fmt: off
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25",
         "-f", "lavfi", "-i", "sine=f=440:r=8000", "-t", str(_SECONDS), "-c:v", "libx265", "-preset", "ultrafast",
         "-x265-params", "log-level=error", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "pcm_alaw", str(master)],
        check=True, timeout=600,
    )
    # fmt: on
    return master


def _large(folder: Path) -> Path:
    """Many minutes of H.264 with G.711 in one Matroska file."""
    minute, listed, large = folder / "minute.mkv", folder / "list.txt", folder / "large.mkv"
    listed.write_text(f"file '{minute}'\n" * _MINUTES)
    ffmpeg = ["ffmpeg", "-nostdin", "-v", "error", "-y"]
    sound = ["-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"]
    subprocess.run([*ffmpeg, "-i", str(minute_of_footage(folder)), "-c:v", "copy", *sound, str(minute)], check=True)
    joined = ["-f", "concat", "-safe", "0", "-i", str(listed), "-c", "copy", str(large)]
    subprocess.run([*ffmpeg, *joined], check=True, timeout=900)
    return large


def _theirs(master: Path, target: Path, how: list[str]) -> float:
    target.unlink(missing_ok=True)
    began = time.perf_counter()
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(master), *how, str(target)]
    subprocess.run(command, check=True, timeout=900)
    return time.perf_counter() - began


def _ours(order: str) -> tuple[float, float]:
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", _OURS], input=order, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - began
    told = json.loads(done.stdout)
    assert len(told["files"]) == 1
    return seconds, told["peak_kb"] / 1000
