"""A provider of text messages as GOV.UK Notify documents its interface: ``POST /v2/notifications/sms`` with a token of
the API key's halves (HS256, 30 seconds), 201 with an id, errors as ``{"status_code", "errors"}``. Not for: tests.
"""

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web

SERVICE, SECRET = "26785a09-ab16-4eb0-8407-a37497a57506", "3d844edf-8d35-48ac-975b-e847b4f122b0"
KEY = f"handover-{SERVICE}-{SECRET}"
TEMPLATE = "f33517ff-2a88-4f6e-b855-c550268ce08a"


@dataclass
class NotifyStandIn:
    """``refusal``: a status and an error to answer with instead."""

    url: str = ""
    taken: list[dict[str, Any]] = field(default_factory=list)
    refusal: tuple[int, str, str] | None = None

    async def send(self, request: web.Request) -> web.Response:
        try:
            claims = jwt.decode(
                request.headers["Authorization"].removeprefix("Bearer "),
                SECRET,
                algorithms=["HS256"],
                issuer=SERVICE,
                options={"verify_iat": False},
            )
            assert abs(claims["iat"] - time.time()) <= 30
        except (jwt.PyJWTError, KeyError, AssertionError):
            return _error(403, "AuthError", "Invalid token")
        if self.refusal is not None:
            return _error(*self.refusal)
        body = await request.json()
        if body["template_id"] != TEMPLATE or set(body["personalisation"]) != {"text"}:
            return _error(400, "BadRequestError", "Missing personalisation: text")
        self.taken.append(body)
        text = body["personalisation"]["text"]
        told = {"id": str(uuid.uuid4()), "reference": None, "content": {"body": text, "from_number": "40604"}}
        return web.json_response(told, status=201)


def _error(status: int, kind: str, message: str) -> web.Response:
    told = {"status_code": status, "errors": [{"error": kind, "message": message}]}
    return web.json_response(told, status=status)


@asynccontextmanager
async def notify_stand_in() -> AsyncIterator[NotifyStandIn]:
    provider = NotifyStandIn()
    app = web.Application()
    app.router.add_post("/v2/notifications/sms", provider.send)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield provider
    finally:
        await runner.cleanup()
