"""Exports that break off and go on: nothing is sent twice, nothing is whole before all is; by SFTP and over HTTP."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exchange.clock import DAY
from exchange.errors import EvidenceMismatch, PlaceFull, PlaceRefused, PlaceUnreachable, SettingsInvalid
from portal.officer import desktop_keyring
from portal.officer.casework.case_folder import CaseFile, CaseFolder
from portal.officer.casework.connectors import sftp
from portal.officer.casework.connectors.connector import BLOCK
from portal.officer.casework.connectors.evidence_api import EvidenceApiConnector, secret_of_file
from portal.officer.casework.connectors.folder import FolderConnector
from portal.officer.casework.connectors.memo import OLDEST, Memo
from portal.officer.casework.connectors.settings import read_connectors
from portal.officer.state import OfficerState
from tests.counterparts.storage.evidence_system import SECRET, EvidenceSystem, evidence_system
from tests.counterparts.storage.ssh_server import SshServer, ssh_server

LARGE = bytes(range(256)) * (3 * BLOCK // 256 + 100)
NOW = 50 * DAY


def file(path: str, content: bytes) -> CaseFile:
    return CaseFile(path, content, len(content), hashlib.sha256(content).hexdigest())


def case(*files: CaseFile) -> CaseFolder:
    return CaseFolder("EX-1-now", "EX/1", files)


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """The officer's program waits for nobody else: it may block."""


@pytest.fixture
def state(tmp_path: Path) -> OfficerState:
    (tmp_path / "officer").mkdir(mode=0o700)
    return OfficerState(tmp_path / "officer")


@pytest.fixture
async def system() -> AsyncIterator[EvidenceSystem]:
    async with evidence_system() as system:
        yield system


@pytest.fixture
def server(tmp_path: Path) -> Any:
    with ssh_server(tmp_path / "ssh") as server:
        yield server


@pytest.fixture
def large(tmp_path: Path) -> CaseFile:
    path = tmp_path / "large"
    path.write_bytes(LARGE)
    return CaseFile("data/large", path, len(LARGE), hashlib.sha256(LARGE).hexdigest())


def memo(state: OfficerState, now: int = NOW) -> Memo:
    return Memo.open(state, "EX/1", "there", now)


def test_a_memo_is_found_again_and_ends(state: OfficerState) -> None:
    memo(state).note(a="1")
    again = memo(state, NOW + DAY)
    assert (again.begun, again.get("a")) == (NOW, "1")
    assert Memo.open(state, "EX/1", "elsewhere", NOW).get("a") is None
    assert memo(state, NOW + OLDEST).begun == NOW + OLDEST
    again.end()
    assert memo(state, NOW + DAY).begun == NOW + DAY
    again.note(a="1")
    again.path.write_text("{")
    assert memo(state).notes == {}


async def test_a_folder_that_a_crash_left_half_made_is_made_anew(state: OfficerState, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    connector, small = FolderConnector(tmp_path / "in"), case(file("data/a", b"abc"))
    (tmp_path / "in/.EX-1-now.partial").mkdir()
    with pytest.raises(PlaceRefused):
        await connector.put(small, memo(state), lambda _: None)
    memo(state).note(begun="EX-1-now")
    assert await connector.put(small, memo(state), lambda _: None) == str(tmp_path / "in/EX-1-now")
    assert await connector.put(small, memo(state), lambda _: None) == str(tmp_path / "in/EX-1-now")
    with pytest.raises(PlaceRefused):
        await connector.put(small, Memo(tmp_path / "new.json", "there", NOW), lambda _: None)


# -- SFTP --------------------------------------------------------------------------------------------------------


def by_sftp(server: SshServer, tmp_path: Path) -> sftp.SftpConnector:
    login = tmp_path / "login"
    login.write_text(server.private_key)
    login.chmod(0o600)
    return sftp.SftpConnector("127.0.0.1", server.port, server.user, str(server.root), server.host_key, login)


async def test_sftp_goes_on_within_a_file_and_sends_nothing_twice(
    state: OfficerState, server: SshServer, tmp_path: Path, large: CaseFile
) -> None:
    connector = by_sftp(server, tmp_path)
    first, changed = file("data/a", b"abc"), file("data/b", b"old")
    partial = server.root / ".EX-1-now.partial"

    def stop(done: int) -> None:
        if done >= 6 + 2 * BLOCK:
            raise ConnectionResetError

    with pytest.raises(PlaceUnreachable):
        await connector.put(case(first, changed, large), memo(state), stop)
    assert not (server.root / "EX-1-now").exists()
    (partial / "data/a").chmod(0o400)  # what is there whole is not written again: it couldn't be
    with (partial / "data/large").open("r+b") as there:
        there.write(b"kept")
    seen: list[int] = []
    now = case(first, file("data/c", b"new"), large)
    assert (await connector.put(now, memo(state), seen.append)).endswith("/EX-1-now")
    target = server.root / "EX-1-now"
    assert {path.name for path in (target / "data").iterdir()} == {"a", "c", "large"}, "what is no part of it is gone"
    content = (target / "data/large").read_bytes()
    assert content == b"kept" + LARGE[4:], "it went on where it broke off"
    assert seen[-1] == now.size
    assert (await connector.put(now, memo(state), seen.append)).endswith("/EX-1-now"), "it is known to be whole"


@pytest.mark.parametrize(("there", "start"), [(0, 0), (1, 0), (BLOCK, 0), (BLOCK + 1, BLOCK), (3 * BLOCK, 2 * BLOCK)])
def test_the_last_block_is_always_sent_again(there: int, start: int) -> None:
    assert sftp._resumed(there) == start


# -- HTTP --------------------------------------------------------------------------------------------------------


def over_http(system: EvidenceSystem, secret: str = SECRET, **changed: str) -> EvidenceApiConnector:
    fields = {"origin": system.origin, "force_id": "force-1", "client_id": "client-1"} | changed
    return EvidenceApiConnector(**fields, secret=lambda: secret)


async def test_every_file_becomes_an_item_of_the_crimes_case(
    state: OfficerState, system: EvidenceSystem, large: CaseFile
) -> None:
    seen: list[int] = []
    whole = case(file("data/a", b"abc"), file("data/empty", b""), large)
    told = await over_http(system).put(whole, memo(state), seen.append)
    assert told == f"{system.origin}, case case-1"
    assert system.cases["case-1"]["externalId"] == "EX/1"
    assert [each.state for each in system.evidence.values()] == ["stored"] * 3
    assert system.content("data/large") == LARGE
    assert seen[-1] == whole.size
    calls = len(system.calls)
    await over_http(system).put(whole, memo(state), seen.append)
    assert len(system.evidence) == 3
    assert len(system.calls) == calls + 0, "all of it is noted: nothing is asked again"


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (("POST", "/cases", 0), PlaceUnreachable),
        (("POST", "/evidence", 0), PlaceUnreachable),
        (("POST", "/complete", 0), PlaceUnreachable),
        (("POST", "/complete", 503), PlaceUnreachable),
        (("PUT", "/content", 429), PlaceUnreachable),
        (("PUT", "/content", 507), PlaceFull),
        (("POST", "/evidence", 403), PlaceRefused),
        (("POST", "/token", 500), PlaceUnreachable),
    ],
)
async def test_after_a_break_anywhere_it_goes_on_and_makes_nothing_twice(
    state: OfficerState, system: EvidenceSystem, large: CaseFile, broken: tuple[str, str, int], error: type[Exception]
) -> None:
    whole = case(file("data/a", b"abc"), large)
    system.breaks = [broken]
    with pytest.raises(error) as told:
        await over_http(system).put(whole, memo(state), lambda _: None)
    assert SECRET not in str(told.value) + repr(told.value)
    await over_http(system).put(whole, memo(state), lambda _: None)
    assert (len(system.cases), len(system.evidence)) == (1, 2)
    assert system.content("data/large") == LARGE
    assert [each.state for each in system.evidence.values()] == ["stored"] * 2
    assert SECRET not in memo(state).path.read_text()


async def test_a_piece_whose_answer_was_lost_is_there_once(
    state: OfficerState, system: EvidenceSystem, large: CaseFile
) -> None:
    system.breaks = [("PUT", "/content", 0)]
    await over_http(system).put(case(large), memo(state), lambda _: None)
    assert system.content("data/large") == LARGE
    assert system.calls.count(("PUT", "content")) == 5


async def test_what_the_system_does_not_keep_as_sent_is_not_called_whole(
    state: OfficerState, system: EvidenceSystem
) -> None:
    system.spoils = True
    with pytest.raises(PlaceRefused, match="the checksum differs"):
        await over_http(system).put(case(file("data/a", b"abc")), memo(state), lambda _: None)


async def test_a_file_that_changed_is_never_whole_there(state: OfficerState, system: EvidenceSystem) -> None:
    other = CaseFile("data/a", b"abd", 3, hashlib.sha256(b"abc").hexdigest())
    with pytest.raises(EvidenceMismatch):
        await over_http(system).put(case(other), memo(state), lambda _: None)
    assert [each.state for each in system.evidence.values()] == ["uploading"]


async def test_a_token_that_ended_is_asked_for_anew_and_a_wrong_secret_is_told(
    state: OfficerState, system: EvidenceSystem
) -> None:
    system.breaks = [("POST", "/evidence", 401)]
    await over_http(system).put(case(file("data/a", b"abc")), memo(state), lambda _: None)
    assert system.tokens == 2
    with pytest.raises(PlaceRefused, match="did not let this client in"):
        await over_http(system, "wrong").put(case(file("data/b", b"b")), memo(state), lambda _: None)
    system.breaks = [("GET", "/cases", 302)]
    with pytest.raises(PlaceRefused, match="said no"):
        await over_http(system).put(case(), Memo.open(state, "EX/2", "there", NOW), lambda _: None)


async def test_settings_name_it_and_no_secret_lies_open(
    state: OfficerState, system: EvidenceSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    named = {"kind": "evidence-api", "name": "System", "address": system.origin, "force_id": "force-1"}
    named |= {"client_id": "client-1", "secret_file": str(secret)}
    settings = state.folder / "connectors.yaml"
    settings.write_text(yaml.safe_dump({"connectors": [named]}))
    connector = (await asyncio.to_thread(read_connectors, state))["System"]
    assert connector.title == f"{system.origin}, force force-1"
    secret.chmod(0o644)
    with pytest.raises(SettingsInvalid, match="Others may read"):
        await connector.put(case(), memo(state), lambda _: None)
    secret.chmod(0o600)
    assert "case-1" in await connector.put(case(), memo(state), lambda _: None)
    secret.write_text("")
    with pytest.raises(SettingsInvalid, match="holds no secret"):
        secret_of_file(secret)
    with pytest.raises(SettingsInvalid, match="can't be read"):
        secret_of_file(tmp_path / "none")
    settings.write_text(yaml.safe_dump({"connectors": [named | {"address": "http://evidence.example.org"}]}))
    with pytest.raises(SettingsInvalid):
        read_connectors(state)
    monkeypatch.setattr("keyring.get_password", lambda service, name: f"{service} {name}")
    assert desktop_keyring.kept_secret("connector System") == "handover-officer connector System"
    monkeypatch.setattr("keyring.get_password", lambda service, name: None)
    with pytest.raises(SettingsInvalid, match="has no secret 'connector System'"):
        desktop_keyring.kept_secret("connector System")
