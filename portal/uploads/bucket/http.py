"""HTTP to an S3-compatible bucket: signed, tried again while what hinders it may pass, and told in plain words.

Not for: what is asked of it (``portal.uploads.bucket.objects``).
"""

import asyncio
import contextlib
import hashlib
import io
import logging
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from exchange.bounded_xml import Element, XmlRefused, read_xml
from exchange.buckets.address import Bucket
from exchange.buckets.signing import NO_BODY, signed_headers
from exchange.errors import SettingsInvalid, StoreUnavailable
from exchange.unanswered import why_unanswered
from portal.problems import ProblemError
from portal.uploads.bucket.login import Login

log = logging.getLogger("handover.portal")
MOST_XML = 4 << 20
"""Bytes of an answer: a list of a thousand names is below 1 MB."""
TRIES = 4
FIRST_PAUSE = 0.2
"""Seconds before a second try; twice as long before each further one."""
CONNECT_SECONDS = 5
ANSWER_SECONDS = 20
"""How long storage may say nothing, or take nothing."""
WHOLE_SECONDS = 120
"""For one try of anything that is not read as a stream."""
FULL_AGAIN = "60"
"""Seconds after which a full bucket is tried again."""
CONNECTIONS = 64
_FULL = frozenset({"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "XMinioAdminBucketQuotaExceeded"})
_PASSING = frozenset(
    {"InternalError", "SlowDown", "ServiceUnavailable", "RequestTimeout", "OperationAborted", "BadDigest"}
    | {"XAmzContentSHA256Mismatch", "IncompleteBody"}
)
_LOGIN = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"}
)
SUM = "x-amz-checksum-sha256"
_NO_SUMS = frozenset({"NotImplemented", "InvalidRequest", "InvalidArgument"})
"""What storage says that takes no such header; Amazon's takes none with a part of an upload that was begun without, and
checks what the signature names."""
BROKE = (aiohttp.ClientError, TimeoutError, ConnectionError)


class BucketRefused(StoreUnavailable):
    """Storage said no to the portal: its login, its clock, the bucket's name, or a right that it lacks."""


class Gone(Exception):
    """404: there is nothing of that name."""


@dataclass(frozen=True)
class Answer:
    """What storage answered, its body read within limits."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def etag(self) -> str:
        return self.headers.get("ETag", "").strip('"')

    def xml(self) -> Element:
        """BucketRefused when it isn't what storage answers with."""
        try:
            return read_xml(self.body, most_bytes=MOST_XML)
        except XmlRefused:
            raise no_storage() from None

    @property
    def code(self) -> str:
        """Storage's own word for what is wrong; "" without one."""
        if b"<Error" not in self.body[:300]:
            return ""
        try:
            word = read_xml(self.body, most_bytes=MOST_XML).text_at("Code") or ""
        except XmlRefused:
            return ""
        return word if re.fullmatch(r"[A-Za-z0-9.]{1,60}", word) else ""


class BucketHttp:
    """Calls to one bucket. Lives on the event loop; ``close`` it."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )
        self._takes_no_sums: set[str] = set()
        """Of what calls."""
        self.told: Callable[[str, str, float], None] = lambda what, how, seconds: None

    @property
    def title(self) -> str:
        return self._login.address

    async def close(self) -> None:
        await self._session.close()

    async def send(
        self,
        what: str,
        method: str,
        name: str = "",
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        sha256: str | None = None,
        extra: Mapping[str, str] | None = None,
        tries: int = TRIES,
    ) -> Answer:
        """The answer of a call that was understood. ``what`` is its name in figures, ``name`` the object's below the
        prefix, "" the bucket; ``sha256`` that of the body, where it is known. ``extra``: headers about checksums,
        without which the call is made again where storage takes none.

        Gone; StoreUnavailable, of which BucketRefused is a kind; ProblemError 503 when the bucket is full.
        """
        sha256 = sha256 or (hashlib.sha256(body).hexdigest() if body else NO_BODY)
        trouble, read_again, given_up = "", False, False
        if what in self._takes_no_sums:
            extra = None
        for attempt in range(tries):
            if attempt:
                await pause_before(attempt)
            try:
                answer = await self._once(what, method, name, query or {}, body, sha256, extra)
            except BROKE as error:
                trouble = why_unanswered(error)
                continue
            if answer.status < 300 and not answer.code:  # storage can say no in the body of a 200
                if given_up:
                    self._takes_no_sums.add(what)
                return answer
            if extra and answer.status in (400, 501) and answer.code in _NO_SUMS:
                extra, given_up = None, True
            elif answer.code in _LOGIN and not read_again and await self._new_login():
                read_again = True
            else:
                self._judge(answer)
            trouble = f"status {answer.status}{', ' + answer.code if answer.code else ''}"
        raise self.away(trouble)

    @contextlib.asynccontextmanager
    async def reading(self, name: str, first: int, end: int) -> AsyncIterator[aiohttp.StreamReader]:
        """Bytes [first, end) of an object as they come. Errors as ``send``, once; a break is aiohttp's."""
        begun, how = time.monotonic(), "broke"
        bucket = await self._bucket()
        url = bucket.url(bucket.key(name))
        headers = signed_headers(bucket, "GET", url, extra={"Range": f"bytes={first}-{end - 1}"})
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS)
        try:
            async with self._session.get(
                URL(url, encoded=True), headers=headers, allow_redirects=False, timeout=timeout
            ) as response:
                how = "ok" if response.status == 206 else str(response.status)
                if response.status != 206:
                    answer = await _answer(response)
                    self._judge(answer)
                    raise self.away(f"status {answer.status}")
                yield response.content
        finally:
            self.told("read", how, time.monotonic() - begun)

    async def _once(
        self,
        what: str,
        method: str,
        name: str,
        query: Mapping[str, str],
        body: bytes,
        sha256: str,
        extra: Mapping[str, str] | None,
    ) -> Answer:
        bucket = await self._bucket()
        url = bucket.url(bucket.key(name) if name else "", **query)
        begun, how = time.monotonic(), "broke"
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),  # as it was signed: nothing is quoted anew
                headers=signed_headers(bucket, method, url, sha256, extra),
                data=io.BytesIO(body) if body else None,
                skip_auto_headers=("Content-Type", "Accept-Encoding"),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=WHOLE_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS
                ),
            ) as response:
                answer = await _answer(response)
                how = "ok" if answer.status < 300 else str(answer.status)
                return answer
        finally:
            self.told(what, how, time.monotonic() - begun)

    async def _bucket(self) -> Bucket:
        try:
            return await self._login.bucket()
        except SettingsInvalid as error:
            raise BucketRefused(error.what, do=error.do) from None

    async def _new_login(self) -> bool:
        """Whether the file holds another one than was refused."""
        try:
            return await self._login.read()
        except SettingsInvalid as error:
            raise BucketRefused(error.what, do=error.do) from None

    def _judge(self, answer: Answer) -> None:
        """Raise what an answer means that won't change by asking again."""
        code = answer.code
        if answer.status == 404 and code in ("", "NoSuchKey", "NoSuchUpload", "NotFound"):
            raise Gone
        if answer.status == 507 or code in _FULL:
            log.error("%s is full (%s): uploads wait until there is room", self.title, code or answer.status)
            raise ProblemError(
                503,
                "The portal's storage is full.",
                "What was acknowledged is kept; try again later, and tell the force.",
                {"Retry-After": FULL_AGAIN},
            )
        if answer.status >= 500 or answer.status == 429 or code in _PASSING:
            return
        what, do = f"status {answer.status}{', ' + code if code else ''}", "Give the portal's login the right to."
        if code == "RequestTimeTooSkewed":
            what, do = "this machine's clock is wrong", "Set it by a time server (timedatectl set-ntp true)."
        elif code in _LOGIN:
            what, do = "it does not know the portal's login, or no more", "Put the right one into bucket.login_file."
        elif code == "NoSuchBucket":
            what, do = "there is no such bucket", "Correct bucket.name in portal.yaml."
        elif code == "AuthorizationHeaderMalformed" or answer.status in (301, 302, 307, 308):
            what, do = "the bucket is in another region", "Correct bucket.region and bucket.endpoint in portal.yaml."
        raise BucketRefused(f"{self.title} refuses: {what}.", meaning="What was acknowledged is kept.", do=do)

    def away(self, trouble: str) -> StoreUnavailable:
        return StoreUnavailable(
            f"{self.title} does not answer as it should ({trouble}).",
            meaning="What was acknowledged is kept.",
            do="Check the line to it, and the storage.",
        )


async def pause_before(attempt: int) -> None:
    """Before the second try (1), the third, and so on."""
    await asyncio.sleep(FIRST_PAUSE * 2 ** (attempt - 1) * (0.5 + random.random()))  # noqa: S311 jitter, not a secret


def no_storage() -> BucketRefused:
    return BucketRefused(
        "What answers at bucket.endpoint is no S3 storage.", do="Correct bucket.endpoint in portal.yaml."
    )


async def _answer(response: aiohttp.ClientResponse) -> Answer:
    body = bytearray()
    async for block in response.content.iter_chunked(64 * 1024):
        body += block
        if len(body) > MOST_XML:
            raise no_storage()
    return Answer(response.status, response.headers, bytes(body))
