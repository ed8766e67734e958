"""An officer's keys under a passphrase: every one of them, those of later too, and none without it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from click.testing import CliRunner
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from exchange.errors import InputInvalid, KeyFileUnusable, NotFound
from exchange.signing.documents import SigningKey
from portal.officer import cli, safe
from portal.officer.state import OfficerState

WORDS = "lantern gravel oboe thirteen"
CRIME = "EX/26/004711"


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """A command waits for nobody else: it may block."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe, "WORK_FACTOR", 4)


class Ring(KeyringBackend):
    """A desktop's keyring, in memory."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not there")


@pytest.fixture(autouse=True)
def ring() -> Iterator[Ring]:
    before, ring = keyring.get_keyring(), Ring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


@pytest.fixture
def words(tmp_path: Path) -> Path:
    (tmp_path / "words").write_text(f"{WORDS}\n")
    return tmp_path / "words"


def state(folder: Path, said: str | None = WORDS) -> OfficerState:
    def ask(_: str) -> str:
        assert said is not None, "nobody is to be asked"
        return said

    return OfficerState(folder / "officer", ask)


def run(folder: Path, *args: str | Path, code: int = 0) -> Any:
    command = ["--state", str(folder / "officer"), *map(str, args), "--json"]
    done = CliRunner().invoke(cli.main, command, catch_exceptions=False)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout if code == 0 else done.stderr.splitlines()[-1])


def plain(folder: Path) -> list[str]:
    """The files in which a key stands as it is."""
    marks = (b"AGE-SECRET-KEY-", b"OPENSSH PRIVATE KEY")
    files = [path for path in (folder / "officer").rglob("*") if path.is_file()]
    return sorted(path.name for path in files if any(mark in path.read_bytes() for mark in marks))


def test_every_key_is_locked_also_those_that_come_later(tmp_path: Path, words: Path) -> None:
    made = run(tmp_path, "setup")
    before = state(tmp_path, None)
    case, own = before.case_key(CRIME), before.identity()
    assert plain(tmp_path) == ["case.key", "officer.identity", "officer.key"]
    run(tmp_path, "passphrase", "set", "--new-file", words)
    assert plain(tmp_path) == []

    locked = state(tmp_path)
    assert locked.key().public.fingerprint == made["fingerprint"]
    assert (locked.identity(), locked.case_keys(CRIME)) == (own, [case])
    assert locked.case_key("EX/26/2") == state(tmp_path).case_key("EX/26/2")
    assert plain(tmp_path) == []
    assert run(tmp_path, "--passphrase-file", words, "setup")["fingerprint"] == made["fingerprint"]


def test_without_the_passphrase_nothing_opens(tmp_path: Path, words: Path) -> None:
    run(tmp_path, "setup")
    run(tmp_path, "passphrase", "set", "--new-file", words)
    with pytest.raises(KeyFileUnusable, match="not the one"):
        state(tmp_path, "another").key()
    told = run(tmp_path, "setup", code=KeyFileUnusable.exit_code)
    assert "no terminal to ask" in told["error"]
    told = run(tmp_path, "--passphrase-file", tmp_path / "none", "setup", code=KeyFileUnusable.exit_code)
    assert "can't be read" in told["error"]
    (tmp_path / "officer" / "safe.age").write_bytes(b"age-encryption.org/v1\n")
    with pytest.raises(Exception, match="damaged"):
        state(tmp_path).key()


def test_the_passphrase_is_asked_for_once_and_can_be_changed(tmp_path: Path, words: Path) -> None:
    run(tmp_path, "setup")
    run(tmp_path, "passphrase", "set", "--new-file", words)
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return WORDS

    officer = OfficerState(tmp_path / "officer", ask)
    officer.key()
    officer.case_key(CRIME)
    officer.set_passphrase("another lantern gravel")
    assert asked == ["Passphrase of your keys"]
    with pytest.raises(KeyFileUnusable):
        state(tmp_path).key()
    assert state(tmp_path, "another lantern gravel").key().public == officer.key().public
    with pytest.raises(InputInvalid, match="fewer than 12"):
        officer.set_passphrase("short")


def test_what_was_left_open_by_a_crash_is_locked_the_next_time(tmp_path: Path, words: Path) -> None:
    run(tmp_path, "setup")
    key = SigningKey.load(tmp_path / "officer" / "officer.key")
    state(tmp_path).safe.set_passphrase(WORDS, [])
    assert state(tmp_path, None).key().public == key.public  # still as it was
    run(tmp_path, "--passphrase-file", words, "passphrase", "set", "--new-file", words)
    assert plain(tmp_path) == []
    assert state(tmp_path).key().public == key.public


def test_the_desktops_keyring_opens_the_keys_until_it_forgets(tmp_path: Path, words: Path, ring: Ring) -> None:
    run(tmp_path, "setup")
    run(tmp_path, "passphrase", "remember", code=NotFound.exit_code)
    run(tmp_path, "passphrase", "set", "--new-file", words)
    run(tmp_path, "--passphrase-file", words, "passphrase", "remember")
    assert list(ring.kept.values()) == [WORDS]
    run(tmp_path, "setup")
    words.write_text("the second lantern\n")
    assert run(tmp_path, "passphrase", "set", "--new-file", words)["in_keyring"]
    run(tmp_path, "setup")
    run(tmp_path, "passphrase", "forget")
    run(tmp_path, "setup", code=KeyFileUnusable.exit_code)
    run(tmp_path, "passphrase", "forget", code=NotFound.exit_code)


def test_a_cases_key_is_written_out_for_a_package_that_came_another_way(tmp_path: Path, words: Path) -> None:
    run(tmp_path, "setup")
    run(tmp_path, "passphrase", "set", "--new-file", words)
    case = state(tmp_path).case_key(CRIME)
    out = tmp_path / "case.key"
    run(tmp_path, "--passphrase-file", words, "case-key", "--crime", CRIME, "--out", out)
    assert out.read_text() == f"{case}\n"
    assert out.stat().st_mode & 0o077 == 0
    run(tmp_path, "--passphrase-file", words, "case-key", "--crime", CRIME, "--out", out, code=InputInvalid.exit_code)
    run(tmp_path, "case-key", "--crime", "EX/26/9", "--out", tmp_path / "no.key", code=NotFound.exit_code)
