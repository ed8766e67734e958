"""The desk's door for browsers: by which name it is called, from which site, by whom; and the headers of every answer.

Not for: codes and sessions (``portal.officer.desk.door``).
"""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from exchange.errors import (
    DocumentInvalid,
    HandoverError,
    InputInvalid,
    NotFound,
    NotPermitted,
    PortalUnreachable,
)
from exchange.signing.logins import WANTED_HEADER
from portal.officer.connection import LoginNeeded
from portal.officer.desk.site import INSIDE, Site, render, site_of
from portal.officer.login.loopback import PATH

log = logging.getLogger(__name__)

OPEN = ("/come-in", "/static", PATH)
"""What may be seen without a session."""
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def cookie_name(site: Site) -> str:
    """Browsers keep cookies by host and not by port: two desks on one machine must not take each other's."""
    return f"handover-desk-{site.port}"


@web.middleware
async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what may not come in; errors that a person must know become a page, or JSON for a script."""
    try:
        return await _pass(request, handler)
    except web.HTTPException as error:
        if error.status >= 400:
            return _failed(request, error.status, _told(error))
        raise
    except LoginNeeded as error:
        return _failed(request, _status(error), error, await _posted(request))
    except HandoverError as error:
        return _failed(request, _status(error), error)
    except ConnectionError:  # whoever asked has gone
        raise
    except Exception:
        log.exception("%s %s: an error that should not be", request.method, request.path)
        unknown = HandoverError("Something went wrong here.", do="Try it again; the terminal has the details.")
        return _failed(request, 500, unknown)


async def _pass(request: web.Request, handler: Handler) -> web.StreamResponse:
    site = site_of(request)
    if request.host.lower() not in (f"127.0.0.1:{site.port}", f"localhost:{site.port}"):
        # A name of another site that leads here (DNS rebinding) would be in the browser's eyes that site.
        raise web.HTTPMisdirectedRequest(reason="This page is not called by that name.")
    _refuse_other_sites(request)
    if site.door.is_in(request.cookies.get(cookie_name(site), "")):
        request[INSIDE] = True
    elif not any(request.path == top or request.path.startswith(f"{top}/") for top in OPEN):
        if request.method == "GET" and _navigates(request):
            raise web.HTTPSeeOther("/come-in")
        raise web.HTTPUnauthorized(reason="You are not logged in here any more: reload the page.")
    return await handler(request)


def _refuse_other_sites(request: web.Request) -> None:
    fetched = request.headers.get("Sec-Fetch-Site")
    if request.headers.get("Sec-Fetch-Dest") in ("iframe", "frame", "embed", "object"):
        raise web.HTTPForbidden(reason="This page is not shown within another.")
    if request.method in ("GET", "HEAD"):
        if fetched in ("cross-site", "same-site") and not _navigates(request):
            raise web.HTTPForbidden(reason="Another site may not read this page.")
        return
    if request.headers.get("Origin") != f"http://{request.host}" or fetched not in (None, "same-origin"):
        raise web.HTTPForbidden(reason="That came from another site.")


async def set_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Before any answer begins."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["Server"] = "Handover"
    if INSIDE in request and site_of(request).client.is_login_missing:
        response.headers[WANTED_HEADER] = "wanted"


def _navigates(request: web.Request) -> bool:
    return request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"


def _told(error: web.HTTPException) -> HandoverError:
    if error.reason in ("Not Found", "Method Not Allowed"):
        return HandoverError("There is no such page here.", do="Begin at one of those that are named above.")
    return HandoverError(error.reason)


async def _posted(request: web.Request) -> list[tuple[str, str]]:
    """What a person typed, to be sent again once they are logged in."""
    if request.method != "POST" or not _navigates(request):
        return []
    return [(name, value) for name, value in (await request.post()).items() if isinstance(value, str)]


def _failed(
    request: web.Request, status: int, error: HandoverError, posted: list[tuple[str, str]] | None = None
) -> web.StreamResponse:
    if not _navigates(request):
        told = {"what": error.what, "meaning": error.meaning, "do": error.do, "kind": type(error).__name__}
        return web.json_response(told, status=status)
    values = {"error": error, "posted": posted, "method": request.method, "action": request.path_qs}
    return render(request, "error.html", status_code=status, **values)


def _status(error: HandoverError) -> int:
    if isinstance(error, NotPermitted):
        return 403
    if isinstance(error, NotFound):
        return 404
    if isinstance(error, PortalUnreachable):
        return 502
    return 400 if isinstance(error, DocumentInvalid | InputInvalid) else 409
