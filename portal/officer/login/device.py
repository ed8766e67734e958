"""Logging in with a code that a person types on another device (RFC 8628), for a machine without a browser.

Not for: what binds such a login to the officer's key (``portal.officer.login.entering``).
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from exchange.documents.letters import harmless
from exchange.errors import InputInvalid, PortalRefused, PortalUnreachable
from exchange.signing.logins import is_safe_url
from portal.officer.login.issuer import IssuerClient, LoginRefused, Tokens

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SLOWER = 5
"""Seconds more between two questions, each time that the provider wants to be asked less often."""
SLOWEST = 60


class DeviceCode(BaseModel):
    """What the provider gave. ``wait`` between two questions, and ``expires_in``, in seconds."""

    device_code: Annotated[str, Field(min_length=1, max_length=4096, repr=False)]
    user_code: Annotated[str, Field(min_length=1, max_length=60)]
    verification_uri: Annotated[str, Field(max_length=500)]
    expires_in: Annotated[int, Field(ge=1, le=24 * 3600)]
    wait: Annotated[int, Field(ge=1, le=600, alias="interval")] = 5


async def ask_for_code(issuer: IssuerClient, nonce: str) -> DeviceCode:
    """InputInvalid where the provider has none."""
    endpoints = await issuer.discover()
    if endpoints.device is None:
        raise InputInvalid(
            "Your force's login has no codes for other devices.",
            do="Log in with a browser: handover-officer login, or --no-browser.",
        )
    told = await issuer.call("POST", endpoints.device, {"scope": issuer.scope, "nonce": nonce})
    return _read(issuer, told)


def _read(issuer: IssuerClient, told: dict[str, Any]) -> DeviceCode:
    try:
        code = DeviceCode.model_validate(told)
    except ValidationError:
        raise issuer.strange("its codes can't be read") from None
    if not is_safe_url(code.verification_uri) or any(
        harmless(text) != text for text in (code.user_code, code.verification_uri)
    ):
        raise issuer.strange("it does not say where a code is typed")
    return code


async def take_when_typed(
    issuer: IssuerClient, code: DeviceCode, pause: Callable[[float], Awaitable[object]]
) -> Tokens:
    """Ask, no more often than the provider wants, until somebody typed the code. PortalRefused when they refused, or
    nobody did in time. ``pause`` waits for so many seconds."""
    endpoints = await issuer.discover()
    waited, wait = 0, code.wait
    while waited + wait <= code.expires_in:
        await pause(wait)
        waited += wait
        try:
            return await issuer.tokens(endpoints, grant_type=GRANT, device_code=code.device_code)
        except PortalUnreachable:
            wait = min(2 * wait, max(SLOWEST, code.wait))
        except LoginRefused as error:
            if error.code == "slow_down":
                wait += SLOWER
            elif error.code == "expired_token":
                break
            elif error.code != "authorization_pending":
                raise
    raise PortalRefused("Nobody typed the code in time.", do="Log in again: handover-officer login --device")
