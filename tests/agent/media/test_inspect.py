"""What a copy of a window would hold, told before anything is cut."""

import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from agent.media import facts
from agent.media.facts import Missing, SourceRef, Trim
from agent.media.inspect import inspect
from agent.media.inspect import job as inspect_job
from tests.agent.media.recordings import KINDS, START_US, Recording, packet_count, record, shared

SECOND = 1_000_000


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


@pytest.fixture
def plain(folder: Path) -> Recording:
    return shared(folder, "h264")


def at(seconds: float) -> int:
    return START_US + round(seconds * SECOND)


def moved(files: tuple[SourceRef, ...], by_us: int) -> list[SourceRef]:
    return [replace(ref, start_us=ref.start_us + by_us, end_us=(ref.end_us or 0) + by_us) for ref in files]


@pytest.mark.parametrize("kind", KINDS)
def test_the_copy_starts_at_the_key_frame_before_the_window_or_at_the_first_inside(folder: Path, kind: str) -> None:
    recording = shared(folder, kind)
    seen = inspect(recording.files, at(2.5), at(6.5))
    assert seen.before.first_us == max(key for key in recording.keys if key <= at(2.5))
    assert seen.inside.first_us == min(key for key in recording.keys if key >= at(2.5))
    assert seen.gaps == ()


@pytest.mark.parametrize("kind", ["h264", "h264-varying"])
def test_the_copy_ends_with_the_last_frame_before_the_end(folder: Path, kind: str) -> None:
    recording = shared(folder, kind)
    for end in (at(4.0), at(4.01), at(6.5), recording.times[70], recording.times[70] + 1):
        seen = inspect(recording.files, at(1.2), end)
        assert seen.before.last_us == max(time for time in recording.times if time < end)


@pytest.mark.parametrize("kind", ["h264-reordered", "h264-open-gop", "h265"])
def test_reordered_frames_that_need_a_later_one_than_the_end_are_left_out(folder: Path, kind: str) -> None:
    recording = shared(folder, kind)
    for place in range(60, 75):
        end = recording.times[place]
        last = inspect(recording.files, at(1.2), end).before.last_us
        assert last is not None
        assert recording.times[place - 5] < last < end


def test_a_window_that_starts_at_a_key_frame_needs_nothing_before_it(plain: Recording) -> None:
    seen = inspect(plain.files, at(3), at(5))
    assert seen.before.first_us == seen.inside.first_us == at(3)
    assert [source.path for source in seen.before.stretches[0].sources] == [plain.files[1].path]


def test_a_window_within_one_group_of_pictures_has_nothing_inside_to_start_at(plain: Recording) -> None:
    seen = inspect(plain.files, at(3.3), at(3.6))
    assert (seen.before.first_us, seen.before.last_us) == (at(3), at(3.56))
    assert seen.inside.stretches == ()


@pytest.mark.parametrize(("start", "end"), [(-20, -10), (60, 70)])
def test_a_window_before_or_after_everything_has_no_footage(plain: Recording, start: int, end: int) -> None:
    seen = inspect(plain.files, at(start), at(end))
    assert seen.before.stretches == seen.inside.stretches == ()
    assert [(gap.start_us, gap.end_us) for gap in seen.gaps] == [(at(start), at(end))]


def test_a_window_that_is_wider_than_the_footage_says_what_is_missing_at_both_ends(plain: Recording) -> None:
    seen = inspect(plain.files, at(-5), at(20))
    assert (seen.before.first_us, seen.before.last_us) == (at(0), at(8.96))
    assert seen.before.frames == 225
    assert [(gap.start_us, gap.end_us, gap.kind) for gap in seen.gaps] == [
        (at(-5), at(0), Missing.START),
        (at(9), at(20), Missing.END),
    ]


def test_a_missing_segment_is_a_gap_between_two_stretches(plain: Recording) -> None:
    seen = inspect([plain.files[0], plain.files[2]], at(1), at(8))
    assert [(stretch.first_us, stretch.last_us) for stretch in seen.before.stretches] == [
        (at(1), at(2.96)),
        (at(6), at(7.96)),
    ]
    assert [(gap.start_us, gap.end_us, gap.kind) for gap in seen.gaps] == [(at(3), at(6), Missing.BETWEEN)]


def test_a_window_that_starts_in_a_gap_takes_nothing_from_before_it(plain: Recording) -> None:
    seen = inspect([plain.files[0], plain.files[2]], at(4), at(8))
    assert seen.before.first_us == at(6)
    assert [(gap.start_us, gap.end_us) for gap in seen.gaps] == [(at(4), at(6))]


def test_a_hole_in_the_camera_s_own_times_is_told_and_breaks_no_stretch(tmp_path: Path) -> None:
    recording = record(tmp_path, "h264-hole", seconds=6)
    seen = inspect(recording.files, at(1), at(5))
    assert [(gap.start_us, gap.end_us, gap.kind) for gap in seen.gaps] == [(at(2.4), at(3.6), Missing.WITHIN)]
    assert len(seen.before.stretches) == 1


def test_time_missing_between_segments_is_a_gap_once_it_is_longer_than_the_camera_s_own_pauses(
    plain: Recording,
) -> None:
    late = [plain.files[0], *moved(plain.files[1:], 150_000)]
    assert (len(inspect(late, at(0), at(9)).before.stretches), inspect(late, at(0), at(9)).gaps) == (1, ())
    later = [plain.files[0], *moved(plain.files[1:], 300_000)]
    assert len(inspect(later, at(0), at(9)).before.stretches) == 2
    assert [gap.kind for gap in inspect(later, at(0), at(9)).gaps] == [Missing.BETWEEN]


def test_segments_that_overlap_after_a_clock_step_are_stretches_of_their_own(plain: Recording) -> None:
    stepped = [plain.files[0], *moved(plain.files[1:], -2 * SECOND)]
    seen = inspect(stepped, at(0), at(9))
    assert [stretch.first_us for stretch in seen.before.stretches] == [at(0), at(1)]
    assert seen.before.frames == 225


def test_small_drift_between_segments_neither_breaks_a_stretch_nor_adds_up(plain: Recording) -> None:
    drifting = [
        replace(ref, start_us=ref.start_us - 15_000 * place, end_us=None) for place, ref in enumerate(plain.files)
    ]
    (stretch,) = inspect(drifting, at(0), at(9)).before.stretches
    for source in stretch.sources:
        assert abs(source.placed_us - source.start_us) <= 20_000


def test_another_size_starts_another_stretch(plain: Recording, tmp_path: Path) -> None:
    other = record(tmp_path, "h264", seconds=3, size="320x180", start_us=at(9))
    seen = inspect([*plain.files, *other.files], at(7), at(11))
    assert [(stretch.width, stretch.first_us) for stretch in seen.before.stretches] == [(192, at(7)), (320, at(9))]
    assert seen.gaps == ()


def test_another_codec_starts_another_stretch(plain: Recording, tmp_path: Path) -> None:
    other = record(tmp_path, "h265", seconds=3, start_us=at(9))
    seen = inspect([*plain.files, *other.files], at(7), at(11))
    assert [stretch.codec for stretch in seen.before.stretches] == ["h264", "hevc"]


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, os.urandom(9000), b"\0\0\0\x18ftypisom", b"\x1a\x45\xdf\xa3"])
def test_a_garbage_file_among_them_is_named_and_not_fatal(plain: Recording, tmp_path: Path, content: bytes) -> None:
    garbage = tmp_path / "segment.mp4"
    garbage.write_bytes(content)
    files = [plain.files[0], SourceRef(garbage, at(3), at(6)), plain.files[2]]
    seen = inspect(files, at(1), at(8))
    assert [entry.path for entry in seen.unreadable] == [garbage]
    assert seen.unreadable[0].why
    assert [(gap.start_us, gap.end_us) for gap in seen.gaps] == [(at(3), at(6))]


@pytest.mark.parametrize("kind", ["h264-aac", "h264-g711"])
def test_no_damage_to_a_file_s_tables_does_more_than_make_it_unreadable(
    folder: Path, tmp_path: Path, kind: str
) -> None:
    ref = shared(folder, kind).files[0]
    content, chance = ref.path.read_bytes(), random.Random(7)
    harmed = tmp_path / ref.path.name
    for _ in range(200):
        damaged = bytearray(content)
        # The tables are at the start, and before each fragment.
        for _ in range(chance.randint(1, 4)):
            place = chance.choice([chance.randrange(4000), chance.randrange(len(content))])
            damaged[place] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        harmed.write_bytes(damaged)
        seen = inspect([replace(ref, path=harmed)], at(0), at(3))
        assert seen.before.frames <= 10 * 75


def test_a_segment_that_is_gone_is_named(plain: Recording, tmp_path: Path) -> None:
    seen = inspect([SourceRef(tmp_path / "purged.mp4", at(-3), at(0)), *plain.files], at(-1), at(2))
    assert [entry.path.name for entry in seen.unreadable] == ["purged.mp4"]


@pytest.mark.parametrize("kind", ["h264-reordered", "h264-aac", "h264-g711"])
def test_of_a_torn_segment_what_is_whole_is_used(folder: Path, tmp_path: Path, kind: str) -> None:
    recording = shared(folder, kind)
    ref = recording.files[-1]
    size = ref.path.stat().st_size
    torn = tmp_path / ref.path.name
    for cut in (0.5, 0.8, 0.97):
        shutil.copy(ref.path, torn)
        os.truncate(torn, int(size * cut))
        seen = inspect([replace(ref, path=torn)], ref.start_us, recording.end_us)
        (stretch,) = seen.before.stretches
        assert stretch.first_us == ref.start_us
        assert 0 < stretch.frames <= packet_count(torn)
        assert not stretch.sources[0].whole or kind.endswith("g711")
        assert stretch.sources[0].size <= size * cut


def test_a_window_may_reach_into_a_segment_that_still_grows(plain: Recording, tmp_path: Path) -> None:
    growing = tmp_path / "growing.mp4"
    content = plain.files[2].path.read_bytes()
    growing.write_bytes(content[: len(content) * 2 // 3])
    seen = inspect([*plain.files[:2], SourceRef(growing, at(6), None)], at(5), at(9))
    (stretch,) = seen.before.stretches
    assert at(6) < stretch.last_us < at(8.5)
    assert seen.gaps[-1].kind is Missing.END


def test_only_segments_that_touch_the_window_are_opened(plain: Recording, tmp_path: Path) -> None:
    far = [SourceRef(tmp_path / f"{minute}.mp4", at(9 + 60 * minute), at(69 + 60 * minute)) for minute in range(1, 500)]
    assert inspect([*plain.files, *far], at(4), at(8)).unreadable == ()


def test_figures_are_sums_over_the_packets_that_would_be_copied(folder: Path) -> None:
    recording = shared(folder, "h264-aac")
    (stretch,) = inspect(recording.files, at(2), at(7)).before.stretches
    assert stretch.frames == len([time for time in recording.times if stretch.first_us <= time <= stretch.last_us])
    assert stretch.sound is not None
    assert (stretch.sound.codec, stretch.sound.rate) == ("aac", 48000)
    assert stretch.fps == pytest.approx(25, abs=0.1)
    assert (stretch.gops.shortest, stretch.gops.longest, stretch.gops.longest_us) == (25, 25, SECOND)
    held = sum(source.path.stat().st_size for source in stretch.sources)
    assert held * 0.4 < stretch.video_bytes + stretch.sound_bytes < held


def test_the_job_takes_and_gives_json(plain: Recording) -> None:
    job = {"files": [facts.to_json(ref) for ref in plain.files], "start_us": at(1.5), "end_us": at(7)}
    assert facts.inspection(inspect_job(job, lambda _: None)) == inspect(plain.files, at(1.5), at(7))
    assert facts.inspection(inspect_job(job, lambda _: None)).trimmed(Trim.INSIDE).first_us == at(2)


def test_a_window_that_ends_before_it_starts_is_refused(plain: Recording) -> None:
    with pytest.raises(ValueError, match="end after"):
        inspect(plain.files, at(2), at(2))
