"""A request for a camera on another recorder: fetched, kept sealed, shown, cut, handed over, forgotten."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from agent.owner.operations.context import RequestNamed
from agent.sources.device.footage import Device
from agent.sources.folder.options import Options
from agent.sources.folder.source import SOURCE
from agent.sources.registry import SourceSetting
from exchange.age.files import parse_identity
from exchange.clock import HOUR, SECOND, Window, to_rfc3339
from exchange.documents.evidence import Evidence
from exchange.signing.documents import open_document
from tests.journey.home import ACTOR, CAMERA, Home, home, owner_does
from tests.sources.counterpart.pieces import Piece, piece


async def on_a_folder(at: Home, folder: Path, *, preserve_container: str = "avi") -> Piece:
    """The camera's footage comes from a folder with an AVI in it, of twelve seconds a minute ago."""
    start = at.window.start - at.window.start % SECOND
    footage = piece(start, 12)
    folder.mkdir()
    path = folder / f"front-{start // SECOND}.{preserve_container}"
    subprocess.run(["ffmpeg", "-v", "error", "-i", footage.path, "-c", "copy", path], check=True, timeout=60)
    os.utime(path, ns=(footage.end * 1000, footage.end * 1000))
    setting = SourceSetting(kind="folder", options={"path": str(folder), "zone": "UTC"})
    await at.execute("UPDATE cameras SET source = ? WHERE camera_id = ?", setting.model_dump_json(), CAMERA)
    return footage


def plain_media(at: Home) -> list[Path]:
    """Whatever lies readable where fetched footage may lie."""
    return [path for path in at.settings.work_dir.rglob("*") if path.suffix in (".avi", ".mkv", ".part")]


def sealed(at: Home) -> list[Path]:
    return sorted(at.settings.preserved_dir.rglob("*.age"))


async def asked(at: Home, footage: Piece) -> str:
    window = Window(footage.start + 4_500_000, footage.end - 2 * SECOND)
    request_id = await at.send(at.request(window))  # type: ignore[attr-defined]
    await at.fetch_and_walk()
    assert await at.state(request_id) == "asked", (await at.row(request_id)).trouble
    return str(request_id)


async def test_a_window_from_another_recorder_is_kept_sealed_shown_and_handed_over(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        footage = await on_a_folder(at, tmp_path / "exports")
        request_id = await asked(at, footage)
        (kept,) = sealed(at)
        assert kept.read_bytes().startswith(b"age-encryption.org/v1\n")
        assert plain_media(at) == []
        (camera,) = (await at.shown(request_id))["plan"]["cameras"]
        assert camera["source"]["kept"] is True
        assert camera["source"]["kind"] == "folder"
        assert camera["actual"]["from"] == to_rfc3339(footage.start + 4 * SECOND)
        for path in (tmp_path / "exports").iterdir():
            path.unlink()  # the recorder overwrites it before the owner looks
        pictures = await owner_does(at.agent, "pictures", RequestNamed(request_id=request_id), ACTOR)
        assert len(pictures["pictures"]) == 2
        await at.say(request_id, yes=True)
        await at.agent.journey.settle()
        assert await at.state(request_id) == "delivered", (await at.row(request_id)).trouble
        (package,) = await at.packages(request_id)
        evidence = open_document(_signed(package.evidence), Evidence, at.agent.services.keys.device.public)
        assert evidence.source.how_read == SOURCE.how_read
        assert evidence.clocks.utc_from == SOURCE.utc_from
        assert evidence.windows.delivered.start == footage.start + 4 * SECOND
        (remux,) = [note for note in evidence.notes if "was copied into" in note]
        assert ".avi (avi" in remux
        assert "stream SHA-256" in remux
        assert plain_media(at) == []


@pytest.mark.parametrize("yes", [False])
async def test_what_was_kept_is_gone_once_the_owner_says_no(tmp_path: Path, yes: bool) -> None:
    async with home(tmp_path) as at:
        request_id = await asked(at, await on_a_folder(at, tmp_path / "exports"))
        assert await at.agent.services.footage.held_bytes() > 0
        await at.say(request_id, yes=yes)
        await at.agent.journey.settle()
        assert await at.state(request_id) == "closed"
        assert sealed(at) == []
        assert await at.agent.services.footage.held_bytes() == 0


async def test_what_was_kept_is_gone_once_the_request_expired(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        request_id = await asked(at, await on_a_folder(at, tmp_path / "exports"))
        at.clock.forward(25 * HOUR)
        await at.agent.journey.expire()
        await at.agent.journey.settle()
        assert await at.state(request_id) == "closed"
        assert sealed(at) == []


@pytest.mark.parametrize("word", ["no", "ask"])
async def test_without_leave_nothing_is_kept_and_a_yes_fetches_it_again(tmp_path: Path, word: str) -> None:
    async with home(tmp_path, extra=f"requests: {{preserve: {word}}}") as at:
        footage = await on_a_folder(at, tmp_path / "exports")
        request_id = await asked(at, footage)
        assert sealed(at) == []
        assert plain_media(at) == []
        (camera,) = (await at.shown(request_id))["plan"]["cameras"]
        assert camera["source"]["kept"] is False
        assert camera["source"]["overwritten"] == to_rfc3339(footage.start + 4_500_000 + 14 * 24 * HOUR)
        await at.say(request_id, yes=True)
        await at.agent.journey.settle()
        assert await at.state(request_id) == "delivered", (await at.row(request_id)).trouble


async def test_no_more_is_kept_than_the_limit_lets(tmp_path: Path) -> None:
    async with home(tmp_path, extra="requests: {preserve_limit: 10 kB}") as at:
        await asked(at, await on_a_folder(at, tmp_path / "exports"))
        assert sealed(at) == []


async def test_a_recorder_that_is_away_holds_the_request_up_and_is_tried_again(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        footage = await on_a_folder(at, tmp_path / "exports")
        (tmp_path / "exports").rename(tmp_path / "unmounted")
        window = Window(footage.start + 4_500_000, footage.end - 2 * SECOND)
        request_id = await at.send(at.request(window))
        await at.fetch_and_walk()
        row = await at.row(request_id)
        assert row.state == "preserved"
        assert "exports" in (row.trouble or "")
        (tmp_path / "unmounted").rename(tmp_path / "exports")
        await at.walk(later=HOUR)
        assert await at.state(request_id) == "asked"


async def test_what_lies_sealed_opens_with_the_owners_archive_key_alone(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        await asked(at, await on_a_folder(at, tmp_path / "exports"))
        (kept,) = sealed(at)
        keys = [line for line in at.settings.archive_key.read_text().splitlines() if line and line[0] != "#"]
        from exchange.age.files import decrypt_file

        decrypt_file(kept, tmp_path / "opened.mkv", [parse_identity(keys[0])])
        assert (tmp_path / "opened.mkv").read_bytes()[:4] == b"\x1a\x45\xdf\xa3"
        assert (kept.stat().st_mode | kept.parent.stat().st_mode) & 0o077 == 0


async def test_how_fast_a_recorder_overwrites_tells_when_the_window_goes(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        sources = at.agent.services.footage
        now, window = at.clock.now(), Window(at.clock.now() - 20 * HOUR, at.clock.now() - 19 * HOUR)
        await at.execute("INSERT INTO source_reach VALUES (?, ?, ?)", CAMERA, now - 4 * HOUR, now - 30 * HOUR)
        await at.execute("INSERT INTO source_reach VALUES (?, ?, ?)", CAMERA, now, now - 26 * HOUR)
        assert await sources.overwritten(CAMERA, window, 14) == now + 6 * HOUR
        await at.execute("UPDATE source_reach SET oldest = ?", now - 30 * HOUR)
        assert await sources.overwritten(CAMERA, window, None) is None


async def test_fetches_from_one_recorder_wait_for_each_other(tmp_path: Path) -> None:
    first = Device(
        "a", "folder", "agent.sources.folder", SOURCE, Options(path="/x"), tmp_path, address="http://192.0.2.7/x"
    )
    second = Device("b", "folder", "agent.sources.folder", SOURCE, Options(path="/x"), tmp_path, address="192.0.2.7")
    other = Device("c", "folder", "agent.sources.folder", SOURCE, Options(path="/x"), tmp_path, address="192.0.2.8")
    assert first.host == second.host != other.host


def _signed(text: str | None) -> object:
    from exchange.documents.messages import Signed

    assert text is not None
    return Signed.model_validate(json.loads(text))
