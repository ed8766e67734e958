"""Working copies whose pictures are the masters': what is in them, when each is shown, and how large they are."""

import hashlib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import pytest

from agent.media.working import moving, reading
from agent.media.working.order import MasterFile
from exchange.documents.copies import CopyKind
from exchange.errors import ClipFailed, DiskFull
from tests.agent.media.recordings import FPS, ffmpeg, stream_hashes
from tests.agent.media.working.masters import WINDOW, ffprobe, made, masters, picture_times

SECOND = 1_000_000
FRAME = SECOND // FPS


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("working")


def codecs(path: Path) -> list[str]:
    return ffprobe("-show_entries", "stream=codec_name", path).split()


def times_in(recording_times: list[int], start: int, end: int) -> list[int]:
    kept = [time for time in recording_times if start <= time < end]
    return [time - kept[0] for time in kept]


def assert_at_their_own_times(path: Path, times: list[int], start: int, end: int) -> None:
    shown, due = picture_times(path), times_in(times, start, end)
    assert len(shown) == len(due)
    assert max(abs(one - other) for one, other in zip(shown, due, strict=True)) <= 1000


@pytest.mark.parametrize("kind", ["h264-g711", "h264-opus"])
def test_where_only_the_sound_is_odd_the_pictures_are_copied(folder: Path, tmp_path: Path, kind: str) -> None:
    recording, of = masters(folder, kind)
    (copy,) = made(of, tmp_path, CopyKind.PLAYABLE).files
    assert codecs(copy.path) == ["h264", "aac"]
    assert stream_hashes(copy.path)[0] == stream_hashes(of[0].path)[0]
    assert copy.parameters["pictures"] == "copied"
    assert_at_their_own_times(copy.path, recording.times, of[0].first_us, of[0].end_us)
    starts = ffprobe("-show_entries", "stream=start_time,duration", copy.path).split()
    assert [float(start.split(",")[0]) for start in starts] == [0, 0]
    assert float(starts[1].split(",")[1]) == pytest.approx(of[0].length_us / SECOND, abs=0.2)


def test_h265_becomes_h264_with_each_picture_at_its_own_time(folder: Path, tmp_path: Path) -> None:
    recording, of = masters(folder, "h265")
    (copy,) = made(of, tmp_path, CopyKind.PLAYABLE).files
    assert copy.path.name.startswith("working-copy-playable-")
    assert ffprobe("-show_entries", "stream=codec_name,has_b_frames", copy.path) == "h264,0"
    assert_at_their_own_times(copy.path, recording.times, of[0].first_us, of[0].end_us)
    assert (copy.frames, copy.real_times, copy.caption) == (of[0].frames, True, False)
    assert "not the evidence" in ffprobe("-show_entries", "format_tags=comment", copy.path)


def test_a_rate_that_varies_stays_as_it_was(folder: Path, tmp_path: Path) -> None:
    recording, of = masters(folder, "h264-varying")
    (copy,) = made(of, tmp_path, CopyKind.PLAYABLE, caption=True).files
    assert len({b - a for a, b in zip(recording.times, recording.times[1:], strict=False)}) > 1
    assert_at_their_own_times(copy.path, recording.times, of[0].first_us, of[0].end_us)


def test_what_plays_everywhere_needs_no_copy_and_that_is_said(folder: Path, tmp_path: Path) -> None:
    _, of = masters(folder, "h264-aac")
    outcome = made(of, tmp_path, CopyKind.PLAYABLE)
    assert outcome.files == []
    assert "no playable copy of it was needed" in outcome.notes[0]


@pytest.mark.parametrize("kind", ["h265", "h264-aac", "h264-g711"])
def test_the_tight_copy_holds_the_pictures_and_the_sound_of_the_asked_window_and_no_other(
    folder: Path, tmp_path: Path, kind: str
) -> None:
    recording, of = masters(folder, kind)
    (copy,) = made(of, tmp_path, CopyKind.TIGHT).files
    assert of[0].first_us < WINDOW[0] <= copy.first_us < WINDOW[0] + FRAME  # type: ignore[operator]
    assert copy.end_us == WINDOW[1]
    assert_at_their_own_times(copy.path, recording.times, *WINDOW)
    for length in ffprobe("-show_entries", "stream=duration", copy.path).split():
        assert float(length) <= (WINDOW[1] - WINDOW[0]) / SECOND + 0.001
    assert "tight" in copy.path.name
    assert copy.caption


def test_no_sound_from_before_or_after_the_asked_window_is_in_a_tight_copy(folder: Path, tmp_path: Path) -> None:
    """The recording's sound is loud outside the window, and silent in it: so is the copy's, all of it silent."""
    loud = f"volume=0:enable='between(t,{0.5 - 0.02},{3.5 + 0.02})'"
    _, (master,) = masters(folder, "h264-aac")
    path = tmp_path / "loud-outside.mp4"
    ffmpeg("-i", master.path, "-f", "lavfi", "-i", "sine=f=440:sample_rate=48000:duration=3.6", "-map", "0:v", "-map",
           "1:a", "-c:v", "copy", "-af", loud, "-c:a", "aac", path)  # fmt: skip
    (copy,) = made((replace(master, path=path),), tmp_path, CopyKind.TIGHT).files
    told = ffmpeg("-i", copy.path, "-map", "0:a", "-f", "f32le", tmp_path / "samples")
    assert told == ""
    import numpy as np

    samples = np.fromfile(tmp_path / "samples", np.float32)
    assert len(samples) > 48_000 * 2.9
    assert float(np.abs(samples).max()) < 0.01


@pytest.mark.parametrize("kind", ["h265", "h264-g711"])
def test_a_master_without_approved_sound_gives_copies_without(folder: Path, tmp_path: Path, kind: str) -> None:
    _, of = masters(folder, kind)
    silent = tuple(replace(master, sound=False) for master in of)
    for copy in (CopyKind.PLAYABLE, CopyKind.TIGHT):
        (file,) = made(silent, tmp_path, copy).files
        assert codecs(file.path) == ["h264"]
        assert file.sound is False


@pytest.mark.parametrize("most", [100_000, 200_000])
def test_a_smaller_copy_has_at_most_the_size_that_was_chosen(folder: Path, tmp_path: Path, most: int) -> None:
    recording, of = masters(folder, "h264-aac", "640x360")
    (copy,) = made(of, tmp_path, CopyKind.SMALLER, most_bytes=most).files
    assert most // 3 < copy.path.stat().st_size <= most
    assert copy.parameters["most_bytes"] == most
    assert_at_their_own_times(copy.path, recording.times, of[0].first_us, of[0].end_us)


def test_where_one_file_cannot_be_small_enough_there_are_parts_and_no_picture_is_lost(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, (master,) = masters(folder, "h264-aac", "640x360")
    monkeypatch.setattr(moving, "_LEAST_BITS", 0.15)
    files = made((master,), tmp_path, CopyKind.SMALLER, most_bytes=100_000).files
    assert len(files) > 1
    assert [file.parameters["part"] for file in files] == list(range(1, len(files) + 1))
    assert all(file.path.stat().st_size <= 100_000 for file in files)
    assert sum(len(picture_times(file.path)) for file in files) == master.frames
    assert files[0].first_us == master.first_us
    for one, following in pairwise(files):
        assert one.end_us <= following.first_us < one.end_us + FRAME  # type: ignore[operator]


def test_the_same_master_and_parameters_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    _, of = masters(folder, "h264-g711")
    for kind, more in ((CopyKind.PLAYABLE, {}), (CopyKind.TIGHT, {}), (CopyKind.SMALLER, {"most_bytes": 150_000})):
        (one,) = made(of, tmp_path / "one", kind, **more).files
        (two,) = made(of, tmp_path / "two", kind, **more).files
        digests = {hashlib.sha256(file.path.read_bytes()).hexdigest() for file in (one, two)}
        assert len(digests) == 1
        assert one.parameters == two.parameters


@pytest.mark.parametrize("wanted", ["audio", "video"])
@pytest.mark.parametrize("kind", ["h264-aac", "h264-g711"])
def test_pictures_and_sound_are_each_unpacked_once(folder: Path, kind: str, wanted: str) -> None:
    _, (master,) = masters(folder, kind)
    with av.open(str(master.path), "r", format=master.container) as opened:
        reading.read_only(opened, next(stream for stream in opened.streams if stream.type == wanted))
        opened.seek(0)  # what was read to learn of what there is comes of all streams
        assert {packet.stream.type for packet in opened.demux() if packet.size} == {wanted}


def test_a_copy_that_has_no_room_is_not_made_and_nothing_is_left(folder: Path, tmp_path: Path) -> None:
    _, (master,) = masters(folder, "h265")
    with pytest.raises(DiskFull):
        made((master,), tmp_path, CopyKind.PLAYABLE, caption=True, room=1000)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_master_that_is_no_footage_is_told_and_nothing_is_left(folder: Path, tmp_path: Path) -> None:
    _, (master,) = masters(folder, "h265")
    broken: MasterFile = replace(master, path=tmp_path / "broken.mp4")
    broken.path.write_bytes(b"\0" * 5000)
    with pytest.raises(ClipFailed, match="can't be read"):
        made((broken,), tmp_path / "out", CopyKind.TIGHT)
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []
