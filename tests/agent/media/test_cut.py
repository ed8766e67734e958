"""Cutting exactly what was approved: checked frame by frame, and with FFmpeg's own hashes."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from agent.media import facts
from agent.media.containers.tables import NotFootage
from agent.media.cut import approved, copy_mp4, payload
from agent.media.cut.cut import cut
from agent.media.cut.hashing import sha256
from agent.media.facts import CutPlan, CutResult, Master, SourceRef, Trim
from agent.media.inspect import inspect
from agent.workers.process import CLIP, run_job
from exchange.durable import DurableFile
from exchange.errors import ClipFailed, FootageChanged
from tests.agent.media.recordings import (
    KINDS,
    START_US,
    Recording,
    ffmpeg,
    packet_count,
    pictures,
    record,
    shared,
    stream_hashes,
)

SECOND = 1_000_000


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


def at(seconds: float) -> int:
    return START_US + round(seconds * SECOND)


def plan_of(files: list[SourceRef] | tuple[SourceRef, ...], start: float, end: float, *, sound: bool = True) -> CutPlan:
    return CutPlan(inspect(files, at(start), at(end)).before.stretches, sound)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def assert_exact(recording: Recording, folder: Path, master: Master) -> None:
    """Every picture of the file is the recording's, at its time; there is no other; and FFmpeg hashes the same."""
    content = (folder / master.file).read_bytes()
    assert (master.sha256, master.crc32) == (hashlib.sha256(content).hexdigest(), zlib.crc32(content))
    shown = pictures(folder / master.file)
    assert [picture for _, picture in shown] == recording.pictures(master.first_us, master.last_us)
    expected = [time - master.first_us for time in recording.times if master.first_us <= time <= master.last_us]
    assert max(abs(time - due) for (time, _), due in zip(shown, expected, strict=True)) <= 1000
    assert shown[0][0] == 0
    assert packet_count(folder / master.file) == master.frames == len(shown)
    assert stream_hashes(folder / master.file) == [track.after for track in master.tracks]
    assert all(track.before == track.after for track in master.tracks)


@pytest.mark.parametrize("kind", KINDS)
def test_the_master_holds_the_approved_frames_and_nothing_else(folder: Path, tmp_path: Path, kind: str) -> None:
    recording = shared(folder, kind)
    (master,) = cut(plan_of(recording.files, 1.5, 7.5), tmp_path).masters
    assert (master.first_us, master.frames) == (max(key for key in recording.keys if key <= at(1.5)), master.frames)
    assert_exact(recording, tmp_path, master)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(start=st.integers(-500, 9200), length=st.integers(1, 7000), trim=st.sampled_from(Trim), sound=st.booleans())
def test_any_window_is_cut_to_the_frame(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, kind: str, start: int, length: int, trim: Trim, sound: bool
) -> None:
    recording = shared(folder, kind)
    end = at((start + length) / 1000)
    would = inspect(recording.files, at(start / 1000), end).trimmed(trim)
    assume(would.stretches)
    out = tmp_path_factory.mktemp("cut")
    (master,) = cut(CutPlan(would.stretches, sound), out).masters
    assert master.last_us < end
    assert_exact(recording, out, master)


@pytest.mark.parametrize("kind", ["h264-aac", "h264-opus", "h264-g711", "h265"])
def test_a_whole_recording_has_the_same_hashes_as_ffmpeg_finds_in_its_segments(
    folder: Path, tmp_path: Path, kind: str
) -> None:
    recording = shared(folder, kind)
    (master,) = cut(plan_of(recording.files, 0, 9), tmp_path).masters
    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"file '{ref.path}'\n" for ref in recording.files))
    joined = ["-f", "concat", "-safe", "0", "-auto_convert", "0", "-i", listed]
    lines = ffmpeg(*joined, "-map", "0:v", "-c", "copy", "-f", "streamhash", "-hash", "sha256", "-").splitlines()
    assert lines[0].rpartition("=")[2] == master.tracks[0].before


@pytest.mark.parametrize("kind", ["h264-reordered", "h265", "h264-aac"])
def test_no_edit_list_hides_a_frame(folder: Path, tmp_path: Path, kind: str) -> None:
    recording = shared(folder, kind)
    (master,) = cut(plan_of(recording.files, 1.5, 7.5), tmp_path).masters
    path = tmp_path / master.file
    counts = [
        ffprobe(*options, "-count_frames", "-select_streams", "v", "-show_entries", "stream=nb_read_frames", path)
        for options in ((), ("-ignore_editlist", "1"))
    ]
    assert counts == [str(master.frames)] * 2
    assert ffprobe("-select_streams", "v", "-show_entries", "stream=start_time", path) == "0.000000"


def ffprobe(*arguments: str | Path) -> str:
    command = ["ffprobe", "-v", "error", "-of", "csv=p=0", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def test_h265_is_tagged_so_that_every_player_takes_it(folder: Path, tmp_path: Path) -> None:
    (master,) = cut(plan_of(shared(folder, "h265").files, 2, 4), tmp_path).masters
    assert ffprobe("-show_entries", "stream=codec_tag_string", tmp_path / master.file) == "hvc1"


def test_sound_stays_within_the_pictures_and_in_step_with_them(folder: Path, tmp_path: Path) -> None:
    (master,) = cut(plan_of(shared(folder, "h264-aac").files, 2.5, 7.1), tmp_path).masters
    times = ffprobe("-select_streams", "a", "-show_entries", "packet=pts_time,duration_time", tmp_path / master.file)
    rows = [tuple(map(float, row.strip(",").split(","))) for row in times.splitlines()]
    assert 0 <= rows[0][0] < 0.03
    assert master.duration_us / SECOND - 0.05 < rows[-1][0] + rows[-1][1] <= master.duration_us / SECOND + 0.001


@pytest.mark.parametrize("kind", ["h264-aac", "h264-g711"])
def test_without_sound_there_is_none_in_the_file(folder: Path, tmp_path: Path, kind: str) -> None:
    recording = shared(folder, kind)
    (master,) = cut(plan_of(recording.files, 2.5, 7.1, sound=False), tmp_path).masters
    assert [track.kind for track in master.tracks] == ["video"]
    assert master.container == "mp4"
    assert ffprobe("-show_entries", "stream=codec_type", tmp_path / master.file) == "video"
    assert_exact(recording, tmp_path, master)


@pytest.mark.parametrize(
    ("kind", "wanted", "said"),
    [
        ("h264-aac", True, "The packets of pictures and sound were copied"),
        ("h264-aac", False, "The packets of pictures only (the sound was left out, as approved) were copied"),
        ("h264", True, "The packets of pictures only (there is no sound in what was copied from) were copied"),
        ("h264", False, "The packets of pictures only (there is no sound in what was copied from) were copied"),
    ],
)
def test_what_was_done_is_said_as_it_was(folder: Path, tmp_path: Path, kind: str, wanted: bool, said: str) -> None:
    files = shared(folder, kind).files
    (several,) = cut(plan_of(files, 2.5, 7.1, sound=wanted), tmp_path / "several").masters
    assert len(several.sources) == 3
    assert several.operation.startswith(f"{said} byte for byte out of 3 recorded files into one MP4 file")
    assert "compared with those files" in several.operation
    (one,) = cut(plan_of(files, 3.2, 4.1, sound=wanted), tmp_path / "one").masters
    assert one.operation.startswith(f"{said} byte for byte out of 1 recorded file into one MP4 file")
    assert "compared with that file" in one.operation


def test_sound_that_mp4_cannot_carry_stays_as_it_is(folder: Path, tmp_path: Path) -> None:
    recording = shared(folder, "h264-g711")
    (master,) = cut(plan_of(recording.files, 1.5, 7.5), tmp_path).masters
    assert (master.container, master.tracks[1].codec) == ("matroska", "pcm_alaw")
    assert_exact(recording, tmp_path, master)


def test_each_stretch_becomes_a_master(folder: Path, tmp_path: Path) -> None:
    first = shared(folder, "h264")
    other = record(tmp_path / "other", "h264", seconds=3, size="320x180", start_us=at(9))
    files = [first.files[0], first.files[2], *other.files]
    masters = cut(plan_of(files, 1, 11), tmp_path / "out").masters
    assert [(master.first_us, master.width) for master in masters] == [(at(1), 192), (at(6), 192), (at(9), 320)]
    for master, recording in zip(masters, (first, first, other), strict=True):
        assert_exact(recording, tmp_path / "out", master)


def test_every_source_is_named_with_its_hash(folder: Path, tmp_path: Path) -> None:
    recording = shared(folder, "h264")
    (master,) = cut(plan_of(recording.files, 1.5, 7.5), tmp_path).masters
    told = subprocess.run(
        ["sha256sum", *(str(ref.path) for ref in recording.files)], check=True, capture_output=True, text=True
    ).stdout
    assert [source.sha256 for source in master.sources] == [line.split()[0] for line in told.splitlines()]
    assert all(source.whole for source in master.sources)
    assert master.sha256 == sha256(tmp_path / master.file)


@pytest.mark.parametrize("kind", ["h264-aac", "h264-g711"])
def test_the_same_plan_gives_the_same_bytes_again_even_over_what_a_crash_left(
    folder: Path, tmp_path: Path, kind: str
) -> None:
    plan = plan_of(shared(folder, kind).files, 1.5, 7.5)
    once = cut(plan, tmp_path / "once")
    (master,) = once.masters
    name = Path(master.file).name
    (tmp_path / "again" / "master").mkdir(parents=True)
    (tmp_path / "again" / "master" / f".{name}.unfinished").write_bytes(b"half")
    assert cut(plan, tmp_path / "again") == once
    assert cut(plan, tmp_path / "again") == once
    assert left(tmp_path / "again") == left(tmp_path / "once")
    for each in left(tmp_path / "once"):
        (one,), (two,) = (list((tmp_path / where).rglob(each)) for where in ("once", "again"))
        assert one.read_bytes() == two.read_bytes()


def test_killed_in_the_middle_it_leaves_no_master_and_ends_well_the_next_time(folder: Path, tmp_path: Path) -> None:
    plan = plan_of(shared(folder, "h264").files, 1.5, 7.5)
    killed = (
        "import os, signal, sys, json; from agent.media.cut import cut, copy_mp4\n"
        "copy_mp4._prove = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "cut.job(json.load(sys.stdin), print)"
    )
    order = subprocess.run(
        [sys.executable, "-c", killed],
        input=json.dumps({"plan": facts.to_json(plan), "out_dir": str(tmp_path / "out")}),
        text=True,
        timeout=60,
        check=False,
    )
    assert order.returncode == -signal.SIGKILL
    assert [name for name in left(tmp_path / "out") if not name.endswith(".unfinished")] == []
    assert cut(plan, tmp_path / "out") == cut(plan, tmp_path / "fresh")
    assert left(tmp_path / "out") == left(tmp_path / "fresh")


def test_a_segment_that_grew_since_the_plan_gives_what_was_approved(folder: Path, tmp_path: Path) -> None:
    recording = shared(folder, "h264-reordered")
    growing = tmp_path / "growing.mp4"
    content = recording.files[2].path.read_bytes()
    growing.write_bytes(content[: len(content) * 3 // 4])
    plan = plan_of([*recording.files[:2], SourceRef(growing, at(6), None)], 5, 9)
    before = cut(plan, tmp_path / "before")
    growing.write_bytes(content)
    assert cut(plan, tmp_path / "after") == before


@pytest.mark.parametrize("harm", ["gone", "shorter", "other"])
def test_segments_that_are_no_longer_what_was_approved_are_not_cut(folder: Path, tmp_path: Path, harm: str) -> None:
    recording = shared(folder, "h264")
    copies = []
    for ref in recording.files:
        path = tmp_path / ref.path.name
        path.write_bytes(ref.path.read_bytes())
        copies.append(replace(ref, path=path))
    plan = plan_of(copies, 1.5, 7.5)
    target = copies[1].path
    if harm == "gone":
        target.unlink()
    elif harm == "shorter":
        os.truncate(target, target.stat().st_size // 2)
    else:
        target.write_bytes(copies[0].path.read_bytes() + b"\0" * 1_000_000)
    with pytest.raises(FootageChanged):
        cut(plan, tmp_path / "out")
    assert left(tmp_path / "out") == []


@pytest.mark.parametrize("piece", [1, 2, -1])
def test_a_file_that_differs_in_one_bit_from_what_was_written_is_never_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    """By the disk's fault, in the header (1), in the first packets behind it, or in the last."""

    class Faulty(DurableFile):
        pieces = 0

        def write(self, buffer: bytes | bytearray | memoryview) -> int:
            count = super().write(buffer)
            self.pieces += 1
            if self.pieces == piece or (piece < 0 and len(buffer) < payload.PIECE and self.pieces > 2):
                with self.path.open("r+b") as stream:
                    stream.seek(self._written - 100)
                    byte = stream.read(1)
                    stream.seek(-1, os.SEEK_CUR)
                    stream.write(bytes((byte[0] ^ 4,)))
            return count

    monkeypatch.setattr(copy_mp4, "DurableFile", Faulty)
    with pytest.raises(ClipFailed, match="its header is not" if piece == 1 else "does not hold the packets"):
        cut(plan_of(shared(folder, "h264").files, 1.5, 7.5), tmp_path)
    assert left(tmp_path) == []


@pytest.mark.parametrize("fails", ["writing", "proving"])
def test_whichever_fails_the_other_ends_and_nothing_is_left(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    class Full(DurableFile):
        def write(self, buffer: bytes | bytearray | memoryview) -> int:
            if self._written:
                raise OSError(errno.EIO, "Input/output error")
            return super().write(buffer)

    def changed(*_: object) -> object:
        raise NotFootage("it became shorter while it was copied")

    if fails == "writing":
        monkeypatch.setattr(copy_mp4, "DurableFile", Full)
    else:
        monkeypatch.setattr(copy_mp4, "in_one_reading", changed)
    with pytest.raises(ClipFailed, match="Input/output error" if fails == "writing" else "became shorter"):
        cut(plan_of(shared(folder, "h264").files, 1.5, 7.5), tmp_path)
    assert left(tmp_path) == []


def test_a_full_disk_is_told_and_nothing_is_left(folder: Path, tmp_path: Path) -> None:
    plan = plan_of(shared(folder, "h264").files, 1.5, 7.5)
    script = (
        "import json, sys; from agent.media.cut import cut; from exchange.errors import DiskFull\n"
        "from pathlib import Path\n"
        "try: cut.job(json.load(sys.stdin), lambda _: None)\n"
        "except DiskFull: print('full', [p for p in Path(sys.argv[1]).rglob('*') if p.is_file()])"
    )
    small = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
             'mount -t tmpfs -o size=64k tmpfs "$1" && exec "$2" -c "$3" "$1"',
             "sh", str(tmp_path), sys.executable, script]  # fmt: skip
    order = json.dumps({"plan": facts.to_json(plan), "out_dir": str(tmp_path)})
    done = subprocess.run(small, input=order, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "full []"


def test_frames_with_equal_times_are_all_kept(folder: Path, tmp_path: Path) -> None:
    files = shared(folder, "h264").files
    plan = plan_of(files, 0, 3)
    found = approved.find(plan.stretches[0], sound=False)
    found.video_us[10] = found.video_us[9]
    timing = approved.video_out(found).timing
    assert len(timing.deltas) == len(found.video_us)
    assert min(timing.deltas) == 1
    assert timing.offsets == []


async def test_the_worker_cuts_within_its_limits_and_tells_how_far_it_is(folder: Path, tmp_path: Path) -> None:
    recording = shared(folder, "h264-g711")
    plan = plan_of(recording.files, 1.5, 7.5)
    told: list[dict[str, int]] = []
    result = await run_job(
        "agent.media.cut.cut:job",
        {"plan": facts.to_json(plan), "out_dir": str(tmp_path)},
        limits=CLIP,
        progress=told.append,
    )
    made: CutResult = facts.cut_result(result)
    assert_exact(recording, tmp_path, made.masters[0])
    assert told[-1]["bytes"] == told[-1]["total"] > 0
    assert {"Handover's copier", "FFmpeg", "PyAV", "libavformat"} < set(made.tools)


def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no name"):
        cut(CutPlan((), True, name="../elsewhere"), tmp_path)
