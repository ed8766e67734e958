"""MPEG program streams, as recorders and FFmpeg write them: every picture, and all the sound of their time."""

import hashlib
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from av.packet import Packet

from agent.footage.files.packets import MOST_HELD, Chosen, Timed
from agent.footage.files.remux import Part, container_of, is_torn, remux
from agent.footage.files.times_between import times_between
from agent.media.cut.cut import cut
from agent.media.facts import CutPlan, SourceRef, Trim
from agent.media.inspect import inspect
from exchange.clock import SECOND
from tests.agent.media.recordings import ffmpeg
from tests.counterparts.files.hikvision_file import hikvision_file
from tests.counterparts.files.packets import coded_frames
from tests.sources.counterpart.folder import program_stream
from tests.sources.counterpart.pieces import FRAME, piece, shown

SHOWN = datetime(2026, 6, 10, 11)  # noqa: DTZ001 what a recorder's clock shows
TONE = bytes(index % 251 for index in range(48_000))
"""Six seconds of G.711, no packet of it like another."""


def hikvision(tmp_path: Path, codec: str = "h264", sound: bytes = TONE) -> Path:
    path = tmp_path / f"{codec}.ps"
    path.write_bytes(hikvision_file(coded_frames(piece(0, codec=codec).path), codec, SHOWN, sound=sound))
    return path


def sounding(tmp_path: Path, codec: str) -> Path:
    """A program stream made by FFmpeg alone, with MPEG sound."""
    return program_stream(piece(0, codec=codec), tmp_path / f"{codec}.mpg", "mp2")


def packets(path: Path, container: str) -> list[tuple[str, Fraction | None, str]]:
    """(kind, seconds, hash) of each packet in the order in which FFmpeg hands them out."""
    with av.open(
        str(path), format=container, container_options={"fflags": "+genpts", "probesize": "8000000"}
    ) as opened:
        return [
            (packet.stream.type, None if packet.pts is None else packet.pts * packet.time_base, _hash(packet))
            for packet in opened.demux()
            if packet.size and packet.time_base is not None
        ]


def _hash(packet: Any) -> str:
    return hashlib.sha256(bytes(packet)).hexdigest()


def heard_from_the_first_picture_on(path: Path, container: str) -> list[str]:
    every = packets(path, container)
    first = next(time for kind, time, _ in every if kind == "video")
    assert first is not None
    return [content for kind, time, content in every if kind == "audio" and time is not None and time >= first]


def streamhash(path: Path, container: str, *words: str) -> str:
    return ffmpeg("-f", container, "-i", path, "-c", "copy", *words, "-f", "streamhash", "-").strip()


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_sound_that_is_handed_out_before_the_first_picture_is_copied(tmp_path: Path, codec: str) -> None:
    made = hikvision(tmp_path, codec)
    assert packets(made, "mpeg")[0][0] == "audio"
    copied = remux(made, tmp_path / "copy.mkv", container=container_of(made))
    ffmpeg("-i", copied.path, "-map", "0:a", "-c", "copy", "-f", "alaw", tmp_path / "came.alaw")
    assert (tmp_path / "came.alaw").read_bytes() == TONE
    assert [picture for _, picture in shown(copied.path)] == list(piece(0, codec=codec).pictures)
    assert "left out" not in copied.remux.done


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_sound_from_before_the_first_picture_is_left_out_and_that_is_said(tmp_path: Path, codec: str) -> None:
    made = sounding(tmp_path, codec)
    copied = remux(made, tmp_path / "copy.mkv", container=container_of(made))
    kept = [content for kind, _, content in packets(copied.path, "matroska") if kind == "audio"]
    assert kept == heard_from_the_first_picture_on(made, "mpeg")
    before = sum(kind == "audio" for kind, _, _ in packets(made, "mpeg")) - len(kept)
    assert before
    assert f"{before} packet" in copied.remux.done
    assert "before the first picture" in copied.remux.done


def test_sound_that_comes_behind_the_first_picture_and_lies_before_it_is_left_out(tmp_path: Path) -> None:
    made = tmp_path / "x.ts"
    ffmpeg("-i", piece(0).path, "-f", "lavfi", "-i", "sine=f=440:sample_rate=8000:duration=6", "-map", "0:v", "-map",
           "1:a", "-c:v", "copy", "-c:a", "aac", "-f", "mpegts", made)  # fmt: skip
    (one, first, _), (other, second, _) = packets(made, "mpegts")[:2]
    assert (one, other) == ("video", "audio")
    assert second is not None
    assert first is not None
    assert second < first
    copied = remux(made, tmp_path / "copy.mkv", container="mpegts")
    kept = [time for kind, time, _ in packets(copied.path, "matroska") if kind == "audio"]
    assert len(kept) == len(heard_from_the_first_picture_on(made, "mpegts"))


def test_a_part_has_the_sound_of_its_own_time(tmp_path: Path) -> None:
    made = hikvision(tmp_path)
    whole = remux(made, tmp_path / "whole.mkv", container="mpeg").path
    copied = remux(whole, tmp_path / "part.mkv", container="matroska", part=Part(10, 35))
    ffmpeg("-i", copied.path, "-map", "0:a", "-c", "copy", "-f", "alaw", tmp_path / "came.alaw")
    assert (tmp_path / "came.alaw").read_bytes() == TONE[10 * 800 : 35 * 800]
    assert [picture for _, picture in shown(copied.path)] == list(piece(0).pictures[10:35])


def test_a_stream_joined_in_the_middle_of_a_picture_begins_with_what_follows(tmp_path: Path) -> None:
    made = sounding(tmp_path, "h264")
    whole = made.read_bytes()
    packs = [at for at in range(0, len(whole), 2048) if whole[at : at + 4] == b"\0\0\1\xba"]
    made.write_bytes(whole[packs[len(packs) // 3] :])
    copied = remux(made, tmp_path / "copy.mkv", container="mpeg")
    pictures = [picture for _, picture in shown(copied.path)]
    assert 30 <= len(pictures) < 50
    assert pictures == list(piece(0).pictures[-len(pictures) :])


def test_what_has_no_time_is_left_out_and_counted(tmp_path: Path) -> None:
    times = [None, None, 4, 5]
    pictures = [Timed(Packet(1), True, None if time is None else Fraction(time)) for time in times]
    chosen = Chosen([Timed(Packet(1), False, None), *pictures], Part())
    assert [each.time for each in chosen] == [4, 5]
    assert chosen.note() == " 3 packets without a time or a beginning were left out."
    # They count all the same where pictures are counted, as they do for whoever says which part is wanted.
    assert [each.time for each in Chosen(pictures, Part(0, 3))] == [4]


def test_no_more_than_a_bound_is_kept_back_and_the_latest_of_it(tmp_path: Path) -> None:
    def sound(index: int) -> Timed:
        return Timed(Packet(MOST_HELD // 8), False, Fraction(index))

    chosen = Chosen([*map(sound, range(20)), Timed(Packet(1), True, Fraction(0)), sound(20)], Part())
    assert [each.time for each in chosen if not each.is_video] == list(range(12, 21))
    assert chosen.before == 12


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_pictures_without_a_time_of_their_own_get_the_one_between_their_neighbours(tmp_path: Path, codec: str) -> None:
    made = sounding(tmp_path, codec)
    assert any(kind == "video" and time is None for kind, time, _ in packets(made, "mpeg"))
    copied = remux(made, tmp_path / "copy.mkv", container="mpeg")
    frames = shown(copied.path)
    assert [picture for _, picture in frames] == list(piece(0, codec=codec).pictures)
    assert all(abs(at - index * FRAME) <= 2000 for index, (at, _) in enumerate(frames))
    assert "no time in the file" in copied.remux.done


def test_reordered_pictures_without_a_time_fill_the_holes_in_the_order_shown(tmp_path: Path) -> None:
    made = tmp_path / "reordered.mpg"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=6", "-f", "lavfi", "-i", "sine=duration=6",
           "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "25", "-c:a", "mp2",
           "-f", "vob", made)  # fmt: skip
    assert any(kind == "video" and time is None for kind, time, _ in packets(made, "mpeg"))
    times = [at for at, _ in shown(remux(made, tmp_path / "copy.mkv", container="mpeg").path)]
    assert len(times) == 150
    assert all(abs(at - index * 40_000) <= 2000 for index, at in enumerate(times))


@pytest.mark.parametrize(
    ("times", "found"),
    [
        ([None, None, 0, 10, 20], {}),
        ([0, 10, None, 30], {2: 20}),
        ([0, 10, None, None, 70], {2: 30, 3: 50}),
        ([0, 10, 20, None, None], {3: 30, 4: 40}),
        ([0, 30, None, 20, 40, 70, 50, 60], {2: 10}),
        ([None, None], {}),
        ([], {}),
    ],
)
def test_what_neighbours_leave_open(times: list[int | None], found: dict[int, int]) -> None:
    assert times_between(times) == found


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("heard", [True, False])
def test_a_master_cut_from_a_program_stream_holds_the_recorders_own_packets(
    tmp_path: Path, codec: str, heard: bool
) -> None:
    made = hikvision(tmp_path, codec, sound=TONE if heard else b"")
    copied = remux(made, tmp_path / "copy.mkv", container="mpeg")
    found = inspect([SourceRef(copied.path, 0)], 0, 6 * SECOND)
    assert not found.gaps
    (master,) = cut(CutPlan(found.trimmed(Trim.BEFORE).stretches, sound=True), tmp_path / "out").masters
    assert master.container == ("matroska" if heard else "mp4")
    path = tmp_path / "out" / master.file
    assert [picture for _, picture in shown(path)] == list(piece(0, codec=codec).pictures)
    if codec == "h264":  # FFmpeg 5's way back for H.265 writes every parameter set twice
        back = streamhash(path, master.container, "-map", "0:v", "-bsf:v", "h264_mp4toannexb")
        assert back == streamhash(made, "mpeg", "-map", "0:v")
    if heard:
        sound = ("-map", "0:a")
        assert streamhash(path, "matroska", *sound) == streamhash(made, "mpeg", *sound)


@pytest.mark.parametrize("maker", [hikvision, sounding])
def test_a_program_stream_cut_through_is_known_as_torn_and_a_whole_one_is_not(tmp_path: Path, maker: Any) -> None:
    made = maker(tmp_path, "h264")
    whole = made.read_bytes()
    assert not is_torn(made, "mpeg")
    for padding in (b"\xff" * 2048, bytes(2048), b"\0\0\1\xb9"):
        made.write_bytes(whole + padding)
        assert not is_torn(made, "mpeg")
    for missing in (7, 100, 700, 5001, len(whole) // 2):
        made.write_bytes(whole[:-missing])
        assert is_torn(made, "mpeg")
