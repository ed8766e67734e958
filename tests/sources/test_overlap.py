"""Files of one fetch on the wall clock: frames that two have are kept once, torn ones are named, lies are told."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from agent.footage.files.place import job
from agent.footage.source import SourceFile
from agent.sources.device.footage import source_file
from exchange.clock import SECOND
from exchange.errors import CameraAnswerInvalid
from tests.agent.media.recordings import ffmpeg
from tests.sources.counterpart.pieces import FPS, FRAME, brought, piece

START = 1_790_000_000_000_000


def told(name: str, start: int, end: int | None = None, **more: Any) -> dict[str, Any]:
    usual = {"at_key": False, "torn": False, "clock": "recorder", "uncertainty_us": 1_000_000, "notes": []}
    return {"name": name, "start": start, "end": end, **usual, **more}


def placed(into: Path, *files: dict[str, Any]) -> list[SourceFile]:
    return [source_file(into, each) for each in job({"into": str(into), "files": list(files)}, print)["files"]]


def part(into: Path, name: str, first: float, last: float, seconds: int = 12, look: int = 0) -> Path:
    """Seconds [first, last) of a piece, as a file of its own."""
    ffmpeg("-ss", str(first), "-i", piece(0, seconds, look=look).path, "-t", str(last - first), "-c", "copy",
           "-movflags", "+frag_keyframe+empty_moov+default_base_moof", "-use_editlist", "0", into / name)  # fmt: skip
    return into / name


@pytest.mark.parametrize("off", [0, 700_000, -700_000])
def test_frames_that_two_files_have_are_kept_once(tmp_path: Path, off: int) -> None:
    part(tmp_path, "a.mp4", 0, 7)
    part(tmp_path, "b.mp4", 4, 12)
    files = placed(tmp_path, told("a.mp4", START), told("b.mp4", START + 4 * SECOND + off))
    frames = brought(files)
    assert [picture for _, picture in frames] == list(piece(0, 12).pictures)
    assert [at for at, _ in frames] == pytest.approx([START + index * FRAME for index in range(12 * FPS)], abs=1000)
    cut = files[0].remux
    assert cut is not None
    assert cut.name == "a.mp4"
    assert all(track.before == track.after for track in cut.tracks)
    assert "both have" in files[0].notes[0]


def test_a_file_within_another_is_left_out(tmp_path: Path) -> None:
    part(tmp_path, "a.mp4", 0, 10)
    part(tmp_path, "b.mp4", 4, 8)
    files = placed(tmp_path, told("a.mp4", START), told("b.mp4", START + 4 * SECOND))
    assert [file.path.name for file in files] == ["a.mp4"]
    assert len(brought(files)) == 100


def test_a_file_that_was_longer_when_it_was_fetched_again_replaces_the_shorter(tmp_path: Path) -> None:
    part(tmp_path, "a.mp4", 0, 5)
    part(tmp_path, "b.mp4", 0, 9)
    files = placed(tmp_path, told("a.mp4", START), told("b.mp4", START))
    assert [file.path.name for file in files] == ["b.mp4"]


def test_other_pictures_of_the_same_time_are_used_one_file_after_the_other_and_it_is_said(tmp_path: Path) -> None:
    part(tmp_path, "a.mp4", 0, 6)
    part(tmp_path, "b.mp4", 0, 8, look=1)
    files = placed(tmp_path, told("a.mp4", START), told("b.mp4", START + 3 * SECOND + 500_000))
    frames = brought(files)
    # b's last key frame in a is at 5.5 s: a up to there, b from there on, and nothing missing between them.
    assert [picture for _, picture in frames[:55]] == list(piece(0, 12).pictures[:55])
    assert [picture for _, picture in frames[55:]] == list(piece(0, 12, look=1).pictures[20:80])
    assert [at for at, _ in frames] == pytest.approx([START + index * FRAME for index in range(115)], abs=2000)
    for file in files:
        (note,) = file.notes
        assert "a.mp4 and b.mp4 show the same time with other pictures" in note
        assert "2.0 s may be missing or shown twice" in note
    assert files[0].remux is not None
    assert files[0].remux.name == "a.mp4"


def test_other_pictures_within_a_longer_file_are_left_out_and_it_is_said(tmp_path: Path) -> None:
    part(tmp_path, "a.mp4", 0, 10)
    part(tmp_path, "b.mp4", 2, 6, look=1)
    (file,) = placed(tmp_path, told("a.mp4", START), told("b.mp4", START + 3 * SECOND))
    assert (file.path.name, file.remux) == ("a.mp4", None)
    assert "a.mp4 was used" in file.notes[0]


def test_other_pictures_from_the_same_start_on_give_the_time_to_the_longer_file(tmp_path: Path) -> None:
    part(tmp_path, "a.mp4", 0, 0.5)
    part(tmp_path, "b.mp4", 0, 8, look=1)
    (file,) = placed(tmp_path, told("a.mp4", START), told("b.mp4", START))
    assert (file.path.name, len(brought([file]))) == ("b.mp4", 80)
    assert "other pictures" in file.notes[0]


def test_a_file_begins_where_it_is_shown_from_and_what_its_edit_list_hides_lies_before(tmp_path: Path) -> None:
    # As FFmpeg, Frigate and others export a clip from the middle of a group of pictures.
    ffmpeg("-ss", "4.7", "-i", piece(0, 12).path, "-t", "3", "-c", "copy", tmp_path / "a.mp4")
    (file,) = placed(tmp_path, told("a.mp4", START + 4_700_000))
    frames = brought([file])
    assert frames[0] == (START + 4 * SECOND, piece(0, 12).pictures[40])
    assert [at for at, _ in frames] == [START + (40 + index) * FRAME for index in range(len(frames))]


def test_files_that_only_touch_stay_as_they_are(tmp_path: Path) -> None:
    part(tmp_path, "a.mp4", 0, 4)
    part(tmp_path, "b.mp4", 4, 8)
    files = placed(tmp_path, told("a.mp4", START), told("b.mp4", START + 4 * SECOND))
    assert [file.remux for file in files] == [None, None]


def test_a_plain_mp4_whose_tail_is_lost_is_used_and_named_torn(tmp_path: Path) -> None:
    ffmpeg("-i", piece(0).path, "-c", "copy", "-movflags", "faststart", tmp_path / "whole.mp4")
    content = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(content[: len(content) * 6 // 10])
    (file,) = placed(tmp_path, told("a.mp4", START, START + 6 * SECOND))
    assert file.torn
    assert START + 2 * SECOND < file.end < START + 5 * SECOND


def test_a_frame_rate_that_lies_is_found_out_and_said(tmp_path: Path) -> None:
    ffmpeg("-i", piece(0).path, "-c", "copy", "-f", "avi", tmp_path / "a.avi")
    (file,) = placed(tmp_path, told("a.avi", START, START + 30 * SECOND))
    assert file.path.name == "a.mkv"
    assert file.end - file.start == pytest.approx(30 * SECOND, abs=600_000)
    assert "30.0 s" in file.notes[0]
    assert not (tmp_path / "a.avi").exists()


def test_frames_with_times_of_their_own_keep_them(tmp_path: Path) -> None:
    shutil.copy(piece(0).path, tmp_path / "a.mp4")
    (file,) = placed(tmp_path, told("a.mp4", START, START + 30 * SECOND))
    assert file.end == START + 6 * SECOND
    assert "own times were kept" in file.notes[0]


def test_the_first_key_frame_is_what_a_file_is_placed_by(tmp_path: Path) -> None:
    whole = tmp_path / "whole.ts"
    ffmpeg("-i", piece(0).path, "-c", "copy", "-f", "mpegts", whole)
    # A stream that was joined in the middle of a group of pictures.
    content, packet = whole.read_bytes(), 188
    joined = content[: 3 * packet] + content[len(content) // 4 // packet * packet :]
    (tmp_path / "a.ts").write_bytes(joined)
    (file,) = placed(tmp_path, told("a.ts", START))
    assert file.start > START
    assert (file.start - START) % FRAME <= 2000


def test_what_is_no_footage_is_left_out_and_nothing_at_all_is_an_error(tmp_path: Path) -> None:
    shutil.copy(piece(0).path, tmp_path / "a.mp4")
    (tmp_path / "b.mp4").write_text("<html>not found</html>")
    assert len(placed(tmp_path, told("a.mp4", START), told("b.mp4", START))) == 1
    with pytest.raises(CameraAnswerInvalid, match="no kind of video"):
        placed(tmp_path, told("b.mp4", START))
