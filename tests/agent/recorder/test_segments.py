"""Segments are found by their names alone, to the microsecond, whatever happened to the clock or the power."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.footage.source import FetchCancelled, GapReason, Span
from agent.recorder.finishing import recover_all
from agent.recordings import journal, layout
from agent.recordings.layout import SegmentName, SegmentState
from agent.recordings.segments import RecordedFootage, SegmentStore
from exchange.clock import DAY, HOUR, MINUTE, SECOND, Window, from_rfc3339
from exchange.errors import NoFootage
from tests.counterparts.files.footage import assert_plays, make_media, probe, put, unended

NOON = from_rfc3339("2026-11-21T12:00:00Z")
MIDNIGHT = from_rfc3339("2026-11-22T00:00:00Z")


class SetClock:
    def __init__(self, now: int) -> None:
        self.instant = now

    def now(self) -> int:
        return self.instant

    def monotonic(self) -> int:
        return 0


@pytest.fixture
def store(tmp_path: Path) -> SegmentStore:
    return SegmentStore(tmp_path, SetClock(NOON + 30 * DAY))


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("media")
    return {
        "mp4": make_media(folder / "a.mp4", sound="aac").read_bytes(),
        "mkv": unended(make_media(folder / "a.mkv", sound="pcm_alaw").read_bytes()),
    }


@given(
    st.integers(0, 253402300799_999999),
    st.one_of(st.none(), st.integers(1, 10**12 - 1)),
    st.booleans(),
    st.sampled_from(["mp4", "mkv"]),
)
def test_a_name_says_all_that_it_was_made_of(start: int, duration: int | None, torn: bool, container: str) -> None:
    state = SegmentState.OPEN if duration is None else SegmentState.TORN if torn else SegmentState.WHOLE
    name = SegmentName(start, duration, state, container)
    assert layout.parse(str(name)) == name


@given(st.integers(0, 253402300799_999999), st.integers(0, 253402300799_999999))
def test_names_sort_as_their_instants_do(one: int, other: int) -> None:
    assert (layout.stamp(one) < layout.stamp(other)) == (one < other)


@given(st.text(max_size=60))
def test_no_other_name_is_taken_for_a_segment(text: str) -> None:
    name = layout.parse(text)
    assert name is None or str(name) == text


def test_a_camera_id_cannot_lead_out_of_the_folder(store: SegmentStore) -> None:
    for name in ("..", "../x", "a/b", ".holds", ""):
        with pytest.raises(ValueError, match="cannot name a folder"):
            store.locate(name, Window(NOON, NOON + 1))


def test_a_window_is_covered_by_the_segments_that_overlap_it(store: SegmentStore) -> None:
    for minute in range(5):
        put(store.root, "door", NOON + minute * MINUTE)
    coverage = store.coverage("door", Window(NOON + 61 * SECOND, NOON + 180 * SECOND))
    assert [span.window.start for span in coverage.spans] == [NOON + MINUTE, NOON + 2 * MINUTE]
    assert coverage.gaps == ()
    assert coverage.growing_until is None
    assert all(span.finished and not span.torn and span.path and span.path.exists() for span in coverage.spans)


def test_a_segment_that_began_the_day_before_is_found(store: SegmentStore) -> None:
    put(store.root, "door", MIDNIGHT - 20 * SECOND)
    coverage = store.coverage("door", Window(MIDNIGHT, MIDNIGHT + 10 * SECOND))
    assert [span.window.start for span in coverage.spans] == [MIDNIGHT - 20 * SECOND]


def test_gaps_are_told_to_the_microsecond(store: SegmentStore) -> None:
    put(store.root, "door", NOON, 60_000_001)
    put(store.root, "door", NOON + 60_000_003, 1 * SECOND)
    coverage = store.coverage("door", Window(NOON - 1, NOON + 70 * SECOND))
    assert [(gap.window.start - NOON, gap.window.end - NOON) for gap in coverage.gaps] == [
        (-1, 0),
        (60_000_001, 60_000_003),
        (61_000_003, 70_000_000),
    ]


def test_footage_from_before_and_after_the_clock_was_set_back_is_both_kept_and_no_gap_is_negative(
    store: SegmentStore,
) -> None:
    put(store.root, "door", NOON, 60 * SECOND)
    put(store.root, "door", NOON + 20 * SECOND, 60 * SECOND)
    put(store.root, "door", NOON + 25 * SECOND, 5 * SECOND)
    coverage = store.coverage("door", Window(NOON, NOON + 90 * SECOND))
    assert len(coverage.spans) == 3
    assert [(gap.window.start - NOON, gap.window.end - NOON) for gap in coverage.gaps] == [(80 * SECOND, 90 * SECOND)]


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 200)), max_size=12), st.integers(1, 600))
def test_gaps_and_spans_always_fill_the_window_exactly(segments: list[tuple[int, int]], length: int) -> None:
    from agent.recordings.segments import gaps_between

    window = Window(100, 100 + length)
    spans = [Span("door", Window(start, start + duration), "") for start, duration in segments]
    covered = {at for span in spans for at in range(span.window.start, span.window.end)}
    missing = {at for gap in gaps_between(window, spans) for at in range(gap.start, gap.end)}
    assert missing == set(range(window.start, window.end)) - covered


def test_a_gap_after_now_has_not_happened_yet(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path, SetClock(NOON))
    assert store.coverage("door", Window(NOON, NOON + 1)).gaps[0].reason is GapReason.NOT_YET


def test_a_gap_has_the_reason_that_the_recorder_noted(store: SegmentStore) -> None:
    folder = put(store.root, "door", NOON).parent
    journal.append(folder, {"event": "lost", "reason": "camera_refused", "at": NOON + MINUTE + SECOND})
    journal.append(folder, {"event": "lost", "reason": "no such word", "at": NOON + HOUR})
    window = Window(NOON, NOON + 10 * MINUTE)
    assert [gap.reason for gap in store.coverage("door", window).gaps] == [GapReason.CAMERA_REFUSED]
    later = Window(NOON + HOUR + MINUTE, NOON + HOUR + 2 * MINUTE)
    assert [gap.reason for gap in store.coverage("door", later).gaps] == [GapReason.NOT_RECORDED]


def test_a_gap_long_after_the_stream_was_lost_has_that_reason_until_something_was_recorded(store: SegmentStore) -> None:
    folder = put(store.root, "door", NOON).parent
    journal.append(folder, {"event": "lost", "reason": "disk_full", "at": NOON + MINUTE})
    window = Window(NOON + HOUR, NOON + HOUR + SECOND)
    assert [gap.reason for gap in store.coverage("door", window).gaps] == [GapReason.DISK_FULL]
    journal.append(folder, {"event": "segment", "start": NOON + 3 * MINUTE, "end": NOON + 4 * MINUTE})
    assert [gap.reason for gap in store.coverage("door", window).gaps] == [GapReason.NOT_RECORDED]


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_an_open_segment_counts_up_to_its_last_whole_fragment(
    tmp_path: Path, media: dict[str, bytes], container: str
) -> None:
    path = put(tmp_path, "door", NOON, None, content=media[container][:-1000], container=container)
    store = SegmentStore(tmp_path, SetClock(path.stat().st_mtime_ns // 1000))
    coverage = store.coverage("door", Window(NOON, NOON + MINUTE))
    (span,) = coverage.spans
    assert not span.finished
    assert 4 * SECOND <= span.window.duration <= 5 * SECOND + 200_000
    assert coverage.growing_until == span.window.end
    assert coverage.gaps[0].window.start == span.window.end


def test_an_open_segment_that_nobody_writes_to_any_more_does_not_grow(tmp_path: Path, media: dict[str, bytes]) -> None:
    path = put(tmp_path, "door", NOON, None, content=media["mp4"])
    store = SegmentStore(tmp_path, SetClock(path.stat().st_mtime_ns // 1000 + MINUTE))
    coverage = store.coverage("door", Window(NOON, NOON + MINUTE))
    assert len(coverage.spans) == 1
    assert coverage.growing_until is None


@pytest.mark.parametrize("container", ["mp4", "mkv"])
@pytest.mark.parametrize("share", [0.35, 0.5, 0.77, 0.999, 1.0])
def test_a_torn_segment_is_saved_up_to_its_last_whole_fragment_and_plays(
    tmp_path: Path, media: dict[str, bytes], container: str, share: float
) -> None:
    content = media[container]
    put(tmp_path, "door", NOON, None, content=content[: int(len(content) * share)], container=container)
    (saved,) = recover_all(tmp_path)
    name = layout.parse(saved.name)
    assert name is not None
    assert name.state is SegmentState.TORN
    assert name.start == NOON
    frames = assert_plays(saved)
    assert frames >= 25 * int(6 * share - 1)
    assert name.duration is not None
    assert abs(name.duration - frames * 40_000) <= 80_000
    assert {"name", "lost_bytes", "start"} <= next(journal.read(saved.parent)).keys()
    assert recover_all(tmp_path) == []


def test_a_torn_segment_keeps_when_since_the_host_s_start_it_began(tmp_path: Path, media: dict[str, bytes]) -> None:
    path = put(tmp_path, "door", NOON, None, content=media["mp4"])
    journal.append(path.parent, {"event": "opened", "at": NOON, "boot": "one", "uptime": 7})
    journal.append(path.parent, {"event": "opened", "at": NOON + 1, "boot": "two", "uptime": 8})
    (saved,) = recover_all(tmp_path)
    (entry,) = journal.segments(saved.parent)
    assert (entry["boot"], entry["uptime"]) == ("one", 7)


def test_every_place_a_segment_may_be_torn_leaves_a_file_that_can_be_read(
    tmp_path: Path, media: dict[str, bytes]
) -> None:
    for container, content in media.items():
        lengths = []
        for length in range(0, len(content), 1709):
            path = put(tmp_path, "door", NOON, None, content=content[:length], container=container)
            saved = recover_all(tmp_path)
            assert not path.exists()
            lengths.append(layout.parse(saved[0].name).duration if saved else 0)  # type: ignore[union-attr]
            for each in saved:
                each.unlink()
        assert lengths == sorted(lengths)  # type: ignore[type-var]
        assert lengths[-1] >= 4 * SECOND  # type: ignore[operator]


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"\x1aE\xdf\xa3" + b"\xff" * 100, b"not media at all" * 99])
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_a_torn_segment_with_nothing_whole_in_it_goes(tmp_path: Path, content: bytes, container: str) -> None:
    path = put(tmp_path, "door", NOON, None, content=content, container=container)
    assert recover_all(tmp_path) == []
    assert not path.exists()
    assert next(journal.read(path.parent))["event"] == "nothing_whole"


def test_a_torn_line_in_the_journal_spoils_neither_those_before_nor_those_after(tmp_path: Path) -> None:
    journal.append(tmp_path, {"event": "one"})
    with (tmp_path / layout.JOURNAL).open("ab") as file:
        file.write(b'{"v":1,"event":"to')
    journal.append(tmp_path, {"event": "two"})
    assert [entry["event"] for entry in journal.read(tmp_path)] == ["one", "two"]


def test_a_lost_journal_is_made_anew_from_the_names(store: SegmentStore) -> None:
    folder = put(store.root, "door", NOON).parent
    put(store.root, "door", NOON + MINUTE, None)
    assert journal.rebuild(folder) == 1
    assert journal.rebuild(folder) == 0
    (entry,) = journal.read(folder)
    assert (entry["start"], entry["end"], entry["clock"]) == (NOON, NOON + MINUTE, "name")


def test_a_fetched_segment_is_the_original_and_stays_when_the_original_is_removed(
    store: SegmentStore, tmp_path: Path
) -> None:
    path = put(store.root, "door", NOON, content=b"original")
    (span,) = store.coverage("door", Window(NOON, NOON + 1)).spans
    into = tmp_path / "into"
    into.mkdir()
    fetched = store.fetch(span, into)
    path.unlink()
    assert fetched.path.read_bytes() == b"original"
    assert (fetched.start, fetched.end, fetched.torn) == (NOON, NOON + MINUTE, False)
    assert store.fetch(span, into) == fetched


def test_an_open_segment_is_fetched_up_to_its_last_whole_fragment_and_plays(
    store: SegmentStore, tmp_path: Path, media: dict[str, bytes]
) -> None:
    put(store.root, "door", NOON, None, content=media["mp4"][:-777])
    (span,) = store.coverage("door", Window(NOON, NOON + 1)).spans
    into = tmp_path / "into"
    into.mkdir()
    fetched = store.fetch(span, into)
    assert assert_plays(fetched.path) >= 100
    assert fetched.end == span.window.end


def test_a_fetch_that_was_cancelled_goes_on_where_it_stopped(
    store: SegmentStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, media: dict[str, bytes]
) -> None:
    monkeypatch.setattr("agent.recordings.segments._CHUNK", 1000)
    put(store.root, "door", NOON, None, content=media["mp4"])
    (span,) = store.coverage("door", Window(NOON, NOON + 1)).spans
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(FetchCancelled):
        store.fetch(span, into, lambda done, _: done < 5000)
    (part,) = into.iterdir()
    assert part.stat().st_size == 5000
    seen: list[int] = []
    fetched = store.fetch(span, into, lambda done, _: seen.append(done) or True)
    assert seen[0] == 6000
    assert fetched.path.read_bytes() == media["mp4"]
    assert list(into.iterdir()) == [fetched.path]


def test_an_open_segment_that_was_finished_meanwhile_is_fetched_by_its_lasting_name(
    store: SegmentStore, tmp_path: Path, media: dict[str, bytes]
) -> None:
    path = put(store.root, "door", NOON, None, content=media["mp4"])
    (span,) = store.coverage("door", Window(NOON, NOON + 1)).spans
    path.rename(path.with_name(str(SegmentName(NOON, 6 * SECOND, SegmentState.WHOLE, "mp4"))))
    into = tmp_path / "into"
    into.mkdir()
    assert store.fetch(span, into).end == NOON + 6 * SECOND


def test_footage_that_is_gone_by_now_is_said_to_be_gone(store: SegmentStore, tmp_path: Path) -> None:
    path = put(store.root, "door", NOON)
    (span,) = store.coverage("door", Window(NOON, NOON + 1)).spans
    path.unlink()
    with pytest.raises(NoFootage, match="no longer there"):
        store.fetch(span, tmp_path)


async def test_the_daemon_s_footage_source_answers_as_the_store_does(store: SegmentStore, tmp_path: Path) -> None:
    put(store.root, "door", NOON, content=b"12345")
    footage = RecordedFootage(store)
    window = Window(NOON, NOON + 1)
    coverage = await footage.coverage("door", window)
    assert coverage == store.coverage("door", window)
    assert await footage.hold("r1", "door", window) == 5
    assert await footage.held_bytes() == 5
    into = tmp_path / "into"
    into.mkdir()
    (fetched,) = await footage.fetch((await footage.coverage("door", window)).spans[0], into)
    assert fetched.path.read_bytes() == b"12345"
    await footage.release("r1")
    assert await footage.held_bytes() == 0


def test_the_journal_tells_the_codec_of_a_span(store: SegmentStore, media: dict[str, bytes]) -> None:
    path = put(store.root, "door", NOON, content=media["mp4"])
    entry = {"event": "segment", "name": path.name, "video": "h264", "audio": "aac", "width": 160, "height": 120}
    journal.append(path.parent, entry)
    (span,) = store.coverage("door", Window(NOON, NOON + 1)).spans
    hint = store.codec(span)
    assert [hint.video, str(hint.width), str(hint.height)] == probe(path, "stream=codec_name,width,height")[0].split(
        ","
    )
    assert json.loads((path.parent / layout.JOURNAL).read_text())["v"] == 1
