"""Every footage source, put through the same cases. A new source is a line in ``SOURCES``, and its counterpart."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from agent.footage.source import Coverage, FetchCancelled, FootageSource, GapReason, SourceFile, narrowed
from exchange.clock import MINUTE, SECOND, Window, from_rfc3339
from exchange.errors import (
    CameraAnswerInvalid,
    CameraRefused,
    CameraUnreachable,
    HandoverError,
    NoFootage,
)
from tests.sources.counterpart.dahua import DahuaByTimeUnderTest, DahuaUnderTest
from tests.sources.counterpart.folder import FOLDERS
from tests.sources.counterpart.frigate import FrigateClipUnderTest, FrigateUnderTest
from tests.sources.counterpart.hikvision import HikvisionUnderTest, HikvisionUtcUnderTest
from tests.sources.counterpart.made_up import MadeUpUnderTest
from tests.sources.counterpart.mediamtx import MediaMtxUnderTest
from tests.sources.counterpart.onvif_replay import OnvifReplayUnderTest
from tests.sources.counterpart.pieces import Piece, ShiftedClock, brought, piece
from tests.sources.counterpart.recorder import RecorderUnderTest
from tests.sources.counterpart.reolink import ReolinkUnderTest
from tests.sources.counterpart.under_test import CAMERA, Case, Fault, SourceUnderTest
from tests.sources.counterpart.unifi import UnifiUnderTest

SOURCES: tuple[type[SourceUnderTest], ...] = (
    RecorderUnderTest,
    *FOLDERS,
    HikvisionUnderTest,
    HikvisionUtcUnderTest,
    DahuaUnderTest,
    DahuaByTimeUnderTest,
    MadeUpUnderTest,
    MediaMtxUnderTest,
    OnvifReplayUnderTest,
    FrigateUnderTest,
    FrigateClipUnderTest,
    ReolinkUnderTest,
    UnifiUnderTest,
)

MOMENT = "2026-06-10T10:00:00Z"
_COVERED: set[Case] = set()


def every_source(case: Case) -> Callable[[Callable[..., object]], pytest.MarkDecorator]:
    """The test runs against every source but those that say why the case can't apply to them."""
    _COVERED.add(case)
    able = [pytest.param(each, id=each.name) for each in SOURCES if case not in each.cannot]
    return pytest.mark.parametrize("under", able, indirect=True)


@pytest.fixture
def under(request: pytest.FixtureRequest, tmp_path: Path) -> SourceUnderTest:
    made: SourceUnderTest = request.param(tmp_path, ShiftedClock(from_rfc3339(MOMENT) + 10 * MINUTE))
    return made


async def laid(under: SourceUnderTest, *pieces: Piece, growing: bool = False) -> None:
    """The device holds these; it is ten minutes later than the last of them (a second, if that is still written)."""
    under.clock.stand(max(each.end for each in pieces) + (SECOND if growing else 10 * MINUTE))
    await under.lay(*pieces, growing=growing)


async def fetched(source: FootageSource, window: Window, into: Path) -> tuple[Coverage, list[SourceFile]]:
    """All that the source has of a window, fetched into a folder a span."""
    coverage = await source.coverage(CAMERA, window)
    files: list[SourceFile] = []
    for index, span in enumerate(coverage.spans):
        folder = into / f"span-{index}"
        folder.mkdir(parents=True, exist_ok=True)
        files += await source.fetch(narrowed(span, window), folder)
    return coverage, files


def assert_truly(under: SourceUnderTest, files: Iterable[SourceFile], pieces: Iterable[Piece], whole: Window) -> None:
    """Every frame of the window was brought, once or more; none that never was there, or was at another time."""
    truth = [frame for each in pieces for frame in each.frames]
    came = brought(files)
    for at, picture in came:
        near = [time for time, known in truth if known == picture and abs(time - at) <= under.precision]
        assert near, f"a frame at {at} that was never recorded there"
    for at, picture in truth:
        if whole.start + under.precision <= at < whole.end - under.precision:
            assert any(known == picture and abs(time - at) <= under.precision for time, known in came), (
                f"the frame at {at} is missing"
            )


def assert_gaps(under: SourceUnderTest, coverage: Coverage, *expected: Window) -> None:
    assert len(coverage.gaps) == len(expected)
    for gap, wanted in zip(coverage.gaps, expected, strict=True):
        assert abs(gap.window.start - wanted.start) <= under.precision
        assert abs(gap.window.end - wanted.end) <= under.precision


def around(piece: Piece, before: int = 0, after: int = 0) -> Window:
    return Window(piece.start - before * SECOND, piece.end + after * SECOND)


def inner(piece: Piece, by: int = 2) -> Window:
    return Window(piece.start + by * SECOND, piece.end - by * SECOND)


# -- what is there, and when -----------------------------------------------------------------------------------------


@every_source(Case.MIDNIGHT)
@pytest.mark.parametrize("start", ["2026-06-10T23:59:57Z", "2026-06-10T22:59:57Z", "2026-12-31T23:59:57Z"])
async def test_footage_across_midnight_is_found_whole(under: SourceUnderTest, tmp_path: Path, start: str) -> None:
    over = piece(start)
    await laid(under, over)
    async with under.source() as source:
        coverage, files = await fetched(source, inner(over, 1), tmp_path / "into")
    assert not coverage.gaps
    assert_truly(under, files, [over], inner(over, 1))


@every_source(Case.GAP)
async def test_a_gap_is_told_and_nothing_is_joined_over_it(under: SourceUnderTest, tmp_path: Path) -> None:
    first = piece(MOMENT)
    second = piece(first.end + 20 * SECOND, look=1)
    window = Window(first.start + 2 * SECOND, second.end - 2 * SECOND)
    await laid(under, first, second)
    async with under.source() as source:
        coverage, files = await fetched(source, window, tmp_path / "into")
    assert_gaps(under, coverage, Window(first.end, second.start))
    assert len(files) >= 2
    assert_truly(under, files, [first, second], window)


@every_source(Case.SPRING)
async def test_footage_while_the_clocks_are_put_forward_is_at_its_true_time(
    under: SourceUnderTest, tmp_path: Path
) -> None:
    over = piece("2026-03-29T00:59:57Z")
    after = piece("2026-03-29T01:30:00Z", look=1)
    await laid(under, over, after)
    async with under.source() as source:
        for each in (over, after):
            coverage, files = await fetched(source, inner(each, 1), tmp_path / str(each.start))
            assert not coverage.gaps
            assert_truly(under, files, [over, after], inner(each, 1))


@every_source(Case.AUTUMN)
@pytest.mark.parametrize("minute", [0, 30])
async def test_the_hour_that_comes_twice_is_told_apart(under: SourceUnderTest, tmp_path: Path, minute: int) -> None:
    first = piece(f"2026-10-25T00:{minute:02d}:10Z", look=1)
    over = piece("2026-10-25T00:59:57Z", look=3)
    second = piece(f"2026-10-25T01:{minute:02d}:10Z", look=2)
    await laid(under, first, over, second)
    async with under.source() as source:
        for each in (first, over, second):
            coverage, files = await fetched(source, inner(each, 1), tmp_path / str(each.start))
            assert not coverage.gaps
            assert_truly(under, files, [first, over, second], inner(each, 1))


@every_source(Case.PARTLY_MISSING)
async def test_of_a_window_that_is_partly_there_the_rest_is_a_gap(under: SourceUnderTest, tmp_path: Path) -> None:
    there = piece(MOMENT)
    window = around(there, 30, 60)
    await laid(under, there)
    async with under.source() as source:
        coverage, files = await fetched(source, window, tmp_path / "into")
    assert_gaps(under, coverage, Window(window.start, there.start), Window(there.end, window.end))
    assert_truly(under, files, [there], window)


@every_source(Case.WHOLLY_MISSING)
async def test_a_window_without_footage_is_a_gap_and_no_error(under: SourceUnderTest) -> None:
    there = piece(MOMENT)
    await laid(under, there)
    async with under.source() as source:
        for window in (
            Window(there.start - 300 * SECOND, there.start - 60 * SECOND),
            Window(there.end + 60 * SECOND, there.end + 300 * SECOND),
        ):
            coverage = await source.coverage(CAMERA, window)
            assert not coverage.spans
            assert [gap.window for gap in coverage.gaps] == [window]


@every_source(Case.STILL_WRITTEN)
async def test_what_is_still_being_written_is_said_to_grow(under: SourceUnderTest) -> None:
    before = piece(MOMENT)
    growing = piece(before.end, look=1)
    await laid(under, before, growing, growing=True)
    later = Window(before.start, growing.end + 60 * SECOND)
    async with under.source() as source:
        coverage = await source.coverage(CAMERA, later)
    assert coverage.growing_until is not None
    assert abs(coverage.growing_until - growing.end) <= 2 * SECOND + under.precision
    assert coverage.gaps[-1].window.end == later.end
    assert coverage.gaps[-1].reason in (GapReason.NOT_YET, GapReason.NOT_RECORDED)


@every_source(Case.CODEC_CHANGE)
async def test_both_sides_of_a_change_of_codec_are_brought(under: SourceUnderTest, tmp_path: Path) -> None:
    first = piece(MOMENT)
    second = piece(first.end, codec="h265", look=1)
    window = Window(first.start + SECOND, second.end - SECOND)
    await laid(under, first, second)
    async with under.source() as source:
        coverage, files = await fetched(source, window, tmp_path / "into")
    assert not coverage.gaps
    assert len(files) >= 2
    assert_truly(under, files, [first, second], window)


@every_source(Case.CLOCK_WRONG)
@pytest.mark.parametrize("minutes", [40, -40])
async def test_footage_of_a_device_with_a_wrong_clock_is_found_at_its_true_time(
    under: SourceUnderTest, tmp_path: Path, minutes: int
) -> None:
    under.device_offset = minutes * MINUTE
    there = piece(MOMENT)
    await laid(under, there)
    async with under.source() as source:
        coverage, files = await fetched(source, inner(there), tmp_path / "into")
    assert not coverage.gaps
    slack = under.precision + 1500_000  # clocks are compared to a second
    truth, came = [picture for _, picture in there.frames], brought(files)
    assert set(truth[20:-20]) <= {picture for _, picture in came}
    for at, picture in came:
        assert abs(at - there.frames[truth.index(picture)][0]) <= slack


# -- faults ----------------------------------------------------------------------------------------------------------


@every_source(Case.WRONG_PASSWORD)
async def test_a_wrong_password_is_told_as_that(under: SourceUnderTest) -> None:
    await laid(under, piece(MOMENT))
    async with under.source(password="wrong horse") as source:
        with pytest.raises(CameraRefused) as refused:
            await source.coverage(CAMERA, around(piece(MOMENT)))
    assert "horse" not in str(refused.value)


@every_source(Case.AWAY)
async def test_a_device_that_is_away_is_told_as_that_and_not_as_a_gap(under: SourceUnderTest) -> None:
    await laid(under, piece(MOMENT))
    async with under.source() as source:
        under.fault = Fault.AWAY
        with pytest.raises(CameraUnreachable):
            await source.coverage(CAMERA, around(piece(MOMENT)))


@every_source(Case.NONSENSE)
async def test_nonsense_is_told_as_that_and_not_as_a_gap(under: SourceUnderTest) -> None:
    await laid(under, piece(MOMENT))
    async with under.source() as source:
        under.fault = Fault.NONSENSE
        with pytest.raises(CameraAnswerInvalid):
            await source.coverage(CAMERA, around(piece(MOMENT)))


@every_source(Case.SLOW)
async def test_a_slow_device_is_waited_for_and_its_progress_is_shown(under: SourceUnderTest, tmp_path: Path) -> None:
    there, seen = piece(MOMENT), []
    await laid(under, there)
    async with under.source() as source:
        span = (await source.coverage(CAMERA, inner(there))).spans[0]
        under.fault = Fault.SLOW

        def progress(done: int, total: int | None) -> bool:
            seen.append(done)
            return True

        files = await source.fetch(narrowed(span, inner(there)), tmp_path / "into", progress)
    assert_truly(under, files, [there], inner(there))
    assert seen == sorted(seen)
    assert seen[-1] > 0


@every_source(Case.HANGS)
async def test_a_device_that_falls_silent_is_given_up_and_what_came_is_gone_on_with(
    under: SourceUnderTest, tmp_path: Path
) -> None:
    await _broken_then_whole(under, tmp_path, Fault.HANGS)


@every_source(Case.GONE)
async def test_a_fetch_that_broke_off_is_an_error_and_the_next_one_brings_all(
    under: SourceUnderTest, tmp_path: Path
) -> None:
    await _broken_then_whole(under, tmp_path, Fault.GONE)


async def _broken_then_whole(under: SourceUnderTest, tmp_path: Path, fault: Fault) -> None:
    there, into = piece(MOMENT), tmp_path / "into"
    await laid(under, there)
    async with under.source() as source:
        span = narrowed((await source.coverage(CAMERA, inner(there))).spans[0], inner(there))
        under.fault = fault
        with pytest.raises(CameraUnreachable):
            await source.fetch(span, into)
        assert not [path for path in into.iterdir() if path.suffix != ".part"], "half a file has a whole one's name"
        under.fault = None
        files = await source.fetch(span, into)
    assert_truly(under, files, [there], inner(there))


@every_source(Case.TRUNCATED)
async def test_a_truncated_answer_is_an_error_or_is_named_torn(under: SourceUnderTest, tmp_path: Path) -> None:
    there = piece(MOMENT)
    under.fault = Fault.TRUNCATED
    await laid(under, there)
    try:
        async with under.source() as source:
            _, files = await fetched(source, inner(there), tmp_path / "into")
    except HandoverError as error:
        assert isinstance(error, CameraUnreachable | CameraAnswerInvalid | NoFootage)  # noqa: PT017
        return
    assert all(file.torn for file in files)
    assert_truly(under, files, [there], Window(there.start, there.start + 1))
    for file in files:
        assert file.end <= there.end - SECOND, "more is claimed than came"


@every_source(Case.LESS)
async def test_a_device_that_brings_less_is_not_believed_beyond_what_came(
    under: SourceUnderTest, tmp_path: Path
) -> None:
    there = piece(MOMENT, 8)
    await laid(under, there)
    async with under.source() as source:
        coverage = await source.coverage(CAMERA, around(there))
        under.fault = Fault.LESS
        files = await source.fetch(narrowed(coverage.spans[0], around(there)), tmp_path / "into")
    assert_truly(under, files, [there], Window(there.start, there.start + 1))
    assert max(file.end for file in files) <= there.end - SECOND


@every_source(Case.MORE)
async def test_a_device_that_brings_more_brings_it_at_its_true_time(under: SourceUnderTest, tmp_path: Path) -> None:
    there = piece(MOMENT, 12)
    await laid(under, there)
    async with under.source() as source:
        under.fault = Fault.MORE
        _, files = await fetched(source, inner(there, 4), tmp_path / "into")
    assert_truly(under, files, [there], inner(there, 4))


@every_source(Case.CANCELLED)
async def test_a_cancelled_fetch_stops_and_a_later_one_brings_all(under: SourceUnderTest, tmp_path: Path) -> None:
    there, into = piece(MOMENT), tmp_path / "into"
    await laid(under, there)
    async with under.source(workers=True) as source:
        span = narrowed((await source.coverage(CAMERA, inner(there))).spans[0], inner(there))
        under.fault = Fault.SLOW
        with pytest.raises(FetchCancelled):
            await source.fetch(span, into, lambda _done, _total: False)
        under.fault = None
        files = await source.fetch(span, into)
    assert_truly(under, files, [there], inner(there))


# -- the suite itself ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES, ids=lambda each: each.name)
def test_every_case_is_run_or_ruled_out_in_words(source: type[SourceUnderTest]) -> None:
    assert set(Case) == _COVERED
    assert all(len(why.split()) >= 4 for why in source.cannot.values())
