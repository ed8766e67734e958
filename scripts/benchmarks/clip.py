"""Cutting ten minutes out of a day of segments, beside ``ffmpeg -c copy`` over a list of them.

Not for: sealing, or the whole way from approval to receipt. Ours finds the window's exact frames, copies them, hashes
every source, both tracks before and after, and the master, and makes it durable; ffmpeg copies.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.benchmarks.row import Row

MINUTE_US = 60_000_000
SEGMENTS = 24 * 60
FIRST_MINUTE, MINUTES = 705, 10
_OWN_COPIES = range(FIRST_MINUTE - 1, FIRST_MINUTE + MINUTES + 2)
_START_US = 1_795_000_000_000_000
_ROUNDS = 5

_OURS = """
import json, sys
from agent.media import facts, inspect
from agent.media.cut import cut
order = json.load(sys.stdin)
seen = facts.inspection(inspect.job(order, lambda _: None))
plan = facts.CutPlan(seen.before.stretches, True)
made = cut.job({"plan": facts.to_json(plan), "out_dir": order["out_dir"]}, lambda _: None)
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(json.dumps({"made": made, "peak_kb": int(peak[0])}))
"""


def rows(work: Path) -> Iterator[Row]:
    """Wall time in seconds of whole processes, medians of rounds that take turns; and our peak memory in MB.

    The disk has nothing left to do from the run before when the next begins.
    """
    folder = work / "clip"
    day = _day(folder)
    listed = folder / "list.txt"
    listed.write_text("".join(f"file '{path}'\nduration 60\n" for path in day))
    start = FIRST_MINUTE * 60 + 30
    ours, theirs, peaks = [], [], []
    for _ in range(_ROUNDS):
        theirs.append(_theirs(listed, start, folder / "theirs.mp4"))
        seconds, peak = _ours(day, start, folder / "ours")
        ours.append(seconds)
        peaks.append(peak)
    yield Row("clip 10 minutes of 24 h", statistics.median(ours), statistics.median(theirs), "s", 1.0)
    yield Row("clip 10 minutes of 24 h, memory", max(peaks), None, "MB", 100)


def minute_of_footage(folder: Path) -> Path:
    """A minute of 1080p at 4 Mbit/s with AAC, in fragments of two seconds; encoded once."""
    folder.mkdir(parents=True, exist_ok=True)
    minute = folder / "minute.mp4"
    if not minute.exists():
        # fmt: off
        subprocess.run(
            ["ffmpeg", "-nostdin", "-v", "error", "-y",
             "-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=25", "-f", "lavfi", "-i", "sine=f=440:r=48000",
             "-t", "60", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "50", "-b:v", "4M",
             "-minrate", "4M", "-maxrate", "4M", "-bufsize", "4M", "-x264-params", "nal-hrd=cbr",
             "-c:a", "aac", "-b:a", "64k", "-movflags", "+empty_moov+default_base_moof+delay_moov",
             "-frag_duration", "2000000", str(minute)],
            check=True, timeout=300,
        )
        # fmt: on
    return minute


def _day(folder: Path) -> list[Path]:
    """A day of minutes at 4 Mbit/s with AAC: one minute is encoded; those of the window are copies of their own."""
    minute = minute_of_footage(folder)
    paths = [folder / f"minute-{number:04d}.mp4" for number in range(SEGMENTS)]
    for number, path in enumerate(paths):
        if path.exists():
            continue
        if number in _OWN_COPIES:
            path.write_bytes(minute.read_bytes())
        else:
            os.link(minute, path)
    return paths


def _theirs(listed: Path, start: int, target: Path) -> float:
    target.unlink(missing_ok=True)
    command = ["ffmpeg", "-nostdin", "-v", "error", "-f", "concat", "-safe", "0", "-ss", str(start), "-i", str(listed)]
    os.sync()
    began = time.perf_counter()
    subprocess.run([*command, "-t", str(MINUTES * 60), "-c", "copy", str(target)], check=True, timeout=300)
    return time.perf_counter() - began


def _ours(day: list[Path], start: int, out: Path) -> tuple[float, float]:
    for old in out.rglob("*.mp4"):
        old.unlink()
    files = [
        {"path": str(path), "start_us": _START_US + place * MINUTE_US, "end_us": _START_US + (place + 1) * MINUTE_US}
        for place, path in enumerate(day)
    ]
    first = _START_US + start * 1_000_000
    order = {"files": files, "start_us": first, "end_us": first + MINUTES * MINUTE_US, "out_dir": str(out)}
    text = json.dumps(order)
    os.sync()
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", _OURS], input=text, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - began
    told = json.loads(done.stdout)
    assert len(told["made"]["masters"]) == 1, "the day was not seen as one stretch"
    return seconds, told["peak_kb"] / 1000
