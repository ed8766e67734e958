"""An officer's key on a token: SoftHSM stands for the card, through the same library interface."""

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pkcs11
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from exchange.clock import SystemClock
from exchange.errors import InputInvalid, KeyFileUnusable, SettingsInvalid
from exchange.signing.tokens import mint
from portal.officer import cli
from portal.officer.state import OfficerState
from portal.officer.token import TokenPlace, open_key

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "471147"
_count = itertools.count()


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """A command waits for nobody else: it may block."""


@pytest.fixture(scope="session")
def drawer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where this process's tokens lie: the library reads its settings once."""
    folder = tmp_path_factory.mktemp("tokens")
    (folder / "tokens").mkdir()
    (folder / "softhsm.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm.conf")
    yield folder
    os.environ.pop("SOFTHSM2_CONF") if before is None else os.environ.update(SOFTHSM2_CONF=before)


@pytest.fixture
def place(drawer: Path) -> TokenPlace:
    """A new token, empty."""
    label = f"card-{next(_count)}"
    command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "12345678"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    start_anew()
    return TokenPlace(module=str(MODULE), token=label)


def start_anew() -> None:
    """As in another process: nobody is logged in, and what tokens there are is looked for again."""
    pkcs11.lib(str(MODULE)).reinitialize()


def state(folder: Path, pin: str = PIN) -> OfficerState:
    return OfficerState(folder / "officer", lambda _: "no passphrase here", lambda _: pin)


def run(folder: Path, *args: str | Path, code: int = 0) -> Any:
    (folder / "pin").write_text(f"{PIN}\n")
    command = ["--state", str(folder / "officer"), "--pin-file", str(folder / "pin"), *map(str, args), "--json"]
    done = CliRunner().invoke(cli.main, command, catch_exceptions=False)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout if code == 0 else done.stderr.splitlines()[-1])


def test_the_key_is_made_on_the_token_signs_there_and_stays(tmp_path: Path, place: TokenPlace) -> None:
    made = run(tmp_path, "setup", "--token", place.token, "--token-module", MODULE)
    assert not (tmp_path / "officer" / "officer.key").exists()
    start_anew()
    key = state(tmp_path).key()
    assert key.public.fingerprint == made["fingerprint"]
    key.public.verify(b"what is asked", key.sign(b"what is asked", "request.v1@handover"), "request.v1@handover")
    claims = jwt.decode(
        mint(key, "https://portal.example", SystemClock()),
        Ed25519PublicKey.from_public_bytes(key.public.raw),
        algorithms=["EdDSA"],
        audience="https://portal.example",
    )
    assert claims["iss"] == made["fingerprint"]
    with pytest.raises(KeyFileUnusable, match="does not give it away"):
        key.secret()
    with pytest.raises(KeyFileUnusable, match="does not give it away"):
        key.private.private_bytes_raw()
    assert run(tmp_path, "setup")["fingerprint"] == made["fingerprint"]
    assert PIN not in "".join(path.read_text() for path in (tmp_path / "officer").iterdir() if path.is_file())


def test_another_pin_another_token_and_another_key_are_told(tmp_path: Path, place: TokenPlace) -> None:
    with pytest.raises(KeyFileUnusable, match="no key handover-officer"):
        open_key(place, lambda: PIN)
    run(tmp_path, "setup", "--token", place.token, "--token-module", MODULE)
    start_anew()
    with pytest.raises(KeyFileUnusable, match="PinIncorrect"):
        state(tmp_path, "000000").key()
    unusable = KeyFileUnusable.exit_code
    (tmp_path / "b").mkdir()
    run(tmp_path / "b", "setup", "--token", "no-such", "--token-module", MODULE, code=unusable)
    none = tmp_path / "none.so"
    told = run(tmp_path / "b", "setup", "--token", place.token, "--token-module", none, code=unusable)
    assert "no library" in told["error"]
    (tmp_path / "officer" / "token.yaml").write_text("key: [")
    with pytest.raises(KeyFileUnusable, match=r"token\.yaml"):
        state(tmp_path).key()


def test_a_token_takes_no_files_place_unasked(tmp_path: Path, place: TokenPlace) -> None:
    run(tmp_path, "setup", "--token", place.token, code=InputInvalid.exit_code)
    run(tmp_path, "setup")
    run(tmp_path, "setup", "--token", place.token, "--token-module", MODULE, code=SettingsInvalid.exit_code)
    assert not (tmp_path / "officer" / "token.yaml").exists()
