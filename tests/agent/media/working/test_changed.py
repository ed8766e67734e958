"""Enhanced copies and AVIs: what they show, when, how they were made, and that it is said."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from agent.media.working import avi
from agent.media.working.filters import Filter, Measured, Values, measure, values
from agent.media.working.order import MasterFile
from exchange.documents.copies import AviPictures, CopyKind, Enhancement
from tests.agent.media.recordings import FPS, ffmpeg
from tests.agent.media.working.masters import ffprobe, made, masters, picture_times

SECOND = 1_000_000


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("working")


@pytest.fixture(scope="session")
def dark(folder: Path) -> MasterFile:
    """The same recording at night: dark, flat and noisy."""
    _, (master,) = masters(folder, "h265")
    path = folder / "dark.mp4"
    night = "eq=brightness=-0.3:contrast=0.35,noise=alls=14:allf=t:all_seed=1"
    ffmpeg("-i", master.path, "-vf", night, "-c:v", "libx264", "-bf", "0", "-preset", "ultrafast", "-crf", "16", path)
    return replace(master, path=path, codec="h264")


def brightness(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as opened:
        return [frame.to_ndarray(format="gray") for frame in opened.decode(video=0)]


def test_a_dark_noisy_recording_is_made_brighter_and_calmer_by_measurement(dark: MasterFile, tmp_path: Path) -> None:
    copy, shown = made((dark,), tmp_path, CopyKind.ENHANCED).files
    before, after = brightness(dark.path), [each[: dark.height] for each in brightness(copy.path)]
    assert len(before) == len(after) == copy.frames
    assert np.mean(after) > np.mean(before) * 1.8
    assert float(copy.parameters["brightness_gamma"]) < 0.8
    assert float(copy.parameters["measured_noise"]) > 1.5
    assert float(copy.parameters["denoise_grey_levels"]) > 4
    assert copy.parameters["set_by_owner"] == "none"
    assert picture_times(copy.path) == picture_times(dark.path)
    assert copy.real_times
    sheet = cv2.imread(str(shown.path))
    left, right = np.hsplit(sheet, 2)
    assert right.mean() > left.mean() * 1.4
    assert shown.made_from == copy.made_from == dark.file


def test_what_the_owner_set_is_done_and_written_down(dark: MasterFile, tmp_path: Path) -> None:
    set_by_owner = Enhancement(contrast=0, denoise=0, gamma=0.5)
    copy, _ = made((dark,), tmp_path, CopyKind.ENHANCED, enhancement=set_by_owner, caption=False).files
    assert copy.height == dark.height
    done = [copy.parameters[name] for name in ("contrast_clahe_clip_limit", "denoise_grey_levels", "brightness_gamma")]
    assert done == [0, 0, 0.5]
    assert copy.parameters["set_by_owner"] == "contrast, denoise, gamma"
    before, after = brightness(dark.path)[5], brightness(copy.path)[5]
    expected = 255 * (before / 255.0) ** 0.5
    assert abs(float((after - expected).mean())) < 3


def test_the_master_is_not_touched(dark: MasterFile, tmp_path: Path) -> None:
    content = dark.path.read_bytes()
    dark.path.chmod(0o400)
    made((dark,), tmp_path, CopyKind.ENHANCED)
    assert dark.path.read_bytes() == content


def test_noise_goes_where_nothing_moves_and_what_moves_stays() -> None:
    random = np.random.default_rng(7)
    calm = Filter(Values(contrast=0, denoise=24, gamma=1), 64, 64)
    still = np.full((96, 64), 100, np.uint8)
    for number in range(12):
        picture = still.copy()
        picture[:64] = np.clip(100 + random.normal(0, 6, (64, 64)), 0, 255).astype(np.uint8)
        picture[20:40, 5 * number : 5 * number + 5] = 220
        changed = calm.changed(number * SECOND // FPS, picture)
    assert changed[44:64, :].std() < 0.6 * picture[44:64, :].std()
    assert changed[25:35, 56:59].mean() > 205


def test_after_a_pause_nothing_of_what_was_before_it_shows() -> None:
    calm = Filter(Values(contrast=0, denoise=40, gamma=1), 32, 32)
    calm.changed(0, np.full((48, 32), 100, np.uint8))
    changed = calm.changed(3 * SECOND, np.full((48, 32), 110, np.uint8))
    assert (changed[:32] == 110).all()


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        (Measured(light=128, spread=180, noise=0.5), Values(contrast=1.2, denoise=0, gamma=1)),
        (Measured(light=20, spread=40, noise=4), Values(contrast=3, denoise=16, gamma=0.45)),
        (Measured(light=230, spread=100, noise=0), Values(contrast=2, denoise=0, gamma=1.8)),
    ],
)
def test_values_follow_from_what_was_measured(seen: Measured, wanted: Values) -> None:
    assert values(None, seen) == wanted


def test_noise_is_told_from_detail() -> None:
    random = np.random.default_rng(3)
    fine = np.kron(np.indices((9, 8)).sum(0) % 2, np.ones((32, 32))) * 80 + 80
    noisy = np.clip(fine + random.normal(0, 6, fine.shape), 0, 255)
    assert measure([fine.astype(np.uint8)]).noise < 1.5 < 4 < measure([noisy.astype(np.uint8)]).noise < 9


@pytest.mark.parametrize(("coded", "codec"), [(None, "mpeg4"), (AviPictures.MJPEG, "mjpeg")])
def test_an_avi_plays_with_its_sound_and_says_that_its_times_are_not_the_masters(
    folder: Path, tmp_path: Path, coded: AviPictures | None, codec: str
) -> None:
    _, of = masters(folder, "h264-g711")
    (copy,) = made(of, tmp_path, CopyKind.AVI, pictures=coded).files
    assert ffprobe("-show_entries", "stream=codec_name", copy.path).split() == [codec, "pcm_s16le"]
    assert ffprobe("-show_entries", "format=format_name", copy.path) == "avi"
    assert ffprobe("-select_streams", "v", "-show_entries", "stream=r_frame_rate", copy.path) == "25/1"
    assert (copy.real_times, copy.caption) == (False, True)
    assert "not exactly those of the recording" in copy.what
    assert copy.parameters["pictures_repeated"] == copy.parameters["pictures_left_out"] == 0
    length = float(ffprobe("-show_entries", "format=duration", copy.path))
    assert length == pytest.approx(of[0].length_us / SECOND, abs=0.05)


def test_where_pictures_are_missing_an_avi_repeats_the_one_before_and_counts_it(folder: Path, tmp_path: Path) -> None:
    recording, (master,) = masters(folder, "h264-varying")
    (copy,) = made((master,), tmp_path, CopyKind.AVI, caption=False).files
    mine = [time for time in recording.times if master.first_us <= time < master.end_us]
    slots = -(-master.length_us * FPS // SECOND)
    assert copy.frames == slots
    assert copy.parameters["pictures_repeated"] == slots - len(mine)
    assert copy.parameters["pictures_left_out"] == 0
    assert int(copy.parameters["largest_time_error_us"]) <= SECOND // FPS // 2


def test_an_avi_that_would_be_too_large_is_in_parts_that_follow_each_other(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, (master,) = masters(folder, "h264-g711", "640x360")
    monkeypatch.setattr(avi, "_LARGEST", 1_000_000)
    monkeypatch.setattr(avi, "_LOOK", 8)
    files = made((master,), tmp_path, CopyKind.AVI, pictures=AviPictures.MJPEG).files
    assert len(files) > 1
    assert [file.parameters["part"] for file in files] == list(range(1, len(files) + 1))
    assert [file.end_us for file in files[:-1]] == [file.first_us for file in files[1:]]
    assert sum(file.frames or 0 for file in files) == -(-master.length_us * FPS // SECOND)
    for file in files:
        streams = ffprobe("-show_entries", "stream=codec_name", file.path).split()
        assert streams == ["mjpeg", "pcm_s16le"]


@pytest.mark.parametrize(
    ("apart", "rate"),
    [([40_000] * 20, 25), ([66_667, 66_666] * 10, 15), ([40_000, 80_000, 40_000] * 5, 25), ([1_000] * 9, 60), ([], 1)],
)
def test_an_avis_rate_is_that_of_the_usual_time_between_two_pictures(apart: list[int], rate: int) -> None:
    times = [0]
    for length in apart:
        times.append(times[-1] + length)
    assert avi.rate_of(times) == Fraction(rate)


@pytest.mark.parametrize("kind", [CopyKind.ENHANCED, CopyKind.AVI])
def test_the_same_master_and_parameters_give_the_same_bytes(dark: MasterFile, tmp_path: Path, kind: CopyKind) -> None:
    one = made((dark,), tmp_path / "one", kind).files
    two = made((dark,), tmp_path / "two", kind).files
    assert [file.path.read_bytes() for file in one] == [file.path.read_bytes() for file in two]
    assert [file.parameters for file in one] == [file.parameters for file in two]
