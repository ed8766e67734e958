"""A tus 1.0 client: one file to any tus server, resumed after every break from the offset the server tells.

Not for: who may upload (the caller gives the headers), or whether the bytes arrived whole (the force's receipt
names their SHA-256; the server's word is not trusted), or how large a piece may be (``agent/portal/tus_pieces.py``).
https://tus.io/protocols/resumable-upload, version 1.0.0.
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

from agent.portal.client import AnsweredInBetween, PortalBusy
from agent.portal.growing import GrowingFile, open_to_read
from agent.portal.tus_pieces import PROBE, Pieces
from exchange.documents.answers import retry_after
from exchange.errors import PackageDamaged, PortalAnswerInvalid, PortalRefused, PortalUnreachable

LONGEST_URL = 2048
"""Characters of an upload's URL."""
BLOCK = 1024 * 1024
"""Bytes read from the file and given to the socket at a time."""
PACED = 16 * 1024
"""The same, where the owner set a limit or hours: so little goes at once that a slow line stays usable."""
_BUSY = frozenset({408, 409, 423, 429, 460})
_NOT_ITS_SIZE = frozenset({409, 423, 429, 460, 503, 507})
"""What a server says of its own state: it would answer a smaller piece alike."""
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
        source: Path | GrowingFile,
        size: int,
        *,
        pieces: Pieces | None = None,
        breaks: Breaks | None = None,
        on_progress: Callable[[int], None] = lambda offset: None,
        on_break: Callable[[int], Awaitable[None]] | None = None,
        on_learnt: Callable[[Pieces], Awaitable[None]] | None = None,
        pace: Callable[[int], Awaitable[None]] | None = None,
    ) -> None:
        """``source`` may still be growing: what is final of it is sent as it comes.

        ``pieces`` is what was learnt earlier. ``on_progress(offset)`` hears of every block, ``on_break(offset)`` is
        awaited before each resumption, ``on_learnt(pieces)`` after each break and at the end, to keep it. With
        ``pace`` it is given away in small blocks, and ``pace(count)`` awaited before each; what that raises ends it.
        """
        self._session = session
        self._headers = headers
        self._source = source
        self.size = size
        self._pieces = pieces or Pieces(size)
        self._at: int | None = None
        """Where the piece began that is on its way, or that broke."""
        self._given = 0
        """Bytes of it that were given away."""
        self._breaks = breaks or Breaks()
        self._on_progress = on_progress
        self._on_break = on_break
        self._on_learnt = on_learnt
        self._pace = pace
        self._ours: Exception | None = None
        """What broke a piece off on this side of the line."""

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
        """Bring the upload at ``url`` to its end, resuming as often as there is progress. UploadGone when unknown.

        The file goes in one piece; in smaller ones where a piece was too large, or broke and nothing of it arrived.
        PortalAnswerInvalid when the server counts so little of what it gets that no more is sent for now.
        """
        try:
            await self._send_all(url)
        finally:
            await self._keep()

    async def _send_all(self, url: str) -> None:
        tries, reached, pause = 0, -1, self._breaks.first
        taken, broken = False, True  # as far as is known here, it was broken off before
        while True:
            cause: Exception | None = None
            await self._check_source()
            try:
                offset = await self._offset(url)
                await self._learn(offset)
                self._on_progress(offset)
                if offset == self.size:
                    return
                if offset > reached:
                    if self._on_break is not None and offset and broken:
                        await self._on_break(offset)
                    tries, pause, reached = 0, self._breaks.first, offset
                    taken = broken = False
                if not taken:
                    taken = await self._patch_from(url, offset)
                    continue
                taken = False  # they said so, and it was not
            except (aiohttp.ClientError, TimeoutError, PortalUnreachable, ConnectionError) as error:
                if self._ours is not None:  # aiohttp takes it for the line's
                    raise self._ours from None
                cause, broken = error, True
            tries += 1
            if tries >= self._breaks.tries:
                raise PortalUnreachable(
                    f"The upload stands still at {max(reached, 0)} of {self.size} bytes.",
                    meaning="The sealed package is kept; the upload goes on from there.",
                ) from cause
            told = cause.after if isinstance(cause, PortalBusy) else 0.0
            await asyncio.sleep(max(told, pause * (0.5 + random.random())))  # noqa: S311 jitter, not a secret
            pause = min(pause * 2, self._breaks.longest)

    async def _learn(self, offset: int) -> None:
        """What the server counts, beside what it was sent. PortalAnswerInvalid when it counts too little."""
        pieces, further = self._pieces, offset > self._pieces.counted
        pieces.counted = max(pieces.counted, offset)
        if self._at is None:
            return
        pieces.broke(self._given, offset - self._at)
        self._at = None
        await self._keep()
        if pieces.is_spent and not further:
            raise PortalAnswerInvalid(
                f"The upload server was sent {pieces.sent} bytes, and counts {offset} of the package's {self.size}.",
                meaning=f"The sealed package is kept. Each try sends {PROBE} bytes more, until it counts them.",
                do="Tell the force that runs the portal; the package can be handed over on a medium instead.",
            )

    async def _keep(self) -> None:
        if self._on_learnt is not None:
            await self._on_learnt(self._pieces)

    async def is_known(self, url: str) -> bool:
        """Whether the server still has this upload."""
        try:
            await self._offset(url)
        except UploadGone:
            return False
        except (aiohttp.ClientError, TimeoutError) as error:
            raise PortalUnreachable("The upload server does not answer.") from error
        return True

    async def end(self, url: str) -> None:
        """Let the server throw away what it has of this upload (the termination extension). PortalUnreachable."""
        try:
            async with self._send("DELETE", url, {}):
                pass  # whatever it answers, nobody goes on with it
        except (aiohttp.ClientError, TimeoutError) as error:
            raise PortalUnreachable("The upload server does not answer.") from error

    async def _check_source(self) -> None:
        if isinstance(self._source, GrowingFile):
            self._source.check()
            return
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
            self._check_gone(answer)
            reported, length = _told(answer, "Upload-Offset"), _told(answer, "Upload-Length")
            if answer.status not in (200, 204) or (not reported and _is_page(answer)):
                raise await self._refusal(answer, "tell how far the upload is")
        if not _NUMBER.fullmatch(reported) or int(reported) > self.size or length not in ("", str(self.size)):
            raise PortalAnswerInvalid("The upload server told an offset that cannot be.", do="Tell the force.")
        return int(reported)

    async def _patch_from(self, url: str, offset: int) -> bool:
        """Send piece after piece while the server says that it has them; False when a smaller one is to be tried."""
        pieces = self._pieces
        while offset < self.size:
            piece, probing = pieces.next(offset), pieces.is_spent
            self._at, self._given = offset, 0
            reported = await self._patch(url, offset, piece)
            if reported is None:
                self._at = None
                if pieces.too_large(piece):
                    return False
                raise self._no_file_of(piece)
            if probing:  # its word is not enough any more
                self._given = 0
                return True
            self._at = None
            if reported != str(offset + piece):
                return True
            pieces.taken(piece)
            offset += piece
        return True

    async def _patch(self, url: str, offset: int, piece: int) -> str | None:
        """The offset that the server says it is at now ("" when it doesn't say); None when the piece is too large."""
        headers = {
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(piece),
        }
        async with self._send("PATCH", url, headers, self._blocks(offset, piece)) as answer:
            try:
                self._check_gone(answer)
            except UploadGone:
                self._given = 0
                raise
            if answer.status == 413:
                return None
            if answer.status not in (200, 204) or _is_page(answer):
                if answer.status in _NOT_ITS_SIZE:
                    self._given = 0
                raise await self._refusal(answer, "take the file")
            return _told(answer, "Upload-Offset")

    def _check_gone(self, answer: aiohttp.ClientResponse) -> None:
        """UploadGone when the server says so: a proxy's page about something that it doesn't find is not its word."""
        if answer.status in (404, 410) and not _is_page(answer):
            raise UploadGone
        if answer.status == 403 and "Tus-Resumable" in answer.headers and "Upload-Offset" not in answer.headers:
            raise UploadGone  # so it may answer to HEAD (tus 1.0, HEAD)

    async def _blocks(self, offset: int, piece: int) -> AsyncIterator[bytes]:
        source = self._source
        stream = await (source.open() if isinstance(source, GrowingFile) else open_to_read(source))
        try:
            await asyncio.to_thread(stream.seek, offset)
            end = offset + piece
            while offset < end:
                final = await source.until(offset) if isinstance(source, GrowingFile) else end
                largest = BLOCK if self._pace is None else PACED
                block = await asyncio.to_thread(stream.read, min(largest, final - offset, end - offset))
                await self._wait_for_pace(len(block))
                if not block:
                    raise OSError(errno.EIO, "the sealed package is shorter than it was", stream.name)
                offset += len(block)
                self._given += len(block)
                self._pieces.sent += len(block)
                yield block
                self._on_progress(offset)
        finally:
            stream.close()

    async def _wait_for_pace(self, count: int) -> None:
        try:
            if self._pace is not None:
                await self._pace(count)
        except Exception as error:
            self._ours = error
            raise

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
            what = f"The upload server could not {what} now (status {answer.status})."
            after = retry_after(answer.headers)
            return PortalUnreachable(what) if after is None else PortalBusy(what, after=after)
        if answer.status == 413:
            return self._no_file_of(self.size)
        if 300 <= answer.status < 400 or _is_page(answer):
            return AnsweredInBetween(
                f"In the upload server's place something else answered (status {answer.status}).",
                meaning="The sealed package is kept; the upload goes on later.",
                do="Open a web page from this network; some want a log-in first. A redirect is never followed.",
            )
        return PortalRefused(f"The upload server will not {what} (status {answer.status}).")

    def _no_file_of(self, size: int) -> PortalRefused:
        return PortalRefused(
            f"The upload server takes no {'file' if size == self.size else 'piece'} of {size} bytes.",
            meaning="The package stays here, sealed.",
            do="Ask the force for another way: the package can be handed over on a medium.",
        )


def _told(answer: aiohttp.ClientResponse, name: str) -> str:
    """A header's value; once, where a proxy has it several times over. Not usable when they differ."""
    values = {each.strip() for value in answer.headers.getall(name, []) for each in value.split(",")}
    return values.pop() if len(values) == 1 else " ".join(values)


def _is_page(answer: aiohttp.ClientResponse) -> bool:
    """Whether it is a page for people, of a proxy or a network's log-in, and not the upload server's."""
    return answer.content_type == "text/html" and "Tus-Resumable" not in answer.headers


def same_origin(one: str, other: str) -> bool:
    """Whether two URLs lead to the same scheme, host and port, without a user's name in them."""
    return (found := _origin(one)) is not None and found == _origin(other)


def _joined(endpoint: str, location: str) -> str | None:
    """The URL that a Location names; None when it leads elsewhere, or nowhere.

    A server behind a proxy may not know by what scheme, port or name it is reached: its uploads are where it was asked.
    """
    try:
        named, asked = urlsplit(urljoin(endpoint, location)), urlsplit(endpoint)
        folder = f"{asked.path.rstrip('/')}/"
        if "@" not in named.netloc and (named.hostname == asked.hostname or named.path.startswith(folder)):
            named = named._replace(scheme=asked.scheme, netloc=asked.netloc)
        url = named.geturl()
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
