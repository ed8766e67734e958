"""A real clamd looks at what strangers sent before anybody sees it; where it can't, nobody sees it."""

import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.age.files import Encryptor, Identity, generate_identity
from exchange.documents.people import PersonFile
from exchange.errors import SettingsInvalid
from portal.officer.people.brought import Sender, open_files
from portal.officer.people.scanning import Scanner, ScannerFailed, read_scanner
from portal.officer.state import OfficerState
from tests.counterparts.processes.clamd import HARMFUL, NAME, clamd

SENDER = Sender("a-request", "a-person", "EX/26/1", None)


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """An officer's machine is on this loop, too, and reads its files as it likes."""


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    with clamd("1M") as listening:
        yield listening


@pytest.fixture
def state(tmp_path: Path) -> OfficerState:
    state = OfficerState(tmp_path / "officer")
    state.make_key()
    state.save_case_keys(SENDER.crime_reference, [generate_identity("x25519")])
    return state


def sealed_file(state: OfficerState, folder: Path, name: str, content: bytes) -> PersonFile:
    """As it lies in the folder once it was fetched."""
    path = folder / f"{name}.age"
    with path.open("wb") as file, Encryptor(file, [_key(state).recipient]) as encryptor:
        encryptor.write(content)
    sealed = path.read_bytes()
    digest = hashlib.sha256(sealed).hexdigest()
    return PersonFile(file_id=name, size=len(sealed), ciphertext_sha256=digest, sealed_name="", available=False)


def _key(state: OfficerState) -> Identity:
    return state.case_keys(SENDER.crime_reference)[0]


async def never(file: PersonFile, target: Path) -> None:
    raise AssertionError("it lies here already")


def test_what_is_known_is_found_and_everything_else_is_clean(place: str, tmp_path: Path) -> None:
    scanner = Scanner(place)
    for content, found in ((HARMFUL, f"{NAME}.UNOFFICIAL"), (b"a film" * 100_000, None), (b"", None)):
        (tmp_path / "file").write_bytes(content)
        assert scanner.look_at(tmp_path / "file") == found


def test_what_is_larger_than_clamd_takes_is_not_called_clean(place: str, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(3_000_000))
    with pytest.raises(ScannerFailed, match="StreamMaxLength"):
        Scanner(place).look_at(tmp_path / "large")


def test_a_scanner_that_is_away_or_talks_nonsense_stops_everything(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a film")
    with pytest.raises(ScannerFailed, match="can't be reached"):
        Scanner(f"unix:{tmp_path}/nobody").look_at(tmp_path / "file")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"\x1b[31mstream: OK, or so\0")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ScannerFailed, match="did not look at the file") as failed:
            Scanner(f"tcp:127.0.0.1:{server.getsockname()[1]}").look_at(tmp_path / "file")
        thread.join()
    assert "\x1b" not in failed.value.what
    assert failed.value.exit_code == 60


@pytest.mark.parametrize("said", ["clamd: tcp:192.0.2.1:3310", "clamd: clamd.ctl", "other: 1", "[", "clamd: 3"])
def test_settings_that_lead_off_this_machine_or_nowhere_are_refused(state: OfficerState, said: str) -> None:
    assert read_scanner(state) is None
    (state.folder / "scanner.yaml").write_text(said)
    with pytest.raises(SettingsInvalid):
        read_scanner(state)


async def test_malware_is_never_kept_unsealed(state: OfficerState, place: str) -> None:
    (state.folder / "scanner.yaml").write_text(f"clamd: {place}\n")
    folder = state.make_case_folder(SENDER.crime_reference, "brought")
    files = [sealed_file(state, folder, "bad", HARMFUL), sealed_file(state, folder, "good", b"a film")]
    bad, good = await open_files(state, files, SENDER, folder, never)
    assert (bad.path, bad.malware, bad.scanned) == (None, f"{NAME}.UNOFFICIAL", True)
    assert good.path is not None
    assert (good.path.read_bytes(), good.malware) == (b"a film", None)
    assert sorted(path.name for path in folder.iterdir()) == [
        "bad.age",
        "bad.json",
        "good.age",
        "good.bin",
        "good.json",
    ]
    assert json.loads((folder / "bad.json").read_text())["malware"] == f"{NAME}.UNOFFICIAL"


async def test_nothing_is_opened_while_the_scanner_is_away(state: OfficerState) -> None:
    folder = state.make_case_folder(SENDER.crime_reference, "brought")
    files = [sealed_file(state, folder, "one", b"a film")]
    (first,) = await open_files(state, files, SENDER, folder, never)
    assert (first.scanned, first.safety) == (False, "nobody looked for malware in it")
    (state.folder / "scanner.yaml").write_text(f"clamd: unix:{state.folder}/nobody\n")
    with pytest.raises(ScannerFailed, match="can't be reached"):
        await open_files(state, files, SENDER, folder, never)
    assert sorted(path.name for path in folder.iterdir()) == ["one.age", "one.json"]
