"""Several forces' portals on one address, each under its own origin: another host, or another path.

What a force serves is its own application, as if it were alone; nothing of a call passes between two. Not for: what a
force's portal answers (``portal.api.app``).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from aiohttp import web

from exchange.documents.api import MAX_BODY
from portal.api.app import from_aiohttp, make_headers
from portal.api.probes import HEALTH, READY, lives, ready
from portal.service import PORTAL

_PORTALS: web.AppKey[tuple[web.Application, ...]] = web.AppKey("portals", tuple)


def join(apps: Sequence[web.Application]) -> web.Application:
    """One application of all of them; of one that has its host to itself, that one."""
    if len(apps) == 1 and not apps[0][PORTAL].base_path:
        return apps[0]
    root = web.Application(middlewares=[_judge], client_max_size=MAX_BODY)
    root[_PORTALS] = tuple(apps)
    root.router.add_route("GET", HEALTH, lives)
    root.router.add_route("GET", READY, _all_ready)
    root.on_response_prepare.append(make_headers)
    for app in apps:
        portal = app[PORTAL]
        if portal.base_path:
            root.add_subapp(portal.base_path, app)
        else:
            root.add_domain(urlsplit(portal.origin).netloc, app)
    return root


async def _all_ready(request: web.Request) -> web.Response:
    """200 when each force's portal may be given calls."""
    answers = await asyncio.gather(*(ready(app[PORTAL]) for app in request.app[_PORTALS]))
    return next((answer for answer in answers if answer.status != 200), answers[0])


@web.middleware
async def _judge(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """What no force's portal answered."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return from_aiohttp(error)
