"""Whether an authority's certificate was revoked, and what that means for its stamps: lists, answers, the network."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from exchange.clock import SECOND
from exchange.package.report import Finding, Verdict
from exchange.signing.revocation import RevocationData, Standing, State, standing
from exchange.signing.timestamps import authority_chain, make_query, read_certificates
from exchange.verify.checking import verify_package
from exchange.verify.command import command
from exchange.verify.stamp_checks import StampTrust
from exchange.verify.words import limits
from tests.counterparts.http.timestamp_authority import TimestampAuthority
from tests.exchange.packages import Case, zipped

NOW = datetime.now(UTC).replace(microsecond=0)
STAMPED = round(NOW.timestamp()) * SECOND
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Reason = x509.ReasonFlags


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TimestampAuthority:
    return TimestampAuthority(tmp_path_factory.mktemp("authority") / "one")


def a_list(
    authority: TimestampAuthority,
    level: int,
    *,
    made: datetime = NOW + HOUR,
    revoked: datetime | None = None,
    reason: Reason | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
    extension: x509.ExtensionType | None = None,
) -> bytes:
    """What the issuer of the chain's certificate at ``level`` lists: that one, if ``revoked``, and always another."""
    issuer = authority.chain[level + 1]
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject)
    builder = builder.last_update(made).next_update(made + 7 * DAY)
    other = x509.RevokedCertificateBuilder().serial_number(1).revocation_date(NOW - DAY).build()
    builder = builder.add_revoked_certificate(other)
    if revoked is not None:
        entry = x509.RevokedCertificateBuilder().serial_number(authority.chain[level].serial_number)
        entry = entry.revocation_date(revoked)
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    if extension is not None:
        builder = builder.add_extension(extension, critical=True)
    made_list = builder.sign(key or authority.keys[level + 1], hashes.SHA256())
    return made_list.public_bytes(Encoding.DER)


def judged(authority: TimestampAuthority, *lists: bytes, answers: tuple[bytes, ...] = (), level: int = 0) -> Standing:
    return standing(authority.chain[level], authority.chain[level + 1], RevocationData(lists, answers), STAMPED)


def test_a_certificate_that_a_later_list_does_not_name_was_not_revoked(authority: TimestampAuthority) -> None:
    found = judged(authority, a_list(authority, 0))
    assert found.state is State.GOOD
    assert "“CN=Example Time signer” was not revoked" in found.text


@pytest.mark.parametrize("reason", [Reason.superseded, Reason.affiliation_changed, Reason.cessation_of_operation,
                                    Reason.unspecified])  # fmt: skip
def test_a_harmless_revocation_leaves_earlier_stamps_good_and_later_ones_not(
    authority: TimestampAuthority, reason: Reason
) -> None:
    assert judged(authority, a_list(authority, 0, revoked=NOW + HOUR / 2, reason=reason)).state is State.GOOD
    before = judged(authority, a_list(authority, 0, revoked=NOW - HOUR, reason=reason))
    assert before.state is State.BAD
    assert "before the stamp" in before.text


@pytest.mark.parametrize("reason", [Reason.key_compromise, Reason.ca_compromise, Reason.certificate_hold, None])
def test_a_key_that_others_had_or_no_reason_leaves_no_stamp_good(
    authority: TimestampAuthority, reason: Reason | None
) -> None:
    found = judged(authority, a_list(authority, 0, revoked=NOW + HOUR / 2, reason=reason))
    assert found.state is State.BAD
    assert "whenever it was signed" in found.text


def test_a_list_from_before_the_stamp_tells_nothing(authority: TimestampAuthority) -> None:
    found = judged(authority, a_list(authority, 0, made=NOW - DAY))
    assert found.state is State.UNKNOWN
    assert "before the stamp" in found.text


def test_a_list_from_after_the_certificate_ran_out_need_not_name_it(authority: TimestampAuthority) -> None:
    found = judged(authority, a_list(authority, 0, made=NOW + 60 * DAY))
    assert found.state is State.UNKNOWN
    assert "need not name it" in found.text


def test_a_list_by_somebody_else_or_of_something_else_counts_for_nothing(authority: TimestampAuthority) -> None:
    forged = a_list(authority, 0, revoked=NOW - DAY, key=ec.generate_private_key(ec.SECP256R1()))
    assert judged(authority, forged).state is State.UNKNOWN
    assert "is not signed by who issued the certificate" in judged(authority, forged).text
    assert judged(authority, a_list(authority, 1)).state is State.UNKNOWN
    assert judged(authority, b"\x30\x03nonsense").state is State.UNKNOWN
    assert judged(authority).state is State.UNKNOWN


@pytest.mark.parametrize(
    "extension",
    [
        x509.DeltaCRLIndicator(1),
        x509.IssuingDistributionPoint(None, None, False, False, None, True, False),
        x509.IssuingDistributionPoint(None, None, False, True, None, False, False),
        x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.32473.9"), b"\x05\x00"),
    ],
    ids=["only changes", "indirect", "only of authorities", "not understood"],
)
def test_a_list_that_is_not_whole_does_not_clear_a_certificate(
    authority: TimestampAuthority, extension: x509.ExtensionType
) -> None:
    assert judged(authority, a_list(authority, 0, extension=extension)).state is State.UNKNOWN


def an_answer(
    authority: TimestampAuthority,
    status: ocsp.OCSPCertStatus,
    *,
    revoked: datetime | None = None,
    reason: Reason | None = None,
    by: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None,
) -> bytes:
    signer, key = by or (authority.chain[1], authority.keys[1])
    builder = ocsp.OCSPResponseBuilder().add_response(
        authority.chain[0], authority.chain[1], hashes.SHA1(), status, NOW + HOUR, NOW + DAY, revoked, reason
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer)
    if by is not None:
        builder = builder.certificates([signer])
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def responder(authority: TimestampAuthority, *, lets: bool) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Example answers")]))
        .issuer_name(authority.chain[1].subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 30 * DAY)
    )
    if lets:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
    return builder.sign(authority.keys[1], hashes.SHA256()), key


def test_answers_count_as_lists_do(authority: TimestampAuthority) -> None:
    good, revoked = ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED
    assert judged(authority, answers=(an_answer(authority, good),)).state is State.GOOD
    compromised = an_answer(authority, revoked, revoked=NOW + HOUR / 2, reason=Reason.key_compromise)
    assert judged(authority, answers=(compromised,)).state is State.BAD
    assert judged(authority, a_list(authority, 0), answers=(compromised,)).state is State.BAD
    unknown = an_answer(authority, ocsp.OCSPCertStatus.UNKNOWN)
    assert judged(authority, answers=(unknown,)).state is State.UNKNOWN
    refusal = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    assert judged(authority, answers=(refusal.public_bytes(Encoding.DER),)).state is State.UNKNOWN


def test_an_answer_may_be_by_one_whom_the_issuer_lets_answer_and_by_nobody_else(authority: TimestampAuthority) -> None:
    good = ocsp.OCSPCertStatus.GOOD
    assert (
        judged(authority, answers=(an_answer(authority, good, by=responder(authority, lets=True)),)).state is State.GOOD
    )
    found = judged(authority, answers=(an_answer(authority, good, by=responder(authority, lets=False)),))
    assert found.state is State.UNKNOWN
    assert "nor by one whom it let answer" in found.text


# -- in a package ----------------------------------------------------------------------------------------------------


def stamped_case(folder: Path, authority: TimestampAuthority) -> Case:
    case = Case.make(folder)
    document = case.signed_evidence.document.encode()
    case.stamp = case.told = authority.answer(make_query(hashlib.sha256(document).hexdigest()))
    return case


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory, authority: TimestampAuthority) -> tuple[Case, Path]:
    folder = tmp_path_factory.mktemp("package")
    case = stamped_case(folder, authority)
    return case, zipped(case, folder)


def about_revocation(package: tuple[Case, Path], trust: StampTrust) -> Finding:
    case, path = package
    report = verify_package(path, force_key=case.police.force.public, trust=trust)
    (finding,) = [one for one in report.findings if one.about == "timestamp.revocation"]
    return finding


def test_the_chain_runs_from_the_signer_to_the_root_that_is_trusted(
    package: tuple[Case, Path], authority: TimestampAuthority
) -> None:
    assert package[0].stamp is not None
    chain = authority_chain(package[0].stamp, read_certificates(authority.certificates))
    assert chain == list(authority.chain)


def test_a_package_says_whether_each_certificate_behind_its_stamp_was_revoked(
    package: tuple[Case, Path], authority: TimestampAuthority
) -> None:
    roots = read_certificates(authority.certificates)
    both = (a_list(authority, 0, made=datetime.now(UTC) + HOUR), a_list(authority, 1, made=datetime.now(UTC) + HOUR))
    good = about_revocation(package, StampTrust(roots, lists=both))
    assert good.verdict is Verdict.HOLDS
    assert "signer” was not revoked" in good.text
    assert "intermediate” was not revoked" in good.text
    half = about_revocation(package, StampTrust(roots, lists=both[:1]))
    assert half.verdict is Verdict.UNCHECKED
    bad = a_list(authority, 1, revoked=NOW - DAY, reason=Reason.ca_compromise)
    assert about_revocation(package, StampTrust(roots, lists=(both[0], bad))).verdict is Verdict.FAILS
    assert about_revocation(package, StampTrust(lists=both)).verdict is Verdict.UNCHECKED


def test_the_command_takes_lists_and_answers_as_files(
    package: tuple[Case, Path], authority: TimestampAuthority, tmp_path: Path
) -> None:
    case, path = package
    (tmp_path / "force.pub").write_text(case.police.force.public.line)
    made = datetime.now(UTC) + HOUR
    (tmp_path / "one.crl").write_bytes(a_list(authority, 1, made=made))
    (tmp_path / "one.ocsp").write_bytes(an_answer(authority, ocsp.OCSPCertStatus.GOOD))
    arguments = [str(path), "--force-key", str(tmp_path / "force.pub"), "--json"]
    arguments += ["--tsa-certificates", str(authority.certificates), "--crl", str(tmp_path / "one.crl")]
    said = CliRunner().invoke(command, [*arguments, "--ocsp", str(tmp_path / "one.ocsp")], standalone_mode=False)
    assert said.return_value == 0, said.output
    missing = CliRunner().invoke(command, [*arguments, "--crl", str(tmp_path / "none")], standalone_mode=False)
    assert "can't be read" in str(missing.exception)


@contextmanager
def telling(answers: dict[str, bytes]) -> Iterator[tuple[str, list[str]]]:
    """A server that has lists and answers; which paths were asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            asked.append(self.path)
            content = answers.get(self.path)
            self.send_response(404 if content is None else 200)
            self.end_headers()
            self.wfile.write(content or b"")

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def test_on_request_the_addresses_in_the_certificates_are_asked(tmp_path: Path) -> None:
    answers: dict[str, bytes] = {}
    with telling(answers) as (address, asked):
        authority = TimestampAuthority(tmp_path / "authority", tells_at=address)
        case = stamped_case(tmp_path, authority)
        package, roots = (case, zipped(case, tmp_path)), read_certificates(authority.certificates)
        about = about_revocation(package, StampTrust(roots, ask=True))
        assert about.verdict is Verdict.UNCHECKED
        assert "answered with status 404" in about.text
        assert set(asked) == {"/list", "/ocsp"}
        made = datetime.now(UTC) + HOUR
        answers["/ocsp"] = an_answer(authority, ocsp.OCSPCertStatus.GOOD)
        answers["/list"] = a_list(authority, 1, made=made)
        assert about_revocation(package, StampTrust(roots, ask=True)).verdict is Verdict.HOLDS
        asked.clear()
        assert about_revocation(package, StampTrust(ask=True)).verdict is Verdict.UNCHECKED
        assert asked == [], "addresses that nobody vouches for were asked"


def test_that_revocation_was_not_looked_up_is_told_among_what_cannot_be_known(package: tuple[Case, Path]) -> None:
    case, path = package
    report = verify_package(path, force_key=case.police.force.public)
    assert report.evidence is not None
    assert any("was not looked up. With --revocation it is" in limit for limit in limits(report, report.evidence))
