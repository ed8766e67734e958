"""Buckets that fail: a break in the middle, a wrong login, a wrong clock, a bucket that isn't there."""

from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from agent.places.s3 import S3Place
from exchange.buckets.address import Bucket
from exchange.clock import SECOND, ShiftedClock
from exchange.errors import PlaceFull, PlaceRefused, PlaceUnreachable
from tests.agent.places.conftest import PART, in_bucket, sample
from tests.counterparts.storage.bucket_server import BucketServer


async def test_an_upload_that_broke_off_sends_only_the_parts_that_are_missing(
    bucket: BucketServer, tmp_path: Path
) -> None:
    one = sample(tmp_path / "a", 2 * PART + 1000)
    sent: list[int] = []

    async def breaking(count: int) -> None:
        sent.append(count)
        if sum(sent) > PART + 1_000_000:
            raise PlaceUnreachable("The line broke.")

    at = in_bucket(bucket, "broken")
    with pytest.raises(PlaceUnreachable):
        await S3Place(at, part=PART, pace=breaking).put(one.path, "one", one.sha256, lambda _: None)
    assert await S3Place(at).names() == []
    again: list[int] = []

    async def counting(count: int) -> None:
        again.append(count)

    await S3Place(at, part=PART, pace=counting).put(one.path, "one", one.sha256, lambda _: None)
    assert sum(again) == PART + 1000
    assert await S3Place(at).sha256("one") == one.sha256


async def test_a_part_that_is_another_files_is_sent_anew(bucket: BucketServer, tmp_path: Path) -> None:
    before, one = sample(tmp_path / "b", 2 * PART, seed=9), sample(tmp_path / "a", 2 * PART)
    at = in_bucket(bucket, "mixed")
    sent: list[int] = []

    async def breaking(count: int) -> None:
        sent.append(count)
        if sum(sent) > PART + 1_000_000:
            raise PlaceUnreachable("The line broke.")

    with pytest.raises(PlaceUnreachable):
        await S3Place(at, part=PART, pace=breaking).put(before.path, "one", before.sha256, lambda _: None)
    await S3Place(at, part=PART).put(one.path, "one", one.sha256, lambda _: None)
    assert await S3Place(at).sha256("one") == one.sha256


async def test_what_is_removed_leaves_no_parts_behind(bucket: BucketServer, tmp_path: Path) -> None:
    one = sample(tmp_path / "a", 2 * PART)

    async def breaking(count: int) -> None:
        raise PlaceUnreachable("The line broke.")

    at = in_bucket(bucket, "swept")
    with pytest.raises(PlaceUnreachable):
        await S3Place(at, part=PART, pace=breaking).put(one.path, "one", one.sha256, lambda _: None)
    assert bucket.unfinished() == ["swept/one"]
    await S3Place(at).remove("one")
    assert bucket.unfinished() == []


@pytest.mark.parametrize("wrong", [{"secret_key": "wrong"}, {"access_key": "AKIAWRONGWRONGWRONG0"}])
async def test_a_wrong_login_is_refused_and_its_secret_stands_nowhere(
    bucket: BucketServer, tmp_path: Path, wrong: dict[str, str]
) -> None:
    one = sample(tmp_path / "a", 1000)
    at = replace(in_bucket(bucket, "x"), **wrong)
    with pytest.raises(PlaceRefused) as told:
        await S3Place(at).put(one.path, "one", one.sha256, lambda _: None)
    assert at.secret_key not in str(told.value)


async def test_a_bucket_that_is_not_there_is_named(bucket: BucketServer, tmp_path: Path) -> None:
    one = sample(tmp_path / "a", 1000)
    with pytest.raises(PlaceRefused, match="no such bucket"):
        await S3Place(replace(in_bucket(bucket, "x"), bucket="nobodys")).put(
            one.path, "one", one.sha256, lambda _: None
        )


def answering(status: int, code: str, **headers: str) -> web.Application:
    """Storage that answers every upload as S3 documents its errors; there is nothing in it."""

    async def answer(request: web.Request) -> web.Response:
        if request.method == "HEAD":
            return web.Response(status=404)
        await request.read()
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>It is so.</Message></Error>"
        return web.Response(status=status, text=body, content_type="application/xml", headers=headers)

    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", answer)
    return application


async def put_into(application: web.Application, tmp_path: Path) -> None:
    one = sample(tmp_path / "a", 1000)
    async with TestServer(application) as server:
        at = Bucket(f"http://127.0.0.1:{server.port}", "evidence", "", "eu-west-2", "AK", "SK")
        await S3Place(at, clock=ShiftedClock(-1200 * SECOND)).put(one.path, "one", one.sha256, lambda _: None)


async def test_a_wrong_clock_is_named_with_by_how_much_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PlaceRefused, match=r"this machine's clock\. It is about (19|20) minutes behind") as told:
        await put_into(answering(403, "RequestTimeTooSkewed"), tmp_path)
    assert "timedatectl" in told.value.do


async def test_storage_without_room_is_told_as_full(tmp_path: Path) -> None:
    with pytest.raises(PlaceFull):
        await put_into(answering(403, "QuotaExceeded"), tmp_path)
    with pytest.raises(PlaceFull):
        await put_into(answering(507, "XMinioStorageFull"), tmp_path)


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    with pytest.raises(PlaceRefused, match="another region"):
        await put_into(answering(307, "TemporaryRedirect", Location="https://example.org/"), tmp_path)


async def test_what_is_no_storage_is_told_as_that(tmp_path: Path) -> None:
    application = web.Application()
    application.router.add_get("/{tail:.*}", _page)
    async with TestServer(application) as server:
        at = Bucket(f"http://127.0.0.1:{server.port}", "evidence", "", "eu-west-2", "AK", "SK")
        with pytest.raises(PlaceRefused, match="no S3 storage"):
            await S3Place(at).names()


@pytest.mark.parametrize(
    ("entry", "more", "told"),
    [
        ("<Key>a</Key><Size>1</Size>", "<NextContinuationToken>on</NextContinuationToken>", "without an end"),
        ("<Key>a</Key><Size>many</Size>", "", "no S3 storage"),
        ("<Key>a</Key><Size>-1</Size>", "", "no S3 storage"),
        (f"<Key>a</Key><Size>{'9' * 5000}</Size>", "", "no S3 storage"),
    ],
)
async def test_a_list_without_an_end_or_with_a_size_that_is_none_is_refused(entry: str, more: str, told: str) -> None:
    asked = 0

    async def listed(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        assert asked < 5
        text = f"<ListBucketResult><Contents>{entry}</Contents>{more}</ListBucketResult>"
        return web.Response(text=text, content_type="application/xml")

    application = web.Application()
    application.router.add_get("/{tail:.*}", listed)
    async with TestServer(application) as server:
        at = Bucket(f"http://127.0.0.1:{server.port}", "evidence", "", "eu-west-2", "AK", "SK")
        with pytest.raises(PlaceRefused, match=told):
            await S3Place(at).names()


async def test_a_bucket_of_too_many_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.places.s3._MOST_LISTED", 10)
    names = "".join(f"<Contents><Key>{name}</Key><Size>0</Size></Contents>" for name in range(11))

    async def listed(request: web.Request) -> web.Response:
        return web.Response(text=f"<ListBucketResult>{names}</ListBucketResult>", content_type="application/xml")

    application = web.Application()
    application.router.add_get("/{tail:.*}", listed)
    async with TestServer(application) as server:
        at = Bucket(f"http://127.0.0.1:{server.port}", "evidence", "", "eu-west-2", "AK", "SK")
        with pytest.raises(PlaceRefused, match="too many files"):
            await S3Place(at).names()


async def _page(request: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><p>Hello", content_type="text/html")


async def test_what_does_not_answer_is_tried_again_and_then_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    async def refused(*arguments: object, **how: object) -> None:
        tries.append("")
        raise aiohttp.ClientConnectionError("away")

    monkeypatch.setattr("agent.places.object_http.ObjectHttp._once", refused)
    monkeypatch.setattr("agent.places.object_http.FIRST_PAUSE", 0.0)
    one = sample(tmp_path / "a", 1000)
    at = Bucket("http://127.0.0.1:9", "evidence", "", "eu-west-2", "AK", "SK")
    with pytest.raises(PlaceUnreachable):
        await S3Place(at).put(one.path, "one", one.sha256, lambda _: None)
    assert len(tries) > 2
