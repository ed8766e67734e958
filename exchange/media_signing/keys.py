"""The keys and certificates that come with signed pictures: told, and used to check a signature over a hash.

Not for: whether a certificate leads to a trusted root (``chains``).
"""

import hashlib
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from exchange.clock import SECOND, Instant
from exchange.documents.camera_signatures import SigningCertificate
from exchange.documents.letters import first_unfit
from exchange.media_signing.samples import NotUnderstood

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_LONGEST_NAME = 500
_MOST_CERTIFICATES = 8


def chain_of(pem: str) -> list[x509.Certificate]:
    """The certificates, the camera's own first. NotUnderstood."""
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise NotUnderstood("the camera's certificate can't be read") from None
    if len(found) > _MOST_CERTIFICATES:
        raise NotUnderstood("it brings more certificates than any honest camera")
    return found


def public_key_of(pem: str) -> PublicKeyTypes:
    """A bare key. NotUnderstood."""
    try:
        return load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise NotUnderstood("the camera's public key can't be read") from None


def certificate_key(certificate: x509.Certificate) -> PublicKeyTypes:
    """NotUnderstood for a key of an unknown kind."""
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise NotUnderstood("the camera's public key is of a kind that is not known here") from None


def signed_by(key: PublicKeyTypes, signature: bytes, digest: bytes, digest_name: str) -> bool:
    """Whether ``signature`` is one over a hash that was already taken. NotUnderstood for a kind of key that is not."""
    algorithm = Prehashed(_HASHES[digest_name])
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest, ec.ECDSA(algorithm))
            return True
        if isinstance(key, rsa.RSAPublicKey):
            return _rsa(key, signature, digest, algorithm, digest_name)
    except (InvalidSignature, ValueError):
        return False
    raise NotUnderstood("the camera's public key is of a kind that is not known here")


def _rsa(key: rsa.RSAPublicKey, signature: bytes, digest: bytes, algorithm: Prehashed, digest_name: str) -> bool:
    """PKCS #1 v1.5, or PSS with a salt of any length: cameras do the one or the other, and don't say which."""
    pss = padding.PSS(padding.MGF1(_HASHES[digest_name]), padding.PSS.AUTO)
    for padded in (padding.PKCS1v15(), pss):
        try:
            key.verify(signature, digest, padded, algorithm)
        except InvalidSignature:
            continue
        return True
    return False


def describe(key: PublicKeyTypes, certificate: x509.Certificate | None) -> SigningCertificate:
    """What a manifest says of them."""
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    if certificate is None:
        return SigningCertificate(public_key_sha256=digest)
    return SigningCertificate(
        public_key_sha256=digest,
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        subject=_name(certificate.subject),
        issuer=_name(certificate.issuer),
        serial=f"{certificate.serial_number:x}"[:64],
        not_before=_moment(certificate.not_valid_before_utc),
        not_after=_moment(certificate.not_valid_after_utc),
    )


def _name(name: x509.Name) -> str | None:
    words = "".join(char for char in name.rfc4514_string() if first_unfit(char, lines=False) is None)
    return (words if len(words) <= _LONGEST_NAME else words[:_LONGEST_NAME] + "…") or None


def _moment(moment: datetime) -> Instant | None:
    seconds = round(moment.timestamp())
    return seconds * SECOND if seconds >= 0 else None
