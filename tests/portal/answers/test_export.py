"""A case exported: a BagIt folder that other programs check, to a watched folder and by SFTP; by command and page."""

import asyncio
import json
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from exchange.errors import EvidenceMismatch, PlaceFull, PlaceRefused, PlaceUnreachable, SettingsInvalid
from exchange.package.bag import check_bag
from portal.officer import cli
from portal.officer.casework.case_folder import CaseFile, CaseFolder
from portal.officer.casework.connectors.folder import FolderConnector
from portal.officer.casework.connectors.memo import Memo
from portal.officer.casework.connectors.settings import read_connectors
from portal.officer.casework.connectors.sftp import SftpConnector
from portal.officer.casework.notes import write_note
from portal.officer.state import OfficerState
from tests.counterparts.storage.ssh_server import SshServer, ssh_server
from tests.exchange.makers import NOW
from tests.portal.answers.casefiles import CRIME, START, hand_over, owner
from tests.portal.answers.test_cases import CASE, open_case
from tests.portal.desk.desks import Desk

SMALL = CaseFolder(
    "EX-1",
    "EX/1",
    (CaseFile("data/a.txt", b"abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),),
)


def new() -> Memo:
    """Of an export that was not begun before."""
    return Memo(Path(tempfile.mkdtemp()) / "memo.json", "there", NOW)


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """A command waits for nobody else: it may block."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[SshServer]:
    with ssh_server(tmp_path / "ssh") as server:
        yield server


async def export(desk: Desk, monkeypatch: pytest.MonkeyPatch, *args: str, code: int = 0) -> Any:
    """What the command says with --json."""
    monkeypatch.setattr(cli, "SystemClock", lambda: desk.town.clock)
    command = ["--state", str(desk.state.folder), "export", CRIME, *args, "--json"]
    result = await asyncio.to_thread(CliRunner().invoke, cli.main, command, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return json.loads(result.stdout.splitlines()[0])


async def test_a_case_becomes_a_bag_that_sha256sum_checks(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, spoilt = (
        await hand_over(desk, await owner(desk)),
        await hand_over(desk, await owner(desk), custody__jsonl=b"{}\n"),
    )
    write_note(desk.state, CRIME, "A red car.", at=START, now=NOW, by="DC Okafor", camera="Shop front")
    (tmp_path / "in").mkdir()
    told = await export(desk, monkeypatch, "--into", str(tmp_path / "in"), "--sealed", code=65)
    assert (told["packages"], told["verified"], told["troubles"]) == (2, 1, [])
    (folder,) = (tmp_path / "in").iterdir()
    assert told["exported"] == str(folder)
    subprocess.run(["sha256sum", "--quiet", "-c", "manifest-sha256.txt"], cwd=folder, check=True)
    subprocess.run(["sha256sum", "--quiet", "-c", "tagmanifest-sha256.txt"], cwd=folder, check=True)
    files = check_bag(folder).files
    place = f"data/packages/{sound.request_id}-del"
    assert f"{place}/package/data/master/front-1.mp4" in files
    assert f"{place}/{sound.request_id}-del.zip.age" in files
    assert f"data/not-verified/{spoilt.request_id}-del/report.txt" in files
    assert f"data/requests/{sound.request_id}/request.json" in files
    assert not [path for path in files if "key" in path.rpartition("/")[2]]
    facts = json.loads((folder / "data/case.json").read_text())
    assert sorted(each["verified"] for each in facts["packages"]) == [False, True]
    assert "A red car." in (folder / "data/notes.csv").read_text()
    first = (folder / "data/READ-ME-FIRST.txt").read_text()
    assert "3.2 seconds fast" in first
    assert "checks failed" in first or "check failed" in first


async def test_the_page_exports_by_a_connector_over_sftp(desk: Desk, server: SshServer) -> None:
    await hand_over(desk, await owner(desk))
    set_up_sftp(desk.state, server)
    await open_case(desk)
    shown = (await desk.get(f"{CASE}/export")).text
    assert "Evidence system" in shown
    assert (await desk.post(f"{CASE}/export", {"to": "Evidence system"})).status == 303
    assert "Exported. It lies in <code>sftp://" in await exported(desk)
    (folder,) = server.root.iterdir()
    assert "data/case.json" in check_bag(folder).files
    assert (await desk.post(f"{CASE}/export", {"to": "another"})).status == 400
    assert (await desk.post(f"{CASE}/export", {"to": ""})).status == 303
    assert "/exports/" in await exported(desk)


async def exported(desk: Desk) -> str:
    for _ in range(600):
        shown = (await desk.get(f"{CASE}/export/part")).text
        if "data-running" not in shown:
            return shown
        await asyncio.sleep(0.05)
    raise AssertionError(shown)


def set_up_sftp(state: OfficerState, server: SshServer) -> None:
    login = state.folder / "login"
    login.write_text(server.private_key)
    login.chmod(0o600)
    named = {"kind": "sftp", "name": "Evidence system", "host": "127.0.0.1", "port": server.port, "user": server.user}
    named |= {"folder": str(server.root), "host_key": server.host_key, "login_key": str(login)}
    watched = {"kind": "folder", "name": "Watched", "folder": str(state.folder.parent)}
    (state.folder / "connectors.yaml").write_text(yaml.safe_dump({"connectors": [named, watched]}))


async def test_an_sftp_server_with_another_key_gets_nothing(desk: Desk, server: SshServer) -> None:
    set_up_sftp(desk.state, server)
    connectors = read_connectors(desk.state)
    assert connectors["Watched"].title == str(desk.state.folder.parent)
    connector = connectors["Evidence system"]
    assert isinstance(connector, SftpConnector)
    assert (await connector.put(SMALL, new(), lambda _: None)).endswith("/EX-1")
    with pytest.raises(PlaceRefused, match="already"):
        await connector.put(SMALL, new(), lambda _: None)
    server.stop()
    with pytest.raises(PlaceUnreachable, match="does not answer"):
        await connector.put(SMALL, new(), lambda _: None)
    server.new_host_key()
    server.start()
    with pytest.raises(PlaceRefused, match="does not show the key"):
        await connector.put(SMALL, new(), lambda _: None)
    assert [path.name for path in server.root.iterdir()] == ["EX-1"]


async def test_a_folder_gets_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connector = FolderConnector(tmp_path / "in")
    with pytest.raises(PlaceUnreachable):
        await connector.put(SMALL, new(), lambda _: None)
    (tmp_path / "in").mkdir()
    seen: list[int] = []
    assert await connector.put(SMALL, new(), seen.append) == str(tmp_path / "in/EX-1")
    assert (tmp_path / "in/EX-1/data/a.txt").read_bytes() == b"abc"
    assert seen == [3]
    with pytest.raises(PlaceRefused):
        await connector.put(SMALL, new(), seen.append)
    changed = CaseFolder("EX-2", "EX/1", (CaseFile("data/a.txt", b"abd", 3, SMALL.files[0].sha256),))
    with pytest.raises(EvidenceMismatch):
        await connector.put(changed, new(), seen.append)

    def full(file: int) -> None:
        if os.readlink(f"/proc/self/fd/{file}").startswith(str(tmp_path / "in")):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PlaceFull):
        await connector.put(CaseFolder("EX-3", "EX/1", SMALL.files), new(), seen.append)
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["EX-1"]


async def test_what_can_t_be_exported_says_why(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "SystemClock", lambda: desk.town.clock)
    for args, words in (
        ([], "not clear where to"),
        (["--into", str(tmp_path), "--to", "x"], "not clear where to"),
        (["--to", "x"], "No connector is called 'x'"),
        (["--into", str(tmp_path)], "Nothing was asked for"),
    ):
        command = ["--state", str(desk.state.folder), "export", CRIME, *args]
        result = await asyncio.to_thread(CliRunner().invoke, cli.main, command)
        assert result.exit_code != 0, args
        assert words in result.output, result.output
    (desk.state.folder / "connectors.yaml").write_text("connectors: [{kind: carrier-pigeon}]")
    with pytest.raises(SettingsInvalid):
        read_connectors(desk.state)
