"""The test vectors in docs/vectors: handover-verify finds in each what its index says, and they are what is made."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from exchange.age.keys import Opener, Passphrase, parse_identity
from exchange.package.report import Report, Verdict
from exchange.signing.documents import PublicKey
from exchange.signing.timestamps import read_certificates
from exchange.verify.checking import verify_package
from exchange.verify.command import command
from exchange.verify.stamp_checks import NO_TRUST, StampTrust
from scripts.vector_making.__main__ import DOCS, EXAMPLE, VECTORS, differences, made, made_example
from tests.exchange.packages import sha256
from tests.paths import ROOT

INDEX: list[dict[str, Any]] = json.loads((VECTORS / "index.json").read_text())["vectors"]


def text(path: str) -> str:
    return (VECTORS / path).read_text().strip()


def key(given: dict[str, Any], name: str) -> PublicKey | None:
    return PublicKey.parse(text(given[name])) if name in given else None


def checked(path: Path, given: dict[str, Any]) -> Report:
    openers: list[Opener] = [parse_identity(text(given["identity"]))] if "identity" in given else []
    openers += [Passphrase(text(given["passphrase"]))] if "passphrase" in given else []
    roots = read_certificates(VECTORS / given["tsa_certificates"]) if "tsa_certificates" in given else None
    return verify_package(
        path,
        identities=openers,
        force_key=key(given, "force_key"),
        device_key=key(given, "device_key"),
        trust=StampTrust(roots) if roots else NO_TRUST,
        deep=given.get("deep", False),
    )


@pytest.mark.parametrize("vector", INDEX, ids=[vector["name"] for vector in INDEX])
def test_in_each_vector_is_found_what_the_index_says_and_nothing_else(vector: dict[str, Any]) -> None:
    path = VECTORS / vector["file"]
    assert sha256(path.read_bytes()) == vector["sha256"]
    report = checked(path, vector["given"])
    failing = {one.about: one.error.exit_code for one in report.findings if one.verdict is Verdict.FAILS and one.error}
    unchecked = [one.about for one in report.findings if one.verdict is Verdict.UNCHECKED]
    assert (failing, unchecked, report.exit_code) == (vector["fails"], vector["not_checked"], vector["exit_code"])


def test_there_are_good_vectors_and_many_that_fail_each_in_a_way_of_its_own() -> None:
    assert len([vector for vector in INDEX if vector["exit_code"] == 0]) > 15
    assert len([vector for vector in INDEX if vector["fails"]]) > 100
    assert {vector["exit_code"] for vector in INDEX} == {0, 60, 61, 62, 63, 64, 65, 66, 67}


def test_the_vectors_and_the_worked_example_are_those_that_the_script_makes() -> None:
    files = made()
    assert differences(files, VECTORS) == [], "run scripts/vectors"
    assert (DOCS / EXAMPLE).read_bytes() == made_example(files), "run scripts/vectors"


@pytest.mark.parametrize("name", ["plain", "two-masters", "approved-again"])
def test_a_good_vector_that_unzip_unpacked_holds_as_a_folder(tmp_path: Path, name: str) -> None:
    subprocess.run(["unzip", "-q", VECTORS / f"good/{name}.zip", "-d", tmp_path], check=True, timeout=20)
    assert checked(tmp_path / "ev-1", {"force_key": "keys/force.pub"}).ok


def test_the_command_that_the_readme_of_the_vectors_names_works(tmp_path: Path) -> None:
    (tmp_path / "case.key").write_text(text("keys/case-hybrid.key"))
    (tmp_path / "case.key").chmod(0o600)
    command = [Path(sys.executable).parent / "handover-verify", ROOT / "docs/vectors/good/sealed-hybrid.zip.age"]
    keys = ["--identity", tmp_path / "case.key", "--force-key", VECTORS / "keys/force.pub"]
    assert subprocess.run([*command, *keys], capture_output=True, timeout=60).returncode == 0


def test_a_package_that_is_sealed_with_a_passphrase_is_opened_by_it_from_a_file_or_as_typed() -> None:
    package, known = str(VECTORS / "good/sealed-passphrase.zip.age"), ["--force-key", str(VECTORS / "keys/force.pub")]
    filed = [package, *known, "--passphrase-file", str(VECTORS / "keys/passphrase.txt")]
    assert CliRunner().invoke(command, filed, standalone_mode=False).return_value == 0
    typed = CliRunner().invoke(
        command, [package, *known, "--passphrase-file", "-"], input=text("keys/passphrase.txt"), standalone_mode=False
    )
    assert typed.return_value == 0
    assert text("keys/passphrase.txt") not in typed.output
    wrong = [package, *known, "--passphrase-file", str(VECTORS / "keys/force.pub")]
    assert CliRunner().invoke(command, wrong, standalone_mode=False).return_value == 63


def test_the_format_names_every_finding_of_the_vectors() -> None:
    told = (DOCS / "evidence-format.md").read_text()
    named = {
        re.sub(r"\.?data/.*", "", about) for vector in INDEX for about in [*vector["fails"], *vector["not_checked"]]
    }
    assert [about for about in sorted(named) if about and not any(f"`{start}" in told for start in _ways(about))] == []


def _ways(about: str) -> list[str]:
    """How the format may name it: as it is, or with what varies in angle brackets."""
    return [about, f"{about.partition('.')[0]}.<"]
