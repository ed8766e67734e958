"""A tus 1.0 client: one file to any tus server, resumed after every break from the offset the server tells.

Not for: who may upload (the caller gives the headers), or whether the bytes arrived whole (the force's receipt
names their SHA-256; the server's word is not trusted). https://tus.io/protocols/resumable-upload, version 1.0.0.
"""

import asyncio
import base64
import errno
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import aiohttp

from exchange.errors import PackageDamaged, PortalAnswerInvalid, PortalRefused, PortalUnreachable

LONGEST_URL = 2048
"""Characters of an upload's URL."""
BLOCK = 1024 * 1024
"""Bytes read from the file and given to the socket at a time."""
_BUSY = frozenset({408, 409, 423, 429, 460})
_NUMBER = re.compile(r"[0-9]{1,15}")
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=120)


@dataclass(frozen=True)
class Breaks:
    """How long to keep on: seconds before the first new try, the longest pause, and how many without progress."""

    first: float = 1.0
    longest: float = 60.0
    tries: int = 8


class UploadGone(Exception):
    """The server no longer knows this upload (404, 410): begin a new one."""


Headers = Callable[[], dict[str, str]]
"""Makes the headers of one request: a fresh token each time."""


class TusUpload:
    """One file on its way to one tus endpoint."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        headers: Headers,
        source: Path,
        size: int,
        *,
        breaks: Breaks | None = None,
        on_progress: Callable[[int], None] = lambda offset: None,
        on_break: Callable[[int], Awaitable[None]] | None = None,
    ) -> None:
        """``on_progress(offset)`` hears of every block; ``on_break(offset)`` is awaited before each resumption."""
        self._session = session
        self._headers = headers
        self._source = source
        self.size = size
        self._breaks = breaks or Breaks()
        self._on_progress = on_progress
        self._on_break = on_break

    async def create(self, endpoint: str, metadata: dict[str, str]) -> str:
        """Ask for an upload of this size; its URL. ``metadata`` is readable by the courier: opaque ids only."""
        pairs = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())
        headers = {"Upload-Length": str(self.size), "Upload-Metadata": pairs, "Content-Length": "0"}
        async with self._send("POST", endpoint, headers) as answer:
            if answer.status != 201:
                raise await self._refusal(answer, "create the upload")
            location = answer.headers.get("Location", "")
        url = _joined(endpoint, location)
        if url is None:
            raise PortalAnswerInvalid(
                "The upload server named another host for the upload.",
                meaning="Nothing was sent there.",
                do="Tell the force that runs the portal.",
            )
        return url

    async def send(self, url: str) -> None:
        """Bring the upload at ``url`` to its end, resuming as often as there is progress. UploadGone when unknown."""
        await self._check_source()
        tries, reached = 0, -1
        pause = self._breaks.first
        while True:
            cause: Exception | None = None
            try:
                offset = await self._offset(url)
                self._on_progress(offset)
                if offset == self.size:
                    return
                if offset > reached:
                    if self._on_break is not None and offset:
                        await self._on_break(offset)
                    tries, pause, reached = 0, self._breaks.first, offset
                await self._patch(url, offset)
                if not tries:
                    tries = 1  # taken, they say; the next HEAD tells whether it was
                    continue
            except (aiohttp.ClientError, TimeoutError, PortalUnreachable, ConnectionError) as error:
                cause = error
            tries += 1
            if tries >= self._breaks.tries:
                raise PortalUnreachable(
                    f"The upload stands still at {max(reached, 0)} of {self.size} bytes.",
                    meaning="The sealed package is kept; the upload goes on from there.",
                ) from cause
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 jitter, not a secret
            pause = min(pause * 2, self._breaks.longest)

    async def is_known(self, url: str) -> bool:
        """Whether the server still has this upload."""
        try:
            await self._offset(url)
        except UploadGone:
            return False
        except (aiohttp.ClientError, TimeoutError) as error:
            raise PortalUnreachable("The upload server does not answer.") from error
        return True

    async def _check_source(self) -> None:
        try:
            size = (await asyncio.to_thread(self._source.stat)).st_size
        except FileNotFoundError:
            size = None
        if size != self.size:
            raise PackageDamaged(
                f"The sealed package {self._source.name} is gone, or is not what it was.",
                meaning="It is not sent.",
                do="Restore it from a backup; or tell the officer, who can send a new request.",
            )

    async def _offset(self, url: str) -> int:
        async with self._send("HEAD", url, {}) as answer:
            if answer.status in (404, 410):
                raise UploadGone
            if answer.status not in (200, 204):
                raise await self._refusal(answer, "tell how far the upload is")
            told, length = answer.headers.get("Upload-Offset", ""), answer.headers.get("Upload-Length", "")
        if not _NUMBER.fullmatch(told) or int(told) > self.size or length not in ("", str(self.size)):
            raise PortalAnswerInvalid("The upload server told an offset that cannot be.", do="Tell the force.")
        return int(told)

    async def _patch(self, url: str, offset: int) -> None:
        headers = {
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(self.size - offset),
        }
        async with self._send("PATCH", url, headers, self._blocks(offset)) as answer:
            if answer.status in (404, 410):
                raise UploadGone
            if answer.status != 204:
                raise await self._refusal(answer, "take the file")

    async def _blocks(self, offset: int) -> AsyncIterator[bytes]:
        stream = await asyncio.to_thread(self._source.open, "rb", 0)
        try:
            await asyncio.to_thread(stream.seek, offset)
            left = self.size - offset
            while left:
                block = await asyncio.to_thread(stream.read, min(BLOCK, left))
                if not block:
                    raise OSError(errno.EIO, "the sealed package is shorter than it was", str(self._source))
                left -= len(block)
                yield block
                self._on_progress(self.size - left)
        finally:
            stream.close()

    def _send(
        self, method: str, url: str, headers: dict[str, str], data: AsyncIterator[bytes] | None = None
    ) -> "aiohttp.client._RequestContextManager":
        return self._session.request(
            method,
            url,
            headers={**self._headers(), "Tus-Resumable": "1.0.0", **headers},
            data=data,
            allow_redirects=False,
            timeout=_TIMEOUT,
        )

    async def _refusal(self, answer: aiohttp.ClientResponse, what: str) -> Exception:
        if answer.status in _BUSY or answer.status >= 500:
            return PortalUnreachable(f"The upload server could not {what} now (status {answer.status}).")
        if answer.status == 413:
            return PortalRefused(
                f"The upload server takes no file of {self.size} bytes.",
                meaning="The package stays here, sealed.",
                do="Ask the force for another way: the package can be handed over on a medium.",
            )
        return PortalRefused(f"The upload server will not {what} (status {answer.status}).")


def same_origin(one: str, other: str) -> bool:
    """Whether two URLs lead to the same scheme, host and port, without a user's name in them."""
    return (found := _origin(one)) is not None and found == _origin(other)


def _joined(endpoint: str, location: str) -> str | None:
    """The URL that a Location names; None when it leads elsewhere, or nowhere."""
    try:
        url = urljoin(endpoint, location)
    except ValueError:
        return None
    return url if location and len(url) <= LONGEST_URL and same_origin(url, endpoint) else None


def _origin(url: str) -> tuple[str, str, int | None] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    if "@" in parts.netloc or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, port
