"""handover-verify as a person or a script meets it: the real command, its words and its exit codes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from exchange.age.files import encrypt_file
from exchange.age.keys import Passphrase, generate_identity
from exchange.errors import InputInvalid, KeyFileUnusable
from exchange.package import contents as layout
from exchange.package.case_graph import case_graph
from exchange.signing.credentials import open_credential
from exchange.signing.documents import SigningKey, allowed_signers
from exchange.verify.command import read_force_key
from tests.exchange.makers import NOW
from tests.exchange.packages import Case, rebagged, sha256, zipped


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


@pytest.fixture
def case(videos: Path) -> Case:
    return Case.make(videos)


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "handover-verify"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_good_sealed_package_ends_with_0_and_a_line_for_every_check(case: Case, tmp_path: Path) -> None:
    identity = generate_identity("hybrid")
    encrypt_file(zipped(case, tmp_path), tmp_path / "p.zip.age", [identity.recipient])
    (tmp_path / "case.key").write_text(f"# the case's key\n{identity}\n")
    (tmp_path / "case.key").chmod(0o600)
    (tmp_path / "force.pub").write_text(f"{case.police.force.public.line} the force\n")
    known = ("--identity", tmp_path / "case.key", "--force-key", tmp_path / "force.pub")
    answer = run(tmp_path / "p.zip.age", *known, "--deep", "--into", tmp_path / "opened")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "\n\nWhat holds\n" in answer.stdout
    assert "What does not hold" not in answer.stdout
    assert "Everything holds (24 checks)." in answer.stdout
    said = " ".join(answer.stdout.split())
    assert "for the request that Detective Constable Jo Smith of Example Constabulary signed." in said
    assert "\x1b" not in answer.stdout
    assert str(identity) not in answer.stdout
    assert (tmp_path / "opened/ev-1/data/READ-ME-FIRST.html").exists()


def test_its_facts_are_written_as_case_for_an_evidence_system_where_it_holds(case: Case, tmp_path: Path) -> None:
    (tmp_path / "force.pub").write_text(case.police.force.public.line)
    known = ("--force-key", tmp_path / "force.pub", "--case", tmp_path / "case.jsonld")
    assert run(zipped(case, tmp_path), *known).returncode == 0
    written = (tmp_path / "case.jsonld").read_bytes()
    officer = open_credential(case.police.credential, case.police.force.public, NOW)
    assert written == case_graph(case.evidence, case.request, officer, case.decision)
    again = run(tmp_path / "package.zip", *known)
    assert again.returncode == InputInvalid.exit_code
    assert "Name a file that isn't there" in again.stderr
    (tmp_path / "case.jsonld").unlink()
    bad = run(rebagged(case, tmp_path, {"data/working/contact-sheet.jpg": b"other"}), *known)
    assert bad.returncode == 67
    assert "was not written: the package does not hold" in bad.stderr
    assert not (tmp_path / "case.jsonld").exists()


def test_a_bad_package_ends_with_its_code_says_what_fails_and_goes_on(case: Case, tmp_path: Path) -> None:
    (tmp_path / "force.pub").write_text(case.police.force.public.line)
    path = rebagged(case, tmp_path, {"data/working/contact-sheet.jpg": b"other"})
    answer = run(path, "--force-key", tmp_path / "force.pub")
    assert answer.returncode == 67
    fails, holds = answer.stdout.index("What does not hold\n"), answer.stdout.index("What holds\n")
    named = answer.stdout.index("- data/working/contact-sheet.jpg is not the file that the manifest names.")
    assert fails < named < holds
    assert holds < answer.stdout.index("- There is no file")
    assert "1 check failed; 21 hold. Don't rely on it; ask the owner for it again" in answer.stdout
    assert "as it is." not in answer.stdout


def test_without_the_forces_key_it_says_so_and_does_not_end_with_0(case: Case, tmp_path: Path) -> None:
    answer = run(zipped(case, tmp_path))
    assert answer.returncode == 60
    unknown = answer.stdout.split("What can't be known\n")[1]
    assert "- Whether the force key is the force's could not be checked" in unknown
    assert "from any package, however sound:" in unknown
    assert "Nothing failed, but not everything was checked; 21 hold, 1 could not be made." in answer.stdout
    assert "a package that somebody made with keys of their own would look like this one" in " ".join(unknown.split())


def test_of_a_sealed_package_without_its_key_it_says_what_it_is_and_what_can_be_compared(
    case: Case, tmp_path: Path
) -> None:
    sealed = tmp_path / "p.zip.age"
    recipients = [generate_identity("x25519").recipient, generate_identity("x25519").recipient]
    encrypt_file(zipped(case, tmp_path), sealed, recipients)
    (tmp_path / "other.key").write_text(f"{generate_identity('x25519')}\n")
    (tmp_path / "other.key").chmod(0o600)
    for more in ((), ("--identity", tmp_path / "other.key")):
        answer = run(sealed, *more)
        said = " ".join(answer.stdout.split())
        assert answer.returncode == 63
        assert answer.stdout.startswith("What can't be known\n")
        assert f"has {sealed.stat().st_size} bytes and the SHA-256 {sha256(sealed.read_bytes())}" in said
        assert "It is sealed for 2 recipients (X25519)." in said
        assert "Nothing in the package was looked at." in said


def test_json_says_the_same_to_programs(case: Case, tmp_path: Path) -> None:
    (tmp_path / "signers").write_text(
        "# who may sign what\n"
        + allowed_signers("device", case.device.public, ("evidence.v1@handover", "decision.v1@handover"))
        + allowed_signers("force", case.police.force.public, ("credential.v1@handover",))
    )
    path = rebagged(case, tmp_path, {layout.CHECKPOINT: b"nonsense"})
    answer = run(path, "--allowed-signers", tmp_path / "signers", "--json")
    report: dict[str, Any] = json.loads(answer.stdout)
    assert answer.returncode == report["exit_code"] == 65
    assert report["ok"] is False
    assert report["exhibit_reference"] == "EX/26/004711/HO-1"
    failing = [finding["about"] for finding in report["findings"] if finding["verdict"] == "fails"]
    assert failing == ["custody"]


@pytest.mark.slow
def test_a_file_that_is_not_there_or_not_usable_is_told_in_words(case: Case, tmp_path: Path) -> None:
    answer = run(tmp_path / "none.zip")
    assert answer.returncode == 44
    assert "There is no package" in answer.stderr
    (tmp_path / "bad.pub").write_text("nonsense")
    answer = run(zipped(case, tmp_path), "--force-key", tmp_path / "bad.pub")
    assert (answer.returncode, "bad.pub" in answer.stderr) == (16, True)
    assert run(zipped(case, tmp_path), "--force-key", tmp_path / "none.pub").returncode == 16
    assert run(zipped(case, tmp_path), "--no-such-option").returncode == 2
    assert run("--help").returncode == 0


def test_a_passphrase_that_does_not_open_and_one_that_is_of_no_use_are_told_apart(case: Case, tmp_path: Path) -> None:
    plain = zipped(case, tmp_path)
    encrypt_file(plain, tmp_path / "words.age", [Passphrase("right words", work_factor=4)])
    encrypt_file(plain, tmp_path / "key.age", [generate_identity("x25519").recipient])
    (tmp_path / "right").write_text("right words\n")
    (tmp_path / "wrong").write_text("wrong words\n")
    assert "opens with the given passphrase" in run(
        tmp_path / "words.age", "--passphrase-file", tmp_path / "right"
    ).stdout.replace("\n    ", " ")
    answer = run(tmp_path / "words.age", "--passphrase-file", tmp_path / "wrong")
    assert (answer.returncode, "The given passphrase does not open it." in answer.stdout) == (63, True)
    assert "Check the passphrase, word by word, or ask the owner." in " ".join(answer.stdout.split())
    answer = run(tmp_path / "key.age", "--passphrase-file", tmp_path / "right")
    assert (answer.returncode, "sealed for a key, not a passphrase." in " ".join(answer.stdout.split())) == (63, True)


@pytest.mark.parametrize(
    ("option", "code", "said"),
    [
        ("--late-stamp", 17, "wrong is no time stamp."),
        ("--crl", 17, "wrong is no list of revoked certificates."),
        ("--into", 17, "can't be written (File exists)."),
        ("--passphrase-file", 16, "The passphrase file"),
    ],
)
def test_a_readers_own_wrong_file_is_named_and_the_package_is_not_blamed(
    case: Case, tmp_path: Path, option: str, code: int, said: str
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("" if option == "--passphrase-file" else "ssh-ed25519 AAAA")
    answer = run(zipped(case, tmp_path), option, wrong)
    assert (answer.returncode, answer.stdout) == (code, "")
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


def test_what_is_no_package_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("root:x:0:0\n")
    for path in (tmp_path, tmp_path / "text"):
        answer = run(path)
        assert (answer.returncode, "This is no evidence package." in answer.stdout) == (61, True)
        assert "lies in" not in answer.stdout
        assert "is missing" not in answer.stdout


@pytest.mark.parametrize(
    "text",
    [
        "",
        "force cert-authority {key}\n",
        'force namespaces="evidence.v1@handover" {key}\n',
        'force namespaces="credential.v1@handover",valid-before="20200101" {key}\n',
        "force {key}\nforce {other}\n",
    ],
    ids=["none", "authority", "other namespace", "limited in time", "two"],
)
def test_an_allowed_signers_file_without_exactly_one_force_key_is_refused(tmp_path: Path, text: str) -> None:
    key, other = SigningKey.generate().public.line, SigningKey.generate().public.line
    (tmp_path / "signers").write_text(text.format(key=key, other=other))
    with pytest.raises(KeyFileUnusable):
        read_force_key(tmp_path / "signers")


def test_an_allowed_signers_line_without_options_is_a_force_key(tmp_path: Path) -> None:
    key = SigningKey.generate().public
    (tmp_path / "signers").write_text(f"force@example.police.uk {key.line} a comment\nother ssh-rsa AAAA\n")
    assert read_force_key(tmp_path / "signers") == key
