"""A whole upload on its way to an officer, all of it or a range (RFC 9110), from wherever it lies.

Not for: whether they may have it (``portal.requests.deliveries``, ``portal.people.asked``).
"""

import contextlib
import logging
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web_request import BaseRequest

from exchange.errors import StoreUnavailable
from portal.problems import ProblemError
from portal.service import Call

log = logging.getLogger("handover.portal")
HEADERS = {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"}
Sent = Callable[[int, int, bool], Awaitable[None]]
"""Hears that bytes [first, end) went, or, when the last is False, some of them."""


async def _nobody(first: int, end: int, whole: bool) -> None:
    pass


async def send(call: Call, upload: str, size: int, sent: Sent = _nobody) -> web.StreamResponse:
    """ProblemError 410 when it is gone, 416 when there is no such range; StoreUnavailable before the first byte."""
    path = call.portal.uploads.path(upload)
    if path is not None:
        return _File(path, size, sent)
    first, end = _range(call.request, size)
    response = web.StreamResponse(status=206 if "Range" in call.request.headers else 200, headers=HEADERS)
    response.headers["Accept-Ranges"] = "bytes"
    response.content_length = end - first
    if response.status == 206:
        response.headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
    if call.request.method == "HEAD":
        return response
    whole = False
    try:
        whole = await _stream(call, response, upload, first, end)
    finally:
        if response.prepared:
            await sent(first, end, whole)
    return response


async def _stream(call: Call, response: web.StreamResponse, upload: str, first: int, end: int) -> bool:
    """Whether all of it was given away. Once the answer has begun, a fault can only end the connection."""
    request = call.request
    try:
        async with contextlib.aclosing(call.portal.uploads.read(upload, first, end)) as blocks:
            async for block in blocks:
                if not response.prepared:
                    await response.prepare(request)
                await response.write(block)
        if not response.prepared:  # it has no bytes
            await response.prepare(request)
        await response.write_eof()
    except FileNotFoundError:
        if not response.prepared:
            raise ProblemError(410, "The package lies here no more.", "Ask for it to be handed over again.") from None
    except StoreUnavailable as error:
        if not response.prepared:
            raise
        log.warning("a package broke off: %s", error.what)
    except ConnectionError:
        pass  # who fetches went away, and asks again
    else:
        return True
    if request.transport is not None:
        request.transport.abort()
    return False


def _range(request: web.Request, size: int) -> tuple[int, int]:
    try:
        asked = request.http_range
    except ValueError:
        raise _no_range(size) from None
    first = asked.start or 0
    if first < 0:
        first = max(0, size + first)
    end = size if asked.stop is None else min(asked.stop, size)
    if "Range" in request.headers and first >= end:
        raise _no_range(size)
    return first, end


def _no_range(size: int) -> ProblemError:
    return ProblemError(
        416, "There is no such range.", "Ask for one range within the package.", {"Content-Range": f"bytes */{size}"}
    )


class _File(web.FileResponse):
    """From this machine's disk, by the kernel."""

    def __init__(self, path: Path, size: int, sent: Sent) -> None:
        super().__init__(path, chunk_size=1024 * 1024, headers=HEADERS)
        self._size = size
        self._sent = sent

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        whole = False
        try:
            writer = await super().prepare(request)
            whole = True
        finally:
            if request.method == "GET" and (found := self._range()) is not None:
                await self._sent(*found, whole)
        return writer

    def _range(self) -> tuple[int, int] | None:
        if self.status == 200:
            return 0, self._size
        found = re.fullmatch(r"bytes (\d+)-(\d+)/\d+", self.headers.get("Content-Range", ""))
        return (int(found[1]), int(found[2]) + 1) if found and self.status == 206 else None
