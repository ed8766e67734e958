"""The force's OpenID provider as the officer's program meets it: where it is, what it gives for a code or a refresh.

Authorization Code with PKCE (RFC 7636), for a program without a secret (RFC 8252). Not for: the browser's way back
(``portal.officer.login.loopback``), or what the portal makes of an ID token.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp

from exchange.errors import HandoverError, PortalAnswerInvalid, PortalRefused, PortalUnreachable
from exchange.signing.logins import LoginIssuer, is_safe_url
from exchange.unanswered import why_unanswered

MAX_ANSWER = 256 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=30)


@dataclass(frozen=True, slots=True)
class Endpoints:
    authorization: str
    token: str
    revocation: str | None
    device: str | None = None
    """Where codes for other devices are given (RFC 8628)."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the provider gave. The access token is not kept: the portal wants none."""

    id_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login that was begun: what must come back."""

    redirect: str
    nonce: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    @property
    def challenge(self) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")


class LoginRefused(PortalRefused):
    """The provider said no; ``code``: why, in OAuth's words."""

    code = ""


class IssuerClient:
    """One provider. Every answer is read within limits, and no redirect is followed."""

    def __init__(self, accounts: LoginIssuer) -> None:
        self._accounts = accounts

    @property
    def name(self) -> str:
        """The provider's, as OpenID Connect calls it."""
        return self._accounts.issuer

    @property
    def scope(self) -> str:
        return self._accounts.scope

    async def discover(self) -> Endpoints:
        """PortalUnreachable when it does not answer, PortalAnswerInvalid when it is another's answer."""
        issuer = self._accounts.issuer
        if not is_safe_url(issuer):
            raise self.strange("its address is not https")
        told = await self.call("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        found = [
            told.get(f"{name}_endpoint") for name in ("authorization", "token", "revocation", "device_authorization")
        ]
        safe = [isinstance(url, str) and is_safe_url(url) for url in found]
        if told.get("issuer") != issuer or not all(safe[:2]):
            raise self.strange("it does not say where to log in")
        more = [str(url) if is_safe else None for url, is_safe in zip(found[2:], safe[2:], strict=True)]
        return Endpoints(str(found[0]), str(found[1]), *more)

    def address(self, endpoints: Endpoints, attempt: Attempt) -> str:
        """What the browser opens."""
        query = {
            "response_type": "code",
            "client_id": self._accounts.client_id,
            "redirect_uri": attempt.redirect,
            "scope": self._accounts.scope,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
            **({"prompt": "consent"} if "offline_access" in self._accounts.scope.split() else {}),
        }
        return f"{endpoints.authorization}{'&' if '?' in endpoints.authorization else '?'}{urlencode(query)}"

    async def take_code(self, endpoints: Endpoints, attempt: Attempt, code: str) -> Tokens:
        return await self.tokens(
            endpoints,
            grant_type="authorization_code",
            code=code,
            redirect_uri=attempt.redirect,
            code_verifier=attempt.verifier,
        )

    async def refresh(self, endpoints: Endpoints, refresh_token: str) -> Tokens:
        """New ones. PortalRefused when the account was shut, or logged out."""
        given = await self.tokens(endpoints, grant_type="refresh_token", refresh_token=refresh_token)
        return Tokens(given.id_token, given.refresh_token or refresh_token)

    async def revoke(self, endpoints: Endpoints, refresh_token: str) -> None:
        if endpoints.revocation is not None:
            await self.call("POST", endpoints.revocation, {"token": refresh_token, "token_type_hint": "refresh_token"})

    async def tokens(self, endpoints: Endpoints, **form: str) -> Tokens:
        """What the provider gives for a code, a refresh token, or whatever ``form`` holds. LoginRefused."""
        told = await self.call("POST", endpoints.token, form)
        id_token, refresh_token = told.get("id_token"), told.get("refresh_token")
        if not isinstance(id_token, str) or not isinstance(refresh_token, str | None):
            raise self.strange("it gives no ID token")
        return Tokens(id_token, refresh_token)

    async def call(self, method: str, url: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        """Its answer as JSON. LoginRefused, PortalUnreachable, PortalAnswerInvalid."""
        data = None if form is None else {"client_id": self._accounts.client_id, **form}
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT) as session,
                session.request(method, url, data=data, allow_redirects=False) as answer,
            ):
                content = b""
                while len(content) <= MAX_ANSWER and (more := await answer.content.read(MAX_ANSWER)):
                    content += more
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._away(why_unanswered(error)) from None
        if answer.status >= 500:
            raise self._away(f"status {answer.status}")
        found = _object(content)
        if answer.status >= 400:
            refused = LoginRefused(
                f"Your force's login said no (status {answer.status}).", do="Log in again: handover-officer login"
            )
            refused.code = str((found or {}).get("error", ""))
            raise refused
        if answer.status != 200 or found is None:
            raise self.strange("its answer is none of OpenID Connect's")
        return found

    def _away(self, why: str) -> HandoverError:
        return PortalUnreachable(
            f"Your force's login at {self._accounts.issuer} does not answer ({why}).", do="Try again in a moment."
        )

    def strange(self, why: str) -> HandoverError:
        """An answer that no provider gives."""
        return PortalAnswerInvalid(
            f"Your force's login at {self._accounts.issuer} can't be used: {why}.",
            do="Tell who runs your force's portal.",
        )


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content[:MAX_ANSWER] or b"{}")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
