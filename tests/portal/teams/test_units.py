"""The force's word on a unit and its recovery key, as an administrator types it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from exchange.age.files import generate_identity, read_identities
from exchange.clock import SystemClock
from exchange.documents.messages import Credential, Role
from exchange.errors import InputInvalid, NotFound, SettingsInvalid
from exchange.signing.documents import SigningKey, read_unverified
from exchange.signing.teams import open_unit
from portal import cli
from portal.force.keys import Force, read_signed, validity, write_public, write_signed
from tests.portal.test_officer import NOW, Desk
from tests.portal.test_officer import _no_blocking as _no_blocking
from tests.portal.test_officer import clock as clock
from tests.portal.test_officer import desk as desk
from tests.portal.test_officer import place as place

UNIT = ("force", "unit")


@pytest.fixture
def force(tmp_path: Path) -> Path:
    Force.create(tmp_path / "force", "Example Constabulary")
    return tmp_path / "force"


def sign(force: Path, *more: str | Path, name: str = "CID Mill Road") -> Result:
    command = [*UNIT, str(force), "--name", name, "--out", str(force / "unit.json"), *map(str, more), "--json"]
    return CliRunner().invoke(cli.main, command, catch_exceptions=False)


def test_a_units_recovery_key_is_made_offline_and_vouched_for(force: Path) -> None:
    made = sign(force, "--new-key", force / "recovery.key")
    assert made.exit_code == 0, made.output
    unit = open_unit(read_signed(force / "unit.json"), Force.load(force).key.public, SystemClock().now())
    (identity,) = read_identities(force / "recovery.key")
    assert (unit.name, unit.recipient) == ("CID Mill Road", str(identity.recipient))
    assert json.loads(made.stdout)["recipient"] == unit.recipient
    assert str(identity) not in made.output


def test_a_recovery_key_that_is_there_is_taken_and_never_overwritten(force: Path) -> None:
    public = str(generate_identity("hybrid").recipient)
    (force / "recovery.pub").write_text(public + "\n")
    assert sign(force, "--recipient", force / "recovery.pub").exit_code == 0
    assert json.loads(sign(force, "--recipient", public).stdout)["recipient"] == public
    (force / "recovery.key").write_text("somebody's")
    assert sign(force, "--new-key", force / "recovery.key").exit_code == SettingsInvalid.exit_code
    assert (force / "recovery.key").read_text() == "somebody's"


@pytest.mark.parametrize("role", ["supervisor", "SUPERVISOR"])
def test_a_role_is_typed_as_the_guides_write_it(force: Path, role: str) -> None:
    officer = SigningKey.generate()
    write_public(force / "officer.pub", officer.public, "officer")
    details = ("--name", "Sam", "--rank", "Sergeant", "--collar", "4712", "--unit", "CID", "--contact", "s@example.org")
    command = ["force", "credential", str(force), "--officer", str(force / "officer.pub"), *details]
    out = force / "sam.json"
    made = CliRunner().invoke(cli.main, [*command, "--role", role, "--out", str(out)], catch_exceptions=False)
    assert made.exit_code == 0, made.output
    assert read_unverified(read_signed(out), Credential).roles == (Role.SUPERVISOR,)


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        ((), InputInvalid),
        (("--recipient", "age1qqq"), InputInvalid),
        (("--recipient", "no-such-file"), NotFound),
        (("--recipient", str(generate_identity("x25519").recipient)), SettingsInvalid),
    ],
)
def test_a_recovery_key_that_can_not_be_one_is_refused(
    force: Path, flags: tuple[str, ...], error: type[InputInvalid]
) -> None:
    assert sign(force, *flags).exit_code == error.exit_code
    assert not (force / "unit.json").exists()


async def test_a_unit_is_not_set_up_where_no_case_could_have_a_team(desk: Desk, tmp_path: Path) -> None:
    place = desk.town.place
    key = generate_identity("hybrid")
    write_signed(tmp_path / "unit.json", place.force.unit("CID", str(key.recipient), validity(NOW, 1)))
    result = await desk.result("setup", "--unit", str(tmp_path / "unit.json"))
    assert result.exit_code == InputInvalid.exit_code
    assert "officer.recipient to the force" in " ".join(result.stderr.split())
    given = ("--force-key", str(desk.folder / "force.pub"), "--credential", str(desk.folder / "credential.json"))
    before = (desk.state.folder / "officer.yaml").stat().st_mtime_ns
    unit = ("--unit", str(tmp_path / "unit.json"))
    await desk.run("setup", "--portal", desk.town.origin, *given, *unit, code=InputInvalid.exit_code)
    assert (desk.state.folder / "officer.yaml").stat().st_mtime_ns == before
    assert desk.state.kept_unit() is None
