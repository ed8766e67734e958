"""An S3-compatible bucket as a place, with a login for it: parts of a file go up, and after a break the rest of them.

Signatures are botocore's; each part's own SHA-256 is in its signature, so storage refuses what was changed on the way.
Not for: addresses that a force signed itself (``agent.places.presigned``).
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from xml.sax.saxutils import escape

import aiohttp

from agent.places.bringing import bring, nothing_there
from agent.places.naming import checked_name
from agent.places.object_http import Answer, Gone, ObjectHttp, Piece
from agent.places.pace import Pace, unhindered
from agent.places.pieces import PART, Part, hashed_in_pieces
from agent.places.place import Progress, Stored
from exchange.bounded_xml import Element
from exchange.buckets.address import Bucket
from exchange.buckets.signing import NO_BODY, signed_headers
from exchange.clock import Clock, SystemClock
from exchange.errors import PlaceRefused

_MOST_LISTED = 100_000
_MOST_PAGES = 10_000
_MOST_DIGITS = 18
"""Of a size: more are no file's."""


class S3Place:
    """``clock`` is only what a wrong time is told by; signatures carry the host's."""

    def __init__(
        self, bucket: Bucket, *, pace: Pace = unhindered, clock: Clock | None = None, part: int = PART
    ) -> None:
        self._bucket = bucket
        self._pace = pace
        self._clock = clock or SystemClock()
        self._part = part

    @property
    def title(self) -> str:
        return self._bucket.address

    async def put(self, source: Path, name: str, sha256: str, show: Progress) -> None:
        """See ``agent.places.place``. What storage says it keeps (its ETag) is compared with what was sent."""
        key = self._bucket.key(checked_name(name))
        parts, found = await asyncio.to_thread(hashed_in_pieces, source, self._part)
        if found != sha256:
            raise PlaceRefused(f"{source.name} is not what it was.", meaning="It was not sent.")
        size = sum(part.size for part in parts)
        async with self._http() as http:
            if await self._lies_there(http, key, name, size, parts, sha256):
                return show(size)
            if len(parts) == 1:
                piece = Piece(source, 0, size)
                extra = {"x-amz-meta-sha256": sha256}
                await http.send("PUT", *self._signed("PUT", key, parts[0].sha256, extra=extra), piece, show)
            else:
                await self._in_parts(http, key, source, parts, sha256, show)
            if not await self._lies_there(http, key, name, size, parts, sha256):
                raise PlaceRefused(f"{self.title} did not keep what was sent to it.", do="Tell who runs it.")
        return show(size)

    async def sha256(self, name: str) -> str | None:
        async with self._http() as http:
            return await self._digest(http, self._bucket.key(checked_name(name)))

    async def get(self, name: str, target: Path, sha256: str | None, show: Progress) -> None:
        url, headers = self._signed("GET", self._bucket.key(checked_name(name)))
        async with self._http() as http:
            try:
                await bring(http.read(url, headers()), target, sha256, show, self.title)
            except Gone:
                raise nothing_there(name, self.title) from None

    async def names(self, prefix: str = "") -> list[Stored]:
        found: list[Stored] = []
        more: dict[str, str] = {}
        seen: set[str] = set()
        before = len(self._bucket.key(""))
        async with self._http() as http:
            while True:
                query = {"list-type": "2", "prefix": self._bucket.key(prefix), **more}
                listed = (await self._ask(http, "GET", query=query)).xml()
                for entry in listed.all("Contents"):
                    name = (entry.text_at("Key") or "")[before:]
                    if name and not name.endswith("/"):
                        found.append(Stored(name, _size_of(entry)))
                if len(found) > _MOST_LISTED:
                    raise PlaceRefused(f"{self.title} holds too many files.", do="Name a prefix of its own.")
                token = listed.text_at("NextContinuationToken")
                if not token:
                    return sorted(found, key=lambda stored: stored.name)
                if token in seen or len(seen) >= _MOST_PAGES:
                    raise PlaceRefused(f"{self.title} lists its files without an end.", do="Tell who runs it.")
                seen.add(token)
                more = {"continuation-token": token}

    async def remove(self, name: str) -> None:
        key = self._bucket.key(checked_name(name))
        async with self._http() as http:
            for upload in await self._uploads(http, key):
                await self._quiet(http, "DELETE", key, {"uploadId": upload})
            await self._quiet(http, "DELETE", key, {})

    async def free(self) -> int | None:
        """Nobody tells."""
        return None

    @asynccontextmanager
    async def _http(self) -> AsyncIterator[ObjectHttp]:
        async with aiohttp.ClientSession(trust_env=False) as session:
            yield ObjectHttp(session, self.title, self._clock, self._pace)

    def _signed(
        self,
        method: str,
        key: str = "",
        sha256: str = NO_BODY,
        *,
        query: dict[str, str] | None = None,
        extra: dict[str, str] | None = None,
    ) -> tuple[str, Callable[[], dict[str, str]]]:
        """The address, and what makes the headers of one try. ``sha256``: of the body."""
        url = self._bucket.url(key, **(query or {}))

        def headers() -> dict[str, str]:
            return signed_headers(self._bucket, method, url, sha256, extra)

        return url, headers

    async def _ask(
        self, http: ObjectHttp, method: str, key: str = "", query: dict[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        url, headers = self._signed(method, key, hashlib.sha256(body).hexdigest(), query=query)
        return await http.send(method, url, headers, body or None)

    async def _quiet(self, http: ObjectHttp, method: str, key: str, query: dict[str, str]) -> None:
        with suppress(Gone):
            await self._ask(http, method, key, query)

    async def _lies_there(
        self, http: ObjectHttp, key: str, name: str, size: int, parts: list[Part], sha256: str
    ) -> bool:
        """Whether the object is there with these bytes. PlaceRefused when it is there with others."""
        try:
            there = await self._ask(http, "HEAD", key)
        except Gone:
            return False
        same = there.headers.get("content-length") == str(size) and (
            there.etag in _etags(parts) or await self._digest(http, key) == sha256
        )
        if not same:
            raise PlaceRefused(
                f"There is another file {name} at {self.title} already.",
                meaning="It was left as it is.",
                do="Ask who runs it to move it away.",
            )
        return True

    async def _digest(self, http: ObjectHttp, key: str) -> str | None:
        url, headers = self._signed("GET", key)
        digest = hashlib.sha256()
        try:
            async for block in http.read(url, headers()):
                await asyncio.to_thread(digest.update, block)
        except Gone:
            return None
        return digest.hexdigest()

    async def _in_parts(
        self, http: ObjectHttp, key: str, source: Path, parts: list[Part], sha256: str, show: Progress
    ) -> None:
        """Storage forgets an unfinished upload when it is told to by a rule of the bucket: then it is begun anew."""
        for _ in range(3):
            begun = await self._uploads(http, key)
            upload = begun[-1] if begun else await self._begin(http, key, sha256)
            try:
                return await self._send_parts(http, key, upload, source, parts, show)
            except Gone:
                continue
        raise PlaceRefused(f"{self.title} forgets every upload at once.", do="Tell who runs it.")

    async def _send_parts(
        self, http: ObjectHttp, key: str, upload: str, source: Path, parts: list[Part], show: Progress
    ) -> None:
        there = await self._parts_there(http, key, upload)
        etags: list[str] = []
        done = 0
        for part in parts:
            if there.get(part.number) == (part.size, part.md5.hex()):
                etags.append(part.md5.hex())
            else:
                query = {"partNumber": str(part.number), "uploadId": upload}
                url, headers = self._signed("PUT", key, part.sha256, query=query)
                answer = await http.send(
                    "PUT", url, headers, Piece(source, part.start, part.size), _shown_from(done, show)
                )
                etags.append(answer.etag)
            done += part.size
            show(done)
        whole = "".join(
            f"<Part><PartNumber>{part.number}</PartNumber><ETag>&quot;{escape(etag)}&quot;</ETag></Part>"
            for part, etag in zip(parts, etags, strict=True)
        )
        body = f"<CompleteMultipartUpload>{whole}</CompleteMultipartUpload>".encode()
        answer = await self._ask(http, "POST", key, {"uploadId": upload}, body)
        if answer.code:  # S3 can say no in the body of a 200
            raise PlaceRefused(f"{self.title} could not put the parts together ({answer.code}).", do="Try it again.")

    async def _begin(self, http: ObjectHttp, key: str, sha256: str) -> str:
        url, headers = self._signed("POST", key, query={"uploads": ""}, extra={"x-amz-meta-sha256": sha256})
        upload = (await http.send("POST", url, headers)).xml().text_at("UploadId")
        if upload is None:
            raise PlaceRefused("What answers there is no S3 storage.", do="Check the address.")
        return upload

    async def _uploads(self, http: ObjectHttp, key: str) -> list[str]:
        """The ids of unfinished uploads of an object, the oldest first; none where it may not be asked."""
        try:
            listed = (await self._ask(http, "GET", query={"uploads": "", "prefix": key})).xml()
        except (PlaceRefused, Gone):
            return []
        found = [entry for entry in listed.all("Upload") if entry.text_at("Key") == key]
        found.sort(key=lambda entry: entry.text_at("Initiated") or "")
        return [upload for entry in found if (upload := entry.text_at("UploadId"))]

    async def _parts_there(self, http: ObjectHttp, key: str, upload: str) -> dict[int, tuple[int, str]]:
        """Size and ETag of each part that storage has of an unfinished upload."""
        found: dict[int, tuple[int, str]] = {}
        more: dict[str, str] = {}
        while True:
            try:
                listed = (await self._ask(http, "GET", key, {"uploadId": upload, **more})).xml()
            except PlaceRefused:  # it may not be asked: all is sent
                return {}
            for entry in listed.all("Part"):
                number, size = entry.text_at("PartNumber") or "", entry.text_at("Size") or ""
                if number.isdecimal() and size.isdecimal():
                    found[int(number)] = (int(size), (entry.text_at("ETag") or "").strip('"').lower())
            marker = listed.text_at("NextPartNumberMarker")
            if listed.text_at("IsTruncated") != "true" or marker is None or marker == more.get("part-number-marker"):
                return found
            more = {"part-number-marker": marker}


def _size_of(entry: Element) -> int:
    """Bytes of what a bucket lists. PlaceRefused when that is no number."""
    text = entry.text_at("Size") or ""
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise PlaceRefused("What answers there is no S3 storage.", do="Check the address.")
    return int(text)


def _shown_from(start: int, show: Progress) -> Progress:
    return lambda sent: show(start + sent)


def _etags(parts: list[Part]) -> set[str]:
    """The ETags that S3 gives an object of these parts, unless it is encrypted with a key of its own."""
    joined = hashlib.md5(b"".join(part.md5 for part in parts), usedforsecurity=False).hexdigest()
    return {f"{joined}-{len(parts)}"} | ({parts[0].md5.hex()} if len(parts) == 1 else set())
