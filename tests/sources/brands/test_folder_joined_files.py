"""Files that are several recordings, lost something on the way, or show their pictures in another order."""

import hashlib
import struct
from pathlib import Path
from typing import Any

import av
import pytest

from agent.footage.files import remux as remuxing
from agent.footage.files.joined import joints
from agent.footage.files.remux import remux
from agent.media.containers.tables import NotFootage
from exchange.clock import SECOND
from exchange.errors import CameraAnswerInvalid
from tests.agent.media.recordings import ffmpeg
from tests.sources.brands.test_folder import Folder
from tests.sources.brands.test_folder_odd_files import NAME, START, Brought, changed, clip, put, transport_stream

FRAGMENTED = ["-movflags", "frag_keyframe+empty_moov+default_base_moof"]
PICTURES, SOUND = 256, 257
"""The numbers that FFmpeg gives a transport stream's tracks."""


def contents(path: Path, kind: str) -> list[str]:
    with av.open(str(path), format=kind, container_options={"fflags": "+genpts"}) as opened:
        return [hashlib.sha256(bytes(packet)).hexdigest() for packet in opened.demux(video=0) if packet.size]


@pytest.mark.parametrize(
    ("kind", "more"), [("mp4", []), ("mp4", FRAGMENTED), ("matroska", [])], ids=["plain", "fragmented", "matroska"]
)
def test_two_recordings_in_one_file_come_one_after_the_other_and_that_is_said(
    tmp_path: Path, kind: str, more: list[str]
) -> None:
    folder = Folder(tmp_path, zone="UTC")
    for number, look in enumerate((0, 90)):
        ffmpeg("-i", clip(tmp_path, look=look), "-c", "copy", *more, "-f", kind, tmp_path / f"part{number}")
    parts = [(tmp_path / f"part{number}").read_bytes() for number in range(2)]
    put(folder, f"{NAME}.mp4", b"".join(parts))
    assert joints(folder.root / f"{NAME}.mp4", kind) == [len(parts[0])]
    brought = Brought(folder, 12, 18)
    assert (brought.gaps, brought.frames) == ([], 30)
    assert "goes on with another recording 10.0 s in; it is taken to be of right after" in brought.notes


def test_one_recording_whose_header_comes_again_behind_its_pictures_stays_one(tmp_path: Path) -> None:
    path = tmp_path / "made.mp4"
    ffmpeg("-i", clip(tmp_path), "-c", "copy", "-movflags", "+faststart", path)
    content = path.read_bytes()
    begin = content.index(b"moov") - 4
    header = content[begin : begin + struct.unpack(">I", content[begin : begin + 4])[0]]
    path.write_bytes(content + header)
    assert joints(path, "mp4") == []


@pytest.mark.parametrize(
    ("codec", "more"), [("libx264", ["-mpegts_start_pid", "0x200"]), ("mpeg4", [])], ids=["number", "codec"]
)
@pytest.mark.parametrize("pause", [0, 5])
def test_a_transport_stream_whose_pictures_get_another_number_or_codec_is_taken_apart_there(
    tmp_path: Path, codec: str, more: list[str], pause: int
) -> None:
    folder = Folder(tmp_path, zone="UTC")
    first = transport_stream(clip(tmp_path), tmp_path / "first.ts", "-muxdelay", "0")
    after = ["-muxdelay", "0", "-output_ts_offset", str(10 + pause)]
    inside = ["-bsf:v", "dump_extra"] if codec == "mpeg4" else []
    second = transport_stream(clip(tmp_path, look=90, codec=codec), tmp_path / "second.ts", *after, *more, *inside)
    put(folder, f"{NAME}.ts", first + second)
    brought = Brought(folder, 6, 20)
    assert brought.frames == (70 if not pause else 45)
    gap = [(START + 10 * SECOND, START + 15 * SECOND)] if pause else []
    assert [(round(start, -5), round(end, -5)) for start, end in brought.gaps] == gap
    assert "goes on with another recording 10.0 s in." in brought.notes


def test_sound_that_a_transport_stream_only_announces_costs_no_picture(tmp_path: Path) -> None:
    made, first = tmp_path / "made.ts", transport_stream(clip(tmp_path), tmp_path / "first.ts", "-muxdelay", "0")
    sounding = ["-f", "lavfi", "-i", "sine=f=440:duration=10", "-c:v", "copy", "-c:a", "mp2", "-output_ts_offset", "10"]
    ffmpeg("-i", clip(tmp_path), *sounding, "-muxdelay", "0", "-f", "mpegts", tmp_path / "second.ts")
    content = (tmp_path / "second.ts").read_bytes()
    packets = [content[at : at + 188] for at in range(0, len(content), 188)]
    made.write_bytes(first + b"".join(each for each in packets if (each[1] & 31) << 8 | each[2] != SOUND))
    copied = remux(made, tmp_path / "copy.mkv", container="mpegts")
    assert len(contents(copied.path, "matroska")) >= 99
    assert "can't be carried by the copy" in copied.remux.done


def test_a_track_that_begins_in_the_middle_of_a_file_is_left_out_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remuxing, "_PROBE", {"probesize": "5000", "fflags": "+genpts"})
    made, first = tmp_path / "made.m2ts", transport_stream(clip(tmp_path), tmp_path / "first.ts", "-muxdelay", "0")
    after = ["-output_ts_offset", "10", "-mpegts_start_pid", "0x200", "-mpegts_pmt_start_pid", "0x300"]
    content = first + transport_stream(clip(tmp_path, look=90), tmp_path / "second.ts", *after)
    made.write_bytes(b"".join(bytes(4) + content[at : at + 188] for at in range(0, len(content), 188)))
    copied = remux(made, tmp_path / "copy.mkv", container="mpegts")
    assert (len(contents(copied.path, "matroska")), copied.torn) == (50, False)
    assert "A track that begins in the middle of the file was left out." in copied.remux.done


@pytest.mark.parametrize("which", [0, 1, -1], ids=["first", "middle", "last"])
def test_of_a_transport_stream_the_damaged_picture_is_left_out_and_no_whole_one_in_its_place(
    tmp_path: Path, which: int
) -> None:
    made = tmp_path / "made.ts"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=5:duration=8", "-c:v", "libx264", "-preset", "ultrafast",
           "-bf", "0", "-g", "10", "-f", "mpegts", made)  # fmt: skip
    whole = contents(remux(made, tmp_path / "whole.mkv", container="mpegts").path, "matroska")
    content = made.read_bytes()
    packets = [content[at : at + 188] for at in range(0, len(content), 188)]
    of_pictures = [number for number, each in enumerate(packets) if (each[1] & 31) << 8 | each[2] == PICTURES]
    begins = [number for number in of_pictures if packets[number][1] & 64]
    lost = [number for number in of_pictures if begins[23] <= number < begins[24]][which]
    made.write_bytes(b"".join(each for number, each in enumerate(packets) if number != lost))
    copied = remux(made, tmp_path / "copy.mkv", container="mpegts")
    kept = contents(copied.path, "matroska")
    assert [each for each in kept if each not in whole] == []
    assert len(kept) >= len(whole) - 2
    assert "1 packet, of which a part was lost, was left out." in copied.remux.done


def test_pictures_that_share_a_time_are_all_copied_in_their_order(tmp_path: Path) -> None:
    def seconds(number: int, packet: Any, _count: int) -> None:
        packet.pts = packet.dts = int(number // 5 / packet.time_base)

    made = changed(clip(tmp_path), tmp_path / "made.flv", seconds, "flv")
    copied = remux(made, tmp_path / "copy.mkv", container="flv")
    assert contents(copied.path, "matroska") == contents(made, "flv")


def test_a_wild_time_among_reordered_pictures_keeps_none_from_being_copied(tmp_path: Path) -> None:
    def stamp(number: int, packet: Any, _count: int) -> None:
        if number in (27, 37):
            packet.pts += int(3 * 3600 / packet.time_base)

    folder = Folder(tmp_path, zone="UTC")
    reordered = tmp_path / "reordered.mp4"
    ffmpeg("-i", clip(tmp_path), "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "10", reordered)
    put(folder, f"{NAME}.mkv", changed(reordered, tmp_path / "stamped.mkv", stamp, "matroska"))
    brought = Brought(folder, 0, 10)
    assert (brought.gaps, brought.frames) == ([], 50)


def test_pictures_that_all_have_one_time_are_named_and_not_laid_on_top_of_each_other(tmp_path: Path) -> None:
    def never(_number: int, packet: Any, _count: int) -> None:
        packet.pts = packet.dts = 0

    folder = Folder(tmp_path, zone="UTC")
    put(folder, f"{NAME}.flv", changed(clip(tmp_path), tmp_path / "made.flv", never, "flv"))
    with pytest.raises(CameraAnswerInvalid, match="all but one time"):
        Brought(folder, 0, 10)


def edited(source: Path, rows: list[tuple[float, float]], rate: int = 1) -> bytes:
    """A plain MP4 whose index is last, with these edits: seconds, and from where; -1 shows nothing."""
    content = bytearray(source.read_bytes())
    track, movie = (int.from_bytes(content[(at := content.index(kind)) + 16 : at + 20], "big") for kind in (b"mdhd", b"mvhd"))  # noqa: E501  # fmt: skip
    listed = [(int(lasts * movie), -1 if begin < 0 else int(begin * track), rate, 0) for lasts, begin in rows]
    elst = b"elst" + bytes(4) + struct.pack(">I", len(rows)) + b"".join(struct.pack(">Iihh", *row) for row in listed)
    edts = b"edts" + struct.pack(">I", len(elst) + 4) + elst
    made = struct.pack(">I", len(edts) + 4) + edts
    begin = content.index(b"edts") - 4
    before = int.from_bytes(content[begin : begin + 4], "big")
    content[begin : begin + before] = made
    for kind in (b"moov", b"trak"):
        at = content.index(kind) - 4
        length = int.from_bytes(content[at : at + 4], "big")
        content[at : at + 4] = struct.pack(">I", length + len(made) - before)
    return bytes(content)


@pytest.mark.parametrize(
    "rows", [[(4, 0), (4, 6)], [(4, 6), (4, 0)], [(4, 0), (2, -1), (4, 4)]], ids=["leaves out", "turned", "pauses"]
)
def test_an_edit_list_that_changes_when_pictures_are_shown_is_not_guessed_through(
    tmp_path: Path, rows: list[tuple[float, float]]
) -> None:
    folder = Folder(tmp_path, zone="UTC")
    put(folder, f"{NAME}.mp4", edited(clip(tmp_path), rows))
    with pytest.raises(CameraAnswerInvalid, match="edit list"):
        Brought(folder, 0, 10)


def test_an_edit_list_that_says_nothing_new_changes_nothing_and_one_that_begins_late_is_told(tmp_path: Path) -> None:
    folder = Folder(tmp_path, zone="UTC")
    put(folder, f"{NAME}.mp4", edited(clip(tmp_path), [(4, 0), (6, 4)]))
    put(folder, "20260610_110000.mp4", edited(clip(tmp_path, look=90), [(3, -1), (10, 0)]))
    assert (Brought(folder, 0, 10).gaps, Brought(folder, 0, 10).frames) == ([], 50)
    (late,) = Brought(folder, 3600, 3615).placed
    assert (late["start"], late["uncertainty_us"]) == (START + 3603 * SECOND, 3 * SECOND)
    assert "shows nothing for 3.0 s before its first picture" in " ".join(late["notes"])


def test_a_file_without_a_recording_behind_a_joint_is_no_footage(tmp_path: Path) -> None:
    path = tmp_path / "made.ts"
    path.write_bytes(b"G" + bytes(187) + b"G" + bytes(187))
    assert joints(path, "mpegts") == []
    with pytest.raises(NotFootage):
        remux(path, tmp_path / "copy.mkv", container="mpegts")
