"""API tokens: short-lived JWTs (RFC 7519) signed with the caller's Ed25519 key (EdDSA, RFC 8037), each taken once.

Not for: devices' keys and tokens held in memory (``portal.callers``), or what a caller may do once known.
"""

import functools
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Annotated, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, Field
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from exchange.clock import SECOND
from exchange.documents.api import TOKEN_LIFETIME
from exchange.documents.messages import Fingerprint, Part
from exchange.signing.documents import PublicKey
from portal.problems import unauthenticated
from portal.storage.models import Device, Officer, UsedToken

LEEWAY = 10
"""Seconds that the caller's clock may differ from ours."""
MAX_TOKEN = 2048
_PARTS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{86})")


class _Header(BaseModel):
    """One algorithm, and nothing that changes what a signature means (RFC 7515, section 4.1.11; RFC 7797)."""

    alg: Literal["EdDSA"]
    crit: None = None
    b64: None = None


class Claims(Part):
    iss: Fingerprint
    aud: Annotated[str, Field(max_length=200)]
    iat: int
    exp: int
    jti: Annotated[str, Field(min_length=16, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as the token proved."""

    fingerprint: str
    key: PublicKey


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it came: nobody vouches yet for what it claims."""

    claims: Claims
    signed: bytes
    """What the signature is of."""
    signature: bytes


def read(text: str) -> Token:
    """ProblemError 401 when it is none."""
    found = _PARTS.fullmatch(text) if len(text) <= MAX_TOKEN else None
    if found is None:
        raise unauthenticated()
    try:
        header, payload, signature = found.groups()
        _check_header(header)
        claims = Claims.model_validate_json(urlsafe_b64decode(payload + "=="), strict=True)
        signed_by = urlsafe_b64decode(signature + "==")
    except ValueError:  # of base64, or of a model
        raise unauthenticated() from None
    return Token(claims, text.rpartition(".")[0].encode(), signed_by)


@functools.lru_cache(maxsize=64)
def _check_header(text: str) -> None:
    """ValueError when it is none that is taken. Callers write it in a handful of ways."""
    _Header.model_validate_json(urlsafe_b64decode(text + "=="), strict=True)


def check(token: Token, key: Ed25519PublicKey, audience: str, now: int) -> None:
    """That the key signed it, for this portal, and that it may be used now (microseconds). ProblemError 401."""
    claims, seconds = token.claims, now // SECOND
    lives = 0 < claims.exp - claims.iat <= TOKEN_LIFETIME
    if claims.aud != audience or not lives or claims.iat > seconds + LEEWAY or claims.exp <= seconds - LEEWAY:
        raise unauthenticated()
    try:
        key.verify(token.signature, token.signed)
    except InvalidSignature:
        raise unauthenticated() from None


def verifier(key: PublicKey) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(key.raw)


def take_officers(session: Session, token: Token, audience: str, now: int) -> Caller:
    """The officer whose token this is, once: the credential must be valid now, and not revoked. ProblemError 401."""
    asked = select(Officer.public_key, Officer.revoked, Officer.valid_from, Officer.valid_to)
    officer = session.execute(asked.where(Officer.fingerprint == token.claims.iss)).one_or_none()
    if officer is None or officer.revoked is not None or not officer.valid_from <= now < officer.valid_to:
        raise unauthenticated()
    key = PublicKey.parse(officer.public_key)
    check(token, verifier(key), audience, now)
    _take_once(session, token.claims)
    return Caller(token.claims.iss, key)


def take_devices(session: Session, token: Token, now: int) -> None:
    """Take the token of a device, which was checked, for this and every other replica, also after a restart, and note
    that the device was seen. ProblemError 401 when it was taken before, or its owner left."""
    device = session.get(Device, token.claims.iss)
    if device is None:
        raise unauthenticated()
    _take_once(session, token.claims)
    device.last_seen = now


def devices_key(session: Session, fingerprint: str) -> str | None:
    return session.scalar(select(Device.public_key).where(Device.fingerprint == fingerprint))


def devices_keys(session: Session, fingerprints: list[str]) -> dict[str, str]:
    """The same of many at once, without those that are not enrolled."""
    asked = select(Device.fingerprint, Device.public_key).where(Device.fingerprint.in_(fingerprints))
    return {row.fingerprint: row.public_key for row in session.execute(asked)}


def forget_expired(session: Session, now: int) -> None:
    session.execute(delete(UsedToken).where(UsedToken.expires < now))


def _take_once(session: Session, claims: Claims) -> None:
    """Remember the token until it could not be taken any more. ProblemError 401 when it was taken before."""
    expires = last_second(claims) * SECOND
    try:
        session.execute(insert(UsedToken).values(issuer=claims.iss, jti=claims.jti, expires=expires))
    except IntegrityError:
        raise unauthenticated() from None


def last_second(claims: Claims) -> int:
    """From then on the token can't be used."""
    return claims.exp + LEEWAY + 1


def bearer(header: str | None) -> str:
    """The token in an Authorization header. ProblemError 401 when there is none."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthenticated()
    return token.strip()
