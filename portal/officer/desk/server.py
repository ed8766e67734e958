"""The officer's page as a server on this machine's own 127.0.0.1: from the officer's tools to a page that is served.

Not for: who may come in (``portal.officer.desk.gate``), or the pages.
"""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import web

from exchange.documents.messages import Credential
from exchange.errors import InputInvalid
from portal.officer.client import OfficerClient
from portal.officer.crime.gazetteer import Gazetteer, Geocoder
from portal.officer.desk import entrance
from portal.officer.desk.door import Door
from portal.officer.desk.gate import gate, set_headers
from portal.officer.desk.logins import look_whether_needed
from portal.officer.desk.page import Page
from portal.officer.desk.pages import PAGES
from portal.officer.desk.settings import DeskSettings, path_of, read_settings
from portal.officer.desk.site import KINDS, SITE, Site, set_up, static, statics
from portal.officer.desk.tiles import open_tiles
from portal.officer.state import OfficerState
from portal.officer.tools import Tools

MAX_FORM = 1024 * 1024
_YEAR = 365 * 86400


def _make_app(site: Site, pages: tuple[Page, ...]) -> web.Application:
    site.links = tuple(page.link for page in pages if page.link is not None)
    app = web.Application(middlewares=[gate], client_max_size=MAX_FORM)
    app[SITE] = site
    app.on_response_prepare.append(set_headers)
    for page in pages:
        app.add_routes(page.routes)
        if page.set_up is not None:
            app.on_startup.append(page.set_up)
    app.router.add_get("/static/{version}/{name}", _static)
    app.router.add_get("/favicon.ico", _icon)
    set_up(app)
    return app


@asynccontextmanager
async def serve_desk(tools: Tools, zone: ZoneInfo, port: int = 0) -> AsyncIterator[Site]:
    """Serve while the block runs, at a free port unless one is named. InputInvalid for one that is taken.

    SettingsInvalid, KeyFileUnusable or CredentialInvalid when the officer isn't set up.
    """
    client, officer = await asyncio.to_thread(_officer, tools)
    settings, geocoder = await asyncio.to_thread(_maps, tools.state)
    async with client, aiohttp.ClientSession() as session:
        tiles = await asyncio.to_thread(open_tiles, tools.state, settings, session)
        with _listening(port) as listening:
            door, own_port = Door(tools.clock.monotonic), listening.getsockname()[1]
            site = Site(tools, client, officer, zone, door, own_port, settings, geocoder, tiles)
            app = await asyncio.to_thread(_make_app, site, (entrance.PAGE, *PAGES))
            runner = web.AppRunner(
                app, access_log=None, handle_signals=False, shutdown_timeout=2, handler_cancellation=True
            )
            await runner.setup()
            try:
                await web.SockSite(runner, listening).start()
                looking = asyncio.create_task(look_whether_needed(site))
                yield site
            finally:
                looking.cancel()
                await runner.cleanup()


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        words = "is taken" if error.errno == errno.EADDRINUSE else f"can't be used: {error.strerror}"
        raise InputInvalid(f"The port {port} {words}.", do="Give another with --port, or none.") from None


def _officer(tools: Tools) -> tuple[OfficerClient, Credential]:
    return tools.client(), tools.state.credential(tools.clock.now())[1]


def _maps(state: OfficerState) -> tuple[DeskSettings, Geocoder | None]:
    settings = read_settings(state)
    if settings.gazetteer is None:
        return settings, None
    return settings, Gazetteer(path_of(state, settings.gazetteer))


async def _static(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    content = statics().get(name)
    if content is None:
        raise web.HTTPNotFound
    fresh = request.path == static(name)
    cache = f"public, max-age={_YEAR}, immutable" if fresh else "no-store"
    kind = KINDS[name[name.rindex(".") :]]
    return web.Response(body=content, content_type=kind, charset="utf-8", headers={"Cache-Control": cache})


async def _icon(request: web.Request) -> web.Response:
    raise web.HTTPMovedPermanently(static("icon.svg"))
