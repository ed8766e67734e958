"""What was recorded by a clock that was wrong is found, and ages, by its true time once that is known."""

from pathlib import Path

import pytest

from agent.recordings import journal, layout
from agent.recordings.clock_set import ClockSeen, History, late_by, never_set, noticed
from agent.recordings.layout import SegmentState
from agent.recordings.retention import Policy
from agent.recordings.segments import SegmentStore
from exchange.clock import DAY, HOUR, MINUTE, SECOND, SystemClock, Window, from_rfc3339
from tests.counterparts.files.footage import put

NOON = from_rfc3339("2026-11-21T12:00:00Z")
BEHIND = 21 * DAY + 3 * HOUR
UP = 40 * SECOND
"""Time since boot at which the first segment began."""
LATER = UP + 2 * HOUR


@pytest.fixture
def store(tmp_path: Path) -> SegmentStore:
    return SegmentStore(tmp_path, SystemClock())


def seen(uptime: int, offset: int, *, synchronised: bool = True, boot: str = "one") -> ClockSeen:
    return ClockSeen(boot=boot, uptime=uptime, offset=offset, synchronised=synchronised)


RIGHT = NOON - UP
"""The offset of a clock that told noon when the first segment began."""
SET_LATE = (seen(UP, RIGHT - BEHIND, synchronised=False), seen(LATER, RIGHT))


def record(
    store: SegmentStore, start: int, uptime: int, *, boot: str = "one", camera: str = "door", **facts: object
) -> Path:
    """A minute of footage as the recorder leaves it: its file, and the line in its day's journal."""
    path = put(store.root, camera, start, content=f"{camera} {start} {uptime}".encode())
    entry = {
        "event": "segment",
        "name": path.name,
        "start": start,
        "end": start + MINUTE,
        "boot": boot,
        "uptime": uptime,
    }
    journal.append(path.parent, entry | facts)
    return path


def hour_as_of(store: SegmentStore, start: int, **facts: object) -> list[Path]:
    return [record(store, start + minute * MINUTE, UP + minute * MINUTE, **facts) for minute in range(60)]


@pytest.mark.parametrize("as_of", [NOON - BEHIND, from_rfc3339("1970-01-01T00:00:40Z"), NOON + 40 * DAY])
def test_an_hour_recorded_by_a_clock_that_was_wrong_is_kept_and_found_by_its_true_time(
    store: SegmentStore, as_of: int
) -> None:
    made = [path.read_bytes() for path in hour_as_of(store, as_of)]
    history = (seen(UP, as_of - UP, synchronised=False), seen(LATER, RIGHT))
    assert store.settle(history) == 60
    purged = store.purge(NOON + 2 * HOUR, Policy(max_age=14 * DAY))
    assert purged.removed == ()
    coverage = store.coverage("door", Window(NOON, NOON + HOUR))
    assert coverage.gaps == ()
    assert [span.path.read_bytes() for span in coverage.spans if span.path] == made
    assert [day for day, _ in layout.day_folders(store.root)] == [layout.day_of(NOON)]


def test_recordings_age_by_what_really_passed(store: SegmentStore) -> None:
    hour_as_of(store, NOON - BEHIND)
    store.settle(SET_LATE)
    assert store.purge(NOON + 14 * DAY, Policy(max_age=14 * DAY)).removed == ()
    assert len(store.purge(NOON + 14 * DAY + HOUR, Policy(max_age=14 * DAY)).removed) == 60


def test_the_correction_is_stated_beside_what_was_found(store: SegmentStore) -> None:
    hour_as_of(store, NOON - BEHIND)
    store.settle(SET_LATE)
    (note,) = store.coverage("door", Window(NOON, NOON + 10 * MINUTE)).notes
    assert note.startswith(
        "10 recordings were made while the clock of the recording host was 21 days 3 h behind: by that clock the first "
        "began Saturday 31 October 2026, 09:00:00.000 UTC."
    )
    assert store.coverage("yard", Window(NOON, NOON + 10 * MINUTE)).notes == ()


def test_a_step_inside_a_recording_is_stated(store: SegmentStore) -> None:
    steps = [{"at": NOON + 30 * SECOND, "by": -90 * SECOND}, {"at": NOON + 31 * SECOND, "by": 250_000}]
    record(store, NOON, UP, host_steps=steps)
    record(store, NOON + MINUTE, UP + MINUTE)
    (note,) = store.coverage("door", Window(NOON, NOON + 2 * MINUTE)).notes
    assert note == (
        "The clock of the recording host was set back by 1 min 30 s, to Saturday 21 November 2026, 12:00:30.000 UTC, "
        "while this was recorded."
    )
    assert store.coverage("door", Window(NOON + MINUTE, NOON + 2 * MINUTE)).notes == ()


def test_what_was_recorded_by_a_clock_that_was_vouched_for_keeps_its_time(store: SegmentStore) -> None:
    made = record(store, NOON, UP)
    # A virtual machine that stood still for three hours, or somebody who then sets the clock wrong.
    history = (seen(UP - SECOND, RIGHT), seen(LATER, RIGHT + 3 * HOUR, synchronised=False), seen(LATER + HOUR, RIGHT))
    assert store.settle(history[:1]) == store.settle(history[:2]) == store.settle(history) == 0
    assert made.exists()


def test_what_was_recorded_while_somebody_had_set_the_clock_wrong_is_put_right(store: SegmentStore) -> None:
    wrong = record(store, NOON + DAY + 2 * HOUR + MINUTE, LATER + MINUTE)
    before = (seen(UP, RIGHT), seen(LATER, RIGHT + DAY, synchronised=False))
    assert store.settle(before) == 0
    assert store.settle((*before, seen(LATER + HOUR, RIGHT))) == 1
    assert not wrong.exists()
    (span,) = store.coverage("door", Window(NOON + 2 * HOUR, NOON + 3 * HOUR)).spans
    assert span.window.start == RIGHT + LATER + MINUTE


def test_a_clock_that_nobody_vouches_for_is_believed_when_it_is_set_unless_it_cannot_be_right(
    store: SegmentStore,
) -> None:
    made = record(store, NOON - BEHIND, UP)
    unset = seen(LATER, from_rfc3339("1970-01-05T00:00:00Z"), synchronised=False)
    assert store.settle((unset,)) == 0
    assert made.exists()
    assert store.settle((unset, seen(LATER + HOUR, RIGHT, synchronised=False))) == 1
    assert store.coverage("door", Window(NOON, NOON + MINUTE)).gaps == ()


def test_a_clock_set_twice_leaves_one_correction(store: SegmentStore) -> None:
    record(store, NOON - BEHIND, UP)
    by_hand = seen(LATER, RIGHT - HOUR, synchronised=False)
    store.settle((by_hand,))
    assert store.settle((by_hand, seen(LATER + HOUR, RIGHT))) == 1
    (note,) = store.coverage("door", Window(NOON, NOON + MINUTE)).notes
    assert "21 days 3 h behind" in note


def test_another_boot_s_recordings_are_not_moved_by_this_one_s_clock(store: SegmentStore) -> None:
    made = record(store, NOON - BEHIND, UP, boot="before")
    assert store.settle(SET_LATE) == 0
    assert made.exists()


def test_links_of_holds_go_with_their_segments(store: SegmentStore) -> None:
    hour_as_of(store, NOON - BEHIND)
    store.hold("r1", "door", Window(NOON - BEHIND, NOON - BEHIND + 2 * MINUTE))
    store.settle(SET_LATE)
    store.purge(NOON + 400 * DAY, Policy(max_age=DAY))
    found = store.coverage("door", Window(NOON, NOON + 2 * MINUTE))
    assert found.gaps == ()
    assert all(".holds" in span.reference for span in found.spans)


def test_a_segment_finished_after_the_clock_was_set_is_put_right_too(store: SegmentStore) -> None:
    record(store, NOON - BEHIND, UP)
    assert store.settle(SET_LATE) == 1
    record(store, NOON - BEHIND + MINUTE, UP + MINUTE)
    assert store.settle(SET_LATE) == 1
    assert store.settle(SET_LATE) == 0
    assert store.coverage("door", Window(NOON, NOON + 2 * MINUTE)).gaps == ()


def test_what_has_the_true_time_s_name_already_is_not_overwritten(store: SegmentStore) -> None:
    there = record(store, NOON, LATER, boot="before")
    kept = there.read_bytes()
    record(store, NOON - BEHIND, UP)
    store.settle(SET_LATE)
    assert there.read_bytes() == kept
    assert len(store.coverage("door", Window(NOON, NOON + MINUTE)).spans) == 2


def test_what_is_still_being_written_waits_for_its_end(store: SegmentStore) -> None:
    made = put(store.root, "door", NOON - BEHIND, None)
    journal.append(made.parent, {"event": "opened", "at": NOON - BEHIND, "boot": "one", "uptime": UP})
    assert store.settle(SET_LATE) == 0
    assert made.exists()


def test_a_crash_in_the_middle_loses_nothing_and_is_made_good(
    store: SegmentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = record(store, NOON - BEHIND, UP)

    def killed(_self: Path, _target: Path) -> Path:
        raise OSError("killed")

    with monkeypatch.context() as while_killed:
        while_killed.setattr(Path, "rename", killed)
        with pytest.raises(OSError, match="killed"):
            store.settle(SET_LATE)
    assert made.exists()
    again = SegmentStore(store.root, SystemClock())
    assert again.settle(SET_LATE) == 1
    assert again.coverage("door", Window(NOON, NOON + MINUTE)).gaps == ()


@pytest.mark.parametrize(
    "line", [b"{}", b"[]", b'{"v":1,"event":"segment","uptime":"1"}', b'{"v":1,"uptime":1,"name":7}', b"\xff"]
)
def test_a_journal_s_damaged_lines_stop_nothing(store: SegmentStore, line: bytes) -> None:
    made = record(store, NOON - BEHIND, UP)
    with (made.parent / layout.JOURNAL).open("ab") as file:
        file.write(line + b"\n")
    assert store.settle(SET_LATE) == 1


def test_a_clock_that_only_drifts_was_right() -> None:
    history: History = ()
    for day in range(20):  # corrected once a day by what a quartz drifts
        history = noticed(history, seen(day * DAY, RIGHT + day * 8 * SECOND, synchronised=False))
    assert late_by(history, "one", 5 * DAY, RIGHT + 5 * 8 * SECOND) == 0
    assert len(noticed((), seen(0, RIGHT))) == len(noticed((seen(0, RIGHT),), seen(DAY, RIGHT + SECOND))) == 1


def test_the_name_of_a_torn_segment_is_put_right_as_well(store: SegmentStore) -> None:
    folder = put(store.root, "door", NOON - BEHIND, 20 * SECOND, state=SegmentState.TORN)
    start = NOON - BEHIND
    journal.append(
        folder.parent,
        {
            "event": "segment",
            "name": folder.name,
            "start": start,
            "end": start + 20 * SECOND,
            "boot": "one",
            "uptime": UP,
        },
    )
    assert store.settle(SET_LATE) == 1
    (span,) = store.coverage("door", Window(NOON, NOON + 20 * SECOND)).spans
    assert span.torn


UNSET = seen(UP, 0, synchronised=False, boot="first")
"""A host that begins at 1970, and is restarted before its clock is set."""
RESTARTED = {
    "then set": (UNSET, seen(UP, 0, synchronised=False, boot="second"), seen(UP + HOUR, RIGHT, boot="second")),
    "set before anybody looked": (UNSET, seen(UP, RIGHT, boot="second")),
    "set by hand": (UNSET, *(seen(up, by, synchronised=False, boot="second") for up, by in ((UP, 0), (HOUR, RIGHT)))),
    "restarted twice": (UNSET, seen(UP, 0, synchronised=False, boot="second"), seen(UP, RIGHT, boot="third")),
}


@pytest.mark.parametrize("history", RESTARTED.values(), ids=RESTARTED.keys())
def test_what_was_recorded_before_a_restart_by_a_clock_that_was_never_set_ages_from_the_latest_that_it_may_be(
    store: SegmentStore, history: History
) -> None:
    made = record(store, UP, UP, boot="first")
    assert store.settle(history) == 0
    assert store.purge(NOON + 13 * DAY, Policy(max_age=14 * DAY)).removed == ()
    assert made.exists()
    assert len(store.purge(NOON + 15 * DAY, Policy(max_age=14 * DAY)).removed) == 1


def test_recordings_whose_time_nobody_knows_are_told_where_they_may_be_what_is_looked_for(store: SegmentStore) -> None:
    record(store, UP, UP, boot="first")
    store.settle(RESTARTED["then set"])
    (note,) = store.coverage("door", Window(NOON - HOUR, NOON)).notes
    assert note.startswith(
        "One recording of this camera may be of this time: the machine was restarted before its clock"
    )
    assert store.coverage("door", Window(NOON + HOUR, NOON + 2 * HOUR)).notes == ()
    assert store.coverage("yard", Window(NOON - HOUR, NOON)).notes == ()


def test_a_restart_of_a_host_whose_clock_was_right_or_never_proved_wrong_casts_no_doubt(store: SegmentStore) -> None:
    right = (seen(UP, RIGHT, boot="first"), seen(UP, RIGHT + DAY, synchronised=False, boot="second"))
    assert never_set((*right, seen(HOUR, RIGHT + 2 * DAY, boot="second"))) == {}
    alone = tuple(seen(UP, RIGHT + day * DAY, synchronised=False, boot=str(day)) for day in range(3))
    assert never_set(alone) == {}
    # A clock with a battery, without a time server until the host was switched off for five minutes.
    record(store, NOON, UP, boot="first")
    store.settle((seen(UP, RIGHT, synchronised=False, boot="first"), seen(UP, RIGHT + 6 * MINUTE, boot="second")))
    assert len(store.purge(NOON + 14 * DAY + 7 * MINUTE, Policy(max_age=14 * DAY)).removed) == 1
