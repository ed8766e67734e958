"""Files in a folder that can't be played: named, explained, and never taken for "there is no footage"."""

import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.footage.files.place import job as placing_job
from agent.owner.operations.context import Nothing
from agent.owner.operations.status import status
from agent.owner.terminal.prompt import show_status
from agent.sources.device.jobs import test_job as folder_test_job
from agent.sources.folder.probe import NO_INDEX, probe
from agent.sources.registry import SourceSetting
from exchange.clock import HOUR, MINUTE, SECOND, Window, from_rfc3339
from exchange.errors import CameraAnswerInvalid, FootageUnreadable, NoFootage
from tests.agent.media.recordings import ffmpeg
from tests.journey.home import ACTOR, CAMERA, home
from tests.sources.brands.test_folder import NOON, Folder
from tests.sources.counterpart.pieces import piece

START = from_rfc3339("2026-06-10T10:00:00Z")
NAME = "front_20260610_110000.mp4"


def cut_off(tmp_path: Path, *, placeholder: bool = False) -> Path:
    """A plain MP4 as a power cut leaves it: pictures, and no moov. ``placeholder``: mdat's length was never filled in,
    as FFmpeg leaves it (zero: up to the end)."""
    ffmpeg("-i", piece(0).path, "-c", "copy", tmp_path / "plain.mp4")
    whole = bytearray((tmp_path / "plain.mp4").read_bytes())
    (tmp_path / "plain.mp4").unlink()
    data, index = whole.index(b"mdat") - 4, whole.index(b"moov") - 4
    assert data < index
    if placeholder:
        whole[data : data + 4] = bytes(4)
    path = tmp_path / "cut_off.mp4"
    path.write_bytes(whole[: (data + index) // 2])
    return path


@pytest.mark.parametrize("placeholder", [True, False])
def test_an_mp4_without_its_index_is_known_without_a_media_library(tmp_path: Path, placeholder: bool) -> None:
    found = probe(cut_off(tmp_path, placeholder=placeholder))
    assert (found.container, found.whole, found.why) == ("mp4", False, NO_INDEX)


def test_an_index_that_is_itself_cut_through_is_no_index(tmp_path: Path) -> None:
    path = tmp_path / "plain.mp4"
    ffmpeg("-i", piece(0).path, "-c", "copy", path)
    path.write_bytes(path.read_bytes()[:-20])
    assert probe(path).why == NO_INDEX


def test_files_that_can_be_played_have_no_such_thing_said_of_them(tmp_path: Path) -> None:
    front = tmp_path / "front.mp4"
    ffmpeg("-i", piece(0).path, "-c", "copy", "-movflags", "faststart", front)
    torn = tmp_path / "torn.mp4"
    torn.write_bytes(front.read_bytes()[: front.stat().st_size // 2])
    assert [probe(path).why for path in (piece(0).path, front, torn)] == ["", "", ""]


def test_footage_that_is_there_and_cannot_be_read_is_an_error_that_says_what_may_help(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.add(NAME, cut_off(tmp_path), changed=START + 6 * SECOND)
    with pytest.raises(FootageUnreadable) as raised:
        folder.look(START, START + 5 * SECOND)
    assert NAME in raised.value.what
    assert "index is missing" in raised.value.what
    assert "nobody is told" in raised.value.meaning
    assert "untrunc" in raised.value.do
    assert "same time" in raised.value.do
    assert folder.look(START + HOUR, START + 2 * HOUR)["spans"] == []


def test_beside_footage_of_the_window_it_is_a_note_that_names_the_file(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.add("front_20260610_110006.mp4", changed=START + 12 * SECOND)
    folder.add(NAME, cut_off(tmp_path), changed=START + 6 * SECOND)
    looked = folder.look(START - 10 * SECOND, START + MINUTE)
    assert [span["start"] for span in looked["spans"]] == [START + 6 * SECOND]
    (note,) = looked["notes"]
    assert note.startswith(NAME)
    assert note.endswith("given a whole file of the same camera.")


def test_footage_around_a_window_does_not_hide_that_the_windows_own_cannot_be_read(tmp_path: Path) -> None:
    folder = Folder(tmp_path, margin=15)
    folder.add("front_20260610_105955.mp4", changed=START)
    folder.add(NAME, cut_off(tmp_path), changed=START + 10 * SECOND)
    folder.add("front_20260610_110100.mp4", changed=START + MINUTE)
    with pytest.raises(FootageUnreadable):
        folder.look(START - 14 * SECOND, START + 7 * SECOND + 2 * SECOND)


def test_the_test_of_a_source_names_it(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.add(NAME, cut_off(tmp_path))
    folder.add("no time.mp4", cut_off(tmp_path))
    wrong = folder_test_job(folder.order() | {"start": 0, "end": 1}, lambda _: None)["wrong"]
    assert [line.partition(": its index is missing")[0] for line in wrong] == [NAME, "no time.mp4"]


def test_while_it_is_being_written_it_counts_as_growing_and_not_as_broken(tmp_path: Path) -> None:
    folder = Folder(tmp_path, now=START + 8 * SECOND)
    folder.add(NAME, cut_off(tmp_path), changed=START + 6 * SECOND)
    (span,) = folder.look(START, START + MINUTE)["spans"]
    assert not span["finished"]
    with pytest.raises(NoFootage, match="still being written"):
        folder.fetch(span, tmp_path / "into")
    folder.now += MINUTE
    with pytest.raises(FootageUnreadable):
        folder.look(START, START + MINUTE)
    plain = tmp_path / "plain.mp4"
    ffmpeg("-i", piece(0).path, "-c", "copy", plain)
    folder.add(NAME, plain, changed=START + 7 * SECOND)
    (span,) = folder.look(START, START + MINUTE)["spans"]
    assert span["finished"]


def test_one_that_was_copied_days_later_does_not_stand_for_a_whole_day(tmp_path: Path) -> None:
    folder = Folder(tmp_path, now=NOON + 48 * HOUR)
    folder.add(NAME, cut_off(tmp_path), changed=NOON + 47 * HOUR)
    assert folder.look(START + 10 * MINUTE, START + HOUR)["spans"] == []


def test_brought_all_the_same_it_is_an_error_and_no_crash(tmp_path: Path) -> None:
    cut_off(tmp_path)
    told: dict[str, Any] = {
        "name": "cut_off.mp4", "start": START, "end": None, "at_key": False, "torn": True, "clock": "name",
        "uncertainty_us": 0, "notes": [],
    }  # fmt: skip
    with pytest.raises(CameraAnswerInvalid, match=r"cut_off\.mp4: its header is not whole"):
        placing_job({"into": str(tmp_path), "files": [told]}, lambda _: None)


async def test_a_request_for_it_waits_and_tells_its_owner_and_goes_on_when_the_file_was_repaired(
    tmp_path: Path,
) -> None:
    async with home(tmp_path) as at:
        start = at.window.start - at.window.start % SECOND
        folder = tmp_path / "exports"
        folder.mkdir()
        path = folder / f"front-{start // SECOND}.mp4"
        path.write_bytes(cut_off(tmp_path).read_bytes())
        os.utime(path, ns=((start + 6 * SECOND) * 1000,) * 2)
        setting = SourceSetting(kind="folder", options={"path": str(folder), "zone": "UTC"})
        await at.execute("UPDATE cameras SET source = ? WHERE camera_id = ?", setting.model_dump_json(), CAMERA)
        request_id = await at.send(at.request(Window(start + SECOND, start + 4 * SECOND)))
        await at.fetch_and_walk()
        row = await at.row(request_id)
        assert await at.state(request_id) not in ("unavailable", "closed", "asked")
        assert path.name in row.trouble
        assert "untrunc" in row.trouble
        ffmpeg("-i", piece(0).path, "-c", "copy", folder / f"repaired-{start // SECOND}.mp4")
        os.utime(folder / f"repaired-{start // SECOND}.mp4", ns=((start + 6 * SECOND) * 1000,) * 2)
        await at.execute("UPDATE requests SET retry_at = 0 WHERE request_id = ?", request_id)
        await at.fetch_and_walk()
        assert await at.state(request_id) == "asked", (await at.row(request_id)).trouble
        (camera,) = (await at.shown(request_id))["plan"]["cameras"]
        assert any(path.name in note for note in camera["source"]["notes"])


@pytest.mark.parametrize("beside", [True, False])
async def test_one_file_that_cannot_be_used_does_not_take_the_others_with_it(tmp_path: Path, beside: bool) -> None:
    async with home(tmp_path) as at:
        start = at.window.start - at.window.start % SECOND
        folder = tmp_path / "exports"
        folder.mkdir()
        whole, broken = (folder / f"front-{at // SECOND}.mp4" for at in (start, start + 6 * SECOND))
        ffmpeg("-i", piece(0).path, "-c", "copy", "-movflags", "faststart", whole)
        broken.write_bytes(whole.read_bytes().replace(b"stbl", b"free"))
        for path, end in ((whole, start + 6 * SECOND), (broken, start + 12 * SECOND)):
            os.utime(path, ns=(end * 1000,) * 2)
        if not beside:
            whole.unlink()
        setting = SourceSetting(kind="folder", options={"path": str(folder), "zone": "UTC"})
        await at.execute("UPDATE cameras SET source = ? WHERE camera_id = ?", setting.model_dump_json(), CAMERA)
        request_id = await at.send(at.request(Window(start + 2 * SECOND, start + 10 * SECOND)))
        await at.fetch_and_walk()
        if not beside:
            assert broken.stem in (await at.row(request_id)).trouble
            return
        assert await at.state(request_id) == "asked", (await at.row(request_id)).trouble
        (camera,) = (await at.shown(request_id))["plan"]["cameras"]
        assert any(broken.stem in note for note in camera["source"]["notes"])
        assert camera["gaps"], "what the broken file held is missing, and that is said"


def test_an_empty_file_keeps_no_request_waiting_and_is_named(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.add(NAME).write_bytes(b"")
    os.utime(folder.root / NAME, ns=((START + 6 * SECOND) * 1000,) * 2)
    folder.add("front_20260610_120000.mp4")
    looked = folder.look(START, START + 5 * SECOND)
    assert looked["spans"] == []
    assert any(NAME in note and "it is empty" in note for note in looked["notes"])
    assert looked["trouble"] == f"has 1 file that can't be used: {NAME} (it is empty) (handover sources test)"


async def test_what_can_t_be_used_is_told_where_an_owner_looks_until_it_is_gone(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        folder = tmp_path / "exports"
        folder.mkdir()
        (folder / "front_20260610_110000.mp4").write_bytes(b"")
        os.utime(folder / "front_20260610_110000.mp4", ns=(START * 1000,) * 2)
        setting = SourceSetting(kind="folder", options={"path": str(folder), "zone": "UTC"})
        await at.execute("UPDATE cameras SET source = ? WHERE camera_id = ?", setting.model_dump_json(), CAMERA)
        inventory = at.agent.inventory
        await inventory.check_clocks()
        (camera,) = (await status(at.agent, Nothing(), ACTOR))["cameras"]
        assert "front_20260610_110000.mp4 (it is empty)" in camera["footage_trouble"]
        console = Console(record=True, width=200, file=StringIO())
        show_status(console, await status(at.agent, Nothing(), ACTOR))
        assert "has 1 file that can't be used" in console.export_text()
        (folder / "front_20260610_110000.mp4").unlink()
        await inventory.check_clocks()
        (camera,) = (await status(at.agent, Nothing(), ACTOR))["cameras"]
        assert camera["footage_trouble"] is None


@pytest.mark.parametrize(("kind", "ending"), [("mp4", "mp4"), ("matroska", "mkv")])
def test_a_request_for_what_lies_behind_a_damaged_place_waits(tmp_path: Path, kind: str, ending: str) -> None:
    made = tmp_path / "made"
    more = ["-cluster_time_limit", "500"]
    if kind == "mp4":
        more = ["-movflags", "frag_keyframe+empty_moov+default_base_moof"]
    ffmpeg("-i", piece(0, 30).path, "-c", "copy", *more, "-f", kind, made)
    whole = made.read_bytes()
    third, hole = len(whole) // 3, len(whole) // 6
    made.write_bytes(whole[:third] + bytes(hole) + whole[third + hole :])
    folder = Folder(tmp_path, zone="UTC")
    folder.add(f"front_20260610_100000.{ending}", made)
    assert len(folder.look(START, START + 5 * SECOND)["spans"]) == 1
    with pytest.raises(FootageUnreadable, match="damaged") as raised:
        folder.look(START + 20 * SECOND, START + 25 * SECOND)
    assert "again" in raised.value.do
    assert folder.look(START + HOUR, START + 2 * HOUR)["spans"] == []
    made.write_bytes(whole + bytes(100_000))
    folder.add(f"front_20260610_110000.{ending}", made)
    later = START + HOUR + 35 * SECOND
    assert folder.look(later, later + 5 * SECOND)["spans"] == [], "room that was only set aside is no damage"
