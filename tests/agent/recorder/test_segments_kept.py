"""What is held is never removed; what need not be kept goes, oldest first, whatever the clock says."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.recordings import frontier, journal, layout
from agent.recordings.holds import Holds
from agent.recordings.layout import SegmentName, SegmentState
from agent.recordings.retention import Policy, Retention, Why
from agent.recordings.segments import SegmentStore
from exchange.clock import DAY, HOUR, MINUTE, SECOND, SystemClock, Window, from_rfc3339
from exchange.durable import DurableFile, durable_file
from exchange.errors import DiskFull
from tests.counterparts.files.footage import put

NOON = from_rfc3339("2026-11-21T12:00:00Z")
NOW = NOON + 10 * DAY
ALL_GOES = Policy(max_age=0, max_bytes=0)


@pytest.fixture
def store(tmp_path: Path) -> SegmentStore:
    return SegmentStore(tmp_path, SystemClock())


def names(store: SegmentStore) -> list[str]:
    found = (layout.parse(path.name) for path in store.root.glob("[a-z]*/*/*"))
    return sorted(layout.stamp(name.start) for name in found if name is not None)


def test_what_is_older_than_its_days_goes_and_is_told(store: SegmentStore) -> None:
    old = put(store.root, "door", NOW - 3 * DAY, content=b"123")
    put(store.root, "door", NOW - 2 * DAY - 59 * SECOND)
    purged = store.purge(NOW, Policy(max_age=2 * DAY))
    (removed,) = purged.removed
    assert (removed.camera_id, removed.name, removed.bytes, removed.why) == ("door", old.name, 3, Why.AGE)
    assert removed.window == Window(NOW - 3 * DAY, NOW - 3 * DAY + MINUTE)
    assert len(names(store)) == 1


def test_when_recordings_take_too_much_the_oldest_of_all_cameras_go_first(store: SegmentStore) -> None:
    for day in range(4):
        put(store.root, "door", NOON + day * DAY, content=b"x" * 100)
        put(store.root, "yard", NOON + day * DAY + HOUR, content=b"x" * 100)
    purged = store.purge(NOW, Policy(max_bytes=450))
    assert [(each.camera_id, each.window.start) for each in purged.removed] == [
        ("door", NOON),
        ("yard", NOON + HOUR),
        ("door", NOON + DAY),
        ("yard", NOON + DAY + HOUR),
    ]
    assert {each.why for each in purged.removed} == {Why.BYTES}
    assert store.purge(NOW, Policy(max_bytes=450)).removed == ()


def test_when_the_disk_has_too_little_free_the_oldest_go_until_it_has_enough(tmp_path: Path) -> None:
    for day in range(4):
        put(tmp_path, "door", NOON + day * DAY, content=b"x" * 100)
    retention = Retention(tmp_path, Holds(tmp_path, lambda _camera, _window: []))
    purged = retention.purge(NOW, Policy(keep_free=1000), free=lambda _root: 850)
    assert [each.why for each in purged.removed] == [Why.FREE_DISK, Why.FREE_DISK]
    assert purged.short_by == 0


def test_what_cannot_be_freed_is_told(store: SegmentStore) -> None:
    put(store.root, "door", NOON, content=b"x" * 100)
    store.hold("r1", "door", Window(NOON, NOON + 1))
    purged = store.purge(NOW, Policy(max_bytes=10))
    assert purged.removed == ()
    assert purged.short_by == 90


def test_held_footage_survives_every_purge_until_it_is_released(store: SegmentStore) -> None:
    for minute in range(4):
        put(store.root, "door", NOON + minute * MINUTE)
    held = store.hold("r1", "door", Window(NOON + MINUTE + 1, NOON + 3 * MINUTE))
    assert held == 14
    store.purge(NOW, ALL_GOES)
    coverage = store.coverage("door", Window(NOON, NOON + 4 * MINUTE))
    assert [span.window.start for span in coverage.spans] == [NOON + MINUTE, NOON + 2 * MINUTE]
    store.release("r1")
    store.purge(NOW, ALL_GOES)
    assert store.coverage("door", Window(NOON, NOON + 4 * MINUTE)).spans == ()


def test_held_footage_survives_even_that_somebody_deletes_it(store: SegmentStore) -> None:
    path = put(store.root, "door", NOON, content=b"evidence")
    store.hold("r1", "door", Window(NOON, NOON + 1))
    path.unlink()
    (span,) = store.coverage("door", Window(NOON, NOON + 1)).spans
    assert span.path is not None
    assert span.path.read_bytes() == b"evidence"


def test_holding_again_changes_nothing_and_holds_of_two_requests_do_not_know_each_other(store: SegmentStore) -> None:
    put(store.root, "door", NOON)
    window = Window(NOON, NOON + 1)
    assert store.hold("r1", "door", window) == store.hold("r1", "door", window) == 7
    store.hold("r2", "door", window)
    assert store.held_bytes() == 7
    assert store.holds() == {"r1": (("door", window),), "r2": (("door", window),)}
    store.release("r1")
    store.release("r1")
    store.purge(NOW, ALL_GOES)
    assert len(names(store)) == 1


def test_a_hold_keeps_what_is_finished_after_it_was_made(store: SegmentStore) -> None:
    path = put(store.root, "door", NOON, None)
    assert store.hold("r1", "door", Window(NOON + SECOND, NOON + HOUR)) == 0
    path = path.rename(path.with_name(str(SegmentName(NOON, MINUTE, SegmentState.WHOLE, "mp4"))))
    put(store.root, "door", NOON + MINUTE)
    assert store.keep_holds() == 2
    assert store.keep_holds() == 0
    store.purge(NOW, ALL_GOES)
    assert path.exists()
    assert store.held_bytes() == 14


def test_a_purge_keeps_held_footage_that_was_not_linked_yet(store: SegmentStore) -> None:
    store.hold("r1", "door", Window(NOON, NOON + HOUR))
    path = put(store.root, "door", NOON + MINUTE)
    store.purge(NOW, ALL_GOES)
    assert path.exists()


def test_a_release_that_was_cut_off_is_ended_later_and_holds_nothing_meanwhile(store: SegmentStore) -> None:
    put(store.root, "door", NOON)
    store.hold("r1", "door", Window(NOON, NOON + 1))
    (store.root / ".holds" / "r1").rename(store.root / ".holds" / ".released-r1")
    assert store.holds() == {}
    assert store.held_bytes() == 0
    store.keep_holds()
    assert list((store.root / ".holds").iterdir()) == []


@pytest.mark.parametrize("name", ["..", "a/b", ".holds", ""])
def test_a_hold_s_id_cannot_lead_out_of_its_folder(store: SegmentStore, name: str) -> None:
    with pytest.raises(ValueError):
        store.hold(name, "door", Window(NOON, NOON + 1))
    with pytest.raises(ValueError):
        store.release(name)


def test_an_open_segment_is_never_removed(store: SegmentStore) -> None:
    path = put(store.root, "door", NOON, None)
    store.purge(NOW, ALL_GOES)
    assert path.exists()


def test_a_clock_that_was_set_back_removes_nothing_by_age(store: SegmentStore) -> None:
    put(store.root, "door", NOON)
    assert store.purge(NOON - 20 * 365 * DAY, Policy(max_age=DAY)).removed == ()


def test_after_the_clock_was_set_back_the_newest_footage_does_not_go_first_for_having_the_oldest_name(
    store: SegmentStore,
) -> None:
    fresh = put(store.root, "door", NOON - 100 * DAY, content=b"x" * 100)
    before = put(store.root, "door", NOON, content=b"x" * 100)
    store.purge(NOON - 100 * DAY + MINUTE, Policy(max_bytes=100))
    assert fresh.exists()
    assert not before.exists()


def test_the_last_hour_goes_only_when_nothing_else_is_left(store: SegmentStore) -> None:
    put(store.root, "door", NOW - HOUR // 2, content=b"x" * 100)
    purged = store.purge(NOW, Policy(max_bytes=50))
    assert purged.bytes == 100


def test_a_day_of_which_nothing_is_left_goes_with_its_journal(store: SegmentStore) -> None:
    path = put(store.root, "door", NOON)
    journal.append(path.parent, {"event": "one"})
    store.purge(NOW, ALL_GOES)
    assert not path.parent.exists()
    assert path.parent.parent.exists()


def test_what_is_no_segment_is_left_alone(store: SegmentStore) -> None:
    folder = put(store.root, "door", NOON).parent
    for name in ("holiday.mp4", "notes.txt"):
        (folder / name).write_bytes(b"mine")
    store.purge(NOW, ALL_GOES)
    assert sorted(path.name for path in folder.iterdir()) == ["holiday.mp4", "notes.txt"]


class At(SystemClock):
    """It is always ``NOW``."""

    def now(self) -> int:
        return NOW


def test_what_outlives_its_neighbours_for_a_request_does_not_count_as_the_oldest(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path, At())
    for day in range(6):
        put(tmp_path, "door", NOON + day * DAY, content=b"x" * 100)
    put(tmp_path, "yard", NOON + 3 * DAY)
    store.hold("r1", "door", Window(NOON + DAY, NOON + DAY + 1))
    assert store.oldest_day("door") == NOON // DAY * DAY
    store.purge(NOW, Policy(max_bytes=407))
    assert len(names(store)) == 5
    assert store.oldest_day("door") == (NOON + 3 * DAY) // DAY * DAY
    assert store.purged_until("yard") == 0
    store.release("r1")
    again = SegmentStore(tmp_path, At())
    assert again.purge(NOW, Policy(max_bytes=10_000)).removed == (), "there is room again"
    assert again.oldest_day("door") == (NOON + 3 * DAY) // DAY * DAY


def test_up_to_when_was_removed_is_noted_before_it_is_and_a_wrong_clock_passes(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path, At())
    put(tmp_path, "door", NOON)
    (tmp_path / ".purged.json").write_text("[nonsense")
    store.purge(NOW, ALL_GOES)
    assert store.purged_until("door") == NOON + MINUTE
    put(tmp_path, "door", NOW + 100 * DAY)
    store.purge(NOW + 200 * DAY, ALL_GOES)
    assert store.purged_until("door") == 0, "what was noted lies in the future"
    put(tmp_path, "door", NOON + DAY)
    store.purge(NOW, ALL_GOES)
    assert store.purged_until("door") == NOON + DAY + MINUTE


def test_a_disk_that_has_no_room_for_that_note_either_gets_room_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, written = SegmentStore(tmp_path, At()), durable_file
    put(tmp_path, "door", NOON)

    @contextmanager
    def on_a_full_disk(target: Path, *, mode: int) -> Iterator[DurableFile]:
        if names(store):
            raise DiskFull("There is no room.")
        with written(target, mode=mode) as file:
            yield file

    monkeypatch.setattr(frontier, "durable_file", on_a_full_disk)
    assert len(store.purge(NOW, ALL_GOES).removed) == 1
    assert names(store) == []
    assert store.purged_until("door") == NOON + MINUTE
