"""Stands between the agent and the portal and writes down all that leaves the agent, request by request.

Not for: changing anything: bytes pass as they come. Bodies of uploads are written down as SHA-256 and size; a token's
signature is left out, so that the notes can be shown to anybody.
"""

import asyncio
import base64
import contextlib
import hashlib
import itertools
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-authorization", "host"}
_NOTED = ("Upload-Offset", "Upload-Length", "Upload-Metadata", "Content-Type", "Content-Length", "User-Agent")


class SentNotes:
    """Serves on ``door``, a listening socket, and passes everything on; notes go to ``folder``."""

    def __init__(self, folder: Path, door: socket.socket) -> None:
        self._folder = folder
        self._door = door
        self._numbers = itertools.count(1)
        self._runner: web.AppRunner | None = None

    async def start(self, upstream: str) -> None:
        """Pass on to ``upstream``, such as http://127.0.0.1:8080."""
        self._upstream = upstream
        self._folder.mkdir(parents=True, exist_ok=True)
        self._session = aiohttp.ClientSession(
            auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None), cookie_jar=aiohttp.DummyCookieJar()
        )
        app = web.Application(client_max_size=1 << 40)
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.SockSite(self._runner, self._door).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            await self._session.close()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        from_agent = not request.path.startswith("/v1/officer")
        body = _Body(request, keep=from_agent)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        has_body = request.can_read_body
        async with self._session.request(
            request.method,
            self._upstream + request.path_qs,
            headers=headers,
            data=body.blocks() if has_body else None,
            allow_redirects=False,
        ) as answer:
            status = answer.status
            response = web.StreamResponse(status=status)
            for name, value in answer.headers.items():
                if name.lower() not in _HOP:
                    response.headers[name] = value
            # Who asked may be gone by now, as at the end of a long poll; what left the agent is noted all the same.
            with contextlib.suppress(ConnectionError):
                await response.prepare(request)
                async for block in answer.content.iter_any():
                    await response.write(block)
                await response.write_eof()
        if from_agent:
            await asyncio.to_thread(self._note, request, body, status)
        return response

    def _note(self, request: web.Request, body: "_Body", status: int) -> None:
        number = next(self._numbers)
        note: dict[str, Any] = {
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "headers": {name: request.headers[name] for name in _NOTED if name in request.headers},
            "token": _claims(request.headers.get("Authorization", "")),
            "body": body.noted(),
            "answered": status,
        }
        name = request.path.strip("/").replace("/", "-")[:80]
        path = self._folder / f"{number:04d}-{request.method}-{name}.json"
        path.write_text(json.dumps(note, indent=2, ensure_ascii=False) + "\n")


class _Body:
    """A request's body on its way: hashed, and kept while it is a small document."""

    def __init__(self, request: web.Request, *, keep: bool) -> None:
        self._request = request
        self._keep = keep and "json" in request.content_type
        self._kept = bytearray()
        self._hash = hashlib.sha256()
        self._size = 0

    async def blocks(self) -> AsyncIterator[bytes]:
        async for block in self._request.content.iter_any():
            self._hash.update(block)
            self._size += len(block)
            if self._keep:
                self._kept += block
            yield block

    def noted(self) -> Any:
        if not self._size:
            return None
        if self._keep:
            try:
                return json.loads(self._kept)
            except ValueError:
                pass
        return {"sha256": self._hash.hexdigest(), "bytes": self._size}


def _claims(authorization: str) -> dict[str, Any] | None:
    """What a token says, without the signature that makes it one."""
    parts = authorization.removeprefix("Bearer ").split(".")
    if len(parts) != 3:
        return None
    padded = parts[1] + "=" * (-len(parts[1]) % 4)
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(padded))
    return claims
