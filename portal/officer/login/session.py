"""The session that an officer has at the portal: kept beside the keys, gone on with before it ends, given up.

Not for: what a person does to log in (``portal.officer.commands.login``).
"""

import asyncio
import contextlib
import fcntl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

from pydantic import ValidationError

from exchange.clock import MINUTE, Clock, Instant
from exchange.documents.messages import Part
from exchange.errors import HandoverError, PortalUnreachable
from exchange.signing.logins import SESSION_HEADER, LoginIssuer, LoginProof, LoginSession
from portal.officer.login.issuer import IssuerClient
from portal.officer.safe import Safe

SOON = MINUTE
"""Before a session's end it is gone on with."""
MAX_KEPT = 64 * 1024
Prove = Callable[[LoginProof, str], Awaitable[LoginSession]]
"""Go on with a session at the portal, by a new ID token."""


class KeptLogin(Part):
    """A secret."""

    portal: str
    accounts: LoginIssuer
    session: str
    expires: Instant
    ends: Instant
    refresh_token: str | None = None

    def with_session(self, given: LoginSession, refresh_token: str | None) -> "KeptLogin":
        changed = {"session": given.session, "expires": given.expires, "ends": given.ends}
        return self.model_copy(update={**changed, "refresh_token": refresh_token})


class Logins:
    """Where the officer's login is kept: sealed, if their keys are."""

    def __init__(self, folder: Path, safe: Safe) -> None:
        self._path = folder / "login.json"
        self._safe = safe

    def read(self) -> KeptLogin | None:
        """None when there is none that can be used."""
        if not self._safe.exists(self._path):
            return None
        content = self._safe.read(self._path)
        if content is None:
            content = self._path.read_bytes()[:MAX_KEPT]
        try:
            return KeptLogin.model_validate_json(content)
        except ValidationError:
            return None

    def keep(self, login: KeptLogin) -> None:
        self._safe.write(self._path, login.model_dump_json(exclude_none=True).encode())

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """No other of the officer's programs goes on with the login meanwhile: a refresh token counts once."""
        with self._path.with_name("login.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def forget(self) -> None:
        self._safe.remove(self._path)


class CurrentLogin:
    """The login of one client of the portal, which may last for days (the officer's page)."""

    def __init__(self, logins: Logins, portal: str, clock: Clock) -> None:
        self._logins = logins
        self._portal = portal
        self._clock = clock
        self._kept: KeptLogin | None = None
        self.is_missing = False
        """Whether the portal wanted one when it was asked last."""
        self._one_at_a_time = asyncio.Lock()

    async def headers(self, prove: Prove) -> dict[str, str]:
        """For a call; nothing while nobody is logged in."""
        async with self._one_at_a_time:
            if self._kept is None or self._is_ending(self._kept):
                self._kept = await asyncio.to_thread(self._logins.read)  # somebody may have logged in meanwhile
            if self._kept is None or self._kept.portal != self._portal:
                return {}
            if self._is_ending(self._kept):
                async with _in_a_thread(self._logins.alone()):
                    self._kept = await asyncio.to_thread(self._logins.read) or self._kept
                    if self._is_ending(self._kept):
                        await self._go_on(self._kept, prove)
            return {SESSION_HEADER: self._kept.session}

    def look_again(self) -> None:
        """Somebody logged in: what is kept now counts."""
        self._kept, self.is_missing = None, False

    def _is_ending(self, login: KeptLogin) -> bool:
        return login.expires - SOON <= self._clock.now()

    async def _go_on(self, login: KeptLogin, prove: Prove) -> None:
        """Where that can't be done, the portal says that a person must log in."""
        if login.refresh_token is None or login.ends <= self._clock.now():
            return
        issuer = IssuerClient(login.accounts)
        try:
            tokens = await issuer.refresh(await issuer.discover(), login.refresh_token)
            login = login.model_copy(update={"refresh_token": tokens.refresh_token})
            await asyncio.to_thread(self._logins.keep, login)  # the one before is used up
            given = await prove(LoginProof(id_token=tokens.id_token), login.session)
        except PortalUnreachable:
            if login.expires <= self._clock.now():
                raise
            return
        except (HandoverError, ValidationError):
            return
        self._kept = login.with_session(given, tokens.refresh_token)
        await asyncio.to_thread(self._logins.keep, self._kept)


@contextlib.asynccontextmanager
async def _in_a_thread(held: contextlib.AbstractContextManager[None]) -> AsyncIterator[None]:
    """What may wait to be had."""
    await asyncio.to_thread(held.__enter__)
    try:
        yield
    finally:
        await asyncio.to_thread(held.__exit__, None, None, None)
