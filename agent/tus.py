"""A tus 1.0 client: one file to any tus server, resumed after every break from the offset the server tells.

Not for: who may upload (the caller gives the headers), or whether the bytes arrived whole (the force's receipt
names their SHA-256; the server's word is not trusted). https://tus.io/protocols/resumable-upload, version 1.0.0.
"""

import asyncio
import base64
import errno
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import aiohttp

from exchange.errors import PortalAnswerInvalid, PortalRefused, PortalUnreachable

BLOCK = 1024 * 1024
"""Bytes read from the file and given to the socket at a time."""
_BUSY = frozenset({408, 409, 423, 429, 460})
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
        self._size = size
        self._breaks = breaks or Breaks()
        self._on_progress = on_progress
        self._on_break = on_break

    async def create(self, endpoint: str, metadata: dict[str, str]) -> str:
        """Ask for an upload of this size; its URL. ``metadata`` is readable by the courier: opaque ids only."""
        pairs = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())
        headers = {"Upload-Length": str(self._size), "Upload-Metadata": pairs, "Content-Length": "0"}
        async with self._send("POST", endpoint, headers) as answer:
            if answer.status != 201:
                raise await self._refusal(answer, "create the upload")
            location = answer.headers.get("Location", "")
        url = urljoin(endpoint, location)
        if not location or _origin(url) != _origin(endpoint):
            raise PortalAnswerInvalid(
                "The upload server named another host for the upload.",
                meaning="Nothing was sent there.",
                do="Tell the force that runs the portal.",
            )
        return url

    async def send(self, url: str) -> None:
        """Bring the upload at ``url`` to its end, resuming as often as there is progress. UploadGone when unknown."""
        tries, reached = 0, -1
        pause = self._breaks.first
        while True:
            try:
                offset = await self._offset(url)
                if offset > reached:
                    tries, pause, reached = 0, self._breaks.first, offset
                self._on_progress(offset)
                if offset == self._size:
                    return
                if self._on_break is not None and (tries or offset):
                    await self._on_break(offset)
                await self._patch(url, offset)
                continue
            except (aiohttp.ClientError, TimeoutError, PortalUnreachable, ConnectionError) as error:
                tries += 1
                if tries >= self._breaks.tries:
                    raise PortalUnreachable(
                        f"The upload stands still at {max(reached, 0)} of {self._size} bytes.",
                        meaning="The sealed package is kept; the upload goes on from there.",
                    ) from error
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 jitter, not a secret
            pause = min(pause * 2, self._breaks.longest)

    async def _offset(self, url: str) -> int:
        async with self._send("HEAD", url, {}) as answer:
            if answer.status in (404, 410):
                raise UploadGone
            if answer.status not in (200, 204):
                raise await self._refusal(answer, "tell how far the upload is")
            told, length = answer.headers.get("Upload-Offset", ""), answer.headers.get("Upload-Length", "")
        if not told.isdecimal() or int(told) > self._size or length not in ("", str(self._size)):
            raise PortalAnswerInvalid("The upload server told an offset that cannot be.", do="Tell the force.")
        return int(told)

    async def _patch(self, url: str, offset: int) -> None:
        headers = {
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(self._size - offset),
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
            left = self._size - offset
            while left:
                block = await asyncio.to_thread(stream.read, min(BLOCK, left))
                if not block:
                    raise OSError(errno.EIO, "the sealed package is shorter than it was", str(self._source))
                left -= len(block)
                yield block
                self._on_progress(self._size - left)
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
                f"The upload server takes no file of {self._size} bytes.",
                meaning="The package stays here, sealed.",
                do="Ask the force for another way: the package can be handed over on a medium.",
            )
        return PortalRefused(f"The upload server will not {what} (status {answer.status}).")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port
