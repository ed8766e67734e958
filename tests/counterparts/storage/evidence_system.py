"""An evidence system's HTTP interface, as docs/connectors.md lists it: a stand-in, as vendors give none for tests.

Not for: tests themselves. ``breaks``: what it fails at, once each.
"""

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

SECRET = base64.b64encode(b"a client's secret of this stand-in").decode()
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass
class Held:
    attributes: dict[str, Any]
    content: bytearray = field(default_factory=bytearray)
    state: str = "uploading"


@dataclass
class EvidenceSystem:
    """``breaks``: calls that fail, as method and the path's end, with a status; 0 drops the connection after the work.
    ``calls``: what was called, in order; the stand-in fails a test that sends the secret anywhere but to the token."""

    origin: str = ""
    cases: dict[str, dict[str, Any]] = field(default_factory=dict)
    evidence: dict[str, Held] = field(default_factory=dict)
    breaks: list[tuple[str, str, int]] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    tokens: int = 0
    spoils: bool = False
    """Whether it keeps other bytes than it gets."""

    def content(self, title_end: str) -> bytes:
        (found,) = [each for each in self.evidence.values() if each.attributes["title"].endswith(title_end)]
        return bytes(found.content)

    # -- the interface ---------------------------------------------------------------------------------------------

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        wanted = {"grant_type": "client_credentials", "partner_id": "force-1", "client_id": "client-1"}
        if dict(form) != wanted | {"client_secret": SECRET}:
            return web.json_response({"error": "invalid_client"}, status=401)
        self.tokens += 1
        return web.json_response({"access_token": f"token-{self.tokens}", "token_type": "bearer", "expires_in": 3600})

    async def find_case(self, request: web.Request) -> web.Response:
        name = request.query["externalId"]
        return _many([_item(each, {"externalId": name}) for each, of in self.cases.items() if of["externalId"] == name])

    async def make_case(self, request: web.Request) -> web.Response:
        attributes = (await request.json())["data"]["attributes"]
        number = f"case-{len(self.cases) + 1}"
        self.cases[number] = attributes
        return web.json_response({"data": _item(number, attributes)}, status=201)

    async def find_evidence(self, request: web.Request) -> web.Response:
        name = request.query["externalId"]
        return _many([_told(key, of) for key, of in self.evidence.items() if of.attributes["externalId"] == name])

    async def make_evidence(self, request: web.Request) -> web.Response:
        attributes = (await request.json())["data"]["attributes"]
        assert attributes["caseId"] in self.cases
        number = f"item/{len(self.evidence) + 1}"
        self.evidence[number] = Held(attributes)
        return web.json_response({"data": _told(number, self.evidence[number])}, status=201)

    async def read(self, request: web.Request) -> web.Response:
        number = request.match_info["number"]
        return web.json_response({"data": _told(number, self.evidence[number])})

    async def put(self, request: web.Request) -> web.Response:
        held, content = self.evidence[request.match_info["number"]], await request.read()
        found = _RANGE.fullmatch(request.headers["Content-Range"])
        assert found is not None
        begin, end, size = map(int, found.groups())
        if end < len(held.content):  # it is there already: the answer to it was lost
            return web.Response(status=204)
        assert (begin, end - begin + 1, size) == (len(held.content), len(content), held.attributes["size"])
        held.content += b"?" * len(content) if self.spoils else content
        return web.Response(status=204)

    async def complete(self, request: web.Request) -> web.Response:
        number = request.match_info["number"]
        held, said = self.evidence[number], (await request.json())["sha256"]
        assert len(held.content) == held.attributes["size"]
        if hashlib.sha256(held.content).hexdigest() != said:
            return web.json_response({"errors": [{"status": 422, "description": "the checksum differs"}]}, status=422)
        held.state = "stored"
        return web.json_response({"data": _told(number, held)})

    @web.middleware
    async def guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        assert SECRET not in request.path_qs
        self.calls.append((request.method, request.path.rpartition("/")[2]))
        for each in self.breaks:
            method, end, status = each
            if request.method == method and request.path.endswith(end):
                self.breaks.remove(each)
                if status:
                    return web.json_response({"errors": [{"description": "not now <b>"}]}, status=status)
                await handler(request)
                assert request.transport is not None
                request.transport.close()
                return web.Response()
        if not request.path.endswith("/token") and request.headers["Authorization"] != f"Bearer token-{self.tokens}":
            return web.json_response({"errors": [{"description": "Unauthorized"}]}, status=401)
        answer: web.StreamResponse = await handler(request)
        return answer


@asynccontextmanager
async def evidence_system() -> AsyncIterator[EvidenceSystem]:
    system = EvidenceSystem()
    app = web.Application(middlewares=[system.guard], client_max_size=64 * 1024 * 1024)
    top = "/api/v2/agencies/force-1"
    app.add_routes(
        [
            web.post("/api/oauth2/token", system.token),
            web.get(f"{top}/cases", system.find_case),
            web.post(f"{top}/cases", system.make_case),
            web.get(f"{top}/evidence", system.find_evidence),
            web.post(f"{top}/evidence", system.make_evidence),
            web.get(f"{top}/evidence/{{number}}", system.read),
            web.put(f"{top}/evidence/{{number}}/content", system.put),
            web.post(f"{top}/evidence/{{number}}/complete", system.complete),
        ]
    )
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    system.origin = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    try:
        yield system
    finally:
        await runner.cleanup()


def _item(number: str, attributes: dict[str, Any]) -> dict[str, Any]:
    return {"id": number, "type": "any", "attributes": attributes | {"surplus": 1}}


def _told(number: str, held: Held) -> dict[str, Any]:
    more = {"uploadedBytes": len(held.content), "state": held.state}
    if held.state == "stored":
        more["sha256"] = hashlib.sha256(held.content).hexdigest()
    return _item(number, {"externalId": held.attributes["externalId"]} | more)


def _many(items: list[dict[str, Any]]) -> web.Response:
    return web.json_response({"data": items, "meta": {"count": len(items)}})
