"""What a supervisor or a load balancer asks: does the process live, and may it be given calls.

Not for: what a county's monitoring collects (``portal.api.metrics``).
"""

import asyncio
import json

from aiohttp import web
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.service import PORTAL, Portal

ANSWERS_WITHIN = 2
"""Seconds for the database."""
HEALTH = "/healthz"
READY = "/readyz"


def add_probes(app: web.Application) -> None:
    app.router.add_route("GET", HEALTH, lives)
    app.router.add_route("GET", READY, _is_ready)


async def lives(_: web.Request) -> web.Response:
    return web.json_response({"lives": True})


async def _is_ready(request: web.Request) -> web.Response:
    return await ready(request.app[PORTAL])


async def ready(portal: Portal) -> web.Response:
    """200, or 503 when calls should go to another replica. It says which part, and nothing more, as anyone may ask."""
    parts = {
        "database": await _database_answers(portal),
        "disk": await _has_room(portal),
        "stays": not portal.bell.closing,
    }
    good = all(parts.values())
    text = json.dumps({"ready": good, **parts})
    return web.Response(status=200 if good else 503, text=text, content_type="application/json")


async def _database_answers(portal: Portal) -> bool:
    try:
        async with asyncio.timeout(ANSWERS_WITHIN):
            return await portal.db.read(_one)
    except Exception:  # whatever it is: it does not answer
        return False


async def _has_room(portal: Portal) -> bool:
    try:
        return await portal.uploads.free() > portal.settings.limits.free_bytes
    except OSError:
        return False


def _one(session: Session) -> bool:
    return bool(session.execute(text("SELECT 1")).scalar_one())
