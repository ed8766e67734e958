"""What a force's OpenID provider says: its keys, fetched and kept a while, and the ID tokens that they signed.

OpenID Connect Core 1.0, sections 3.1.3.7 and 12.2; Discovery 1.0. Not for: whose session it becomes
(``portal.logins.sessions``).
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from exchange.clock import HOUR, MINUTE, SECOND, Clock
from exchange.signing.logins import is_safe_url
from portal.problems import ProblemError
from portal.settings import LoginSettings

ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures by a key whose private half only the provider has; never *none*, never a shared secret."""
LEEWAY = 60
"""Seconds that the provider's clock may differ from ours."""
KEYS_KEPT = HOUR
ASKED_AGAIN = MINUTE
"""How soon keys are fetched anew for a token by a key that is not known."""
MAX_ANSWER = 256 * 1024
SHORTEST_RSA = 2048
_TIMEOUT = aiohttp.ClientTimeout(total=10)
_WANTED = ("iss", "aud", "exp", "iat", "sub")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who logged in, as the provider signed it."""

    subject: str
    value: str
    """Of the claim that names the officer."""
    nonce: str | None
    expires: int
    """Microseconds UTC."""


class Issuer:
    """Lives on the event loop."""

    def __init__(self, settings: LoginSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._keys: list[dict[str, Any]] = []
        self._fetched: int | None = None
        self._one_at_a_time = asyncio.Lock()

    async def identity(self, token: str) -> Identity:
        """What an ID token says. ProblemError 401 when it is not the provider's, for this portal and now; 503 while
        the provider's keys can't be had."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise _refused() from None
        algorithm, name = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS or "crit" in header:
            raise _refused()
        claims = self._claims(token, algorithm, await self._key(algorithm, name))
        return self._read(claims)

    def _claims(self, token: str, algorithm: str, key: jwt.PyJWK) -> dict[str, Any]:
        """By a clock of ours: the library would take the machine's."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                [algorithm],
                {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "require": list(_WANTED)},
                audience=self._settings.client_id,
                issuer=self._settings.issuer,
            )
        except jwt.PyJWTError:
            raise _refused() from None
        return claims

    def _read(self, claims: dict[str, Any]) -> Identity:
        now, audience = self._clock.now() // SECOND, claims["aud"]
        times = [claims["iat"], claims["exp"], claims.get("nbf", 0)]
        if not all(isinstance(time, int) and 0 <= time < 1 << 40 for time in times):
            raise _refused()
        issued, expires, begins = times
        if max(issued, begins) > now + LEEWAY or expires <= now - LEEWAY:
            raise _refused()
        others = isinstance(audience, list) and len(audience) > 1
        if claims.get("azp", None if others else self._settings.client_id) != self._settings.client_id:
            raise _refused()
        subject, value, nonce = claims["sub"], claims.get(self._settings.claim), claims.get("nonce")
        if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not isinstance(nonce, str | None):
            raise _refused()
        if not isinstance(value, str) or not value or (self._settings.claim == "email" and _is_unverified(claims)):
            raise ProblemError(
                403, "Your account has nothing that names you here.", "Ask who runs your force's accounts."
            )
        return Identity(subject, value, nonce, expires * SECOND)

    async def _key(self, algorithm: str, name: object) -> jwt.PyJWK:
        for again in (False, True):
            await self._have_keys(anew=again)
            found = [key for key in self._keys if name is None or key.get("kid") == name]
            fitting = [key for each in found if (key := _usable(each, algorithm)) is not None]
            if len(fitting) == 1 or (fitting and name is not None):
                return fitting[0]
        raise _refused()

    async def _have_keys(self, *, anew: bool) -> None:
        async with self._one_at_a_time:
            now = self._clock.monotonic()
            kept = ASKED_AGAIN if anew else KEYS_KEPT
            if self._fetched is not None and now - self._fetched < kept:
                return
            try:
                self._keys = await self._fetch()
                self._fetched = now
            except (aiohttp.ClientError, TimeoutError, ValueError, TypeError):
                self._fetched = now - KEYS_KEPT + ASKED_AGAIN  # those that are known go on meanwhile
                if not self._keys:
                    self._fetched = None
                    raise ProblemError(
                        503,
                        "The force's login service does not answer.",
                        "Try again in a moment; who is logged in goes on.",
                        {"Retry-After": "5"},
                    ) from None

    async def _fetch(self) -> list[dict[str, Any]]:
        issuer = self._settings.issuer
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            told = await _read_json(session, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            address = told.get("jwks_uri")
            if told.get("issuer") != issuer or not isinstance(address, str) or not is_safe_url(address):
                raise ValueError
            keys = (await _read_json(session, address)).get("keys")
        if not isinstance(keys, list):
            raise TypeError
        return [key for key in keys[:50] if isinstance(key, dict)]


async def _read_json(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(url, allow_redirects=False) as answer:
        content = await answer.content.read(MAX_ANSWER + 1)
        while len(content) <= MAX_ANSWER and (more := await answer.content.read(MAX_ANSWER + 1)):
            content += more
    if answer.status != 200 or len(content) > MAX_ANSWER:
        raise ValueError
    found = json.loads(content)
    if not isinstance(found, dict):
        raise TypeError
    return found


def _usable(key: dict[str, Any], algorithm: str) -> jwt.PyJWK | None:
    if key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm or key.get("kty") == "oct":
        return None
    try:
        found = jwt.PyJWK(key, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if isinstance(found.key, RSAPublicKey) and found.key.key_size < SHORTEST_RSA:
        return None
    return found


def _is_unverified(claims: dict[str, Any]) -> bool:
    return claims.get("email_verified", True) not in (True, "true")


def _refused() -> ProblemError:
    """401 in one wording for every cause."""
    return ProblemError(
        401,
        "The login was not accepted.",
        "It is not your force's, not for this portal, over, or was used before. Log in again.",
    )
