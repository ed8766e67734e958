"""Addresses that a force signed, for one upload each: plain HTTPS PUT without a login. Nothing can be read there.

What a force gives: an address, or a JSON document with addresses of parts (``docs/handing-over.md``). They are secrets:
whoever has one can upload. Not for: buckets that the owner has a login for (``agent.places.s3``).
"""

import asyncio
import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import parse_qs, urlsplit

import aiohttp
from pydantic import AfterValidator, Field, ValidationError, model_validator

from agent.places.object_http import Gone, ObjectHttp, Piece, host_of
from agent.places.pace import Pace, unhindered
from agent.places.pieces import Part as FilePart
from agent.places.pieces import hashed_in_pieces
from agent.places.place import Progress
from exchange.clock import SECOND, Clock, SystemClock, from_rfc3339
from exchange.counted import counted
from exchange.documents.messages import Part
from exchange.durable import durable_file
from exchange.errors import InputInvalid, PlaceRefused

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
MOST_TEXT = 4 << 20
"""Characters of what a force gives: 10,000 addresses of 400."""


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError("an address begins with https://")
    if not parts.hostname or "@" in parts.netloc or any(ord(letter) < 33 or ord(letter) > 126 for letter in text):
        raise ValueError("that is no address")
    return text


Address = Annotated[str, Field(max_length=8000), AfterValidator(_address)]


class Upload(Part):
    """Where one file goes: to one address, or in parts of ``part_bytes``, each to its own, and then put together by a
    POST to ``complete_url`` (or by the force itself, without it)."""

    url: Address | None = None
    part_urls: Annotated[tuple[Address, ...], Field(max_length=10_000)] = ()
    part_bytes: Annotated[int, Field(ge=1_000_000, le=5 * 1024**3)] | None = None
    complete_url: Address | None = None
    headers: Annotated[dict[str, Annotated[str, Field(max_length=1000)]], Field(max_length=20)] = Field(
        default_factory=dict
    )
    """Headers that the signature is over and the force names, such as Content-Type."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        """Else a part would count as the file."""
        if (self.url is None) == (not self.part_urls):
            raise ValueError("either one address, or one for each part")
        if bool(self.part_urls) != (self.part_bytes is not None):
            raise ValueError("part_bytes goes with part_urls")
        if self.complete_url is not None and not self.part_urls:
            raise ValueError("complete_url goes with part_urls")
        return self

    @property
    def host(self) -> str:
        return host_of(self.url or (self.part_urls[0] if self.part_urls else ""))


class Uploads(Part):
    """One for each file, in their order."""

    uploads: Annotated[tuple[Upload, ...], Field(min_length=1, max_length=64)]


def read_addresses(text: str) -> Uploads:
    """What a force gave: addresses, one a line, or the JSON document. InputInvalid, never quoting one."""
    try:
        if len(text) > MOST_TEXT:
            raise ValueError
        if text.lstrip().startswith("{"):
            found = Uploads.model_validate_json(text)
        else:
            found = Uploads(uploads=tuple(Upload(url=line.strip()) for line in text.splitlines() if line.strip()))
    except ValueError:
        raise InputInvalid(
            "These are no addresses to upload to.",
            meaning="Nothing was sent.",
            do="Paste what the force gave you whole: one address a line, each beginning with https://.",
        ) from None
    return found


class _Memory(Part):
    """By the SHA-256 of a file: which address is its own, and the ETags of its parts that arrived."""

    order: dict[str, int] = Field(default_factory=dict)
    done: dict[str, dict[str, str]] = Field(default_factory=dict)


class SignedAddresses:
    """Each file goes to the next address, in the order in which files are put. ``memory`` is a file in which the parts
    that arrived are noted: a break costs a part at most.
    """

    def __init__(self, uploads: Uploads, memory: Path, *, pace: Pace = unhindered, clock: Clock | None = None) -> None:
        self._uploads = uploads.uploads
        self._memory = memory
        self._pace = pace
        self._clock = clock or SystemClock()

    @property
    def title(self) -> str:
        return f"the address that the force gave, at {self._uploads[0].host}"

    async def free(self) -> int | None:
        return None

    async def put(self, source: Path, name: str, sha256: str, show: Progress) -> None:
        """Upload a file to the address that is its own. Done before: it is not sent again."""
        noted = await asyncio.to_thread(self._read)
        place = noted.order.setdefault(sha256, len(noted.order))
        if place >= len(self._uploads):
            raise PlaceRefused(
                "The force gave fewer addresses than there are files.",
                meaning=f"{name} was not sent.",
                do="Ask for one more, and give all of them anew: handover deliver REQUEST --by s3 --addresses FILE",
            )
        upload = self._uploads[place]
        size = (await asyncio.to_thread(source.stat)).st_size
        parts, found = await asyncio.to_thread(hashed_in_pieces, source, upload.part_bytes or max(size, 1))
        if found != sha256:
            raise PlaceRefused(f"{source.name} is not what it was.", meaning="It was not sent.")
        addresses = upload.part_urls or (upload.url or "",)
        if len(parts) > len(addresses):
            raise PlaceRefused(
                f"The force gave addresses for {counted(len(addresses), 'part')}, and {name} has {len(parts)}.",
                meaning="Nothing of it was sent.",
                do="Ask for more addresses, or for larger parts.",
            )
        done = noted.done.setdefault(sha256, {})
        async with aiohttp.ClientSession(trust_env=False) as session:
            http = ObjectHttp(session, self.title, self._clock, self._pace)
            sent = 0
            for part, address in zip(parts, addresses[: len(parts)], strict=True):
                if str(part.number) not in done:
                    done[str(part.number)] = await self._send(http, upload, address, source, part, _from(sent, show))
                    await asyncio.to_thread(self._note, noted)
                sent += part.size
                show(sent)
            if sent != size:
                raise PlaceRefused(f"{source.name} is not what it was.", meaning="It does not count as handed over.")
            if upload.complete_url is not None and "whole" not in done:
                await self._complete(http, upload.complete_url, parts, done)
                done["whole"] = "yes"
                await asyncio.to_thread(self._note, noted)
        show(size)

    async def _send(
        self, http: ObjectHttp, upload: Upload, address: str, source: Path, part: FilePart, show: Progress
    ) -> str:
        """One PUT; the ETag that came back, which is the MD5 of the bytes where the storage says so."""
        self._refuse_if_over(address)
        headers = {**upload.headers, **_headers_for(address, part)}
        try:
            answer = await http.send("PUT", address, lambda: headers, Piece(source, part.start, part.size), show)
        except Gone:
            raise PlaceRefused(f"{self.title} is not there any more.", do="Ask the force for a new address.") from None
        etag = answer.etag
        if len(etag) == 32 and etag != part.md5.hex() and _is_md5(answer.headers):
            raise PlaceRefused(f"{self.title} did not keep what was sent to it.", do="Tell the force.")
        return etag

    async def _complete(self, http: ObjectHttp, address: str, parts: list[FilePart], done: dict[str, str]) -> None:
        self._refuse_if_over(address)
        whole = "".join(
            f"<Part><PartNumber>{part.number}</PartNumber><ETag>&quot;{done[str(part.number)]}&quot;</ETag></Part>"
            for part in parts
        )
        body = f"<CompleteMultipartUpload>{whole}</CompleteMultipartUpload>".encode()
        try:
            answer = await http.send("POST", address, dict, body)
        except Gone:
            raise PlaceRefused(f"{self.title} forgot the parts.", do="Ask the force for new addresses.") from None
        if answer.code:
            raise PlaceRefused(f"{self.title} could not put the parts together ({answer.code}).", do="Tell the force.")

    def _refuse_if_over(self, address: str) -> None:
        """Told before anything is sent, where the address says until when it holds."""
        until = ends(address)
        if until is not None and until <= self._clock.now():
            raise PlaceRefused(
                f"{self.title} was good until {datetime.fromtimestamp(until // SECOND, UTC):%Y-%m-%d %H:%M} UTC.",
                meaning="Nothing was sent to it now; what you hand over is still here.",
                do="Ask the force for a new address. If it should still be good, see whether this machine's clock is "
                "right: timedatectl",
            )

    def _read(self) -> _Memory:
        try:
            return _Memory.model_validate_json(self._memory.read_bytes())
        except (FileNotFoundError, ValidationError):
            return _Memory()

    def _note(self, noted: _Memory) -> None:
        self._memory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with durable_file(self._memory) as file:
            file.write(noted.model_dump_json().encode())


def ends(address: str) -> int | None:
    """Until when an address is good, microseconds UTC: by the signatures of S3 (versions 4 and 2) and of Azure."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    try:
        if "X-Amz-Date" in query and "X-Amz-Expires" in query:
            begun = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            return round((begun.timestamp() + int(query["X-Amz-Expires"])) * SECOND)
        if "Expires" in query and "Signature" in query:
            return int(query["Expires"]) * SECOND
        if "se" in query and "sig" in query:
            return from_rfc3339(query["se"])
    except ValueError:
        return None
    return None


def _headers_for(address: str, part: FilePart) -> dict[str, str]:
    """Beside Content-Length: a checksum, where the signature allows one, and what Azure wants of every upload."""
    query = {name.lower(): values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    if "sig" in query and "sv" in query:
        return {"x-ms-blob-type": "BlockBlob", "Content-MD5": base64.b64encode(part.md5).decode()}
    signed = query.get("x-amz-signedheaders", "").split(";")
    headers = {}
    if "x-amz-signedheaders" in query:
        headers["Content-MD5"] = base64.b64encode(part.md5).decode()
    if "x-amz-checksum-sha256" in signed:
        headers["x-amz-checksum-sha256"] = base64.b64encode(bytes.fromhex(part.sha256)).decode()
    return headers


def _is_md5(headers: dict[str, str]) -> bool:
    """S3's ETag is no MD5 of the bytes where it encrypts with a key of a key service or of the client."""
    kind = headers.get("x-amz-server-side-encryption", "")
    return kind in ("", "AES256") and "x-amz-server-side-encryption-customer-algorithm" not in headers


def _from(start: int, show: Progress) -> Callable[[int], None]:
    return lambda sent: show(start + sent)
