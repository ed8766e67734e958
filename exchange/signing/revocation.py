"""Whether a certificate was revoked, by a list (CRL, RFC 5280) or an answer (OCSP, RFC 6960), and what that means for a
time stamp made under it (RFC 3161 section 4).

Not for: getting lists and answers from the network (``exchange.verify.fetching``), or whether a chain holds otherwise.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from exchange.clock import SECOND, Instant
from exchange.documents.human_time import time_text

E = TypeVar("E", bound=x509.ExtensionType)

MAX_LIST = 10 * 1024 * 1024
"""Bytes of a CRL or an OCSP response that are read."""
_LONGEST_NAME = 200
_EXPIRED_ON_LIST = x509.ObjectIdentifier("2.5.29.60")
"""expiredCertsOnCRL (X.509): the list names certificates even after they ran out."""

_ENDED = frozenset(
    {
        x509.ReasonFlags.unspecified,
        x509.ReasonFlags.affiliation_changed,
        x509.ReasonFlags.superseded,
        x509.ReasonFlags.cessation_of_operation,
    }
)
"""Reasons that leave what was stamped before good (RFC 3161 section 4, 1). Any other, and none, leaves nothing good."""


class State(Enum):
    GOOD = "good"
    """Not revoked, or in a way that leaves the stamp good."""
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one certificate: a sentence, and what it comes to for the stamp."""

    state: State
    text: str


@dataclass(frozen=True, slots=True)
class RevocationData:
    """Lists and answers, as bytes in DER, or lists in PEM. Which certificate each is about is found out."""

    lists: Sequence[bytes] = ()
    answers: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class _Word:
    """What one list or answer that holds says of a certificate."""

    source: str
    made: datetime
    revoked: datetime | None
    reason: x509.ReasonFlags | None
    covers_expired: bool = False


def standing(
    certificate: x509.Certificate, issuer: x509.Certificate, data: RevocationData, stamped: Instant
) -> Standing:
    """What lists and answers that ``issuer`` stands behind say of ``certificate``, for a stamp of time ``stamped``."""
    words: list[_Word] = []
    useless: list[str] = []
    for content in data.lists:
        _take(words, useless, "the list", partial(_from_list, content, certificate, issuer))
    for content in data.answers:
        _take(words, useless, "the answer", partial(_from_answer, content, certificate, issuer))
    name = _name(certificate)
    revoked = [word for word in words if word.revoked is not None]
    if revoked:
        return _revoked(name, revoked, stamped)
    late = [word for word in words if _us(word.made) >= stamped]
    if not words:
        why = f" ({'; '.join(dict.fromkeys(useless))})" if useless else ""
        return Standing(State.UNKNOWN, f"Whether the certificate of {name} was revoked can't be known: nothing that "
                        f"was given or found tells of it{why}.")  # fmt: skip
    if not late:
        newest = max(words, key=lambda word: word.made)
        return Standing(State.UNKNOWN, f"Whether the certificate of {name} was revoked can't be known: {newest.source} "
                        f"is of {_time(newest.made)}, before the stamp.")  # fmt: skip
    told = [word for word in late if word.covers_expired or word.made <= certificate.not_valid_after_utc]
    if not told:
        newest = max(late, key=lambda word: word.made)
        return Standing(State.UNKNOWN, f"Whether the certificate of {name} was revoked can't be known: it ran out on "
                        f"{_time(certificate.not_valid_after_utc)}, and {newest.source} of {_time(newest.made)} need "
                        "not name it any more.")  # fmt: skip
    newest = max(told, key=lambda word: word.made)
    return Standing(
        State.GOOD, f"The certificate of {name} was not revoked, as {newest.source} of {_time(newest.made)} says."
    )


def _revoked(name: str, words: list[_Word], stamped: Instant) -> Standing:
    """The gravest of what is said of a certificate that was revoked."""
    for word in words:
        assert word.revoked is not None
        when = f"The certificate of {name} was revoked as of {_time(word.revoked)}"
        if word.reason not in _ENDED:
            reason = "no reason is given" if word.reason is None else f"the reason is {word.reason.value}"
            return Standing(State.BAD, f"{when}, and {reason}: nothing that was signed with its key can be relied on, "
                            "whenever it was signed.")  # fmt: skip
        if stamped >= _us(word.revoked):
            return Standing(State.BAD, f"{when} ({word.reason.value if word.reason else ''}), before the stamp.")
    word = words[0]
    assert word.revoked is not None
    return Standing(State.GOOD, f"The certificate of {name} was revoked only after the stamp, as of "
                    f"{_time(word.revoked)}, for a reason ({word.reason.value if word.reason else ''}) that leaves "
                    "what it signed before good.")  # fmt: skip


class _Useless(Exception):
    """A list or an answer from which nothing can be learned, and why; or that is about something else (no words)."""


_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def _take(words: list[_Word], useless: list[str], what: str, read: Callable[[], _Word]) -> None:
    try:
        words.append(read())
    except _Useless as error:
        if str(error):
            useless.append(f"{what} {error}")
    except _UNREADABLE:
        useless.append(f"{what} can't be read")


# -- lists -----------------------------------------------------------------------------------------------------------


def _from_list(content: bytes, certificate: x509.Certificate, issuer: x509.Certificate) -> _Word:
    made = _loaded(content)
    if made.issuer != certificate.issuer:
        raise _Useless
    if not made.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]  # TypeError: no such kind of key
        raise _Useless("is not signed by who issued the certificate")
    usage = _extension(issuer.extensions, x509.KeyUsage)
    if usage is not None and not usage.crl_sign:
        raise _Useless("is signed by a key that may sign none")
    _check_scope(made, certificate)
    expired = _find(made.extensions, _EXPIRED_ON_LIST) is not None
    entry = made.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is None:
        return _Word("the list", made.last_update_utc, None, None, expired)
    reason = _extension(entry.extensions, x509.CRLReason)
    if reason is not None and reason.reason is x509.ReasonFlags.remove_from_crl:
        raise _Useless("only tells of changes")
    if any(each.critical for each in entry.extensions):
        raise _Useless("has an entry that can't be understood")
    return _Word(
        "the list", made.last_update_utc, entry.revocation_date_utc, reason.reason if reason else None, expired
    )


def _loaded(content: bytes) -> x509.CertificateRevocationList:
    if len(content) > MAX_LIST:
        raise _Useless(f"has more than {MAX_LIST} bytes")
    if content.lstrip()[:11] == b"-----BEGIN ":
        return x509.load_pem_x509_crl(content)
    return x509.load_der_x509_crl(content)


def _check_scope(made: x509.CertificateRevocationList, certificate: x509.Certificate) -> None:
    """_Useless where the list is not about this certificate, or not all that is to be known of it."""
    constraints = _extension(certificate.extensions, x509.BasicConstraints)
    is_authority = constraints is not None and constraints.ca
    for each in made.extensions:
        if isinstance(each.value, x509.DeltaCRLIndicator):
            raise _Useless("only tells of changes")
        if isinstance(each.value, x509.IssuingDistributionPoint):
            point = each.value
            if point.indirect_crl or point.only_some_reasons or point.only_contains_attribute_certs:
                raise _Useless("is of a kind that is not understood")
            if (point.only_contains_user_certs and is_authority) or (point.only_contains_ca_certs and not is_authority):
                raise _Useless
            named = _named_points(certificate)
            if point.full_name and named and not named & set(point.full_name):
                raise _Useless
        elif each.critical:
            raise _Useless("has a part that is not understood")


def _named_points(certificate: x509.Certificate) -> set[x509.GeneralName]:
    points = _extension(certificate.extensions, x509.CRLDistributionPoints)
    return {name for point in points or () for name in point.full_name or ()}


# -- answers ---------------------------------------------------------------------------------------------------------


def ocsp_question(certificate: x509.Certificate, issuer: x509.Certificate) -> ocsp.OCSPRequest:
    """What to ask a responder of a certificate. SHA-1 names the issuer, as RFC 5019 section 2.1.1 wants; it protects
    nothing."""
    return ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1()).build()  # noqa: S303


def _from_answer(content: bytes, certificate: x509.Certificate, issuer: x509.Certificate) -> _Word:
    if len(content) > MAX_LIST:
        raise _Useless(f"has more than {MAX_LIST} bytes")
    answer = ocsp.load_der_ocsp_response(content)
    if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise _Useless(f"is that there is none ({answer.response_status.name.lower()})")
    one = next((one for one in answer.responses if _is_about(one, certificate, issuer)), None)
    if one is None:
        raise _Useless
    _check_responder(answer, issuer)
    if one.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
        raise _Useless("is that the responder does not know it")
    revoked = one.revocation_time_utc if one.certificate_status is ocsp.OCSPCertStatus.REVOKED else None
    return _Word("the answer", one.this_update_utc, revoked, one.revocation_reason if revoked else None)


def _is_about(one: ocsp.OCSPSingleResponse, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, one.hash_algorithm).build()
    return (one.serial_number, one.issuer_name_hash, one.issuer_key_hash) == (
        asked.serial_number,
        asked.issuer_name_hash,
        asked.issuer_key_hash,
    )


def _check_responder(answer: ocsp.OCSPResponse, issuer: x509.Certificate) -> None:
    """_Useless unless the issuer signed the answer, or one whom it let answer (RFC 6960 section 4.2.2.2)."""
    may = [issuer, *(one for one in answer.certificates if _may_answer(one, issuer, answer.produced_at_utc))]
    if not any(_signed(answer, one) for one in may):
        raise _Useless("is not signed by who issued the certificate, nor by one whom it let answer")


def _may_answer(certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    usage = _extension(certificate.extensions, x509.ExtendedKeyUsage)
    return (
        usage is not None
        and ExtendedKeyUsageOID.OCSP_SIGNING in usage
        and certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
    )


def _signed(answer: ocsp.OCSPResponse, by: x509.Certificate) -> bool:
    key, algorithm = by.public_key(), answer.signature_hash_algorithm
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes)
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None:
            key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(algorithm))
        elif isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
            key.verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), algorithm)
        else:
            return False
    except InvalidSignature:
        return False
    return True


# -- names, times, extensions ----------------------------------------------------------------------------------------


def _extension(extensions: x509.Extensions, kind: type[E]) -> E | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _find(extensions: Iterable[x509.Extension[x509.ExtensionType]], oid: x509.ObjectIdentifier) -> object:
    return next((each for each in extensions if each.oid == oid), None)


def _name(certificate: x509.Certificate) -> str:
    words = "".join(char for char in certificate.subject.rfc4514_string() if char.isprintable())
    return f"“{words[:_LONGEST_NAME]}”"


def _us(moment: datetime) -> Instant:
    return round(moment.timestamp()) * SECOND


def _time(moment: datetime) -> str:
    return time_text(_us(moment.astimezone(UTC)))
