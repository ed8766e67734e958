"""HTTP to object storage: a part of a file goes up from the disk, and what the storage says is told in plain words.

Not for: signing requests (``agent.places.s3``), or which addresses a force gave (``agent.places.presigned``).
"""

import asyncio
import random
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from agent.places.blocks import blocks
from agent.places.disk import full
from agent.places.pace import Pace, unhindered
from exchange.bounded_xml import Element, XmlRefused, read_xml
from exchange.clock import MINUTE, SECOND, Clock
from exchange.counted import counted
from exchange.errors import HandoverError, PlaceRefused, PlaceUnreachable
from exchange.unanswered import why_unanswered

MOST_XML = 4 << 20
"""Bytes of an answer: a list of a thousand names is below 1 MB."""
_BLOCK = 256 * 1024
_PACED = 16 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=120)
_TRIES = 5
FIRST_PAUSE = 1.0
"""Seconds before a second try; twice as long before each further one."""
_FULL = frozenset({"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "XMinioAdminBucketQuotaExceeded"})
_PASSING = frozenset(
    {"InternalError", "SlowDown", "ServiceUnavailable", "RequestTimeout", "OperationAborted", "BadDigest"}
)


@dataclass(frozen=True)
class Piece:
    """``size`` bytes of a file from ``start``."""

    source: Path
    start: int
    size: int


@dataclass(frozen=True)
class Answer:
    """What storage answered, its body read within limits."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def etag(self) -> str:
        return self.headers.get("etag", "").strip('"').lower()

    def xml(self) -> Element:
        """PlaceRefused when it isn't what storage answers with."""
        try:
            return read_xml(self.body, most_bytes=MOST_XML)
        except XmlRefused:
            raise PlaceRefused("What answers there is no S3 storage.", do="Check the address.") from None

    @property
    def code(self) -> str:
        """Storage's own word for what is wrong; "" without one."""
        return self._told("Code")

    @property
    def message(self) -> str:
        return self._told("Message")

    def _told(self, name: str) -> str:
        try:
            return (read_xml(self.body, most_bytes=MOST_XML).text_at(name) or "")[:300] if self.body else ""
        except XmlRefused:
            return ""


class Gone(Exception):
    """404: there is nothing of that name."""


class ObjectHttp:
    """Requests to one storage. ``title`` is what it is called in errors; no address with a signature gets into one."""

    def __init__(self, session: aiohttp.ClientSession, title: str, clock: Clock, pace: Pace = unhindered) -> None:
        self._session = session
        self._title = title
        self._clock = clock
        self._pace = pace

    async def send(
        self,
        method: str,
        url: str,
        headers: Callable[[], dict[str, str]],
        body: Piece | bytes | None = None,
        show: Callable[[int], None] = lambda sent: None,
    ) -> Answer:
        """The answer of a request that was understood, tried again while what hinders it may pass.

        ``headers`` makes those of one try: a signature's time is fresh. Raises Gone, PlaceUnreachable, PlaceRefused,
        PlaceFull.
        """
        pause, trouble = FIRST_PAUSE, ""
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 jitter, not a secret
                pause *= 2
            try:
                answer = await self._once(method, url, headers(), body, show)
            except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                trouble = why_unanswered(error)
                continue
            if answer.status < 300:
                return answer
            if answer.status == 404 and answer.code in ("", "NoSuchKey", "NoSuchUpload", "NotFound"):
                raise Gone
            if answer.status == 507 or answer.code in _FULL:
                raise full(self._title)
            if answer.status < 500 and answer.status != 429 and answer.code not in _PASSING:
                raise self._refusal(answer)
            trouble = f"status {answer.status}{', ' + answer.code if answer.code else ''}"
        raise PlaceUnreachable(
            f"{self._title} does not answer as it should ({trouble}).",
            meaning="What lies there already is kept, and gone on with.",
            do="Check the line; it is tried again by itself where that is of use.",
        )

    async def read(self, url: str, headers: dict[str, str]) -> AsyncGenerator[bytes, None]:
        """The bytes of an object. Gone, PlaceUnreachable, PlaceRefused."""
        try:
            async with self._session.get(
                URL(url, encoded=True), headers=headers, allow_redirects=False, timeout=_TIMEOUT
            ) as response:
                if response.status == 404:
                    raise Gone
                if response.status != 200:
                    raise self._refusal(await _answer(response))
                async for block in response.content.iter_chunked(1 << 20):
                    yield block
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise PlaceUnreachable(f"{self._title} broke off.", do="Try it again.") from error

    async def _once(
        self, method: str, url: str, headers: dict[str, str], body: Piece | bytes | None, show: Callable[[int], None]
    ) -> Answer:
        data: bytes | AsyncIterator[bytes] | None
        failures: list[Exception] = []
        if isinstance(body, Piece):
            data, headers = self._blocks(body, show, failures), {**headers, "Content-Length": str(body.size)}
        else:
            data = body
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),  # as it was signed: nothing is quoted anew
                headers=headers,
                data=data,
                skip_auto_headers=("Content-Type", "Accept-Encoding"),
                allow_redirects=False,
                timeout=_TIMEOUT,
            ) as response:
                return await _answer(response)
        except aiohttp.ClientError:
            if failures:  # ours, which aiohttp takes for the line's
                raise failures[0] from None
            raise

    async def _blocks(
        self, piece: Piece, show: Callable[[int], None], failures: list[Exception]
    ) -> AsyncIterator[bytes]:
        sent = 0
        largest = _BLOCK if self._pace is unhindered else _PACED
        try:
            async for block in blocks(piece.source, piece.start, piece.size, largest):
                await self._pace(len(block))
                yield block
                sent += len(block)
                show(sent)
        except Exception as error:
            failures.append(error)
            raise

    def _refusal(self, answer: Answer) -> HandoverError:
        code, message = answer.code, answer.message
        if code == "RequestTimeTooSkewed":
            return self._skewed(answer)
        if "expired" in message.lower() or code in ("ExpiredToken", "TokenRefreshRequired"):
            return PlaceRefused(
                f"The right to write to {self._title} has ended.",
                meaning="Nothing is lost: what you hand over is still here.",
                do="Ask who gave it for a new address or login.",
            )
        if answer.status in (301, 302, 307, 308):
            return PlaceRefused(
                f"{self._title} is kept in another region.", do="Name the region that the bucket is in."
            )
        if code == "NoSuchBucket":
            return PlaceRefused(f"There is no such bucket at {self._title}.", do="Check its name.")
        if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch"):
            return PlaceRefused(
                f"{self._title} does not know this login, or the address was changed on its way here.",
                do="Check the access key and its secret; an address of the force must be pasted whole.",
            )
        if code == "EntityTooLarge":
            return PlaceRefused(f"{self._title} takes no file of this size.", do="Ask for an address for each part.")
        said = f" ({code})" if re.fullmatch(r"[A-Za-z.]{1,60}", code) else ""
        return PlaceRefused(
            f"{self._title} said no: status {answer.status}{said}.", do="Ask who runs it for the right to write there."
        )

    def _skewed(self, answer: Answer) -> PlaceRefused:
        """S3 takes no request whose time is more than 15 minutes off its own."""
        off = ""
        try:
            theirs = int(parsedate_to_datetime(answer.headers.get("date", "")).timestamp() * SECOND)
        except (TypeError, ValueError):
            theirs = 0
        if theirs:
            difference = self._clock.now() - theirs
            minutes = max(1, abs(difference) // MINUTE)
            off = f" It is about {counted(minutes, 'minute')} {'ahead' if difference > 0 else 'behind'}."
        return PlaceRefused(
            f"{self._title} refuses because of this machine's clock.{off}",
            meaning="Nothing was sent. Clock errors stand in what you hand over, so see to it first.",
            do="Set the clock by a time server (timedatectl set-ntp true), and try again.",
        )


async def _answer(response: aiohttp.ClientResponse) -> Answer:
    body = bytearray()
    async for block in response.content.iter_chunked(64 * 1024):
        body += block
        if len(body) > MOST_XML:
            raise PlaceRefused("What answers there is no S3 storage.", do="Check the address.")
    return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, bytes(body))


def host_of(url: str) -> str:
    """What may be shown of an address that holds a signature."""
    return urlsplit(url).hostname or "?"
