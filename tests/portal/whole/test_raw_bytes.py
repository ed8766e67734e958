"""What is no HTTP, or two things at once, by itself and behind nginx: refused, never taken for a second call."""

import asyncio
import contextlib
import gzip
import io
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from exchange.documents import api
from exchange.documents.people import LINK_HEADER
from portal import service
from portal.api import app
from portal.api.route import Who
from portal.api.routes import ROUTES
from tests.counterparts.http.nginx import nginx
from tests.portal.conftest import Town
from tests.portal.people.visits import Visitor
from tests.portal.whole.busy_town import NOWHERE

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: portal\r\n\r\n"
FORCE = f"GET {api.FORCE} HTTP/1.1\r\n".encode()
HOST = b"Host: portal\r\n"


def post(*headers: bytes, body: bytes = b"") -> bytes:
    """A call with these headers, to a call that takes a body from anybody."""
    return b"\r\n".join((f"POST {api.DEVICES} HTTP/1.1".encode(), b"Host: portal", *headers, b"", b"")) + body


JSON = b"Content-Type: application/json"
LENGTHS = {
    "two lengths": post(JSON, b"Content-Length: 2", b"Content-Length: 40", body=b"{}" + HIDDEN),
    "two lengths in one": post(JSON, b"Content-Length: 2, 40", body=b"{}" + HIDDEN),
    "a length and chunks": post(JSON, b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + HIDDEN),
    "chunks and a length": post(JSON, b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n" + HIDDEN),
    "a sign": post(JSON, b"Content-Length: +2", body=b"{}" + HIDDEN),
    "less than nothing": post(JSON, b"Content-Length: -1", body=HIDDEN),
    "a length in hex": post(JSON, b"Content-Length: 0x2", body=b"{}" + HIDDEN),
    "an underscore": post(JSON, b"Content-Length: 1_0", body=b"{}        " + HIDDEN),
    "a blank before the colon": post(JSON, b"Content-Length : 2", body=b"{}" + HIDDEN),
    "a length that goes on": post(JSON, b"Content-Length: 2\r\n 0", body=b"{}" + HIDDEN),
    "nearly chunked": post(JSON, b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + HIDDEN),
    "chunked twice": post(JSON, b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n" + HIDDEN),
    "chunked, then not": post(JSON, b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n" + HIDDEN),
    "a vertical tab": post(JSON, b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n" + HIDDEN),
    "a chunk in odd hex": post(JSON, b"Transfer-Encoding: chunked", body=b"0x2\r\n{}\r\n0\r\n\r\n" + HIDDEN),
    "a chunk below nothing": post(JSON, b"Transfer-Encoding: chunked", body=b"-2\r\n{}\r\n0\r\n\r\n" + HIDDEN),
    "a chunk longer than it says": post(JSON, b"Transfer-Encoding: chunked", body=b"1\r\n{}\r\n0\r\n\r\n" + HIDDEN),
    "a chunk without an end": post(JSON, b"Transfer-Encoding: chunked", body=b"f" * 40 + b"\r\n" + HIDDEN),
}  # fmt: skip
"""Of which two readers could think that another call begins where a body goes on."""
NONSENSE = {
    "a header flood": FORCE + HOST + b"".join(b"X-%d: y\r\n" % number for number in range(20_000)) + b"\r\n",
    "a long header": FORCE + HOST + b"X-Long: " + b"y" * 300_000 + b"\r\n\r\n",
    "a long address": b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "a zero byte in a header": FORCE + HOST + b"X-A: a\0b\r\n\r\n",
    "a zero byte in the address": b"GET /v1/force\0 HTTP/1.1\r\n" + HOST + b"\r\n",
    "no version": b"GET /v1/force\r\n\r\n",
    "another version": b"GET /v1/force HTTP/9.9\r\n" + HOST + b"\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200 + b"\r\n\r\n",
    "no method": b" /v1/force HTTP/1.1\r\n" + HOST + b"\r\n",
    "a header without a name": FORCE + HOST + b": nothing\r\n\r\n",
    "no colon": FORCE + HOST + b"nothing\r\n\r\n",
}


LEFT_OUT = ("no colon",)
"""What nginx takes away before it hands a call on."""


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that the portal answered."""
    paths, note = [], app._note

    def noted(request: web.Request, status: int, seconds: float) -> None:
        paths.append(request.path)
        note(request, status, seconds)

    monkeypatch.setattr(app, "_note", noted)
    return paths


async def answered(port: int, sent: bytes) -> list[int]:
    """The statuses that came back until the other side ended it, or said nothing for a moment."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    came = b""
    with contextlib.suppress(ConnectionError, TimeoutError):
        writer.write(sent)
        async with asyncio.timeout(0.5):  # some wait for the rest of a body, and rightly
            await writer.drain()
            while more := await reader.read(65536):
                came += more
    writer.transport.abort()
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3})", came)]


def port_of(town: Town) -> int:
    return int(town.origin.rpartition(":")[2])


async def refuses(port: int, forms: dict[str, bytes], called: list[str]) -> None:
    wrong: dict[str, list[int]] = {}
    for (name, _), statuses in zip(
        forms.items(), await asyncio.gather(*(answered(port, sent) for sent in forms.values())), strict=True
    ):
        if not all(400 <= status < 500 or status in (501, 505) for status in statuses):
            wrong[name] = statuses
    assert wrong == {}
    assert [path for path in called if "hidden" in path] == []
    assert await answered(port, FORCE + HOST + b"Connection: close\r\n\r\n") == [200], "others are answered as before"


async def test_what_could_hide_a_second_call_is_refused(town: Town, called: list[str]) -> None:
    await refuses(port_of(town), LENGTHS, called)


async def test_what_is_no_http_is_refused_and_fills_no_log(
    town: Town, called: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        await refuses(port_of(town), NONSENSE, called)
    assert caplog.text == ""
    with caplog.at_level(logging.INFO, "handover.portal"):
        await refuses(port_of(town), NONSENSE, called)
    assert "what came is no HTTP: " in caplog.text
    for word in ("127.0.0.1", "Traceback", "nothing"):
        assert word not in caplog.text


async def test_behind_nginx_neither_is_taken_for_more_than_it_is(town: Town, called: list[str], tmp_path: Path) -> None:
    async with nginx([port_of(town)], tmp_path) as port:
        await refuses(port, LENGTHS, called)
        await refuses(port, {name: sent for name, sent in NONSENSE.items() if name not in LEFT_OUT}, called)


async def test_half_bodies_and_silence_keep_nobody_out(town: Town) -> None:
    agent, port = await town.agent().join(town.place), port_of(town)
    half = post(JSON, b"Content-Length: 1000", body=b'{"document":')
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(200)]
    for number, (_, writer) in enumerate(idle):
        writer.write((half, FORCE, b"", b"\r\n")[number % 4])
    assert await answered(port, FORCE + HOST + b"Connection: close\r\n\r\n") == [200]
    for _, writer in idle:
        writer.transport.abort()
    assert (await agent.inbox()).items == ()


@pytest.mark.parametrize("path", [api.DEVICES, "/register", "/link"])
@pytest.mark.usefixtures("visitor")
async def test_a_body_that_takes_for_ever_is_not_waited_for(
    town: Town, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(service, "BODY_SECONDS", 0.05)
    kind = b"application/json" if path == api.DEVICES else b"application/x-www-form-urlencoded"
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(town))
    head = b"POST %b HTTP/1.1\r\nHost: portal\r\nContent-Type: %b\r\nContent-Length: 100\r\n\r\na=" % (
        path.encode(),
        kind,
    )
    writer.write(head)
    async with asyncio.timeout(60):
        status = await reader.readline()
    assert b" 408 " in status
    writer.transport.abort()


async def test_a_form_whose_length_is_not_told_is_bounded_too(town: Town, visitor: Visitor) -> None:
    async def long() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"a" * 10_000

    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    async with town.session.post(f"{town.origin}/register", data=long(), headers=kind) as answer:
        assert answer.status == 413
    assert (await visitor.get("/register")).status == 200


NOT_SET_UP = (api.SESSION, api.TEXTS_RECEIVED)
"""Calls that a portal without a login by OIDC, and without texts, knows nothing of."""


def odd_bodies() -> Iterator[tuple[str, bytes, dict[str, str], set[int]]]:
    kind = {"Content-Type": "application/json"}
    yield "nothing", b"", kind, {422}
    yield "another type", b"{}", {"Content-Type": "text/plain"}, {415}
    yield "a form", b"document=1", {"Content-Type": "application/x-www-form-urlencoded"}, {415}
    yield "no text", b"\xff\xfe\x00", kind, {422}
    yield "very deep", b'{"document":' + b"[" * 100_000, kind, {422}
    yield "twice the same", b'{"document":"a","document":"b","signature":"c"}', kind, {422}
    yield "no number", b'{"document":NaN,"signature":"c"}', kind, {422}
    yield "a long number", b'{"document":' + b"9" * 5000 + b',"signature":"c"}', kind, {422}
    yield "half a letter", b'{"document":"\\ud800","signature":"c"}', kind, {422}
    yield "huge", b'{"document":"' + b"a" * (api.MAX_BODY + 10) + b'"}', kind, {413}
    packed = gzip.compress(b" " * (8 * api.MAX_BODY))
    yield "little that becomes huge", packed, {**kind, "Content-Encoding": "gzip"}, {400, 413, 415, 422}
    yield "not packed at all", b"{}", {**kind, "Content-Encoding": "gzip"}, {400, 415, 422}
    yield "packed in an unknown way", b"[]", {**kind, "Content-Encoding": "zz"}, {400, 415, 422}


async def test_every_call_with_a_body_refuses_odd_ones(town: Town, visitor: Visitor) -> None:
    agent, officer = await town.agent().join(town.place), town.officer
    await visitor.register()
    wrong = []
    asked = [each for each in ROUTES if each.body is not None and each.path not in NOT_SET_UP]
    for route in asked:
        by_link = {LINK_HEADER: "x" * 43} if route.who is Who.LINK else {}
        wire = officer if route.who is Who.OFFICER else agent
        token = None if route.who in (Who.ANYONE, Who.LINK) else ""
        for name, body, headers, expected in odd_bodies():
            path = route.path.format(**NOWHERE)
            answer = await wire.call(
                route.method,
                path,
                headers={**headers, **by_link, "Connection": "close"},
                data=io.BytesIO(body),
                token=token,
            )
            allowed = {403, 429} if route.who is not Who.OFFICER and token is None else set()
            if answer.status not in expected | allowed:
                wrong.append((route.method, route.path, name, answer.status))
            assert json.loads(answer.content)["status"] == answer.status
    assert wrong == [], wrong
    assert len(asked) > 20


async def test_the_pages_for_people_refuse_odd_forms(town: Town, visitor: Visitor) -> None:
    for path in ("/register", "/my-entry", "/link", "/link/answer", "/link/confirm"):
        for fields in ({}, {"code": "\0"}, {"code": "x" * 100_000}, {"name": "\U0001f600" * 1000, "latitude": "NaN"}):
            shown = await visitor.post(path, fields)
            assert 400 <= shown.status < 500, (path, fields, shown.status)
        async with town.session.post(town.origin + path, data=b"{" * 1000) as answer:
            assert 400 <= answer.status < 500
        many = "&".join(f"a{number}=1" for number in range(20_000))
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        async with town.session.post(town.origin + path, data=many, headers=kind) as answer:
            assert 400 <= answer.status < 500
    assert (await visitor.get("/register")).status == 200
