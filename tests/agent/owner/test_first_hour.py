"""The newcomer's first hour: what is typed before anything works is asked for plainly, and refused plainly."""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli import caller
from agent.cli import cameras as camera_commands
from agent.cli.main import main
from agent.settings.model import settings_from_text
from exchange.clock import SystemClock
from exchange.errors import HandoverError, InputInvalid, NotFound, NotPermitted
from tests.counterparts.http.hikvision_stand_in import HikvisionStandIn

NOBODY = 65534
PLACE = "53.7632,-2.7031"
_AS_NOBODY = f"""
import importlib, os, sys
from agent.cli.main import ELSEWHERE
for module in ELSEWHERE:
    importlib.import_module(module)
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
from agent.cli.main import main
main(sys.argv[1:], prog_name="handover")
"""


def write_settings(folder: Path) -> Path:
    file = folder / "handover.yaml"
    file.write_text(
        f"data: {folder / 'a'}\nportal: {{url: 'https://127.0.0.1:1'}}\n"
        "owner: {kind: household, name: Robin Example, contact: 01632 960001}\ndiscovery: {interfaces: [lo]}\n"
    )
    return file


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_settings(tmp_path)


@pytest.fixture
def open_config() -> Iterator[Path]:
    """The same where any user may look: pytest's own folders are closed to others."""
    with tempfile.TemporaryDirectory(prefix="handover-") as name:
        Path(name).chmod(0o755)
        yield write_settings(Path(name))


def handover(config: Path, *words: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(main, ["--config", str(config), *words], input=typed, prog_name="handover")


# -- without sudo --


@pytest.mark.parametrize(
    "words",
    [
        ("cameras", "discover", "--seconds", "0.1"),
        ("cameras", "list"),
        ("records",),
        ("run",),
        ("setup", "--portal", "https://portal.example.org"),
    ],
    ids=" ".join,
)
def test_whoever_forgot_sudo_is_told_so_before_any_question_and_nothing_changes(
    open_config: Path, words: tuple[str, ...]
) -> None:
    folder = open_config.parent / "a"
    folder.mkdir(mode=0o711)
    before = open_config.read_bytes()
    ended = subprocess.run(
        [sys.executable, "-c", _IMPORTABLE + _AS_NOBODY, "--config", str(open_config), *words],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == NotPermitted.exit_code == 18, ended.stderr
    assert "with sudo before it" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    assert open_config.read_bytes() == before
    assert list(folder.iterdir()) == []


_IMPORTABLE = """
import encodings.idna, encodings.utf_8_sig, sys
import agent.cli.main, agent.daemon, agent.owner.control, agent.owner.operations.table, agent.owner.operations.arguments
"""
"""Loaded before the user changes: the tests' own environment may lie where only root may read."""


# -- setup --


def test_setup_asks_again_for_an_address_that_cannot_be_one_and_writes_nothing_of_it(tmp_path: Path) -> None:
    config = tmp_path / "etc" / "handover.yaml"
    config.parent.mkdir()
    typed = "portal example org\nhttp://portal.example.org\nhttps://127.0.0.1:1\nflat\nhousehold\n\nRobin\n01632\n"
    ended = handover(config, "setup", typed=typed)
    assert ended.output.count("Please type it again.") == 3, ended.output
    assert "https://" in ended.output
    assert "Correct the file" not in ended.output
    assert ended.exit_code == 30
    assert "nothing tries it again by itself" in ended.output
    assert "https://127.0.0.1:1" in config.read_text()


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("127.0.0.1:1", "https://127.0.0.1:1"),
        (" 127.0.0.1:1/share/ ", "https://127.0.0.1:1/share"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
    ],
)
def test_a_bare_host_name_is_a_portal_over_https_and_is_said_to_be(tmp_path: Path, typed: str, url: str) -> None:
    config = tmp_path / "handover.yaml"
    ended = handover(config, "setup", typed=f"{typed}\nhousehold\nRobin\n01632\n")
    assert ended.exit_code == 30
    assert f"Portal: {url}\n" in ended.output
    assert f"{url}\n" in config.read_text().replace('"', "")


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "portal example org"])
def test_settings_that_name_a_portal_stay_as_they_are_where_another_one_can_not_be_joined(
    tmp_path: Path, url: str
) -> None:
    config = tmp_path / "handover.yaml"
    text = (
        f"# ours\ndata: {tmp_path / 'data'}\nportal: {{url: https://portal.example.org}}\n"
        "owner: {kind: household, name: Robin, contact: '01632'}\n"
    )
    config.write_text(text)
    config.chmod(0o640)
    ended = handover(config, "setup", "--portal", url, "--kind", "business", "--name", "R", "--contact", "1")
    assert ended.exit_code in (17, 30), ended.output
    assert "Nothing was changed" in ended.output
    assert config.read_text() == text
    assert config.stat().st_mode & 0o777 == 0o640


def test_setup_by_flags_says_which_flag_cannot_be_used(tmp_path: Path) -> None:
    config = tmp_path / "handover.yaml"
    ended = handover(config, "setup", "--portal", "ftp://x", "--kind", "household", "--name", "R", "--contact", "1")
    assert ended.exit_code == 17
    assert "--portal 'ftp://x' can't be used" in ended.output
    assert not config.exists()


# -- cameras add --


def test_a_script_that_left_options_out_is_told_all_of_them_at_once(config: Path) -> None:
    ended = handover(config, "cameras", "add", "192.0.2.1")
    assert ended.exit_code == 17
    assert "Missing: --id, --place." in ended.output


def test_at_a_terminal_what_is_missing_is_asked_for_and_a_bad_name_before_the_password(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_commands, "somebody_is_there", lambda: True)
    typed = f"front door\nfront-door\nhere\n{PLACE}\n"
    ended = handover(
        config, "cameras", "add", "127.0.0.1:1", "--user", "u", "--password-file", "/dev/null", typed=typed
    )
    assert ended.output.count("Please type it again.") == 2, ended.output
    assert ended.exit_code == 20, ended.output


def test_an_id_with_a_space_is_refused_as_an_id_before_the_password_is_asked_for(config: Path) -> None:
    ended = handover(config, "cameras", "add", "127.0.0.1:1", "--id", "front door", "--place", PLACE, "--user", "u")
    assert ended.exit_code == 17
    assert "--id 'front door' can't be used: wanted small letters" in ended.output
    assert "password" not in ended.output


def test_what_the_daemon_refuses_is_named_as_it_was_typed(config: Path) -> None:
    add = ("cameras", "add", "127.0.0.1:1", "--id", "x", "--place", PLACE, "--direction", "720", "--range", "-1")
    ended = handover(config, *add)
    assert ended.exit_code == 17
    assert "direction: " in ended.output
    assert "range-m: " in ended.output
    assert "sender" not in ended.output


# -- a recorder's channels --


@contextlib.contextmanager
def recorder() -> Iterator[str]:
    stand_in = HikvisionStandIn(SystemClock())
    stand_in.channels = {1: "Gate", 2: "Till"}
    with stand_in.running() as where:
        yield where


@pytest.fixture
def password(tmp_path: Path) -> str:
    file = tmp_path / "password"
    file.write_text("right horse\n")
    return str(file)


def by_login(address: str, password: str, *more: str) -> tuple[str, ...]:
    login = ("--user", "viewer", "--password-file", password)
    return ("cameras", "add", address, "--source", "Hikvision", "--place", PLACE, *login, *more)


def test_all_channels_are_added_by_one_command_with_one_password(config: Path, password: str) -> None:
    with recorder() as address:
        ended = handover(config, *by_login(address, password, "--id", "shop", "--label", "Shop", "--channels", "all"))
    assert ended.exit_code == 0, ended.output
    assert " ," not in ended.output
    listed = json.loads(handover(config, "cameras", "list", "--json").output)["cameras"]
    assert [camera["camera_id"] for camera in listed] == ["shop-1", "shop-2"]
    assert "Added: 2 of 2 channels." in ended.output


def test_a_channel_that_is_not_there_is_not_added_and_those_that_are_there_are_named(
    config: Path, password: str
) -> None:
    with recorder() as address:
        ended = handover(config, *by_login(address, password, "--id", "till", "--option", "channel=9"))
        some = handover(config, *by_login(address, password, "--id", "shop", "--channels", "2,9"))
    assert ended.exit_code == 17
    assert "has no channel 9" in ended.output
    assert "It has 1 (Gate), 2 (Till): set the option" in ended.output
    assert some.exit_code == 17
    assert "Added: 1 of 2 channels." in some.output
    listed = json.loads(handover(config, "cameras", "list", "--json").output)["cameras"]
    assert [camera["camera_id"] for camera in listed] == ["shop-2"]


@pytest.mark.parametrize("typed", ["", "0", "1-", "16-1x", "1-9999", "a"])
def test_channels_that_are_no_numbers_are_refused(config: Path, typed: str) -> None:
    ended = handover(config, *by_login("127.0.0.1:1", "/dev/null", "--id", "x", "--channels", typed))
    assert ended.exit_code == 17
    assert f"The channels {typed!r} can't be used" in ended.output


# -- without a daemon --


def test_the_doctor_says_first_that_no_daemon_runs_and_ends_with_1_for_scripts_too(config: Path) -> None:
    said = handover(config, "doctor")
    assert said.exit_code == 1
    assert said.output.splitlines()[0].split() == ["WRONG", "The", "daemon", "is", "not", "running."]
    assert "page is served" not in said.output
    told = handover(config, "doctor", "--json")
    assert told.exit_code == 1
    assert json.loads(told.output)["findings"][0]["about"] == "daemon"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("recovery-sheet", "/dev/null/s.html"), "/dev/null/s.html can't be written"),
        (("support", "/dev/null/a.zip"), "/dev/null/a.zip can't be written"),
        (("register", "--from", "yesterday"), "The day 'yesterday' given with --from can't be used."),
        (("hold", "abc"), "There is no request abc."),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_used_is_named_before_anything_is_asked(config: Path, words: tuple[str, ...], said: str) -> None:
    ended = handover(config, *words, typed="")
    assert ended.exit_code in (InputInvalid.exit_code, NotFound.exit_code), ended.output
    assert ended.output.startswith(said)


def test_restore_looks_whether_anything_is_there_before_it_asks_for_a_key(config: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ended = handover(config, "restore", str(tmp_path / "empty"), typed="")
    assert ended.exit_code == NotFound.exit_code
    assert ended.output.startswith("There is no state of Handover in")


def test_a_language_that_the_wording_lacks_and_a_backup_without_a_place_are_told(config: Path, tmp_path: Path) -> None:
    said = handover(config, "register", "--language", "de", "--out", str(tmp_path / "r.html"))
    assert "uk has no German wording: it is in English." in said.output
    assert "No second place is set up." in handover(config, "backups", "run").output


async def test_a_fault_of_the_daemon_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failed(*_: object) -> tuple[int, bytes]:
        return 500, b"500 Internal Server Error"

    monkeypatch.setattr(caller, "_exchange", failed)
    settings = settings_from_text(f"data: {tmp_path}\nowner: {{kind: household, name: R, contact: '1'}}\n", tmp_path)
    async with caller.daemon_call(settings) as call:
        with pytest.raises(HandoverError, match="a mistake of its own") as told:
            await call("statement")
    assert "journalctl -u handover" in told.value.do
