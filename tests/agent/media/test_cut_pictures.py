"""Stills for the owner, and the contact sheet."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.media import facts, pictures
from agent.media.cut.cut import cut
from agent.media.facts import CutPlan
from agent.media.inspect import inspect
from agent.workers.process import PICTURE, run_job
from exchange.errors import ClipFailed
from tests.agent.media.recordings import START_US, ffmpeg, shared

SECOND = 1_000_000


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


def same_picture(one: Path, two: Path) -> bool:
    """JPEG loses a little; another frame of the moving picture differs by much more."""
    left, right = cv2.imread(str(one)), cv2.imread(str(two))
    return left.shape == right.shape and float(np.mean(cv2.absdiff(left, right))) < 12


@pytest.mark.parametrize("kind", ["h264", "h264-open-gop", "h265", "h264-g711"])
def test_the_stills_are_the_very_first_and_last_frame(folder: Path, tmp_path: Path, kind: str) -> None:
    recording = shared(folder, kind)
    would = inspect(recording.files, START_US + 1_500_000, START_US + 6_700_000).before
    made = pictures.stills(would.stretches, tmp_path)
    whole = next((folder / kind).glob("whole.*"))
    for name, time in ((made.first, would.first_us), (made.last, would.last_us)):
        assert time is not None
        number = recording.times.index(time)
        ffmpeg("-i", whole, "-vf", f"select=eq(n\\,{number})", "-frames:v", "1", "-y", tmp_path / "wanted.png")
        assert same_picture(tmp_path / name, tmp_path / "wanted.png")
        ffmpeg("-i", whole, "-vf", f"select=eq(n\\,{number - 8})", "-frames:v", "1", "-y", tmp_path / "other.png")
        assert not same_picture(tmp_path / name, tmp_path / "other.png")


@pytest.mark.parametrize("kind", ["h264-reordered", "h264-g711"])
async def test_the_contact_sheet_is_made_by_a_worker_and_is_the_same_each_time(
    folder: Path, tmp_path: Path, kind: str
) -> None:
    recording = shared(folder, kind)
    stretches = inspect(recording.files, START_US, START_US + 9 * SECOND).before.stretches
    masters = [str(tmp_path / master.file) for master in cut(CutPlan(stretches, True), tmp_path).masters]
    contents = []
    for name in ("one.jpg", "two.jpg"):
        job = {"masters": masters, "target": str(tmp_path / name)}
        await run_job("agent.media.pictures:contact_sheet_job", job, limits=PICTURE)
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]
    height, width, _ = cv2.imread(str(tmp_path / "one.jpg")).shape
    # Nine key frames: three rows of four.
    assert (width, height) == (4 * 480, 3 * (270 + 24))


def test_footage_that_cannot_be_decoded_is_told(folder: Path, tmp_path: Path) -> None:
    garbage = tmp_path / "master-20261118T110640.000000Z.mp4"
    garbage.write_bytes(b"\0" * 1000)
    with pytest.raises(ClipFailed):
        pictures.contact_sheet([garbage], tmp_path / "sheet.jpg")
    assert not (tmp_path / "sheet.jpg").exists()


def test_the_stills_job_names_the_files_that_it_made(folder: Path, tmp_path: Path) -> None:
    stretches = inspect(shared(folder, "h264").files, START_US, START_US + 2 * SECOND).before.stretches
    job = {"stretches": [facts.to_json(stretch) for stretch in stretches], "out_dir": str(tmp_path)}
    made = pictures.stills_job(job, lambda _: None)
    assert all((tmp_path / made[which]).read_bytes()[:2] == b"\xff\xd8" for which in ("first", "last"))
