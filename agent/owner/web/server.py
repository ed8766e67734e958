"""The owner's page as a server: where it listens, over what, and that a port which is taken stops nothing else.

Not for: who may come in (``gate``), or the pages.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from agent.owner.operations.context import Owned
from agent.owner.people import page_certificate
from agent.owner.people.page_address import certified_names, is_open, names_of, url_of
from agent.owner.people.proofs import Proofs
from agent.owner.web import (
    bringing,
    camera_pages,
    events,
    handing_over,
    home,
    login,
    noting,
    offering,
    recorder_pages,
    review,
    settings_pages,
    video,
)
from agent.owner.web.afterwards import conversation, how_it_went
from agent.owner.web.brake import Brake
from agent.owner.web.gate import gate, set_headers
from agent.owner.web.record_pages import gone_back
from agent.owner.web.record_pages import register as register_pages
from agent.owner.web.record_pages import subjects as subject_pages
from agent.owner.web.site import SITE, STATIC, Site, set_up, static
from agent.requests.review.viewing import Viewings
from agent.settings.model import Settings

log = logging.getLogger(__name__)

_MAX_FORM = 512 * 1024
_YEAR = 365 * 86400
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def make_app(agent: Owned, viewings: Viewings, settings: Settings) -> web.Application:
    page, services = settings.page, agent.services
    app = web.Application(middlewares=[gate], client_max_size=_MAX_FORM)
    app[SITE] = Site(
        agent=agent,
        viewings=viewings,
        proofs=Proofs(services.store, services.run_job, services.clock.now),
        brake=Brake(services.clock.monotonic),
        names=names_of(page),
        port=page.port,
        secure=is_open(page),
    )
    app.on_response_prepare.append(set_headers)
    set_up(app)
    recorder_pages.set_up(app)
    rooms = (
        login,
        home,
        review,
        gone_back,
        conversation,
        how_it_went,
        noting,
        bringing,
        offering,
        recorder_pages,
        camera_pages,
        settings_pages,
        video,
        handing_over,
        events,
        register_pages,
        subject_pages,
    )
    for room in rooms:
        app.add_routes(room.routes())
    app.router.add_get("/static/{version}/{name}", _static)
    app.router.add_get("/favicon.ico", _icon)
    return app


async def _static(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    path = STATIC / name
    if path.parent != STATIC or path.suffix not in _KINDS or not path.is_file():
        raise web.HTTPNotFound
    content = await asyncio.to_thread(path.read_bytes)
    fresh = request.path == static(name)
    cache = f"public, max-age={_YEAR}, immutable" if fresh else "no-store"
    return web.Response(
        body=content, content_type=_KINDS[path.suffix], charset="utf-8", headers={"Cache-Control": cache}
    )


async def _icon(request: web.Request) -> web.Response:
    raise web.HTTPMovedPermanently(static("icon.svg"))


@asynccontextmanager
async def serve_page(agent: Owned, viewings: Viewings, settings: Settings) -> AsyncIterator[None]:
    """Serve while the block runs, if the settings want it; a port that is taken is told, and hinders nothing else."""
    page = settings.page
    if not page.enabled:
        yield
        return
    tls = None
    if is_open(page):
        pem = settings.keys / "page.pem"
        fingerprint = await asyncio.to_thread(page_certificate.load_or_make, pem, certified_names(page))
        log.info("the page's certificate: SHA-256 %s", fingerprint)
        tls = page_certificate.context(pem)
    runner = web.AppRunner(
        make_app(agent, viewings, settings),
        access_log=None,
        handle_signals=False,
        shutdown_timeout=2,
        handler_cancellation=True,  # whoever seeks elsewhere waits no more for what they left
    )
    await runner.setup()
    troubles = agent.services.progress.troubles
    try:
        try:
            await web.TCPSite(runner, page.address, page.port, ssl_context=tls, reuse_address=True).start()
            troubles.pop("page", None)
            log.info("the owner's page: %s", url_of(page))
        except OSError as error:
            troubles["page"] = f"The owner's page can't be served at {page.address} port {page.port}: {error.strerror}."
            log.error("%s Give it another with page.port in handover.yaml.", troubles["page"])
        yield
    finally:
        await runner.cleanup()
        await viewings.close()
