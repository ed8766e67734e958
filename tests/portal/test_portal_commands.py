"""handover-portal as an administrator types it: the force's key stays elsewhere, errors say what to do."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from exchange.refused import name_of
from exchange.signing.documents import SigningKey
from portal import cli
from portal.api.routes import ROUTES
from portal.console import HandoverGroup
from portal.force.keys import write_public
from portal.limits import GIB, Limits
from portal.settings import PortalFolder
from portal.storage.database import open_database
from portal.storage.models import Device, StoredCheckpoint
from tests.counterparts.portals.portal import Place as PortalPlace
from tests.counterparts.portals.portal import PortalProcess
from tests.paths import ROOT

DETAILS = [
    *("--name", "Ada Okafor", "--rank", "Detective Constable", "--collar", "4711"),
    *("--unit", "CID Mill Road", "--contact", "ada.okafor@example.police.uk"),
]


def portal(*args: str | Path, code: int = 0) -> Any:
    """What a command says; its error, if it is to end with another code."""
    done = CliRunner().invoke(cli.main, [*map(str, args), "--json"], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout if code == 0 else done.stderr)


def test_what_a_person_stops_ends_as_the_list_of_codes_says() -> None:
    @click.group(cls=HandoverGroup)
    def group() -> None: ...

    @group.command()
    def ask() -> None:
        click.confirm("Sign it?", abort=True)

    ended = CliRunner().invoke(group, ["ask"], input="")
    assert (ended.exit_code, ended.stderr) == (130, "Stopped.\n")


def test_a_path_that_cannot_be_is_told_in_words(tmp_path: Path, force: Path, there: Path) -> None:
    credential(tmp_path, force)
    signed = ("force", "credential", force, "--officer", tmp_path / "officer.pub", *DETAILS, "--out")
    nowhere = portal(*signed, tmp_path / "none" / "o.json", code=44)
    assert nowhere["error"] == f"There is no {tmp_path / 'none'}."
    assert "made first" in nowhere["do"]
    a_file = tmp_path / "officer.pub"
    assert "is a file" in portal("backup", there, a_file / "into", code=17)["error"]


@pytest.fixture
def force(tmp_path: Path) -> Path:
    portal("force", "new", tmp_path / "force", "--name", "Example Constabulary")
    return tmp_path / "force"


@pytest.fixture
def there(tmp_path: Path, force: Path) -> Path:
    key = force / "force.pub"
    portal("init", tmp_path / "portal", "--force", "Example Constabulary", "--force-key", key)
    return tmp_path / "portal"


def credential(tmp_path: Path, force: Path, name: str = "officer") -> Path:
    write_public(tmp_path / f"{name}.pub", SigningKey.generate().public, name)
    out = tmp_path / f"{name}.json"
    portal("force", "credential", force, "--officer", tmp_path / f"{name}.pub", *DETAILS, "--out", out)
    return out


def test_a_portal_whose_database_is_not_there_yet_is_made_by_the_same_command_later(
    tmp_path: Path, force: Path
) -> None:
    folder, made = tmp_path / "portal", ("--force", "Example Constabulary", "--force-key", force / "force.pub")
    nowhere = f"postgresql://portal@/portal?host={tmp_path}"
    portal("init", folder, *made, "--database", nowhere, code=36)
    assert portal("init", folder, *made)["folder"] == str(folder)
    assert PortalFolder(folder).load().database is None


@pytest.mark.parametrize(
    ("added", "told"),
    [
        ("limits:\n  devices: 5\n", "line {}: limits is set twice"),
        ("login: {issuer: https://a.example, issuer: https://b.example}\n", "line {}: issuer is set twice"),
        ("people: [\n", "expected the node content"),
        ("\tpeople: x\n", "line {}: found character"),
    ],
)
def test_a_slip_in_the_settings_is_told_with_its_line(there: Path, added: str, told: str) -> None:
    settings = there / "portal.yaml"
    last = len(settings.read_text().splitlines()) + 1
    with settings.open("a") as file:
        file.write(added)
    error = portal("officer", "list", there, code=10)["error"]
    assert told.format(last) in error
    assert "byte string" not in error


def test_a_force_that_is_not_on_the_portal_is_told_beside_those_that_are(tmp_path: Path, force: Path) -> None:
    there, key = tmp_path / "several", force / "force.pub"
    of = ("--force", "Example Constabulary", "--force-key", key, "--origin", "https://share.example.org/kent")
    portal("init", there, "--short-name", "kent", *of)
    told = portal("officer", "list", there, "--force", "knet", code=10)
    assert told["error"] == "This portal has no force knet; it has kent."


def test_no_copy_lies_in_the_portals_own_folder(tmp_path: Path, there: Path) -> None:
    for command in (["backup"], ["keys", "backup"]):
        for into in (there, there / "uploads", there / "new"):
            assert "own folder" in portal(*command, there, into, code=10)["error"]
        portal(*command, there, tmp_path / command[0])


def test_the_passwords_file_is_found_from_wherever_the_portal_runs(
    tmp_path: Path, force: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("portal.commands.making.upgrade", lambda *_: None)
    database = ("--database", "postgresql://portal@db.example.org/portal", "--database-password-file", "db-password")
    portal("init", "portal", "--force", "X", "--force-key", force / "force.pub", *database)
    assert PortalFolder(tmp_path / "portal").load().database_password_file == tmp_path / "db-password"


def test_root_makes_nothing_in_a_folder_of_another_users(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(there.iterdir())
    if os.geteuid() == 0:
        os.chown(there, 65534, 65534)
    else:
        monkeypatch.setattr("portal.console.os.geteuid", lambda: 0)
    owner = name_of(there.stat().st_uid)
    for command in (["keys", "begin", there], ["move", there, "--database", "postgresql://x@/x"]):
        told = portal(*command, code=18)
        assert told["do"] == f"Type it as that user: sudo -u {owner} handover-portal …"
    assert sorted(there.iterdir()) == before


@pytest.mark.parametrize("group", [[], ["force"], ["keys"], ["officer"], ["people"], ["device"]])
def test_the_help_of_a_group_says_whole_sentences(group: list[str]) -> None:
    told = CliRunner().invoke(cli.main, [*group, "--help"]).output
    assert "..." not in told.partition("Commands:")[2]
    assert told.rstrip().endswith(".")


def test_an_officer_is_let_in_listed_and_shut_out(tmp_path: Path, force: Path, there: Path) -> None:
    added = portal("officer", "add", there, credential(tmp_path, force))
    assert added["name"] == "Ada Okafor"
    (listed,) = portal("officer", "list", there)
    assert (listed["collar_number"], listed["revoked"]) == ("4711", None)
    assert portal("officer", "searches", there) == []
    assert portal("officer", "revoke", there, "4711") == {"name": "Ada Okafor", "requests_taken_back": 0}
    assert portal("officer", "list", there)[0]["revoked"] is not None
    again = portal("officer", "add", there, tmp_path / "officer.json", code=10)
    assert "revoked" in again["error"]


def test_a_device_that_is_not_there_cannot_be_shut_out(there: Path) -> None:
    assert portal("device", "list", there) == []
    nobody = SigningKey.generate().public.fingerprint
    assert "no device" in portal("device", "revoke", there, nobody, "--reason", "stolen", code=44)["error"]


def test_logs_that_went_back_are_shown_to_who_runs_the_portal(there: Path) -> None:
    assert portal("logs", there) == []
    said = CliRunner().invoke(cli.main, ["logs", str(there)]).output
    assert said == "No custody log went back.\n"
    db = open_database(there / "portal.db")
    try:
        device = {"fingerprint": "SHA256:x", "public_key": "x", "enrolled": 0, "last_seen": 0}
        db.write_now(lambda session: session.add(Device(**device)))
        for size, cut_back in ((9, False), (7, True)):
            kept = StoredCheckpoint(
                device="SHA256:x", received=0, size=size, root="00", note=f"signed {size}", cut_back=cut_back
            )
            db.write_now(lambda session, kept=kept: session.add(kept))
    finally:
        db.close()
    (shown,) = portal("logs", there)
    assert (shown["size"], shown["longest"], shown["checkpoint"]) == (7, 9, "signed 7")
    assert (
        "signed a log of 7 events that contradicts one it signed before"
        in CliRunner().invoke(cli.main, ["logs", str(there)]).output
    )


def test_the_portals_folder_never_holds_the_forces_private_key(tmp_path: Path, force: Path, there: Path) -> None:
    portal("officer", "add", there, credential(tmp_path, force))
    secret = b"".join((force / "force.key").read_bytes().splitlines()[1:-1])[-100:]
    for path in there.rglob("*"):
        if path.is_file():
            assert secret[-60:] not in path.read_bytes()
            assert b"PRIVATE KEY" not in path.read_bytes()
    assert there.stat().st_mode & 0o777 == 0o700
    assert (force / "force.key").stat().st_mode & 0o777 == 0o600


def test_a_credential_by_another_force_lets_nobody_in(tmp_path: Path, there: Path) -> None:
    portal("force", "new", tmp_path / "other", "--name", "Example Constabulary")
    other = credential(tmp_path, tmp_path / "other")
    assert portal("officer", "add", there, other, code=62)["exit_code"] == 62
    assert portal("officer", "list", there) == []


def test_a_wrong_file_is_named_with_what_is_wanted(tmp_path: Path, force: Path) -> None:
    credential(tmp_path, force)
    out = ("--out", tmp_path / "x.json")
    signed = ("force", "credential", force, *DETAILS, *out, "--officer")
    assert "is a private key" in portal(*signed, force / "force.key", code=17)["error"]
    no_key = portal(*signed, tmp_path / "officer.json", code=66)
    assert no_key["error"] == f"{tmp_path / 'officer.json'} holds no OpenSSH Ed25519 public key."
    public = tmp_path / "officer.pub"
    assert str(public) in portal(*signed, public, "--recipient", public, code=17)["error"]
    assert "collar number" in portal(*signed, public, "--collar", "", code=10)["error"]
    assert not (tmp_path / "x.json").exists()


def test_a_force_key_is_never_overwritten(force: Path) -> None:
    before = (force / "force.key").read_bytes()
    portal("force", "new", force, "--name", "Another", code=10)
    assert (force / "force.key").read_bytes() == before


@pytest.mark.parametrize("name", ["", "two\nlines"])
def test_a_force_whose_name_cannot_be_used_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    said = portal("force", "new", tmp_path / "new", "--name", name, code=10)
    assert "--name" in said["do"]
    assert not (tmp_path / "new").exists()


def test_two_forces_of_one_portal_have_an_origin_each(tmp_path: Path, force: Path) -> None:
    def made(name: str, origin: str, code: int = 0) -> dict[str, str]:
        where = ("--short-name", name, "--force", name, "--force-key", force / "force.pub")
        answer: dict[str, str] = portal("init", tmp_path / "both", *where, "--origin", origin, code=code)
        return answer

    made("kent", "https://share.example.org/forces/kent")
    refused = made("essex", "https://SHARE.example.org/forces/kent/", code=10)
    assert "kent has the origin" in refused["error"]
    assert "https://share.example.org/forces/essex" in refused["do"]
    assert [path.name for path in (tmp_path / "both" / "forces").iterdir()] == ["kent"]
    made("essex", "https://share.example.org/forces/essex")


def test_beyond_this_machine_the_portal_wants_tls(there: Path) -> None:
    done = CliRunner().invoke(cli.main, ["serve", str(there), "--listen", "0.0.0.0:0"])
    assert (done.exit_code, "TLS only" in done.stderr) == (10, True)


def test_a_missing_portal_is_told_with_what_to_do(tmp_path: Path) -> None:
    said = portal("officer", "list", tmp_path / "nowhere", code=10)
    assert "handover-portal init" in said["do"]


def test_an_officer_can_be_added_beside_a_portal_that_runs(place: PortalPlace, tmp_path: Path) -> None:
    with PortalProcess(place):
        added = portal("officer", "add", place.folder.path, credential(tmp_path, place.force_folder))
        assert added["collar_number"] == "4711"
    assert len(portal("officer", "list", place.folder.path)) == 2


def test_the_ready_file_says_where_the_portal_listens(place: PortalPlace, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    command = [sys.executable, "-m", "portal", "serve", str(place.folder.path), "--listen", "127.0.0.1:0"]
    with subprocess.Popen([*command, "--ready-file", str(ready)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()
        assert process.wait(30) == 0
    assert json.loads(line) == json.loads(ready.read_text())
    assert json.loads(line)["fingerprint"] == place.force.key.public.fingerprint


def test_the_protocol_document_names_every_call_limit_and_setting() -> None:
    text = (ROOT / "docs" / "protocol.md").read_text()
    for route in ROUTES:
        last = route.path.replace("request_id", "id")
        for name in ("delivery", "upload", "feedback"):
            last = last.replace(f"{name}_id", name)
        assert last in text, route.path
        assert route.method in text
    for name, field in Limits.model_fields.items():
        as_yaml = str(field.default).lower()
        assert f"`{name}` | {as_yaml}" in text or f"`{name}` | {field.default // GIB} GiB" in text, name
