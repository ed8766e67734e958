"""A question whose answer the library doesn't read: what it is held to all the same."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trustme
from yarl import URL

from agent.devices.onvif.odd_http import Answer, NotHttp, OtherCertificate, TooLarge, ask

WHOLE = b"<s:Envelope>1</s:Envelope>"


class Camera:
    """Answers each connection with these bytes, and leaves it open; keeps what it was sent."""

    def __init__(self, answer: bytes, *, closes: bool = False) -> None:
        self.answer, self.closes = answer, closes
        self.sent: list[bytes] = []

    @asynccontextmanager
    async def at(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[URL]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                self.sent.append(head)
                writer.write(self.answer)
                await writer.drain()
                if not self.closes:
                    await reader.read()
            except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                pass
            finally:
                writer.transport.abort()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        try:
            yield URL(f"{'https' if tls else 'http'}://127.0.0.1:{port}/onvif/device_service?a=1")
        finally:
            server.close()


async def asked(url: URL, *, fingerprint: bytes | None = None, most: int = 1000, **fields: str) -> Answer:
    async with asyncio.timeout(20):
        return await ask(url, b"<q/>", fields, fingerprint=fingerprint, most=most, connect_seconds=5)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\n" + WHOLE,
        b"HTTP/1.1 200\nContent-Length: 0\nContent-Length: x\n\n" + WHOLE,
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n1A;a=b\r\n" + WHOLE + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0000000A\r\n" + WHOLE[:10] + b"\r\n10\r\n" + WHOLE[10:],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + WHOLE,
    ],
)
async def test_an_answer_ends_where_its_envelope_does(answer: bytes) -> None:
    async with Camera(answer).at() as url:
        got = await asked(url)
    assert (got.status, got.content.strip()) == (200, WHOLE)


async def test_a_refusal_without_a_body_ends_by_its_length() -> None:
    fields = [b'WWW-Authenticate : Digest realm="a"', b"www-authenticate: Basic", b"Content-Length : 0"]
    answer = b"\r\n".join([b"HTTP/1.1 401 No", *fields, b"", b""])
    async with Camera(answer).at() as url:
        got = await asked(url)
    assert (got.status, got.content) == (401, b"")
    assert [value for name, value in got.fields if name.lower() == "www-authenticate"] == [
        'Digest realm="a"', "Basic",
    ]  # fmt: skip


async def test_what_is_sent_is_one_question_of_a_connection() -> None:
    camera = Camera(b"HTTP/1.1 200 OK\r\n\r\n" + WHOLE)
    async with camera.at() as url:
        await asked(url, Authorization='Digest username="owner"')
    (sent,) = camera.sent
    lines = sent.decode().split("\r\n")
    assert lines[0] == "POST /onvif/device_service?a=1 HTTP/1.1"
    assert {f"Host: {url.authority}", "Content-Length: 4", "Connection: close"} <= set(lines)


async def test_a_line_end_in_a_challenge_adds_no_line_to_the_question() -> None:
    camera = Camera(b"HTTP/1.1 200 OK\r\n\r\n" + WHOLE)
    async with camera.at() as url:
        with pytest.raises(NotHttp, match="line's end"):
            await asked(url, Authorization='Digest realm="a\r\nX: 1"')
    assert camera.sent == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", NotHttp),
        (b"HTTP/1.1 2000 OK\r\n\r\n", NotHttp),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000, NotHttp),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 70_000, TooLarge),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n" + b"a" * 2048 + b"\r\n0\r\n\r\n", TooLarge),
        (b"HTTP/1.1 100 Go\r\n\r\n" * 4000, NotHttp),
        (b"", EOFError),
        (b"\r\n\r\n", EOFError),
    ],
)
async def test_what_is_no_answer_or_too_large_is_called_that(answer: bytes, why: type[Exception]) -> None:
    async with Camera(answer, closes=True).at() as url:
        with pytest.raises(why):
            await asked(url)


async def test_over_tls_only_the_pinned_certificate_is_asked() -> None:
    issued = trustme.CA().issue_cert("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    pin = hashlib.sha256(ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())).digest()
    camera = Camera(b"HTTP/1.1 200 OK\r\n\r\n" + WHOLE)
    async with camera.at(context) as url:
        with pytest.raises(OtherCertificate):
            await asked(url, fingerprint=bytes(32))
        with pytest.raises(ssl.SSLCertVerificationError):
            await asked(url)
        assert camera.sent == []
        assert (await asked(url, fingerprint=pin)).content == WHOLE
