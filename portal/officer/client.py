"""The officer's client of the portal: search, send, look, fetch, receipt. Every answer is read within limits.

Not for: keys and files of the officer (``portal.officer.state``), or what is shown (``portal.officer.show``).

Long because it is one interface, a few lines a call.
"""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import urlsplit

import aiohttp

from exchange.certificates import certificate_problem
from exchange.clock import Clock, SystemClock, to_rfc3339
from exchange.custody.restored import LogRestorations, SignedRestored
from exchange.custody.uses import LogHead, SignedHead, UseReport, Uses
from exchange.documents import api
from exchange.documents.answers import not_understood, problem, read_bounded, retry_after
from exchange.documents.messages import Part, Signed
from exchange.documents.offer import Offers
from exchange.documents.supervision import (
    AskedAuthorisations,
    Quotas,
    RulesQuestion,
    StandingAuthorisation,
    SupervisionRules,
    SupervisorsWord,
)
from exchange.documents.teams import TeamBrief, Teams, TeamVersion
from exchange.durable import sync_folder
from exchange.errors import (
    DocumentInvalid,
    EvidenceMismatch,
    PortalRefused,
    PortalUnreachable,
)
from exchange.signing.documents import SigningKey, parse_strictly
from exchange.signing.logins import SESSION_HEADER, WANTED_HEADER, LoginProof, LoginSession, LoginWanted
from exchange.signing.tokens import mint
from portal.officer.keeping.calls import KeepingCalls
from portal.officer.login.session import CurrentLogin
from portal.registry.search_query import SearchQuery

P = TypeVar("P", bound=Part)
_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=15)
_FETCH_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=60)
_BLOCK = 1024 * 1024
BUSY_TRIES = 2
"""Times that a call is made again when the portal says that it is busy."""
LONGEST_BUSY = 10
"""Seconds that an officer is kept waiting for that; a portal that wants longer is told of."""
FETCH_TRIES = 5
"""How often a download that broke is taken up again without any progress."""


class NoSuchCall(PortalRefused):
    """The portal has no such thing, or not this way to call it."""


class LoginNeeded(PortalRefused):
    """The force wants the officer to log in with their account."""


class OfficerClient(KeepingCalls):
    """One officer at one portal. Use it as an async context manager, or give it a session of your own."""

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

    async def __aenter__(self) -> "OfficerClient":
        if self._session is None:
            self._session = aiohttp.ClientSession(auto_decompress=False, read_bufsize=_BLOCK)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._own and self._session is not None:
            await self._session.close()
            self._session = None

    async def force(self) -> api.ForceInfo:
        """Who runs the portal, as it says itself."""
        return await self._read("GET", api.FORCE, api.ForceInfo, token=False)

    async def login_wanted(self) -> LoginWanted:
        """What login the portal wants; none where it doesn't know the call."""
        try:
            return await self._read("GET", api.LOGIN, LoginWanted, token=False)
        except NoSuchCall:
            return LoginWanted()

    async def begin_session(self, proof: LoginProof, before: str | None = None) -> LoginSession:
        """Log in; or go on with the session ``before``. PortalRefused."""
        headers = {} if before is None else {SESSION_HEADER: before}
        return await self._read("POST", api.SESSION, LoginSession, body=proof, headers=headers)

    async def end_session(self, session: str) -> None:
        await self._call("DELETE", api.SESSION, headers={SESSION_HEADER: session})

    async def search(self, query: SearchQuery) -> api.SearchResult:
        values = query.model_dump(mode="json", exclude_none=True, by_alias=True)
        return await self._read("GET", api.SEARCH, api.SearchResult, query={k: str(v) for k, v in values.items()})

    async def send(self, request: Signed) -> api.Case:
        """Send a signed request; sent again, it changes nothing."""
        return await self._read("POST", api.OFFICER_REQUESTS, api.Case, body=request)

    async def cases(self, last: api.Case | None = None) -> api.Cases:
        """The newest requests, or those that follow the ``last`` one of a list."""
        query = None if last is None else {"before": to_rfc3339(last.issued), "after": last.request_id}
        return await self._read("GET", api.OFFICER_REQUESTS, api.Cases, query=query)

    async def all_cases(self) -> api.Cases:
        """Every request of this officer, newest first."""
        found = await self.cases()
        cases = list(found.cases)
        while found.more and found.cases:
            found = await self.cases(found.cases[-1])
            cases += found.cases
        return api.Cases(cases=tuple(cases))

    async def all_teams(self, crime_reference: str | None = None) -> list[TeamBrief]:
        """The cases whose team the officer is on. NoSuchCall where the portal has no teams."""
        found: list[TeamBrief] = []
        more = True
        while more:
            query = {"after": found[-1].case_id} if found else {}
            if crime_reference is not None:
                query["crime_reference"] = crime_reference
            told = await self._read("GET", api.TEAMS, Teams, query=query)
            found += told.teams
            more = told.more and bool(told.teams)
        return found

    async def team(self, case_id: str) -> TeamVersion:
        """A case's team as it stands, with its sealed keys."""
        return await self._read("GET", api.TEAM.format(case_id=case_id), TeamVersion)

    async def team_version(self, case_id: str, version: int) -> Signed:
        return await self._read("GET", api.TEAM_VERSION.format(case_id=case_id, version=version), Signed)

    async def put_team(self, case_id: str, version: int, body: TeamVersion) -> None:
        """Send a version; sent again, it changes nothing. PortalRefused when another one came first."""
        await self._call("PUT", api.TEAM_VERSION.format(case_id=case_id, version=version), body=body)

    async def request_document(self, request_id: str) -> Signed:
        """A request as its officer signed it: the officer's own, or a team's."""
        return await self._read("GET", api.OFFICER_DOCUMENT.format(request_id=request_id), Signed)

    async def offers(self) -> Offers:
        """What owners offer unasked."""
        return await self._read("GET", api.OFFICER_OFFERS, Offers)

    async def case(self, request_id: str) -> api.Case:
        return await self._read("GET", api.OFFICER_REQUEST.format(request_id=request_id), api.Case)

    async def say_used(self, request_id: str, deed: Literal["opened", "printed"]) -> None:
        """Say what was done with what came, for the log of use. NoSuchCall where the portal keeps none."""
        await self._call("POST", api.USES, body=UseReport(request_id=request_id, deed=deed))

    async def log_head(self, since: int) -> LogHead:
        """How long the log of use is, and that it begins with the ``since`` lines before. NoSuchCall."""
        return await self._read("GET", api.USES_HEAD, LogHead, query={"since": str(since)})

    async def uses(self) -> list[str]:
        """Every line of the log of use, for an auditor."""
        lines: list[str] = []
        more = True
        while more:
            found = await self._read("GET", api.USES, Uses, query={"after": str(len(lines))})
            lines += found.lines
            more = found.more and bool(found.lines)
        return lines

    async def sign_log(self, head: SignedHead) -> None:
        await self._call("POST", api.USES_HEAD, body=head)

    async def supervision_rules(self, question: RulesQuestion) -> SupervisionRules:
        """The force's limits, and which cameras are indoors. NoSuchCall where the portal doesn't tell."""
        return await self._read("POST", api.SUPERVISION, SupervisionRules, body=question)

    async def ask_supervisors(self, asked: Signed) -> None:
        await self._call("POST", api.AUTHORISATIONS, body=asked)

    async def asked_authorisations(self) -> tuple[StandingAuthorisation, ...]:
        """What the officer asked of supervisors; for a supervisor also what waits in their unit, newest first."""
        return (await self._read("GET", api.AUTHORISATIONS, AskedAuthorisations)).items

    async def give_word(self, asked_id: str, word: SupervisorsWord) -> None:
        await self._call("PUT", api.AUTHORISATION.format(asked_id=asked_id), body=word)

    async def quotas(self) -> Quotas:
        """How much officers may do: the caller, or for an auditor all. NoSuchCall where the portal doesn't tell."""
        return await self._read("GET", api.QUOTAS, Quotas)

    async def log_restorations(self) -> LogRestorations:
        """What auditors signed of a log of use that was put back. NoSuchCall."""
        return await self._read("GET", api.USES_RESTORED, LogRestorations)

    async def say_restored(self, signed: SignedRestored) -> None:
        await self._call("POST", api.USES_RESTORED, body=signed)

    async def receipt(self, delivery_id: str, receipt: Signed) -> None:
        await self._call("PUT", api.RECEIPT.format(delivery_id=delivery_id), body=receipt)

    async def feedback(self, request_id: str, feedback_id: str, signed: Signed) -> None:
        """Tell an owner something of their package; sent again, it changes nothing."""
        await self._call("PUT", api.OFFICER_SAYS.format(request_id=request_id, feedback_id=feedback_id), body=signed)

    async def all_owners_words(self, request_id: str | None = None) -> list[api.OwnersWord]:
        """What owners answered and rated, oldest first. NoSuchCall where the portal carries none."""
        found: list[api.OwnersWord] = []
        more = True
        while more:
            query = {"after": str(found[-1].number if found else 0)}
            if request_id is not None:
                query["request_id"] = request_id
            told = await self._read("GET", api.OFFICER_FEEDBACK, api.OwnersFeedback, query=query)
            found += told.items
            more = told.more and bool(told.items)
        return found

    async def fetch(self, delivery_id: str, size: int, sha256: str, target: Path) -> None:
        """Bring the ciphertext to ``target``, resumed where it broke off; there only once size and SHA-256 are right.

        ``size`` and ``sha256`` are those of the device-signed delivery. EvidenceMismatch when the bytes are others.
        """
        await self._fetch(api.CONTENT.format(delivery_id=delivery_id), size, sha256, target)

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
                await self._fetch_from(path, length, size, part)
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
        if token and self._login is not None and path != api.SESSION:
            sent |= await self._login.headers(self.begin_session)
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
                yield answer
        except (aiohttp.ClientConnectorError, aiohttp.ClientSSLError, ConnectionError) as error:
            raise _unreachable(self.origin, error) from error


async def _refusal(answer: aiohttp.ClientResponse) -> Exception:
    title, detail = problem(await read_bounded(answer))
    if answer.status in (408, 425, 429) or answer.status >= 500:
        return PortalUnreachable(title or f"The portal can't answer now ({answer.status}).", do=detail)
    kind = NoSuchCall if answer.status in (404, 405) else PortalRefused
    if answer.status == 401 and WANTED_HEADER in answer.headers:
        kind = LoginNeeded
    return kind(title or f"The portal refused ({answer.status}).", do=detail)


def _unreachable(origin: str, error: BaseException) -> PortalUnreachable:
    authority = "Check the address; if it is right, have the force's authority added to those that are trusted here."
    words = certificate_problem(error, f"the portal at {origin}", to_rfc3339(SystemClock().now()), authority)
    if words is not None:
        return PortalUnreachable(words[0], do=words[1])
    return PortalUnreachable(
        f"The portal at {origin} does not answer ({type(error).__name__}).",
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
