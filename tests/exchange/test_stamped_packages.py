"""Packages with a time stamp: it is the one that was told of, over this manifest, and by whom it matters to know."""

import hashlib
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from exchange.clock import DAY
from exchange.errors import EvidenceMismatch, SignatureInvalid, VerificationFailed
from exchange.package.report import Finding, Report, Verdict
from exchange.signing import openssl
from exchange.signing.timestamps import make_query, read_certificates
from exchange.verify.checking import verify_package
from exchange.verify.command import command
from exchange.verify.stamp_checks import StampTrust
from tests.counterparts.http.timestamp_authority import TimestampAuthority
from tests.exchange.packages import Case, entries, forged_entries, rebagged, replaced, zipped


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TimestampAuthority:
    return TimestampAuthority(tmp_path_factory.mktemp("authority") / "one")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, authority: TimestampAuthority) -> Case:
    case = Case.make(tmp_path_factory.mktemp("videos"))
    case.stamp = case.told = stamp_of(authority, case.signed_evidence.document.encode())
    return case


@pytest.fixture
def case(made: Case) -> Case:
    return replaced_case(made)


def replaced_case(case: Case, **changes: Any) -> Case:
    return Case(**{**vars(case), **changes})


def stamp_of(authority: TimestampAuthority, document: bytes) -> bytes:
    return authority.answer(make_query(hashlib.sha256(document).hexdigest()))


def checked(path: Path, case: Case, **more: Any) -> Report:
    return verify_package(path, force_key=case.police.force.public, **more)


def about_the_stamp(report: Report) -> Finding:
    (finding,) = [finding for finding in report.findings if finding.about == "timestamp"]
    return finding


def test_a_stamped_package_holds_under_the_authoritys_certificates(
    case: Case, authority: TimestampAuthority, tmp_path: Path
) -> None:
    report = checked(zipped(case, tmp_path), case, trust=StampTrust(read_certificates(authority.certificates)))
    assert report.ok
    assert "vouch for the authority" in about_the_stamp(report).text


def test_without_certificates_the_stamp_is_said_to_hold_in_itself_only(case: Case, tmp_path: Path) -> None:
    report = checked(zipped(case, tmp_path), case)
    assert report.ok
    assert "in itself only" in about_the_stamp(report).text


def fails(path: Path, case: Case, kind: type[VerificationFailed], words: str, **more: Any) -> None:
    report = checked(path, case, **more)
    finding = about_the_stamp(report)
    assert type(finding.error) is kind, finding
    assert words in finding.text
    assert report.exit_code == kind.exit_code


def test_a_stamp_of_an_authority_that_the_certificates_do_not_vouch_for_fails(case: Case, tmp_path: Path) -> None:
    other = read_certificates(TimestampAuthority(tmp_path / "other").certificates)
    fails(zipped(case, tmp_path), case, SignatureInvalid, "certificate verify error", trust=StampTrust(other))


def test_a_stamp_over_another_manifest_fails(case: Case, authority: TimestampAuthority, tmp_path: Path) -> None:
    case.stamp = case.told = stamp_of(authority, b"another manifest")
    fails(zipped(case, tmp_path, forged_entries(case)), case, SignatureInvalid, "imprint mismatch")


def test_a_stamp_that_was_taken_away_is_missed(case: Case, tmp_path: Path) -> None:
    fails(rebagged(case, tmp_path, {"data/evidence.json.tsr": None}), case, EvidenceMismatch, "it is missing")


def test_a_stamp_that_the_custody_lines_do_not_tell_of_fails(case: Case, tmp_path: Path) -> None:
    case.told = None
    fails(zipped(case, tmp_path, forged_entries(case)), case, EvidenceMismatch, "not the one that the custody lines")
    with pytest.raises(EvidenceMismatch):
        entries(case)


def test_a_later_stamp_in_the_place_of_the_first_fails(
    case: Case, authority: TimestampAuthority, tmp_path: Path
) -> None:
    later = stamp_of(authority, case.signed_evidence.document.encode())
    fails(rebagged(case, tmp_path, {"data/evidence.json.tsr": later}), case, EvidenceMismatch, "not the one that")


@pytest.mark.parametrize("place", [0.0, 0.03, 0.25, 0.5, 0.75, 0.98])
def test_a_flipped_bit_in_the_stamp_is_found_even_where_no_signature_covers_it(
    case: Case, tmp_path: Path, place: float
) -> None:
    assert case.stamp is not None
    spoilt = bytearray(case.stamp)
    spoilt[int(len(spoilt) * place)] ^= 1
    fails(rebagged(case, tmp_path, {"data/evidence.json.tsr": bytes(spoilt)}), case, EvidenceMismatch, "not the one")


def test_a_stamp_that_is_older_than_its_manifest_fails(
    case: Case, authority: TimestampAuthority, tmp_path: Path
) -> None:
    case.evidence = replaced(case.evidence, issued=time.time_ns() // 1000 + DAY)
    case.stamp = case.told = stamp_of(authority, case.signed_evidence.document.encode())
    fails(zipped(case, tmp_path), case, EvidenceMismatch, "before the manifest was made by its own word")


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x30" * 100_000])
def test_a_stamp_that_is_none_fails_however_it_was_told_of(case: Case, tmp_path: Path, content: bytes) -> None:
    case.stamp = case.told = content
    report = checked(zipped(case, tmp_path, forged_entries(case)), case)
    assert about_the_stamp(report).verdict is Verdict.FAILS
    assert not report.ok


def test_without_openssl_the_stamp_is_told_as_not_checked(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = zipped(case, tmp_path)
    monkeypatch.setenv("PATH", "/nonexistent")
    openssl.program.cache_clear()
    report = checked(package, case)
    assert about_the_stamp(report).verdict is Verdict.UNCHECKED
    assert "apt-get install openssl" in about_the_stamp(report).text
    assert report.exit_code == VerificationFailed.exit_code


def test_a_package_without_a_stamp_is_judged_without_a_word_of_it(case: Case, tmp_path: Path) -> None:
    case.stamp = case.told = None
    report = checked(zipped(case, tmp_path), case)
    assert report.ok
    assert not [finding for finding in report.findings if finding.about == "timestamp"]


def test_the_command_takes_the_authoritys_certificates(
    case: Case, authority: TimestampAuthority, tmp_path: Path
) -> None:
    force = tmp_path / "force.pub"
    force.write_text(case.police.force.public.line)
    arguments = [str(zipped(case, tmp_path)), "--force-key", str(force), "--tsa-certificates"]
    said = CliRunner().invoke(command, [*arguments, str(authority.certificates)], standalone_mode=False)
    assert said.return_value == 0
    assert "vouch for the authority" in " ".join(said.output.split())
    wrong = CliRunner().invoke(command, [*arguments, str(force)], standalone_mode=False)
    assert "holds no certificates in PEM" in str(wrong.exception)
