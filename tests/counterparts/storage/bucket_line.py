"""The line to a bucket, as a proxy that a test makes fail: calls are cut, held, answered otherwise, or let through.

Not for: storage itself (``bucket_server``).
"""

import contextlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from yarl import URL

NOTHING = "\0"
"""Which is in no path."""
_KEPT = ("etag", "content-type", "content-range")
Fault = Callable[[web.Request], Awaitable[web.Response | None]]
"""An answer instead of the bucket's; None lets the call through."""


@dataclass
class BucketLine:
    """``calls``: method, and path with query, of all that came; ``bodies``: what was put, with the SHA-256 that its
    signature names."""

    upstream: str
    origin: str = ""
    fault: Fault | None = None
    loses_answers_to: str = NOTHING
    """Calls whose path and query hold this are done, and what the bucket says to them is lost: once."""
    flips_in: str = NOTHING
    """What is put to a path that holds this arrives with another byte than was sent, ``flips`` times."""
    flips: int = 0
    calls: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[tuple[bytes, str]] = field(default_factory=list)

    def cut(self) -> None:
        """The line is down until ``fault`` is None again."""
        self.fault = cut


async def cut(request: web.Request) -> None:
    """In the middle of what is sent, where there is so much."""
    await request.content.readany()
    assert request.transport is not None
    request.transport.abort()


def saying(status: int, code: str) -> Fault:
    """As S3 documents its errors."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>It is so.</Message></Error>"
        return web.Response(status=status, text=body, content_type="application/xml")

    return answer


def only(words: str, fault: Fault) -> Fault:
    """For calls of which the method, path and query hold ``words``."""

    async def chosen(request: web.Request) -> web.Response | None:
        return await fault(request) if words in f"{request.method} {request.raw_path}" else None

    return chosen


@contextlib.asynccontextmanager
async def line_to(upstream: str) -> AsyncIterator[BucketLine]:
    line = BucketLine(upstream)
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def carry(request: web.Request) -> web.Response:
            line.calls.append((request.method, request.raw_path))
            if line.fault is not None and (answer := await line.fault(request)) is not None:
                return answer
            if request.transport is None or request.transport.is_closing():
                return web.Response()
            return await _carried(session, line, request)

        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{tail:.*}", carry)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            line.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield line
        finally:
            await runner.cleanup()


async def _carried(session: aiohttp.ClientSession, line: BucketLine, request: web.Request) -> web.Response:
    body = await request.read()
    if request.method == "PUT":
        line.bodies.append((body, request.headers["x-amz-content-sha256"]))
        if line.flips and line.flips_in in request.raw_path:
            line.flips -= 1
            body = bytes([body[0] ^ 1]) + body[1:]
    async with session.request(
        request.method,
        URL(line.upstream + request.raw_path, encoded=True),
        headers=request.headers,  # the host too: it was signed
        data=io.BytesIO(body) if body else None,
    ) as answer:
        content = await answer.read()
    if line.loses_answers_to in request.raw_path:
        line.loses_answers_to = NOTHING
        assert request.transport is not None
        request.transport.abort()
    kept = {name: value for name, value in answer.headers.items() if name.lower() in _KEPT}
    return web.Response(status=answer.status, body=content, headers=kept)
