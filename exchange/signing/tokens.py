"""The short-lived tokens that go with calls to a portal: JWT (RFC 7519) signed with EdDSA (RFC 8037), used once.

Not for: whether a token is taken (the portal's ``tokens``).
"""

import secrets
from typing import Protocol

import jwt

from exchange.clock import SECOND
from exchange.documents.api import TOKEN_LIFETIME
from exchange.signing.sshsig import SigningKey


class Now(Protocol):
    """Whatever tells a time."""

    def now(self) -> int:
        """Microseconds UTC."""
        ...


def mint(key: SigningKey, audience: str, clock: Now) -> str:
    """A token for one call to ``audience`` (an origin), by the owner of ``key``."""
    now = clock.now() // SECOND
    claims = {
        "iss": key.public.fingerprint,
        "aud": audience,
        "iat": now,
        "exp": now + TOKEN_LIFETIME,
        "jti": secrets.token_urlsafe(16),
    }
    return jwt.encode(claims, key.private, algorithm="EdDSA")
