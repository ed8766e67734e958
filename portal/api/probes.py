"""What a supervisor or a load balancer asks: does the process live, and may it be given calls.

Not for: what a county's monitoring collects (``portal.api.metrics``).
"""

import asyncio
import json
import logging

from aiohttp import web
from sqlalchemy import text
from sqlalchemy.orm import Session

from exchange.clock import SECOND
from portal.service import PORTAL, Portal
from portal.tokens import LEEWAY

log = logging.getLogger("handover.portal")
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
        portal.uploads.kind: await portal.uploads.is_ready(portal.settings.limits.free_bytes),
        "stays": not portal.bell.closing,
    }
    good = all(parts.values())
    if portal.db.shared:
        parts["clock"] = await _clock_is_right(portal)
    text = json.dumps({"ready": good, **parts})
    return web.Response(status=200 if good else 503, text=text, content_type="application/json")


async def _database_answers(portal: Portal) -> bool:
    try:
        async with asyncio.timeout(ANSWERS_WITHIN):
            return await portal.db.read(_one)
    except Exception:  # whatever it is: it does not answer
        return False


async def _clock_is_right(portal: Portal) -> bool:
    """Whether this machine and PostgreSQL's have the same time, so near that tokens are taken. Where they have not, it
    is not known whose is wrong: it is said, and calls go on."""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN):
            begun = portal.clock.monotonic()
            theirs = await portal.db.read(_time)
            took = portal.clock.monotonic() - begun
    except Exception:  # whatever it is: it does not answer, and is told as that
        return True
    off = abs(portal.clock.now() - took // 2 - theirs)
    if off > LEEWAY * SECOND:
        log.warning("this clock and the database's are %d s apart; callers' tokens may be refused", off // SECOND)
    return off <= LEEWAY * SECOND


def _time(session: Session) -> int:
    return int(session.execute(text("SELECT extract(epoch FROM clock_timestamp()) * 1000000")).scalar_one())


def _one(session: Session) -> bool:
    return bool(session.execute(text("SELECT 1")).scalar_one())
