"""What the portal asks of a bucket: objects, and uploads in parts. Names are below the portal's prefix.

Not for: what an upload of an owner is made of there (``portal.uploads.bucket.layout``).
"""

import base64
import contextlib
import hashlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime

from exchange.bounded_xml import Element
from exchange.unanswered import why_unanswered
from portal.uploads.bucket.http import BROKE, SUM, BucketHttp, BucketRefused, Gone, no_storage, pause_before

BLOCK = 1 << 20
READ_TRIES = 4
_MOST_DIGITS = 18
"""Of a size: more are no file's."""
_MOST_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class Stored:
    """An object, or an upload in parts that was begun; ``modified`` in seconds since 1970."""

    name: str
    size: int
    modified: float
    multipart: str = ""


@dataclass(frozen=True, slots=True)
class SentPart:
    number: int
    size: int
    etag: str


class Objects:
    """Errors as ``portal.uploads.bucket.http`` has them."""

    def __init__(self, http: BucketHttp, prefix: str, *, checksums: bool = True) -> None:
        """``checksums``: whether storage is told the SHA-256 of each object and part in a header, so that it refuses
        others. An upload in parts is begun without saying so: else some storage wants the checksums of all its parts
        in the end, and tells no other replica what they were."""
        self.http = http
        self._checksums = checksums
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    async def answers(self) -> None:
        """Once, and quickly. Raises when it doesn't."""
        query = {"list-type": "2", "max-keys": "1", "prefix": self._prefix}
        if (await self.http.send("list", "GET", query=query, tries=1)).xml().name != "ListBucketResult":
            raise no_storage()

    async def listed(self, prefix: str = "") -> list[Stored]:
        found: list[Stored] = []
        query = {"list-type": "2", "prefix": self._prefix + prefix}
        async for page in self._pages(query, {"continuation-token": "NextContinuationToken"}):
            found += [
                Stored(self._short(entry), _number(entry, "Size"), _when(entry, "LastModified"))
                for entry in page.all("Contents")
            ]
        return found

    async def begun(self, prefix: str = "") -> list[Stored]:
        """Uploads in parts that were neither completed nor aborted; the first that was begun first."""
        found: list[Stored] = []
        query = {"uploads": "", "prefix": self._prefix + prefix}
        markers = {"key-marker": "NextKeyMarker", "upload-id-marker": "NextUploadIdMarker"}
        async for page in self._pages(query, markers):
            found += [
                Stored(self._short(entry), 0, _when(entry, "Initiated"), _text(entry, "UploadId"))
                for entry in page.all("Upload")
            ]
        return sorted(found, key=lambda each: (each.modified, each.multipart))

    async def sent(self, name: str, multipart: str, after: int = 0) -> list[SentPart]:
        """Those with a higher number than ``after``. Gone when there is no such upload any more."""
        found: list[SentPart] = []
        query = {"uploadId": multipart, "part-number-marker": str(after)}
        async for page in self._pages(query, {"part-number-marker": "NextPartNumberMarker"}, name):
            found += [
                SentPart(_number(entry, "PartNumber"), _number(entry, "Size"), (_text(entry, "ETag")).strip('"'))
                for entry in page.all("Part")
            ]
        return sorted(found, key=lambda part: part.number)

    async def begin(self, name: str) -> str:
        return _text((await self.http.send("begin", "POST", name, {"uploads": ""})).xml(), "UploadId")

    async def put_part(self, name: str, multipart: str, number: int, body: bytes, sha256: str) -> str:
        """Its ETag. Storage takes no other bytes than those of ``sha256``."""
        query, extra = {"partNumber": str(number), "uploadId": multipart}, self._sum(sha256)
        etag = (await self.http.send("part", "PUT", name, query, body, sha256=sha256, extra=extra)).etag
        if not etag:
            raise no_storage()
        return etag

    async def put(self, name: str, body: bytes, sha256: str | None = None) -> None:
        sha256 = sha256 or hashlib.sha256(body).hexdigest()
        await self.http.send("put", "PUT", name, None, body, sha256=sha256, extra=self._sum(sha256))

    def _sum(self, sha256: str) -> dict[str, str] | None:
        return {SUM: base64.b64encode(bytes.fromhex(sha256)).decode()} if self._checksums else None

    async def complete(self, name: str, multipart: str, etags: Mapping[int, str]) -> None:
        """Gone when it was completed or aborted already."""
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{_escaped(etag)}&quot;</ETag></Part>"
            for number, etag in sorted(etags.items())
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        await self.http.send("complete", "POST", name, {"uploadId": multipart}, body)

    async def abort(self, name: str, multipart: str) -> None:
        with contextlib.suppress(Gone):
            await self.http.send("abort", "DELETE", name, {"uploadId": multipart})

    async def delete(self, name: str) -> None:
        with contextlib.suppress(Gone):
            await self.http.send("delete", "DELETE", name)

    async def get(self, name: str, size: int) -> bytes:
        """All of a small object. Gone."""
        return b"".join([block async for block in self.read(name, 0, size)])

    async def read(self, name: str, first: int, end: int) -> AsyncGenerator[bytes, None]:
        """Bytes [first, end), gone on with after a break. Gone; StoreUnavailable."""
        tries = 0
        while first < end:
            try:
                async with self.http.reading(name, first, end) as stream:
                    async for block in stream.iter_chunked(BLOCK):
                        first, tries = first + len(block), 0
                        yield block
            except BROKE as error:
                tries += 1
                if tries >= READ_TRIES:
                    raise self.http.away(why_unanswered(error)) from None
                await pause_before(tries)

    def _short(self, entry: Element) -> str:
        return _text(entry, "Key").removeprefix(self._prefix)

    async def _pages(
        self, query: dict[str, str], markers: Mapping[str, str], name: str = ""
    ) -> AsyncGenerator[Element, None]:
        """The pages of a list. ``markers``: what asks for the next one, by the name under which this one tells it."""
        for _ in range(_MOST_PAGES):
            page = (await self.http.send("list", "GET", name, query)).xml()
            yield page
            following = {ask: found for ask, told in markers.items() if (found := page.text_at(told))}
            if page.text_at("IsTruncated") != "true" or not following:
                return
            query = {**query, **following}
        raise BucketRefused(f"{self.http.title} lists without an end.", do="See what answers there.")


def _text(entry: Element, name: str) -> str:
    """BucketRefused when it isn't there."""
    found = entry.text_at(name)
    if found is None:
        raise no_storage()
    return found


def _number(entry: Element, name: str) -> int:
    text = _text(entry, name)
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise no_storage()
    return int(text)


def _when(entry: Element, name: str) -> float:
    try:
        return datetime.fromisoformat(_text(entry, name)).timestamp()
    except ValueError:
        raise no_storage() from None


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
