"""Addresses that a force signed: one for a file, or for each part; over, forgotten, or of another storage's kind."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from agent.places.presigned import SignedAddresses, ends, read_addresses
from exchange.clock import MINUTE, ShiftedClock, from_rfc3339
from exchange.errors import InputInvalid, PlaceRefused, PlaceUnreachable
from tests.agent.places.conftest import PART, sample
from tests.counterparts.storage.bucket_server import BucketServer, bucket_server


@pytest.fixture(scope="module")
def storage() -> Iterator[BucketServer]:
    with bucket_server(checks=False) as server:
        yield server


async def test_a_file_goes_to_its_address_once(storage: BucketServer, tmp_path: Path) -> None:
    one, two = sample(tmp_path / "a", 100_000), sample(tmp_path / "b", 1000, seed=2)
    given = f"{storage.signed_put('once/one')}\n{storage.signed_put('once/two')}\n"
    for _ in range(2):
        place = SignedAddresses(read_addresses(given), tmp_path / "memory")
        assert storage.access_key not in place.title
        await place.put(one.path, "one", one.sha256, lambda _: None)
        await place.put(two.path, "two", two.sha256, lambda _: None)
    assert storage.content("once/") == {"one": one.path.read_bytes(), "two": two.path.read_bytes()}
    three = sample(tmp_path / "c", 1000, seed=3)
    with pytest.raises(PlaceRefused, match="fewer addresses than there are files"):
        await place.put(three.path, "three", three.sha256, lambda _: None)


async def test_a_file_in_parts_goes_on_after_the_part_that_broke(storage: BucketServer, tmp_path: Path) -> None:
    one = sample(tmp_path / "a", 2 * PART + 100)
    parts, complete = storage.signed_parts("parts/one", 3)
    given = json.dumps({"uploads": [{"part_urls": parts, "part_bytes": PART, "complete_url": complete}]})
    sent: list[int] = []

    async def breaking(count: int) -> None:
        sent.append(count)
        if sum(sent) > PART + 100_000:
            raise PlaceUnreachable("The line broke.")

    with pytest.raises(PlaceUnreachable):
        await SignedAddresses(read_addresses(given), tmp_path / "memory", pace=breaking).put(
            one.path, "one", one.sha256, lambda _: None
        )
    assert storage.content("parts/") == {}
    again: list[int] = []

    async def counting(count: int) -> None:
        again.append(count)

    await SignedAddresses(read_addresses(given), tmp_path / "memory", pace=counting).put(
        one.path, "one", one.sha256, lambda _: None
    )
    assert sum(again) == PART + 100
    assert storage.content("parts/") == {"one": one.path.read_bytes()}


async def test_a_file_of_more_parts_than_addresses_is_not_begun(storage: BucketServer, tmp_path: Path) -> None:
    one = sample(tmp_path / "a", 2 * PART + 100)
    parts, complete = storage.signed_parts("few/one", 2)
    given = json.dumps({"uploads": [{"part_urls": parts, "part_bytes": PART, "complete_url": complete}]})
    with pytest.raises(PlaceRefused, match="addresses for 2 parts, and one has 3"):
        await SignedAddresses(read_addresses(given), tmp_path / "memory").put(
            one.path, "one", one.sha256, lambda _: None
        )
    assert not (tmp_path / "memory").exists()


async def test_an_address_that_is_over_is_told_before_anything_is_sent(storage: BucketServer, tmp_path: Path) -> None:
    one = sample(tmp_path / "a", 1000)
    given = read_addresses(storage.signed_put("over/one", seconds=60))
    with pytest.raises(PlaceRefused, match="was good until") as told:
        await SignedAddresses(given, tmp_path / "m", clock=ShiftedClock(5 * MINUTE)).put(
            one.path, "one", one.sha256, lambda _: None
        )
    assert "new address" in told.value.do
    assert "Signature" not in str(told.value)
    assert storage.content("over/") == {}


@asynccontextmanager
async def answering(status: int, body: str, seen: list[web.Request] | None = None) -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        content = await request.read()
        request["sha256"] = hashlib.sha256(content).hexdigest()
        if seen is not None:
            seen.append(request)
        return web.Response(status=status, text=body, content_type="application/xml")

    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", answer)
    async with TestServer(application) as server:
        yield f"http://127.0.0.1:{server.port}/evidence/one"


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        ("AccessDenied", "Request has expired", "The right to write .* has ended"),
        ("RequestTimeTooSkewed", "The difference is too large.", "because of this machine's clock"),
        ("SignatureDoesNotMatch", "No.", "was changed on its way here"),
        ("AccessDenied", "Access Denied", "said no"),
    ],
)
async def test_what_storage_says_of_an_address_is_told_in_words(
    tmp_path: Path, code: str, message: str, words: str
) -> None:
    one = sample(tmp_path / "a", 1000)
    async with answering(403, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>") as address:
        place = SignedAddresses(read_addresses(f"{address}?X-Amz-Signature=hush"), tmp_path / "m")
        with pytest.raises(PlaceRefused, match=words) as told:
            await place.put(one.path, "one", one.sha256, lambda _: None)
    assert told.value.do
    assert "hush" not in str(told.value)


async def test_each_storage_gets_the_headers_that_its_signature_allows(tmp_path: Path) -> None:
    one = sample(tmp_path / "a", 1000)
    md5 = base64.b64encode(hashlib.md5(one.path.read_bytes()).digest()).decode()
    sha256 = base64.b64encode(bytes.fromhex(one.sha256)).decode()
    seen: list[web.Request] = []
    async with answering(200, "", seen) as address:
        for number, query in enumerate(
            (
                "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-SignedHeaders=host&X-Amz-Signature=a%2Fb",
                "X-Amz-SignedHeaders=host%3Bx-amz-checksum-sha256&X-Amz-Signature=a",
                "AWSAccessKeyId=x&Signature=a%2Bb&Expires=99999999999",
                "sv=2022-11-02&sig=a%2Fb&se=2099-01-01T00%3A00%3A00Z",
            )
        ):
            place = SignedAddresses(read_addresses(f"{address}?{query}"), tmp_path / f"m{number}")
            await place.put(one.path, "one", one.sha256, lambda _: None)
    assert [request.method for request in seen] == ["PUT"] * 4
    assert all(request["sha256"] == one.sha256 for request in seen)
    assert all(request.headers["Content-Length"] == "1000" for request in seen)
    assert all("Content-Type" not in request.headers for request in seen)
    assert [request.headers.get("Content-MD5") for request in seen] == [md5, md5, None, md5]
    assert [request.headers.get("x-amz-checksum-sha256") for request in seen] == [None, sha256, None, None]
    assert [request.headers.get("x-ms-blob-type") for request in seen] == [None, None, None, "BlockBlob"]
    assert seen[0].raw_path.endswith("Signature=a%2Fb")  # as it was signed


async def test_storage_that_kept_other_bytes_is_found(tmp_path: Path) -> None:
    one = sample(tmp_path / "a", 1000)

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(headers={"ETag": '"' + "0" * 32 + '"'})

    application = web.Application()
    application.router.add_put("/one", answer)
    async with TestServer(application) as server:
        place = SignedAddresses(read_addresses(f"http://127.0.0.1:{server.port}/one"), tmp_path / "m")
        with pytest.raises(PlaceRefused, match="did not keep"):
            await place.put(one.path, "one", one.sha256, lambda _: None)


def test_until_when_an_address_holds_is_read_off_it() -> None:
    assert ends("https://x/?X-Amz-Date=20261121T120000Z&X-Amz-Expires=600") == from_rfc3339("2026-11-21T12:10:00Z")
    assert ends("https://x/?sig=a&se=2026-11-21T12%3A10%3A00Z") == from_rfc3339("2026-11-21T12:10:00Z")
    assert ends("https://x/?Signature=a&Expires=1795262400") == 1795262400 * 1_000_000
    assert ends("https://x/?X-Amz-Date=soon&X-Amz-Expires=600") is None
    assert ends("https://x/") is None


@pytest.mark.parametrize(
    "text",
    ["", "ftp://example.org/x", "http://example.org/x", "https://user:hush@example.org/x", "{}", '{"uploads": []}',
     '{"uploads": [{"part_urls": ["https://example.org/1"]}]}',
     '{"uploads": [{"url": "https://example.org/1", "part_bytes": 1000000}]}',
     '{"uploads": [{"url": "https://example.org/1", "complete_url": "https://example.org/2"}]}',
     "https://example.org/a b"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InputInvalid) as told:
        read_addresses(text)
    assert "hush" not in str(told.value)
