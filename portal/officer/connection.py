"""The officer's connection to the portal: a call with the officer's token and login, a download; within limits.

Not for: what calls there are (``portal.officer.client`` and what it is made of).
"""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import urlsplit

import aiohttp

from exchange.certificates import certificate_problem
from exchange.clock import SECOND, Clock, SystemClock, to_rfc3339
from exchange.counted import counted
from exchange.documents import api
from exchange.documents.answers import not_understood, problem, read_bounded, retry_after
from exchange.documents.messages import Part
from exchange.durable import NO_ROOM, sync_folder
from exchange.errors import (
    DiskFull,
    DocumentInvalid,
    EvidenceMismatch,
    PortalRefused,
    PortalUnreachable,
)
from exchange.signing.documents import SigningKey, parse_strictly
from exchange.signing.logins import SESSION_HEADER, WANTED_HEADER, LoginProof, LoginSession, LoginWanted
from exchange.signing.tokens import mint
from exchange.unanswered import why_unanswered
from portal.officer.login.session import CurrentLogin

P = TypeVar("P", bound=Part)
CLOCKS_APART = 30
"""Seconds from which on a refused token is put down to the clocks."""
_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=15)
_FETCH_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=60)
_BLOCK = 1024 * 1024
BUSY_TRIES = 2
"""Times that a call is made again when the portal says that it is busy."""
LONGEST_BUSY = 10
"""Seconds that an officer is kept waiting for that; a portal that wants longer is told of."""
DO_LOG_IN = "Log in: handover-officer login, or Log in on your page."
_LATER = "Try again in a minute; if it stays so, tell who runs the portal."
FETCH_TRIES = 5
"""How often a download that broke is taken up again without any progress."""


class NoSuchCall(PortalRefused):
    """The portal has no such thing, or not this way to call it."""


class LoginNeeded(PortalRefused):
    """The force wants the officer to log in with their account."""


class Connection:
    """One officer's, to one portal. Use it as an async context manager, or give it a session of your own."""

    def __init__(
        self,
        url: str,
        key: SigningKey,
        clock: Clock | None = None,
        session: aiohttp.ClientSession | None = None,
        login: CurrentLogin | None = None,
    ) -> None:
        """``url`` is the portal's origin, which tokens name too; with a path where several forces share a host."""
        parts = urlsplit(url)
        self.origin = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._key = key
        self._clock = clock or SystemClock()
        self._session = session
        self._login = login
        self._own = session is None

    async def __aenter__(self) -> Self:
        if self._session is None:
            self._session = aiohttp.ClientSession(auto_decompress=False, read_bufsize=_BLOCK)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._own and self._session is not None:
            await self._session.close()
            self._session = None

    async def login_wanted(self) -> LoginWanted:
        """What login the portal wants; none where it doesn't know the call."""
        try:
            return await self._read("GET", api.LOGIN, LoginWanted, token=False)
        except NoSuchCall:
            return LoginWanted()

    @property
    def is_login_missing(self) -> bool:
        """Whether the portal wanted a person to log in when it was asked last."""
        return self._login is not None and self._login.is_missing

    def look_for_login(self) -> None:
        """Somebody logged in."""
        if self._login is not None:
            self._login.look_again()

    async def begin_session(self, proof: LoginProof, before: str | None = None) -> LoginSession:
        """Log in; or go on with the session ``before``. PortalRefused."""
        headers = {} if before is None else {SESSION_HEADER: before}
        return await self._read("POST", api.SESSION, LoginSession, body=proof, headers=headers)

    async def end_session(self, session: str) -> None:
        await self._call("DELETE", api.SESSION, headers={SESSION_HEADER: session})

    async def _fetch(self, path: str, size: int, sha256: str, target: Path) -> None:
        if await asyncio.to_thread(_is_complete, target, size, sha256):
            return
        part = target.with_name(target.name + ".part")
        tries, reached = 0, -1
        while (length := await asyncio.to_thread(_length, part)) < size:
            tries, reached = (0, length) if length > reached else (tries + 1, reached)
            if tries >= FETCH_TRIES:
                raise PortalUnreachable(
                    f"The download stands still at {length} of {size} bytes.",
                    meaning="What came is kept.",
                    do="Try again later; it goes on from there.",
                )
            with contextlib.suppress(aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, TimeoutError):
                try:
                    await self._fetch_from(path, length, size, part)
                except OSError as error:
                    if error.errno not in NO_ROOM:
                        raise
                    raise DiskFull(
                        f"There is no room for {size} bytes beside {part}.",
                        meaning="What came is kept.",
                        do="Make room, and type it again: it goes on from there. Or take another folder.",
                    ) from error
        if not await asyncio.to_thread(_is_complete, part, size, sha256):
            await asyncio.to_thread(part.unlink, missing_ok=True)
            raise EvidenceMismatch(
                "What the portal sent is not what the owner's device signed for.",
                meaning="The sealed package was altered or mixed up on its way; it was thrown away.",
                do="Try again; if it stays so, tell the force and ask the owner to hand it over again.",
            )
        await asyncio.to_thread(_settle, part, target)

    async def _fetch_from(self, path: str, offset: int, size: int, part: Path) -> None:
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        async with self._answer("GET", path, headers=headers, timeout=_FETCH_TIMEOUT) as answer:
            if answer.status not in (200, 206):
                raise await _refusal(answer)
            expected = f"bytes {offset}-{size - 1}/{size}"
            if answer.status == 206 and answer.headers.get("Content-Range") != expected:
                raise not_understood("another part of the package than was asked for")
            mode = "ab" if answer.status == 206 else "wb"
            room = size - (offset if answer.status == 206 else 0)
            file = await asyncio.to_thread(open, part, mode, opener=_private)
            try:
                async for block in answer.content.iter_any():
                    room -= len(block)
                    if room < 0:
                        raise not_understood("more than the package's size")
                    await asyncio.to_thread(file.write, block)
            finally:
                await asyncio.to_thread(file.close)

    async def _read(
        self,
        method: str,
        path: str,
        model: type[P],
        *,
        body: Part | None = None,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        token: bool = True,
    ) -> P:
        content = await self._call(method, path, body=body, query=query, headers=headers, token=token)
        try:
            return parse_strictly(content, model, api.MAX_BODY)
        except DocumentInvalid as error:
            raise not_understood("an answer that is not the protocol's") from error

    async def _call(
        self,
        method: str,
        path: str,
        *,
        body: Part | None = None,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        token: bool = True,
    ) -> bytes:
        """A portal that has no room for a moment is asked again when it says."""
        try:
            for again in (*[True] * BUSY_TRIES, False):
                async with self._answer(method, path, body=body, query=query, headers=headers, token=token) as answer:
                    wait = retry_after(answer.headers) if again and answer.status == 503 else None
                    if wait is None or wait > LONGEST_BUSY:
                        if not 200 <= answer.status < 300:
                            raise await _refusal(answer)
                        return await read_bounded(answer)
                await asyncio.sleep(wait)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unreachable(self.origin, error) from error
        raise AssertionError

    @contextlib.asynccontextmanager
    async def _answer(
        self,
        method: str,
        path: str,
        *,
        body: Part | None = None,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        token: bool = True,
        timeout: aiohttp.ClientTimeout = _TIMEOUT,  # noqa: ASYNC109  aiohttp's own
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        assert self._session is not None, "use it in an async with block"
        sent = dict(headers or {})
        login = self._login if token and path != api.SESSION else None
        if login is not None:
            sent |= await login.headers(self.begin_session)
        if token:
            sent["Authorization"] = f"Bearer {mint(self._key, self.origin, self._clock)}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        try:
            async with self._session.request(
                method,
                self.origin + path,
                params=query,
                data=body.model_dump_json().encode() if body is not None else None,
                headers=sent,
                allow_redirects=False,
                timeout=timeout,
            ) as answer:
                if login is not None and (_wants_login(answer) or answer.status < 400):
                    login.is_missing = _wants_login(answer)
                yield answer
        except (aiohttp.ClientConnectorError, aiohttp.ClientSSLError, ConnectionError) as error:
            raise _unreachable(self.origin, error) from error


async def _refusal(answer: aiohttp.ClientResponse) -> Exception:
    title, detail = problem(await read_bounded(answer))
    if answer.status in (408, 425, 429) or answer.status >= 500:
        return PortalUnreachable(title or f"The portal can't answer now ({answer.status}).", do=detail or _LATER)
    kind = NoSuchCall if answer.status in (404, 405) else PortalRefused
    if _wants_login(answer):
        return LoginNeeded(title or "Your force wants you to log in.", do=DO_LOG_IN)
    if answer.status == 401 and "WWW-Authenticate" in answer.headers:  # about the call's token, and not a login
        return _not_known(seconds_apart(answer.headers.get("Date", ""), SystemClock().now()))
    return kind(title or f"The portal refused ({answer.status}).", do=detail)


def _wants_login(answer: aiohttp.ClientResponse) -> bool:
    return answer.status == 401 and WANTED_HEADER in answer.headers


def seconds_apart(date: str, now: int) -> int:
    """How far the portal's clock is from this machine's, by the header ``Date`` of its answer; 0 where it has none."""
    try:
        return abs(int(parsedate_to_datetime(date).timestamp()) - now // SECOND)
    except ValueError:
        return 0


def _not_known(apart: int) -> PortalRefused:
    if apart > CLOCKS_APART:
        return PortalRefused(
            f"This machine's clock and the portal's are {counted(apart, 'second')} apart.",
            meaning="The portal takes a call only within a minute after it was signed.",
            do="Set the clock, or let it follow a time server (sudo timedatectl set-ntp true); then type it again.",
        )
    return PortalRefused(
        "The portal does not know your key, or knows it no more.",
        do="Ask who runs it to let you in with your credential (handover-portal officer add), "
        "or whether your key was revoked.",
    )


def _unreachable(origin: str, error: BaseException) -> PortalUnreachable:
    authority = "Check the address; if it is right, have the force's authority added to those that are trusted here."
    words = certificate_problem(error, f"the portal at {origin}", to_rfc3339(SystemClock().now()), authority)
    if words is not None:
        return PortalUnreachable(words[0], do=words[1])
    return PortalUnreachable(
        f"The portal at {origin} does not answer: {why_unanswered(error)}.",
        do="Check the network and the portal's address.",
    )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _is_complete(path: Path, size: int, sha256: str) -> bool:
    if _length(path) != size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _settle(part: Path, target: Path) -> None:
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(target)
    sync_folder(target.parent)
