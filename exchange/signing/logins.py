"""Logging in to a portal whose force has accounts of its own (OpenID Connect), beside the officer's key.

Not for: what signs requests, which is the officer's key alone.
"""

import hashlib
import ipaddress
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from exchange.clock import Instant
from exchange.documents.messages import Fingerprint, Line, Part

SESSION_HEADER = "Handover-Session"
"""Of an officer's call: the session that the portal gave for a login."""
WANTED_HEADER = "Handover-Login"
"""Of a 401: that nothing is wrong with the token, and a login is wanted."""
_Secret = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]


class LoginIssuer(Part):
    """Where a force's officers log in, as the portal was told."""

    issuer: Annotated[str, Field(max_length=500)]
    client_id: Line
    scope: Line


class LoginWanted(Part):
    """What login a portal wants of officers; none without ``accounts``."""

    accounts: LoginIssuer | None = None
    required: bool = False


class LoginProof(Part):
    """What the provider says of who logged in. ``secret``: of the nonce, at a new login; left out to go on with a
    session that is named in the header."""

    id_token: Annotated[str, Field(max_length=16_384, pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$")]
    secret: _Secret | None = None


class LoginSession(Part):
    session: _Secret
    expires: Instant
    ends: Instant
    """When it can't be gone on with any more, and a person must log in."""


def login_nonce(officer: Fingerprint, secret: str) -> str:
    """The nonce of a login by the bearer of a key: an ID token that was made for it is of no use with another key."""
    return hashlib.sha256(f"login@handover\0{officer}\0{secret}".encode()).hexdigest()


def is_safe_url(url: str) -> bool:
    """Whether nobody on the way can change what comes from there."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    try:
        return parts.scheme == "http" and ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"
