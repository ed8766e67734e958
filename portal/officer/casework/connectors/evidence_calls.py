"""Calls to an evidence system's HTTP interface: logged in by OAuth client credentials, within limits, errors named.

Not for: what is called in which order (``portal.officer.casework.connectors.evidence_api``).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp
from pydantic import BaseModel, ConfigDict, ValidationError

from exchange.documents.answers import read_bounded
from exchange.documents.letters import harmless
from exchange.errors import PlaceFull, PlaceRefused, PlaceUnreachable, PortalAnswerInvalid
from exchange.unanswered import why_unanswered

M = TypeVar("M", bound="Reply")
MOST_BYTES = 256 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=120, sock_connect=20, sock_read=60)
_FULL = (413, 507)
_LATER = (408, 425, 429)
_UNFINISHED = "The case does not lie there whole."


class Reply(BaseModel):
    """What the system answers: fields that nobody here knows are passed over, as it may have many."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class _Token(Reply):
    access_token: str


@dataclass
class Calls:
    """One system, while ``session`` is open. The secret goes to its token call alone."""

    session: aiohttp.ClientSession
    origin: str
    token_path: str
    credentials: Mapping[str, str] = field(repr=False)
    _token: str | None = field(default=None, repr=False)

    async def read(
        self, method: str, path: str, model: type[M], *, body: Any = None, query: Mapping[str, str] | None = None
    ) -> M:
        """An answer as a document. PlaceRefused, PlaceFull, PlaceUnreachable."""
        headers = {"Accept": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        return _parsed(await self._call(method, path, content, headers, query), model)

    async def put(self, path: str, content: bytes, at: int, size: int) -> None:
        """A piece of a file of ``size`` bytes that begins at byte ``at``."""
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"bytes {at}-{at + len(content) - 1}/{size}",
        }
        await self._call("PUT", path, content, headers, None)

    async def _call(
        self, method: str, path: str, content: bytes | None, headers: dict[str, str], query: Mapping[str, str] | None
    ) -> bytes:
        for again in (True, False):
            if self._token is None:
                self._token = await self._log_in()
            sent = headers | {"Authorization": f"Bearer {self._token}"}
            status, told = await self._answer(method, path, headers=sent, data=content, params=query)
            if status == 401 and again:
                self._token = None  # it ended: once more with a new one
                continue
            if not 200 <= status < 300:
                raise self._said_no(status, told)
            return told
        raise AssertionError("unreachable")

    async def _log_in(self) -> str:
        form = {"grant_type": "client_credentials", **self.credentials}
        status, told = await self._answer("POST", self.token_path, data=form, headers={"Accept": "application/json"})
        if status in (400, 401, 403):
            raise PlaceRefused(
                f"{self.origin} did not let this client in.",
                meaning="Nothing was sent.",
                do="Compare the client's id and secret, and its addresses, with what the system's administrator set.",
            )
        if status != 200:
            raise self._said_no(status, told)
        return _parsed(told, _Token).access_token

    async def _answer(self, method: str, path: str, **how: Any) -> tuple[int, bytes]:
        try:
            async with self.session.request(
                method, self.origin + path, allow_redirects=False, timeout=_TIMEOUT, **how
            ) as answer:
                return answer.status, await read_bounded(answer, MOST_BYTES)
        except PortalAnswerInvalid:
            raise _not_understood(self.origin) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise PlaceUnreachable(
                f"{self.origin} does not answer: {why_unanswered(error)}.",
                meaning=f"{_UNFINISHED} What is there is kept.",
                do="Export again: it goes on from there.",
            ) from None

    def _said_no(self, status: int, told: bytes) -> Exception:
        words = _words(told)
        if status in _LATER or (status >= 500 and status not in _FULL):
            return PlaceUnreachable(
                f"{self.origin} can't take it now ({status}{words}).",
                meaning=f"{_UNFINISHED} What is there is kept.",
                do="Export again later: it goes on from there.",
            )
        if status in _FULL:
            return PlaceFull(
                f"{self.origin} has no room for it ({status}{words}).",
                meaning=_UNFINISHED,
                do="Ask who runs it for room, or for a larger limit; then export again.",
            )
        return PlaceRefused(
            f"{self.origin} said no ({status}{words}).",
            meaning=_UNFINISHED,
            do="Ask who runs it: the client may lack a right, or the interface is another than this program knows.",
        )


def _parsed(content: bytes, model: type[M]) -> M:
    try:
        return model.model_validate_json(content)
    except ValidationError:
        raise _not_understood("The evidence system") from None


def _not_understood(who: str) -> PlaceRefused:
    return PlaceRefused(
        f"{who} sent an answer that is not understood.",
        meaning=_UNFINISHED,
        do="Compare its interface with the page on connectors.",
    )


def _words(told: bytes) -> str:
    """What it says is wrong, made safe to show."""
    try:
        errors = json.loads(told)["errors"]
        said = str(errors[0].get("description") or errors[0].get("detail") or "")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return ""
    return f": {harmless(said, 300)}" if said else ""
