"""A portal that answers as the protocol says until a test tells it otherwise, and keeps every call that reached it.

Not for: how a portal should be (``portal`` is that one). It believes everything and checks nothing.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web
from multidict import CIMultiDict

from exchange.documents import api
from exchange.documents.api import ForceInfo, Inbox, InboxItem, InboxKind
from exchange.documents.messages import Signed
from exchange.signing.documents import PublicKey

Handler = Callable[["Call", web.Request], Awaitable[web.StreamResponse]]
ENDLESS = b" " * 65536
SIGNED_BY = ("Authorization", "Tus-Resumable")


@dataclass
class Call:
    """What reached the portal."""

    method: str
    path: str
    query: dict[str, str]
    headers: CIMultiDict[str]
    body: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Fault:
    method: str
    path: str
    handler: Handler
    times: int


@dataclass
class Upload:
    size: int
    content: bytearray = field(default_factory=bytearray)


class HostilePortal:
    """Tell it what to do with ``put`` and ``fault``; ask ``calls`` what came."""

    def __init__(self, force: str, key: PublicKey) -> None:
        self.force = force
        self.key = key
        self.origin = ""
        self.device = ""
        self.calls: list[Call] = []
        self.items: list[InboxItem] = []
        self.faults: list[Fault] = []
        self.uploads: dict[str, Upload] = {}
        self.uploads_at = api.UPLOADS

    # -- what a test says --

    def put(self, signed: Signed, kind: InboxKind = InboxKind.REQUEST) -> None:
        """Serve a document in the inbox, whatever it is."""
        self.items.append(InboxItem(cursor=len(self.items) + 1, kind=kind, signed=signed))

    def fault(self, method: str, path: str, handler: Handler, *, times: int = 1) -> None:
        """The next ``times`` calls whose path begins so are answered by ``handler``."""
        self.faults.append(Fault(method, path, handler, times))

    # -- what a test asks --

    def said(self, *, since: int = 0) -> list[str]:
        """Every call but polls and questions, as ``PUT /v1/…``."""
        return [str(call) for call in self.calls[since:] if call.method not in ("GET", "HEAD")]

    def about(self, request_id: str) -> list[Call]:
        """Every call that names this request, in its path or its body."""
        return [call for call in self.calls if request_id in call.path or request_id.encode() in call.body]

    # -- serving --

    async def handle(self, request: web.Request) -> web.StreamResponse:
        call = Call(request.method, request.path, dict(request.query), CIMultiDict(request.headers))
        self.calls.append(call)
        for fault in self.faults:
            if fault.times and fault.method == call.method and call.path.startswith(fault.path):
                fault.times -= 1
                return await fault.handler(call, request)
        return await self.answer(call, request)

    async def answer(self, call: Call, request: web.Request) -> web.StreamResponse:
        """As a good portal would."""
        if call.path.startswith(api.UPLOADS):
            return await self._tus(call, request)
        call.body = await request.read()
        match call.method, call.path:
            case "GET", api.FORCE:
                return _json(self.info())
            case "POST", api.DEVICES:
                self.device = PublicKey.parse(_document(call)["device_key"]).fingerprint
                return _json(api.Enrolled(device=self.device), 201)
            case "GET", api.CHECKPOINTS:
                return web.Response(status=404)
            case "GET", api.INBOX:
                after = int(call.query["after"])
                items = tuple(item for item in self.items if item.cursor > after)[:40]
                return _json(Inbox(cursor=items[-1].cursor if items else after, items=items))
        return web.Response(status=204)

    def info(self) -> ForceInfo:
        return ForceInfo(force=self.force, public_key=self.key.line, portal=self.origin, uploads=self.uploads_at)

    async def _tus(self, call: Call, request: web.Request) -> web.StreamResponse:
        if call.method == "POST":
            name = f"upload-{len(self.uploads) + 1}"
            self.uploads[name] = Upload(int(call.headers["Upload-Length"]))
            return web.Response(status=201, headers={"Location": f"{api.UPLOADS}/{name}"})
        upload = self.uploads.get(call.path.rpartition("/")[2])
        if upload is None:
            return web.Response(status=404)
        if call.method == "PATCH":
            if int(call.headers["Upload-Offset"]) != len(upload.content):
                return web.Response(status=409)
            async for block in request.content.iter_chunked(65536):
                upload.content += block
            return web.Response(status=204, headers={"Upload-Offset": str(len(upload.content))})
        return web.Response(
            headers={"Upload-Offset": str(len(upload.content)), "Upload-Length": str(upload.size)}, status=200
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self
        finally:
            await runner.cleanup()


def _json(part: api.Part, status: int = 200) -> web.Response:
    return web.Response(status=status, text=part.model_dump_json(), content_type="application/json")


def _document(call: Call) -> dict[str, str]:
    found: dict[str, str] = json.loads(json.loads(call.body)["document"])
    return found


# -- faults ------------------------------------------------------------------------------------------------------


def status(number: int, **headers: str) -> Handler:
    """Answer with this status and nothing else."""

    async def handler(call: Call, request: web.Request) -> web.StreamResponse:
        return web.Response(status=number, headers=headers)

    return handler


def text(content: str | bytes, number: int = 200) -> Handler:
    """Answer with these very bytes."""
    body = content.encode() if isinstance(content, str) else content

    async def handler(call: Call, request: web.Request) -> web.StreamResponse:
        return web.Response(status=number, body=body, content_type="application/json")

    return handler


def page(number: int = 200, **headers: str) -> Handler:
    """Answer as what stands between does: a network's log-in, a filter, a proxy."""

    async def handler(call: Call, request: web.Request) -> web.StreamResponse:
        content = "" if call.method == "HEAD" else "<!doctype html><title>Welcome</title><p>Please log in."
        return web.Response(status=number, text=content, content_type="text/html", headers=headers)

    return handler


def endless(sent: list[int]) -> Handler:
    """Answer with JSON that never ends; ``sent`` gets a number for each block that left."""

    async def handler(call: Call, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(10 * 10**9)})
        await answer.prepare(request)
        await answer.write(b'{"cursor": 1, "items": [')
        while True:
            await answer.write(ENDLESS)
            sent.append(len(ENDLESS))

    return handler


def hanging(held: asyncio.Event) -> Handler:
    """Take the call and never answer; ``held`` is set once it came."""

    async def handler(call: Call, request: web.Request) -> web.StreamResponse:
        held.set()
        await asyncio.Event().wait()
        raise AssertionError

    return handler


def unanswered(portal: HostilePortal) -> Handler:
    """Take the call as a good portal does, and drop the connection instead of saying so."""

    async def handler(call: Call, request: web.Request) -> web.StreamResponse:
        answer = await portal.answer(call, request)
        assert request.transport is not None
        request.transport.abort()
        return answer

    return handler


def broken_off(portal: HostilePortal, after: int) -> Handler:
    """Take ``after`` bytes of an upload, keep them, and drop the connection."""

    async def handler(call: Call, request: web.Request) -> web.StreamResponse:
        upload = portal.uploads[call.path.rpartition("/")[2]]
        upload.content += await request.content.readexactly(after)
        assert request.transport is not None
        request.transport.abort()
        return web.Response(status=500)

    return handler


def each(*handlers: Handler) -> Handler:
    """One handler after the other, a call each."""
    left: Iterator[Handler] = iter(handlers)

    async def handler(call: Call, request: web.Request) -> web.StreamResponse:
        return await next(left)(call, request)

    return handler
