"""The doors for what comes from authorities: time stamps (RFC 3161), lists (RFC 5280) and answers (RFC 6960) of revoked
certificates.

Not for: the rest of a package (``targets``).
"""

import base64
import contextlib
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from exchange.clock import from_rfc3339
from exchange.errors import TimestampFailed, VerificationFailed
from exchange.signing.revocation import RevocationData, State, standing
from exchange.signing.timestamps import authority_chain, check_stamp
from scripts.fuzzing.promises import must
from scripts.vector_making.package import Case

_KEPT = Path(__file__).parents[2] / "docs" / "vectors"

# -- time stamps -----------------------------------------------------------------------------------------------------


def stamp(data: bytes) -> None:
    """Under the root that is trusted, no other time holds than the one that its authority told, by no other chain."""
    document, root = Case().evidence_bytes, _root()
    for certificates in (root, None):
        try:
            held = check_stamp(data, document, certificates=certificates)
        except (VerificationFailed, TimestampFailed) as error:
            must(error.what.isprintable() and len(error.what) < 500, "a fault is told in unfit words")
            continue
        must(held.trusted == (certificates is not None), "a stamp that nobody vouches for is trusted")
        if certificates is not None:
            must(held.at == from_rfc3339("2025-03-14T12:05:00Z"), "another time holds")
            with contextlib.suppress(VerificationFailed, TimestampFailed):
                must(len(authority_chain(data, certificates)) == 2, "another chain is found")


@cache
def _root() -> str:
    return (_KEPT / "keys/tsa.pem").read_text()


def stamps() -> list[bytes]:
    return [(_KEPT / f"stamps/{name}.tsr").read_bytes() for name in ("manifest", "second-authority", "other")]


# -- revocation ------------------------------------------------------------------------------------------------------

_NOON = datetime(2025, 3, 14, 12, tzinfo=UTC)
_STAMPED = from_rfc3339("2025-03-14T12:05:00Z")
_DAY = timedelta(days=1)


def revocation(data: bytes) -> None:
    """Whatever is read as a list, or as an answer, it ends in a sentence; and only what was signed says anything."""
    for kind, known in ((RevocationData(lists=[data]), _LISTS), (RevocationData(answers=[data]), _ANSWERS)):
        found = standing(_OWN, _ABOVE, kind, _STAMPED)
        must(found.text.isprintable() and len(found.text) < 2000, "it is told in unfit words")
        if found.state is not State.UNKNOWN:
            must(_signed_part(data) in known, "what nobody signed is believed")


def _signed_part(data: bytes) -> bytes:
    if data.lstrip()[:11] == b"-----BEGIN ":
        return x509.load_pem_x509_crl(data).tbs_certlist_bytes
    with contextlib.suppress(ValueError):
        return x509.load_der_x509_crl(data).tbs_certlist_bytes
    return ocsp.load_der_ocsp_response(data).tbs_response_bytes


def told() -> list[bytes]:
    """Lists and answers: of one that is good, and of one that was revoked; and a list as text."""
    wrapped = base64.encodebytes(_GOOD_LIST)
    return [
        _GOOD_LIST,
        _REVOKED_LIST,
        *_SIGNED_ANSWERS,
        b"-----BEGIN X509 CRL-----\n" + wrapped + b"-----END X509 CRL-----\n",
    ]


def _key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number, ec.SECP256R1())


def _certificate(name: str, number: int, *extensions: x509.ExtensionType) -> x509.Certificate:
    """By the issuer, of a key that is made from ``number``."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named("issuer"))
        .public_key(_key(number).public_key())
        .serial_number(number)
        .not_valid_before(_NOON - _DAY)
        .not_valid_after(_NOON + 40 * 365 * _DAY)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(_key(11), hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


_ABOVE = _certificate("issuer", 11, x509.BasicConstraints(ca=True, path_length=None))
_RESPONDER = _certificate("responder", 13, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]))
_OWN = _certificate("signer", 12, x509.BasicConstraints(ca=False, path_length=None))


def _list(*, revoked: bool) -> bytes:
    builder = x509.CertificateRevocationListBuilder().issuer_name(_named("issuer"))
    builder = builder.last_update(_NOON + _DAY).next_update(_NOON + 8 * _DAY)
    one = x509.RevokedCertificateBuilder().serial_number(12 if revoked else 99).revocation_date(_NOON + _DAY)
    one = one.add_extension(x509.CRLReason(x509.ReasonFlags.superseded), critical=False)
    point = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
    if revoked:
        builder = builder.add_extension(x509.CRLNumber(7), critical=False)
    else:
        builder = builder.add_extension(point, critical=True)
    return builder.add_revoked_certificate(one.build()).sign(_key(11), hashes.SHA256()).public_bytes(Encoding.DER)


def _answer(*, revoked: bool, delegated: bool) -> bytes:
    by, key = (_RESPONDER, _key(13)) if delegated else (_ABOVE, _key(11))
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=_OWN,
        issuer=_ABOVE,
        algorithm=hashes.SHA1(),
        cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
        this_update=_NOON + _DAY,
        next_update=None,
        revocation_time=_NOON + _DAY if revoked else None,
        revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, by)
    if delegated:
        builder = builder.certificates([_RESPONDER])
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


_GOOD_LIST, _REVOKED_LIST = (_list(revoked=revoked) for revoked in (False, True))
_SIGNED_ANSWERS = [
    _answer(revoked=revoked, delegated=delegated) for revoked, delegated in ((False, False), (True, True))
]
_LISTS = {x509.load_der_x509_crl(each).tbs_certlist_bytes for each in (_GOOD_LIST, _REVOKED_LIST)}
_ANSWERS = {ocsp.load_der_ocsp_response(each).tbs_response_bytes for each in _SIGNED_ANSWERS}
