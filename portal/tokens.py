"""API tokens: short-lived JWTs (RFC 7519) signed with the caller's Ed25519 key (EdDSA, RFC 8037), each taken once.

Not for: what a caller may do once known.
"""

from dataclasses import dataclass
from typing import Annotated

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import Field, ValidationError
from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from exchange.clock import SECOND
from exchange.documents.api import TOKEN_LIFETIME
from exchange.documents.messages import Fingerprint, Part
from exchange.errors import HandoverError
from exchange.signing.documents import PublicKey
from portal.problems import unauthenticated
from portal.storage.models import Device, Officer, UsedToken

LEEWAY = 10
"""Seconds that the caller's clock may differ from ours."""
MAX_TOKEN = 2048


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


def authenticate_device(session: Session, token: str, audience: str, now: int) -> Caller:
    """Whose token this is; ``now`` in microseconds. ProblemError 401 otherwise. Notes that the device was seen."""
    claims = _claims(token)
    device = session.get(Device, claims.iss)
    caller = _check(session, token, claims, device.public_key if device else None, audience, now)
    if device is not None:
        device.last_seen = now
    return caller


def authenticate_officer(session: Session, token: str, audience: str, now: int) -> Caller:
    """The same for an officer, whose credential must be valid now and not revoked."""
    claims = _claims(token)
    officer = session.get(Officer, claims.iss)
    may_call = officer and officer.revoked is None and officer.valid_from <= now < officer.valid_to
    return _check(session, token, claims, officer.public_key if officer and may_call else None, audience, now)


def is_strangers(session: Session, token: str) -> bool:
    """Whether the key that the token names is no device's. Says nothing of whether the token is good."""
    return session.get(Device, _claims(token).iss) is None


def forget_expired(session: Session, now: int) -> None:
    session.execute(delete(UsedToken).where(UsedToken.expires < now))


def _claims(token: str) -> Claims:
    """What the token claims, unverified."""
    try:
        if len(token) > MAX_TOKEN or jwt.get_unverified_header(token).get("alg") != "EdDSA":
            raise unauthenticated()
        return Claims.model_validate(jwt.decode(token, options={"verify_signature": False}), strict=True)
    except (jwt.PyJWTError, ValidationError, ValueError, TypeError):
        raise unauthenticated() from None


def _check(session: Session, token: str, claims: Claims, key: str | None, audience: str, now: int) -> Caller:
    if key is None:
        raise unauthenticated()
    try:
        public = PublicKey.parse(key)
        jwt.decode(
            token,
            Ed25519PublicKey.from_public_bytes(public.raw),
            algorithms=["EdDSA"],
            audience=audience,
            options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except (jwt.PyJWTError, HandoverError, ValueError):
        raise unauthenticated() from None
    seconds = now // SECOND
    lives = 0 < claims.exp - claims.iat <= TOKEN_LIFETIME
    if not lives or claims.iat > seconds + LEEWAY or claims.exp <= seconds - LEEWAY:
        raise unauthenticated()
    _take_once(session, claims)
    return Caller(claims.iss, public)


def _take_once(session: Session, claims: Claims) -> None:
    """Remember the token until it could not be taken any more. ProblemError 401 when it was taken before."""
    expires = (claims.exp + LEEWAY + 1) * SECOND
    try:
        session.execute(insert(UsedToken).values(issuer=claims.iss, jti=claims.jti, expires=expires))
    except IntegrityError:
        raise unauthenticated() from None


def bearer(header: str | None) -> str:
    """The token in an Authorization header. ProblemError 401 when there is none."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthenticated()
    return token.strip()
