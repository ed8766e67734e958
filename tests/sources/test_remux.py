"""Footage in containers that cannot be cut, copied into Matroska: every packet, and at its true time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.footage.files import dav
from agent.footage.files.remux import Part, container_of, is_torn, remux
from agent.media.containers import segment as segments
from agent.media.containers.segment import NotFootage
from tests.agent.media.recordings import ffmpeg, stream_hashes
from tests.counterparts.files.dav_file import after, write_dav
from tests.sources.counterpart.pieces import FRAME, piece, shown

LOCAL = datetime(2026, 6, 10, 11, 0, 0, 250_000, UTC)


def other_container(tmp_path: Path, suffix: str, codec: str = "h264", sound: str = "") -> Path:
    source = piece(0, codec=codec, sound=sound)
    made = tmp_path / f"export.{suffix}"
    if suffix == "dav":
        return write_dav(made, source.path, after(LOCAL))
    names = {"ts": "mpegts", "mpg": "mpeg"}
    ffmpeg("-i", source.path, "-map", "0", "-c", "copy", "-f", names.get(suffix, suffix), made)
    return made


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("suffix", ["avi", "ts", "flv", "dav"])
def test_the_same_frames_at_the_same_distances_come_out(tmp_path: Path, suffix: str, codec: str) -> None:
    if (suffix, codec) == ("flv", "h265"):
        codec = "h264"
    made = other_container(tmp_path, suffix, codec)
    copied = remux(made, tmp_path / "copy.mkv", container=container_of(made))
    truth = piece(0, codec=codec)
    frames = shown(copied.path)
    assert [picture for _, picture in frames] == list(truth.pictures)
    assert all(abs(at - index * FRAME) <= 2000 for index, (at, _) in enumerate(frames))
    assert not copied.torn
    assert segments.read(copied.path).whole


@pytest.mark.parametrize(("suffix", "sound"), [("ts", "aac"), ("avi", "pcm_mulaw"), ("flv", "aac")])
def test_sound_is_copied_too_and_the_hashes_are_ffmpegs(tmp_path: Path, suffix: str, sound: str) -> None:
    from tests.agent.media.recordings import ffmpeg as run

    source = piece(0)
    made = tmp_path / f"export.{suffix}"
    run("-i", source.path, "-f", "lavfi", "-i", "sine=f=440:sample_rate=8000:duration=6", "-map", "0:v", "-map", "1:a",
        "-c:v", "copy", "-c:a", sound, "-f", {"ts": "mpegts"}.get(suffix, suffix), made)  # fmt: skip
    copied = remux(made, tmp_path / "copy.mkv", container=container_of(made))
    assert sorted(track.kind for track in copied.remux.tracks) == ["audio", "video"]
    assert [track.after for track in copied.remux.tracks] == stream_hashes(copied.path)
    for track in copied.remux.tracks:
        assert (track.before == track.after) != bool(track.why)


def test_what_began_with_a_preamble_or_without_is_known_by_its_beginning(tmp_path: Path) -> None:
    for preamble in (True, False):
        made = write_dav(tmp_path / "x.dav", piece(0).path, after(LOCAL), preamble=preamble)
        assert container_of(made) == "dhav"
        assert len(shown(remux(made, tmp_path / "x.mkv", container="dhav").path)) == 60
    (tmp_path / "text").write_text("hello")
    assert container_of(tmp_path / "text") == ""


def test_a_dav_tells_its_times_and_a_change_of_the_clocks_is_no_gap(tmp_path: Path) -> None:
    def put_back(microseconds: int) -> datetime:
        at = datetime(2026, 10, 25, 1, 59, 57, tzinfo=UTC) + timedelta(microseconds=microseconds)
        return at if at.hour < 2 else at - timedelta(hours=1)

    made = write_dav(tmp_path / "x.dav", piece(0).path, put_back)
    assert list(dav.elapsed(made).values()) == [index * 100 for index in range(60)]
    last = dav.last_frame(made)
    assert last is not None
    assert last.local.isoformat() == "2026-10-25T01:00:02"
    times = [at for at, _ in shown(remux(made, tmp_path / "x.mkv", container="dhav").path)]
    assert times == [index * FRAME for index in range(60)]


@pytest.mark.parametrize("suffix", ["avi", "ts", "dav"])
def test_a_torn_tail_is_salvaged_and_said(tmp_path: Path, suffix: str) -> None:
    made = other_container(tmp_path, suffix)
    made.write_bytes(made.read_bytes()[: made.stat().st_size * 6 // 10 + 1])
    copied = remux(made, tmp_path / "copy.mkv", container=container_of(made))
    pictures = [picture for _, picture in shown(copied.path)]
    assert copied.torn
    assert 10 < len(pictures) < 60
    # What was cut through in the middle of a picture may decode to less than it was; all before it is whole.
    assert pictures[:-1] == list(piece(0).pictures[: len(pictures) - 1])


def test_a_file_whose_frame_rate_lies_is_spread_over_its_true_length(tmp_path: Path) -> None:
    made = other_container(tmp_path, "avi")
    copied = remux(made, tmp_path / "copy.mkv", container="avi", spread_us=30_000_000)
    times = [at for at, _ in shown(copied.path)]
    assert abs(times[-1] - 59 * 500_000) <= 1000
    assert len(times) == 60


def test_only_a_part_can_be_copied(tmp_path: Path) -> None:
    copied = remux(piece(0).path, tmp_path / "x.mkv", container="mp4", part=Part(10, 35))
    assert [picture for _, picture in shown(copied.path)] == list(piece(0).pictures[10:35])


def test_what_holds_no_video_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "sound.ts"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", "-f", "mpegts", path)
    with pytest.raises(NotFootage):
        remux(path, tmp_path / "x.mkv", container="mpegts")
    assert [each.name for each in tmp_path.iterdir()] == ["sound.ts"]


def test_an_mp4_cut_short_is_known_as_torn(tmp_path: Path) -> None:
    whole = piece(0).path
    assert not is_torn(whole, "mp4")
    short = tmp_path / "short.mp4"
    short.write_bytes(whole.read_bytes()[:-500])
    assert is_torn(short, "mp4")
