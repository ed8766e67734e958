"""Files whose times, tracks or clocks are odd: what is in them comes out in its own hour, and what doesn't is said."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from agent.footage.files.broken_times import mended
from agent.footage.files.place import job as placing_job
from agent.media.cut.cut import cut
from agent.media.facts import CutPlan, Inspection, SourceRef, Trim
from agent.media.inspect import inspect
from agent.sources.device.jobs import test_job as folder_test_job
from exchange.clock import HOUR, MINUTE, SECOND, from_rfc3339
from tests.agent.media.recordings import ffmpeg
from tests.sources.brands.test_folder import Folder

START = from_rfc3339("2026-06-10T10:00:00Z")
NAME = "20260610_100000"


def clip(tmp_path: Path, seconds: int = 10, *, look: int = 0, group: int = 5, codec: str = "libx264") -> Path:
    """Five pictures a second, 64x48, a key frame each ``group`` pictures."""
    path = tmp_path / f"clip-{seconds}-{look}-{group}-{codec}.mp4"
    if not path.exists():
        more = ["-preset", "ultrafast", "-bf", "0", "-keyint_min", str(group), "-sc_threshold", "0"]
        ffmpeg("-f", "lavfi", "-i", f"testsrc2=size=64x48:rate=5:duration={seconds}", "-vf", f"hue=h={look}",
               "-pix_fmt", "yuv420p" if codec != "mjpeg" else "yuvj420p", "-c:v", codec, "-g", str(group),
               *(more if codec == "libx264" else []), path)  # fmt: skip
    return path


def changed(source: Path, target: Path, change: Callable[[int, Any, int], None], kind: str, **options: str) -> Path:
    """The packets of a file again, each as ``change(number, packet, count)`` leaves it."""
    with av.open(str(source)) as reading, av.open(str(target), "w", format=kind, options=options) as writing:
        stream = writing.add_stream_from_template(reading.streams.video[0])
        packets = [packet for packet in reading.demux(video=0) if packet.size]
        for number, packet in enumerate(packets):
            change(number, packet, len(packets))
            packet.stream = stream
            writing.mux(packet)
    return target


def transport_stream(source: Path, target: Path, *more: str) -> bytes:
    ffmpeg("-i", source, "-c", "copy", *more, "-f", "mpegts", target)
    return target.read_bytes()


def put(folder: Folder, name: str, content: bytes | Path) -> None:
    source = folder.tmp_path / "content"
    source.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    folder.add(name, source)


class Brought:
    """What a window's files come to: placed, inspected and cut."""

    def __init__(self, folder: Folder, first: float, last: float) -> None:
        start, end = START + round(first * SECOND), START + round(last * SECOND)
        into = folder.tmp_path / "into"
        self.look = folder.look(start, end)
        files = [each for span in self.look["spans"] for each in folder.fetch(span, into)["files"]]
        files = [each | {"uncertainty_us": 0, "clock": "name"} for each in files]
        self.placed = placing_job({"into": str(into), "files": files}, lambda _: None)["files"]
        refs = [SourceRef(into / each["name"], each["start"], each["end"]) for each in self.placed]
        self.found: Inspection = inspect(refs, start, end)
        self.stretches = self.found.trimmed(Trim.BEFORE).stretches
        self.gaps = [(gap.start_us, gap.end_us) for gap in self.found.gaps]
        self.notes = " ".join(note for each in self.placed for note in each["notes"])
        self.notes += " ".join(each["remux"]["done"] for each in self.placed if each["remux"])
        self.cut = cut(CutPlan(self.stretches, sound=True), folder.tmp_path) if self.stretches else None

    @property
    def frames(self) -> int:
        return sum(each.frames for each in self.stretches)


def test_a_last_picture_that_lasts_for_hours_hides_no_later_file(tmp_path: Path) -> None:
    folder = Folder(tmp_path, zone="UTC")

    def last_long(number: int, packet: Any, count: int) -> None:
        if number == count - 1:
            packet.duration = int(2 * 3600 / packet.time_base)

    options = {"movflags": "+frag_keyframe+empty_moov+default_base_moof", "use_editlist": "0"}
    put(folder, f"{NAME}.mp4", changed(clip(tmp_path), tmp_path / "long.mp4", last_long, "mp4", **options))
    put(folder, "20260610_100010.mp4", clip(tmp_path, look=90))
    brought = Brought(folder, 5, 18)
    assert (brought.gaps, brought.frames, len(brought.placed)) == ([], 65, 2)


def test_a_clip_in_another_file_s_hole_is_used_and_the_hole_s_ends_too(tmp_path: Path) -> None:
    folder = Folder(tmp_path, zone="UTC")

    def hole(number: int, packet: Any, count: int) -> None:
        if number >= count // 2:
            packet.pts += int(60 / packet.time_base)
            packet.dts = packet.pts

    put(folder, f"{NAME}.mp4", changed(clip(tmp_path), tmp_path / "hole.mp4", hole, "mp4"))
    put(folder, "20260610_100020.mp4", clip(tmp_path, look=90))
    brought = Brought(folder, 0, 70)
    assert brought.frames == 100
    assert brought.gaps == [
        (START + 5 * SECOND, START + 20 * SECOND),
        (START + 30 * SECOND, START + 65 * SECOND),
    ]


@pytest.mark.parametrize(("kind", "ending"), [("mpegts", "ts"), ("matroska", "mkv"), ("mp4", "mp4")])
def test_a_picture_with_a_wild_time_costs_no_picture_and_moves_none(tmp_path: Path, kind: str, ending: str) -> None:
    folder = Folder(tmp_path, zone="UTC")

    def stamp(number: int, packet: Any, _count: int) -> None:
        if number in (27, 37):
            packet.pts += int(3 * 3600 / packet.time_base)

    put(folder, f"{NAME}.{ending}", changed(clip(tmp_path), tmp_path / "stamped", stamp, kind))
    put(folder, "20260610_100010.mp4", clip(tmp_path, look=90))
    brought = Brought(folder, 2, 18)
    assert (brought.gaps, brought.frames) == ([], 80)
    assert "2 pictures have time stamps far from those around" in brought.notes


@pytest.mark.parametrize(
    "wild", [{27: 10_800}, {27: -9000}, {27: 5000, 28: -77}, {0: 90_000}, {0: -90_000}, {49: 90_000}]
)
def test_single_wild_times_are_known_wherever_they_are(wild: dict[int, int]) -> None:
    right = [index * 200 for index in range(50)]
    found = mended([time + wild.get(index, 0) * 1000 for index, time in enumerate(right)], 1000)
    assert found.times == {index: right[index] for index in wild}
    assert found.restarts == ()


@pytest.mark.parametrize("gap", [11, 600, 7200])
def test_a_hole_in_a_recording_is_no_wild_time(gap: int) -> None:
    times = [index * 200 + (gap * 1000 if index >= 40 else 0) for index in range(60)]
    found = mended(times, 1000)
    assert (found.times, found.restarts) == ({}, ())


@pytest.mark.parametrize("back", [8, 600, 20 * 3600])
def test_where_a_clock_begins_anew_is_found(back: int) -> None:
    times = [index * 200 - (back * 1000 if index >= 30 else 0) for index in range(60)]
    assert mended(times, 1000).restarts == (30,)


def test_a_clock_of_33_bits_that_falls_back_looks_as_if_it_leapt_ahead() -> None:
    times = [3600 * 90_000 + index * 18_000 for index in range(50)]
    again = [(1 << 33) + index * 18_000 for index in range(50)]
    assert mended(times + again, 90_000).restarts == (50,)


def test_a_transport_stream_whose_clock_begins_anew_is_used_to_its_end_and_says_so(tmp_path: Path) -> None:
    folder = Folder(tmp_path, zone="UTC")
    first = transport_stream(clip(tmp_path, 42), tmp_path / "first.ts")
    put(folder, f"{NAME}.ts", first + transport_stream(clip(tmp_path, look=90), tmp_path / "second.ts"))
    within = Brought(folder, 32, 38)
    assert (within.gaps, within.frames) == ([], 30)
    behind = Brought(folder, 45, 50)
    assert (behind.gaps, behind.frames >= 25) == ([], True)
    assert "begins anew" in behind.notes


def test_a_clock_put_back_by_seconds_inside_a_transport_stream_loses_nothing(tmp_path: Path) -> None:
    folder = Folder(tmp_path, zone="UTC")
    whole = clip(tmp_path, 42)
    first = transport_stream(whole, tmp_path / "first.ts", "-t", "21", "-output_ts_offset", "100")
    ffmpeg("-ss", "21", "-i", whole, "-c", "copy", "-output_ts_offset", "113", "-f", "mpegts", tmp_path / "second.ts")
    put(folder, f"{NAME}.ts", first + (tmp_path / "second.ts").read_bytes())
    brought = Brought(folder, 0, 40)
    assert brought.gaps == []
    assert brought.frames >= 197


def test_of_a_block_of_several_recordings_the_first_is_used_and_the_next_is_told(tmp_path: Path) -> None:
    folder = Folder(tmp_path, zone="UTC")
    blocks = []
    for number, (look, offset) in enumerate(((0, 3600), (90, 0))):
        path = tmp_path / f"{number}.ps"
        to_start_codes = ["-c", "copy", "-bsf:v", "h264_mp4toannexb"]
        ffmpeg("-i", clip(tmp_path, look=look), *to_start_codes, "-output_ts_offset", str(offset), "-f", "vob", path)
        blocks.append(path.read_bytes())
    put(folder, f"{NAME}.mpg", b"".join(blocks))
    brought = Brought(folder, 2, 8)
    assert 30 <= brought.frames <= 40
    assert "goes on with another recording, of a time that is not known" in brought.notes
    (placed,) = brought.placed
    assert abs(placed["end"] - placed["start"] - 10 * SECOND) <= SECOND


def test_an_avi_is_as_long_as_its_stream_though_its_first_header_tells_less(tmp_path: Path) -> None:
    folder = Folder(tmp_path, zone="UTC")
    made = tmp_path / "open.avi"
    ffmpeg("-i", clip(tmp_path, 42, codec="mjpeg"), "-c", "copy", made)
    content = bytearray(made.read_bytes())
    struct.pack_into("<I", content, content.index(b"avih") + 8 + 16, 20)
    put(folder, f"{NAME}.avi", bytes(content))
    assert Brought(folder, 30, 38).frames == 40


def test_an_mp4_is_as_long_as_its_pictures_though_its_header_tells_less(tmp_path: Path) -> None:
    folder = Folder(tmp_path, zone="UTC")
    content = bytearray(clip(tmp_path, 42).read_bytes())
    struct.pack_into(">I", content, content.index(b"mvhd") + 20, 5000)
    put(folder, f"{NAME}.mp4", bytes(content))
    assert Brought(folder, 30, 38).frames == 40


def test_an_flv_whose_clock_begins_anew_is_used_to_its_end(tmp_path: Path) -> None:
    folder = Folder(tmp_path, zone="UTC")
    parts = []
    for look, seconds in ((0, 42), (90, 10)):
        path = tmp_path / f"{look}.flv"
        ffmpeg("-i", clip(tmp_path, seconds, look=look), "-c", "copy", "-f", "flv", path)
        parts.append(path.read_bytes())
    put(folder, f"{NAME}.flv", parts[0] + parts[1][13:])
    assert Brought(folder, 32, 38).frames == 30


@pytest.mark.parametrize("named_end", [True, False])
def test_a_bare_stream_that_tells_no_rate_is_laid_over_its_name_s_time(tmp_path: Path, named_end: bool) -> None:
    folder = Folder(tmp_path, zone="UTC")
    bare = tmp_path / "bare.h264"
    ffmpeg("-i", clip(tmp_path), "-c", "copy", "-bsf:v", "h264_mp4toannexb", bare)
    put(folder, f"{NAME}_20260610_100010.h264" if named_end else f"{NAME}.h264", bare)
    brought = Brought(folder, 0, 10 if named_end else 2)
    assert brought.frames == 50  # without an end in its name, at 25 a second


@pytest.mark.parametrize("codec", ["pcm_alaw", "pcm_mulaw"])
@pytest.mark.parametrize("kind", ["mov", "mp4"])
def test_telephone_sound_in_a_plain_mp4_or_quicktime_file_comes_with_the_pictures(
    tmp_path: Path, codec: str, kind: str
) -> None:
    folder = Folder(tmp_path, zone="UTC")
    made = tmp_path / "made"
    sine = ["-f", "lavfi", "-i", "sine=f=440:sample_rate=8000:duration=10"]
    ffmpeg("-i", clip(tmp_path), *sine, "-c:v", "copy", "-c:a", codec, "-f", "mov", made)
    put(folder, f"{NAME}.{kind}", made)
    brought = Brought(folder, 2, 8)
    assert brought.frames == 30
    assert {each.sound.codec for each in brought.stretches if each.sound} == {codec}
    assert brought.cut is not None
    (master,) = brought.cut.masters
    assert [track.kind for track in master.tracks] == ["video", "audio"]


@pytest.mark.parametrize(("codec", "kind"), [("mpeg4", "mp4"), ("mjpeg", "mov"), ("mpeg4", "avi"), ("mjpeg", "mkv")])
def test_older_codecs_come_out_of_any_container(tmp_path: Path, codec: str, kind: str) -> None:
    folder = Folder(tmp_path, zone="UTC")
    made = tmp_path / f"made.{kind}"
    ffmpeg("-i", clip(tmp_path, codec=codec), "-c", "copy", made)
    put(folder, f"{NAME}.{kind}", made)
    brought = Brought(folder, 2, 8)
    assert brought.frames == 30
    assert brought.cut is not None


def test_sound_that_no_copy_can_carry_never_fails_the_pictures_and_is_told(tmp_path: Path) -> None:
    folder = Folder(tmp_path, zone="UTC")
    made = tmp_path / "latm.ts"
    sine = ["-f", "lavfi", "-i", "sine=f=440:sample_rate=16000:duration=10"]
    ffmpeg("-i", clip(tmp_path), *sine, "-c:v", "copy", "-c:a", "aac", "-f", "mpegts", "-mpegts_flags", "latm", made)
    put(folder, f"{NAME}.ts", made)
    brought = Brought(folder, 2, 8)
    assert brought.frames == 30
    assert all(each.sound for each in brought.stretches) or "can't be carried by the copy" in brought.notes


def test_pictures_that_begin_after_the_sound_are_placed_by_the_first_picture(tmp_path: Path) -> None:
    for ending in ("mp4", "ts", "mkv"):
        work = tmp_path / ending
        work.mkdir()
        folder = Folder(work, zone="UTC")
        made = work / f"late.{ending}"
        sine = ["-f", "lavfi", "-i", "sine=f=440:sample_rate=16000:duration=16"]
        ffmpeg(
            "-itsoffset",
            "6",
            "-i",
            clip(work),
            *sine,
            "-map",
            "0:v",
            "-map",
            "1:a",
            "-c:v",
            "copy",
            "-c:a",
            "aac",
            made,
        )
        put(folder, f"{NAME}.{ending}", made)
        brought = Brought(folder, 1, 14)
        assert abs(brought.stretches[0].first_us - START - 6 * SECOND) < SECOND // 10
        assert "before its first picture" in brought.notes


def test_a_second_track_of_pictures_is_left_out_and_told(tmp_path: Path) -> None:
    for ending in ("mp4", "ts"):
        work = tmp_path / ending
        work.mkdir()
        folder = Folder(work, zone="UTC")
        made = work / f"two.{ending}"
        ffmpeg("-i", clip(work), "-i", clip(work, look=90), "-map", "0:v", "-map", "1:v", "-c", "copy", made)
        put(folder, f"{NAME}.{ending}", made)
        assert "The file has 2 tracks of pictures; only the first is used." in Brought(folder, 2, 8).notes


def test_damaged_packets_are_left_out_counted_and_told(tmp_path: Path) -> None:
    folder = Folder(tmp_path, zone="UTC")
    content = transport_stream(clip(tmp_path), tmp_path / "whole.ts")
    packets = [content[at : at + 188] for at in range(0, len(content), 188)]
    video = [at for at, each in enumerate(packets) if (each[1] & 31) << 8 | each[2] == 256]
    lost = {video[len(video) * share // 10 + 1] for share in range(3, 8)}
    put(folder, f"{NAME}.ts", b"".join(each for at, each in enumerate(packets) if at not in lost))
    brought = Brought(folder, 0, 10)
    assert "5 packets, of which parts were lost, were left out." in brought.notes
    assert 40 <= brought.frames <= 45


def test_a_stream_joined_long_before_a_key_frame_is_used_from_it_on(tmp_path: Path) -> None:
    folder = Folder(tmp_path, zone="UTC")
    content = transport_stream(clip(tmp_path, 45, group=100), tmp_path / "whole.ts")
    packets = [content[at : at + 188] for at in range(0, len(content), 188)]
    starts = [at for at, each in enumerate(packets) if (each[1] & 31) << 8 | each[2] == 256 and each[1] & 64]
    put(folder, f"{NAME}.ts", b"".join(packets[: starts[0]] + packets[starts[10] :]))
    brought = Brought(folder, 20, 28)
    assert brought.gaps == []
    assert brought.stretches[0].first_us == START + 18 * SECOND


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_pictures_that_are_to_be_turned_stay_so(tmp_path: Path, turn: int) -> None:
    folder = Folder(tmp_path, zone="UTC")
    made = tmp_path / "turned.mp4"
    ffmpeg("-i", clip(tmp_path), "-c", "copy", "-metadata:s:v:0", f"rotate={turn}", made)
    put(folder, f"{NAME}.mp4", made)
    brought = Brought(folder, 2, 8)
    assert brought.cut is not None
    (master,) = brought.cut.masters
    with av.open(str(made)) as before, av.open(str(tmp_path / master.file)) as after:
        turns = {next(iter(each.decode(video=0))).rotation for each in (before, after)}
    assert len(turns) == 1
    assert turns != {0}


def test_one_folder_of_several_cameras_is_told_and_one_can_be_chosen(tmp_path: Path) -> None:
    folder = Folder(tmp_path, zone="UTC")
    put(folder, f"{NAME}_Kitchen.mp4", clip(tmp_path))
    put(folder, "20260610_100030_BackDoor.mp4", clip(tmp_path, look=90))

    def tested() -> list[str]:
        return list(folder_test_job(folder.order() | {"start": 0, "end": 1}, lambda _: None)["wrong"])

    (wrong,) = tested()
    assert wrong.startswith("The files' names differ: BackDoor (1), Kitchen (1).")
    both = folder.look(START, START + MINUTE)
    assert len(both["spans"]) == 2
    assert both["notes"] == [wrong]
    assert folder.look(START, START + 15 * SECOND)["notes"] == []
    folder.options["only"] = "*backdoor*"
    assert tested() == []
    (span,) = folder.look(START, START + MINUTE)["spans"]
    assert span["start"] == START + 30 * SECOND


@pytest.mark.parametrize(
    "names",
    [
        [
            f"front-{1781085600 + 10 * number}.5-{code}.mp4"
            for number, code in enumerate(("ab3", "x9f", "qqz", "a1b", "kzx"))
        ],
        ["RecM01_20260610_100000_100010_6D28900_13CE8C7.mp4", "RecM01_20260610_100010_100020_6D28A00_53CE8C7.mp4"],
        ["20260610/front/10-00-00.mp4", "20260610/front/10-00-30.mp4"],
    ],
)
def test_numbers_in_names_are_no_cameras(tmp_path: Path, names: list[str]) -> None:
    folder = Folder(tmp_path, zone="UTC")
    for name in names:
        put(folder, name, clip(tmp_path))
    assert folder.look(START, START + HOUR)["notes"] == []
