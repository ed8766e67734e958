"""Files in a folder that overlap: for a request each frame comes once, and what was done is told."""

import os
from pathlib import Path

import pytest

from agent.media.cut.cut import cut
from agent.media.facts import CutPlan, Master, SourceRef, Trim
from agent.media.inspect import inspect
from exchange.clock import SECOND, Window
from exchange.documents.evidence import Evidence
from exchange.signing.documents import Signed, open_document
from tests.agent.media.recordings import ffmpeg
from tests.journey.home import CAMERA, Home, home
from tests.sources.counterpart.pieces import FRAME, shown

SWEEP = "aevalsrc=0.3*sin(60*t*t):s=16000:d=14"
"""Sound of which no packet is like another."""


def camera(tmp_path: Path, *, bframes: int = 0, look: int = 0) -> Path:
    """Fourteen seconds of one camera with sound, encoded once; a key frame each second."""
    path = tmp_path / f"camera{look}.mp4"
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=size=160x120:rate=10:duration=14,hue=h={look}", "-f", "lavfi", "-i", SWEEP,
           "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", str(bframes), "-g", "10",
           "-keyint_min", "10", "-sc_threshold", "0", "-c:a", "aac", path)  # fmt: skip
    return path


async def kept_in(at: Home, folder: Path, *files: tuple[Path, int, int, float]) -> int:
    """Files of a camera's seconds [first, last), named as from ``named`` seconds on; the UTC of second 0."""
    start = (at.window.start // SECOND - 20) * SECOND
    folder.mkdir()
    for number, (source, first, last, named) in enumerate(files):
        path = folder / f"front-{start // SECOND + named:.3f}-{number}.mp4"
        ffmpeg("-ss", str(first), "-i", source, "-t", str(last - first), "-c", "copy", path)
        os.utime(path, ns=((start + last * SECOND) * 1000,) * 2)
    options = f'{{"path": "{folder}", "zone": "UTC"}}'
    setting = f'{{"kind": "folder", "options": {options}}}'
    await at.execute("UPDATE cameras SET source = ? WHERE camera_id = ?", setting, CAMERA)
    return start


async def masters(at: Home, window: Window, out: Path) -> tuple[Master, ...]:
    """What a request for the window would be answered with, all of it approved."""
    async with at.agent.services.footage.open_window("a-hold", CAMERA, window) as brought:
        assert brought is not None
        files = [SourceRef(file.path, file.start, file.end) for file in brought.files]
        found = inspect(files, window.start, window.end)
        assert (found.gaps, found.unreadable) == ((), ())
        return cut(CutPlan(found.trimmed(Trim.BEFORE).stretches, sound=True), out).masters


def frames_of(cut_out: tuple[Master, ...], out: Path) -> list[tuple[int, str]]:
    return [(each.first_us + after, picture) for each in cut_out for after, picture in shown(out / each.file)]


def sounds(path: Path) -> list[str]:
    words = ["-i", path, "-map", "0:a", "-c", "copy", "-f", "framehash", "-hash", "sha256", "-"]
    return [line.rpartition(",")[2].strip() for line in ffmpeg(*words).splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize("off", [0.0, 0.4, -0.4])
async def test_frames_that_two_files_share_come_once_in_order_and_none_is_missing(
    tmp_path: Path, bframes: int, off: float
) -> None:
    source = camera(tmp_path, bframes=bframes)
    truth = [picture for _, picture in shown(source)]
    async with home(tmp_path) as at:
        start = await kept_in(at, tmp_path / "exports", (source, 0, 9, 0), (source, 4, 14, 4 + off))
        cut_out = await masters(at, Window(start + 2 * SECOND, start + 12 * SECOND), tmp_path)
        frames = frames_of(cut_out, tmp_path)
        assert [picture for _, picture in frames] == truth[20:120]
        assert [time for time, _ in frames] == pytest.approx([start + i * FRAME for i in range(20, 120)], abs=1000)
        heard = [sound for each in cut_out for sound in sounds(tmp_path / each.file)]
        every = sounds(source)
        # One packet of sound lies across the seam, in neither half as a whole.
        places = [every.index(sound) for sound in heard]
        assert places == sorted(set(places))
        assert places[-1] - places[0] + 1 - len(places) <= 1
        assert len(places) >= 10 * 16000 // 1024 - 2


async def test_other_pictures_of_the_same_time_follow_each_other_and_owner_and_officer_are_told(tmp_path: Path) -> None:
    first, second = camera(tmp_path), camera(tmp_path, look=90)
    async with home(tmp_path) as at:
        start = await kept_in(at, tmp_path / "exports", (first, 0, 9, 0), (second, 4, 14, 4))
        window = Window(start + 2 * SECOND, start + 12 * SECOND)
        frames = frames_of(await masters(at, window, tmp_path), tmp_path)
        one, other = ([picture for _, picture in shown(path)] for path in (first, second))
        assert [picture for _, picture in frames] == one[20:90] + other[90:120]
        assert [time for time, _ in frames] == pytest.approx([start + i * FRAME for i in range(20, 120)], abs=1000)
        request_id = await at.send(at.request(window))
        await at.fetch_and_walk()
        assert await at.state(request_id) == "asked", (await at.row(request_id)).trouble
        (planned,) = (await at.shown(request_id))["plan"]["cameras"]
        told = {note for file in planned["source"]["files"] for note in file["notes"]}
        assert any("show the same time with other pictures" in note for note in told)
        await at.say(request_id, yes=True)
        await at.agent.journey.settle()
        assert await at.state(request_id) == "delivered", (await at.row(request_id)).trouble
        (package,) = await at.packages(request_id)
        signed = Signed.model_validate_json(package.evidence)
        evidence = open_document(signed, Evidence, at.agent.services.keys.device.public)
        assert any("show the same time with other pictures" in note for note in evidence.notes)
