"""A person logs in: with a browser that comes back to this machine, or by a code that they type on another device; and
the session that the portal gives for it is kept beside the keys.

Not for: how they are shown where or what to type (``portal.officer.commands.login``, ``portal.officer.desk.logins``).
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from pydantic import ValidationError

from exchange.signing.logins import LoginProof, login_nonce
from portal.officer.client import OfficerClient
from portal.officer.login.device import DeviceCode, ask_for_code, take_when_typed
from portal.officer.login.issuer import Attempt, IssuerClient, Tokens
from portal.officer.login.loopback import WayBack
from portal.officer.login.session import KeptLogin
from portal.officer.state import OfficerState

Way = Callable[[IssuerClient, str], Awaitable[Tokens]]
"""How somebody proves to the provider who they are; the second is the nonce that the ID token must hold."""


async def log_in(state: OfficerState, client: OfficerClient, way: Way) -> KeptLogin | None:
    """None where the portal wants no login. PortalRefused when the provider or the portal says no."""
    wanted = await client.login_wanted()
    if wanted.accounts is None:
        return None
    secret = secrets.token_urlsafe(32)
    key = await asyncio.to_thread(state.key)
    issuer = IssuerClient(wanted.accounts)
    tokens = await way(issuer, login_nonce(key.public.fingerprint, secret))
    try:
        proof = LoginProof(id_token=tokens.id_token, secret=secret)
    except ValidationError:
        raise issuer.strange("its ID token is none") from None
    given = await client.begin_session(proof)
    kept = KeptLogin(
        portal=client.origin,
        accounts=wanted.accounts,
        session=given.session,
        expires=given.expires,
        ends=given.ends,
        refresh_token=tokens.refresh_token,
    )
    await asyncio.to_thread(state.logins.keep, kept)
    client.look_for_login()
    return kept


async def by_browser(issuer: IssuerClient, nonce: str, way: WayBack, show: Callable[[str], None]) -> Tokens:
    """``show`` gets the address to open."""
    endpoints = await issuer.discover()
    attempt = Attempt(way.redirect, nonce)
    way.state, way.issuer = attempt.state, issuer.name
    show(issuer.address(endpoints, attempt))
    return await issuer.take_code(endpoints, attempt, await way.code())


async def by_code(
    issuer: IssuerClient,
    nonce: str,
    show: Callable[[DeviceCode], None],
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Tokens:
    """``show`` gets what is to be typed, and where. Not every provider puts the nonce into the ID token then: whether
    that is taken, the portal says."""
    code = await ask_for_code(issuer, nonce)
    show(code)
    return await take_when_typed(issuer, code, pause)
