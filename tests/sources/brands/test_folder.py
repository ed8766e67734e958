"""A folder of recordings: what its names and files tell, what is still written, and an index that follows.

Long because files are named in many ways, and each way is tried on the same folder.
"""

import os
import re
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.devices.device_time import DeviceTime
from agent.footage.files.container_kind import container_of
from agent.footage.files.place import job as placing_job
from agent.sources.device.jobs import fetch_job, look_job
from agent.sources.device.jobs import test_job as folder_test_job
from agent.sources.folder import names as folder_names
from agent.sources.folder.index import FolderIndex
from agent.sources.folder.options import Options
from agent.sources.folder.probe import probe
from agent.sources.folder.session import index_settings, kept_name
from agent.sources.registry import checked_setting
from exchange.clock import HOUR, SECOND, SystemClock, from_rfc3339, to_rfc3339
from exchange.errors import CameraUnreachable, FootageUnreadable, NoFootage, SettingsInvalid
from tests.agent.media.recordings import ffmpeg
from tests.sources.counterpart.folder import KINDS, FolderUnderTest, program_stream
from tests.sources.counterpart.pieces import ShiftedClock, piece, shown

NOON = from_rfc3339("2026-06-10T12:00:00Z")


def documented() -> list[tuple[str, str | None, str | None]]:
    """The table of names in the documents: name, start, end."""
    rows = re.findall(
        r"^\| [^|]+ \| `([^`]+)` \| (?:`([^`]+)`)? ?\| (?:`([^`]+)`)? ?\|$",
        Path("docs/sources.md").read_text(),
        re.MULTILINE,
    )
    return [(name, start or None, end or None) for name, start, end in rows]


def test_the_documents_name_the_products() -> None:
    assert len(documented()) >= 25


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        *documented(),
        ("2026-06-10T10:00:00.250+01:00.mp4", "2026-06-10T10:00:00.250000+01:00", None),
        ("2026-06-10 10.00.00.mkv", "2026-06-10T10:00:00", None),
        ("2026-06-10 10.00.00 +0100.mp4", "2026-06-10T10:00:00+01:00", None),
        ("20260610_235900-000100.mp4", "2026-06-10T23:59:00", "2026-06-11T00:01:00"),
        ("20260610/gate/10-00-00.ts", "2026-06-10T10:00:00", None),
        ("1781085600500.mp4", "2026-06-10T10:00:00.500000+00:00", None),
        ("20260610_100000_123.mp4", "2026-06-10T10:00:00", None),
        ("20260610-100000-0001.mp4", "2026-06-10T10:00:00", None),
        ("Front 2026-06-10 12.05.00\u202fAM.mp4", "2026-06-10T00:05:00", None),
        ("Screen Recording 2026-06-10 at 9.05.00\u202fPM.mov", "2026-06-10T21:05:00", None),
        ("Front 2026-06-10 10.05.00p.m..mp4", "2026-06-10T22:05:00", None),
        ("Bildschirmaufnahme 2026-06-10 um 10.00.00.mov", "2026-06-10T10:00:00", None),
        ("ch01_20260610100000123_20260610101000456.mp4", "2026-06-10T10:00:00.123000", "2026-06-10T10:10:00"),
        ("front_2026-06-10_10-00-00_UTC.mp4", "2026-06-10T10:00:00+00:00", None),
        ("2026-06-10 10-00-00 GMT.mp4", "2026-06-10T10:00:00+00:00", None),
        ("20260610_100000UTC_front.mp4", "2026-06-10T10:00:00+00:00", None),
        ("20260610_100000-GMT-5.mp4", "2026-06-10T10:00:00-05:00", None),
        ("20260610_100000_GMTcam.mp4", "2026-06-10T10:00:00", None),
        ("20260610-100000-01.mp4", "2026-06-10T10:00:00", None),
        ("2026-06-10T10%3A00%3A00%2B01%3A00.mp4", "2026-06-10T10:00:00+01:00", None),
        ("2026年06月10日10时00分00秒.mp4", "2026-06-10T10:00:00", None),
        ("2026年06月10日 10時00分00秒.mp4", "2026-06-10T10:00:00", None),
        ("clip 7.mp4", None, None),
        ("20261399_106100.mp4", None, None),
    ],
)
def test_names_of_common_exports_are_understood(name: str, start: str | None, end: str | None) -> None:
    told = folder_names.read_name(name)
    assert (told and told.start.isoformat()) == start
    if end is not None or told is None or told.end_sure:
        assert (told and told.end and told.end.isoformat()) == end


@pytest.mark.parametrize(
    "name",
    [
        "RecM01_20260610_100000_100006.mp4",
        "NO20260610-100000-000123.MP4",
        "20260610-100000-100500.mp4",
        "2026-06-10_10-00-00-100005.mp4",
    ],
)
def test_a_file_is_as_long_as_its_frames_whatever_its_name_s_last_digits_say(tmp_path: Path, name: str) -> None:
    folder = Folder(tmp_path, zone="UTC")
    folder.add(name)
    (span,) = folder.look()["spans"]
    lasts = span["end"] - span["start"]
    assert abs(lasts - 6 * SECOND) < SECOND
    assert SECOND <= span["uncertainty_us"] < 2 * SECOND


@pytest.mark.parametrize(
    ("changed", "start", "unsure"),
    [
        ("2026-06-10T10:00:05Z", "2026-06-10T10:00:00.000000Z", 0),
        ("2026-06-10T15:00:05Z", "2026-06-10T15:00:00.000000Z", 0),
        ("2026-06-11T09:00:00Z", "2026-06-10T15:00:00.000000Z", 5 * HOUR),
    ],
)
def test_a_name_with_two_meanings_is_read_by_the_file_s_last_change_or_with_all_the_doubt_there_is(
    tmp_path: Path, changed: str, start: str, unsure: int
) -> None:
    folder = Folder(tmp_path, now=NOON + 24 * HOUR, zone="UTC")
    folder.add("20260610_100000-0500.mp4", changed=from_rfc3339(changed))
    (span,) = folder.look()["spans"]
    assert to_rfc3339(span["start"]) == start
    assert span["uncertainty_us"] == SECOND + unsure


def test_two_digits_behind_a_name_s_time_are_a_number_unless_the_last_change_says_that_they_are_a_zone(
    tmp_path: Path,
) -> None:
    folder = Folder(tmp_path, now=NOON + 24 * HOUR, zone="UTC")
    folder.add("20260610-100000-05.mp4", changed=from_rfc3339("2026-06-10T15:00:07Z"))
    folder.add("20260610-110000-01.mp4", changed=from_rfc3339("2026-06-10T11:00:07Z"))
    folder.add("20260610-120000-02.mp4", changed=from_rfc3339("2026-06-11T09:00:00Z"))
    found = [(to_rfc3339(each["start"])[11:16], each["uncertainty_us"]) for each in folder.look()["spans"]]
    assert found == [("11:00", SECOND), ("12:00", SECOND + 2 * HOUR), ("15:00", SECOND)]


def test_a_month_or_a_day_is_not_guessed(tmp_path: Path) -> None:
    folder = Folder(tmp_path, now=from_rfc3339("2026-12-12T12:00:00Z"), zone="UTC")
    folder.add("Front 6-10-2026, 10.00.00 AM.mp4")
    with pytest.raises(FootageUnreadable, match="two ways"):
        folder.look()
    (wrong,) = folder_test_job(folder.order() | {"start": 0, "end": 1}, lambda _: None)["wrong"]
    assert "two ways" in wrong


@pytest.mark.parametrize(
    ("pattern", "name", "start"),
    [
        ("%d-%m-%Y_%H.%M.%S", "porch 10-06-2026_10.00.30.mp4", "2026-06-10T10:00:30"),
        ("%m-%d-%Y, %I.%M.%S %p", "Front Door 6-10-2026, 3.05.00 PM.mp4", "2026-06-10T15:05:00"),
        ("%Y%m%d/*/%H-%M", "20260610/gate/10-05.mp4", "2026-06-10T10:05:00"),
        ("%y%m%d%H%M%S", "cam1_260610100000.avi", "2026-06-10T10:00:00"),
        ("%s", "x1781085600.mp4", "2026-06-10T10:00:00+00:00"),
    ],
)
def test_an_owners_pattern_is_understood(pattern: str, name: str, start: str) -> None:
    told = folder_names.read_name(name, folder_names.compiled(pattern))
    assert told is not None
    assert told.start.isoformat() == start


@pytest.mark.parametrize("pattern", ["%Y-%m-%d", "%Q", "%Y%Y%m%d%H%M", "clip"])
def test_a_pattern_that_tells_no_time_is_refused_when_it_is_typed(pattern: str) -> None:
    with pytest.raises(SettingsInvalid, match="pattern"):
        checked_setting("folder", "", {"path": "/srv/exports", "pattern": pattern})


@pytest.mark.parametrize(
    "options", [{"path": "relative"}, {"path": "/x", "zone": "Nowhere/Land"}, {"path": "/x", "pth": "/y"}, {}]
)
def test_mistaken_options_are_named(options: dict[str, str]) -> None:
    with pytest.raises(SettingsInvalid):
        checked_setting("folder", "", options)


class Folder:
    """A folder, and its jobs called as the worker calls them."""

    def __init__(self, tmp_path: Path, now: int = NOON, **options: Any) -> None:
        self.root = tmp_path / "exports"
        self.root.mkdir(exist_ok=True)
        self.state = tmp_path / "state"
        self.state.mkdir(exist_ok=True)
        self.now, self.tmp_path = now, tmp_path
        self.options = {"path": str(self.root), "zone": "Europe/London", **options}

    def add(self, name: str, media: Path | None = None, changed: int | None = None) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(media or piece(0).path, path)
        at = self.now - HOUR if changed is None else changed
        os.utime(path, ns=(at * 1000, at * 1000))
        return path

    def order(self) -> dict[str, Any]:
        skew = self.now - SystemClock().now()
        return {
            "brand": "agent.sources.folder",
            "camera_id": "gate",
            "options": self.options,
            "state": str(self.state),
            "skew_us": skew,
        }

    def look(self, start: int = 0, end: int = 4_000_000_000 * SECOND) -> dict[str, Any]:
        return look_job(self.order() | {"start": start, "end": end}, lambda _: None)

    def spans(self) -> list[tuple[str, str]]:
        return [(to_rfc3339(each["start"]), to_rfc3339(each["end"])) for each in self.look()["spans"]]

    def fetch(self, span: dict[str, Any], into: Path) -> dict[str, Any]:
        into.mkdir(exist_ok=True)
        more = {name: span[name] for name in ("reference", "start", "end")}
        return fetch_job(self.order() | more | {"into": str(into), "most_bytes": 1 << 30}, lambda _: None)


@pytest.mark.parametrize("kind", KINDS, ids=lambda each: each.name)
async def test_every_kind_of_file_is_found_and_brought_frame_for_frame(
    tmp_path: Path, kind: type[FolderUnderTest]
) -> None:
    start = from_rfc3339("2026-06-10T10:00:00Z")
    truth = piece(start)
    folder = Folder(tmp_path)
    under = kind(tmp_path, ShiftedClock(NOON))
    under.file(truth, folder.root / f"a_20260610_110000.{kind.suffix}", DeviceTime(zone="Europe/London"))
    (span,) = folder.look()["spans"]
    assert abs(span["start"] - start) <= SECOND
    assert abs(span["end"] - truth.end) <= 1_100_000
    fetched = folder.fetch(span, tmp_path / "into")
    files = [{"at_key": False, "torn": False, **each} for each in fetched["files"]]
    (placed,) = placing_job({"into": str(tmp_path / "into"), "files": files}, lambda _: None)["files"]
    assert placed["start"] == start
    assert [picture for _, picture in shown(tmp_path / "into" / placed["name"])] == list(truth.pictures)
    assert placed["clock"] == "name"


def test_a_name_in_local_time_is_mapped_to_utc_and_the_clocks_error_taken_off(tmp_path: Path) -> None:
    folder = Folder(tmp_path, clock_ahead=2400, clock_unsure=30)
    folder.add("20260610_110000.mp4")
    (span,) = folder.look()["spans"]
    assert to_rfc3339(span["start"]) == "2026-06-10T09:20:00.000000Z"
    assert span["uncertainty_us"] == 31 * SECOND


def test_a_name_that_tells_the_end_is_counted_back_from(tmp_path: Path) -> None:
    folder = Folder(tmp_path, names="end")
    folder.add("20260610_110006.mp4")
    assert folder.spans() == [("2026-06-10T10:00:00.000000Z", "2026-06-10T10:00:06.000000Z")]


def test_the_files_own_creation_time_is_used_where_the_name_tells_nothing(tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    ffmpeg("-i", piece(0).path, "-c", "copy", "-metadata", "creation_time=2026-06-10T10:00:00Z", made)
    made_mkv = tmp_path / "made.mkv"
    ffmpeg("-i", made, "-c", "copy", "-metadata", "creation_time=2026-06-10T11:00:00Z", made_mkv)
    folder = Folder(tmp_path)
    folder.add("front door.mp4", made)
    folder.add("back door.mkv", made_mkv)
    folder.add("nothing.mp4")
    starts = [to_rfc3339(span["start"]) for span in folder.look()["spans"]]
    assert starts == ["2026-06-10T10:00:00.000000Z", "2026-06-10T11:00:00.000000Z"]
    assert {span["clock"] for span in folder.look()["spans"]} == {"container"}
    tested = folder_test_job(folder.order() | {"start": 0, "end": 1}, lambda _: None)
    assert tested["good"] == ["2 files can be used."]
    assert "nothing.mp4" in tested["wrong"][-1]


def test_a_time_set_by_hand_comes_before_all_others(tmp_path: Path) -> None:
    folder = Folder(tmp_path, starts={"20260610_110000.mp4": "2026-06-01T00:00:00Z"})
    folder.add("20260610_110000.mp4")
    (span,) = folder.look()["spans"]
    assert to_rfc3339(span["start"]) == "2026-06-01T00:00:00.000000Z"
    assert span["clock"] == "by_hand"


def test_in_the_hour_that_comes_twice_the_last_change_decides_and_without_it_the_doubt_is_told(tmp_path: Path) -> None:
    folder = Folder(tmp_path, now=from_rfc3339("2026-11-01T00:00:00Z"))
    second = from_rfc3339("2026-10-25T01:30:06Z")
    folder.add("a_20261025_013000.mp4", changed=second - HOUR)
    folder.add("b_20261025_013000.mp4", changed=second)
    folder.add("c_20261025_013000.mp4", changed=second + 48 * HOUR)
    spans = {span["reference"].partition('"path": "')[2][0]: span for span in folder.look()["spans"]}
    assert to_rfc3339(spans["a"]["start"]) == "2026-10-25T00:30:00.000000Z"
    assert to_rfc3339(spans["b"]["start"]) == "2026-10-25T01:30:00.000000Z"
    assert spans["c"]["uncertainty_us"] >= HOUR > spans["a"]["uncertainty_us"]
    fetched = folder.fetch(spans["c"], tmp_path / "into")
    assert "nothing tells which" in " ".join(fetched["files"][0]["notes"])


def test_a_file_that_changed_a_moment_ago_is_still_being_written_and_later_is_not(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.add("20260610_125900.mp4", changed=NOON - 2 * SECOND)
    assert [span["finished"] for span in folder.look()["spans"]] == [False]
    folder.now += 60 * SECOND
    assert [(span["finished"], span["torn"]) for span in folder.look()["spans"]] == [(True, False)]


def test_the_index_follows_what_is_added_changed_and_removed_and_reads_nothing_twice(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    first = folder.add("20260610_110000.mp4")
    folder.add("deep/er/20260610_113000.mp4")
    assert len(folder.spans()) == 2
    first.unlink()
    folder.add("20260610_120000.mp4")
    assert [start[11:16] for start, _ in folder.spans()] == ["10:30", "11:00"]
    with FolderIndex(folder.state / "folder.db", index_settings(Options(**folder.options))) as index:
        assert index.update(folder.root, _never, frozenset({"mp4"})) == 0


def _never(*_: Any) -> Any:
    raise AssertionError("a file was read again")


def test_a_damaged_index_is_made_anew(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.add("20260610_110000.mp4")
    (folder.state / "folder.db").write_bytes(b"no database" * 1000)
    assert len(folder.spans()) == 1


def test_changed_options_make_the_index_anew(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.add("20260610_110000.mp4")
    before = folder.spans()
    folder.options["zone"] = "UTC"
    assert folder.spans() != before


def test_links_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    path = folder.add("20260610_110000.mp4")
    (folder.root / "20260610_120000.mp4").symlink_to(path)
    folder.add(".20260610_130000.mp4")
    (folder.root / "loop").symlink_to(folder.root)
    assert len(folder.spans()) == 1


def test_a_folder_that_is_not_there_is_unreachable_and_no_gap(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.root.rmdir()
    with pytest.raises(CameraUnreachable, match="exports"):
        folder.look()


def test_a_file_that_went_or_shrank_after_it_was_found_is_no_footage(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    path = folder.add("20260610_110000.mp4")
    (span,) = folder.look()["spans"]
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(NoFootage):
        folder.fetch(span, tmp_path / "into")
    path.unlink()
    with pytest.raises(NoFootage):
        folder.fetch(span, tmp_path / "into")


def test_names_of_fetched_files_are_harmless_and_never_the_same() -> None:
    names = [kept_name(path) for path in ("a/x.mp4", "b/x.mp4", "../../etc/passwd.mp4", "Ä ö;rm -rf.MP4", ".mp4")]
    assert len(set(names)) == len(names)
    assert all(name.isascii() and "/" not in name and not name.startswith((".", "-")) for name in names)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "ts", "flv", "mpg"])
def test_how_long_a_file_is_is_read_without_a_media_library(tmp_path: Path, suffix: str) -> None:
    made = tmp_path / f"x.{suffix}"
    if suffix == "mpg":
        program_stream(piece(0), made)
    else:
        ffmpeg("-i", piece(0).path, "-c", "copy", "-f", {"ts": "mpegts", "mkv": "matroska"}.get(suffix, suffix), made)
    found = probe(made)
    assert found.whole
    assert found.duration == pytest.approx(6 * SECOND, abs=110_000)
    made.write_bytes(made.read_bytes()[: made.stat().st_size // 2 + 1])
    assert suffix == "flv" or not probe(made).whole


def test_options_are_what_the_documents_say() -> None:
    assert Options(path="/srv/exports").zone == "local"
    assert datetime.fromtimestamp(0, UTC)


MADE = {
    "front_20260610_100000.asf": ["-f", "asf"],
    "front_20260610_100000.3gp": ["-f", "3gp"],
    "front_20260610_100000.m2ts": ["-f", "mpegts", "-mpegts_m2ts_mode", "1"],
    "front_20260610_100000.mov": ["-f", "mov"],
    "20260610_100000": ["-f", "mp4"],
    "20260610_100000.bak": ["-f", "matroska"],
    "Haust\u00fcr \u041a\u0430\u043c\u0435\u0440\u0430 \u7384\u95a2 2026-06-10 10.00.00\u202fAM.mp4": ["-f", "mp4"],
    os.fsdecode(b"t\xfcr_20260610_100000.mp4"): ["-f", "mp4"],
}


@pytest.mark.parametrize("name", MADE, ids=ascii)
def test_what_is_in_a_file_tells_what_it_is_whatever_its_name(tmp_path: Path, name: str) -> None:
    truth = piece(0)
    made = tmp_path / "made"
    ffmpeg("-i", truth.path, "-c", "copy", *MADE[name], made)
    folder = Folder(tmp_path, zone="UTC")
    folder.add(name, made)
    (span,) = folder.look()["spans"]
    assert to_rfc3339(span["start"]) == "2026-06-10T10:00:00.000000Z"
    fetched = folder.fetch(span, tmp_path / "into")
    assert all(note.isprintable() for note in fetched["files"][0]["notes"])
    files = [each | {"uncertainty_us": 0, "clock": "name"} for each in fetched["files"]]
    (placed,) = placing_job({"into": str(tmp_path / "into"), "files": files}, lambda _: None)["files"]
    assert [picture for _, picture in shown(tmp_path / "into" / placed["name"])] == list(truth.pictures)
    assert folder_test_job(folder.order() | {"start": 0, "end": 1}, lambda _: None)["wrong"] == []


def test_a_quicktime_file_may_begin_with_its_pictures(tmp_path: Path) -> None:
    made = tmp_path / "made.mov"
    ffmpeg("-i", piece(0).path, "-c", "copy", "-f", "mov", made)
    content = made.read_bytes()
    at, shift = content.index(b"mdat") - 4, int.from_bytes(content[:4], "big")
    assert content[4:8] == b"ftyp"
    assert content[shift + 4 : shift + 8] in (b"wide", b"mdat")
    folder = Folder(tmp_path, zone="UTC")
    for name, begins in (("20260610_100000.mov", shift), ("20260610_110000.mov", at)):
        path = folder.add(name, made)
        path.write_bytes(content[begins:])
        os.utime(path, ns=(0, 0))
    assert [container_of(path) for path in sorted(folder.root.iterdir())] == ["mp4", "mp4"]


UNKNOWN = {"20260610_100000.bvr": b"BLUE" * 500, "20260610_100000.h264": b"\0\0\1\xfc\2\x19" + b"x" * 5000}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_recorder_s_own_format_is_named_and_a_request_for_its_time_waits(tmp_path: Path, name: str) -> None:
    folder = Folder(tmp_path, zone="UTC")
    path = folder.add(name)
    path.write_bytes(UNKNOWN[name])
    os.utime(path, ns=(0, 0))
    folder.add("20260611_100000.mp4")
    folder.add("20260610_100000.jpg")
    start = from_rfc3339("2026-06-10T10:00:02Z")
    with pytest.raises(FootageUnreadable, match=name):
        folder.look(start, start + 5 * SECOND)
    assert len(folder.look(start + 24 * HOUR, start + 24 * HOUR + SECOND)["spans"]) == 1
    (wrong,) = folder_test_job(folder.order() | {"start": 0, "end": 1}, lambda _: None)["wrong"]
    assert wrong.startswith(f"{name}: it is no kind of video that is known here. Export it again")


def test_an_index_of_an_earlier_version_is_made_anew(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.add("20260610_100000.mp4")
    with closing(sqlite3.connect(folder.state / "folder.db")) as earlier:
        earlier.executescript(
            "CREATE TABLE files (path TEXT PRIMARY KEY, other INTEGER) STRICT; PRAGMA user_version = 0;"
        )
    assert len(folder.look()["spans"]) == 1
