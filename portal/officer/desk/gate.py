"""The desk's door for browsers: by which name it is called, from which site, by whom; and the headers of every answer.

Not for: codes and sessions (``portal.officer.desk.door``).
"""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from exchange.errors import HandoverError
from exchange.own_pages import headers_of, navigates, put_on, refuse_other_sites, status_of
from exchange.signing.logins import WANTED_HEADER
from portal.officer.connection import LoginNeeded
from portal.officer.desk.site import INSIDE, Site, render, site_of
from portal.officer.login.loopback import PATH

log = logging.getLogger(__name__)

OPEN = ("/come-in", "/static", PATH)
"""What may be seen without a session."""
_HEADERS = headers_of(media="'self' blob:", opener="same-origin-allow-popups")
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
        return _failed(request, status_of(error), error, await _posted(request))
    except HandoverError as error:
        return _failed(request, status_of(error), error)
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
    refuse_other_sites(request, f"http://{request.host}")
    if site.door.is_in(request.cookies.get(cookie_name(site), "")):
        request[INSIDE] = True
    elif not any(request.path == top or request.path.startswith(f"{top}/") for top in OPEN):
        if request.method == "GET" and navigates(request):
            raise web.HTTPSeeOther("/come-in")
        raise web.HTTPUnauthorized(reason="You are not logged in here any more: reload the page.")
    return await handler(request)


async def set_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Before any answer begins."""
    put_on(response, _HEADERS)
    if INSIDE in request and site_of(request).client.is_login_missing:
        response.headers[WANTED_HEADER] = "wanted"


def _told(error: web.HTTPException) -> HandoverError:
    if error.reason in ("Not Found", "Method Not Allowed"):
        return HandoverError("There is no such page here.", do="Begin at one of those that are named above.")
    return HandoverError(error.reason)


async def _posted(request: web.Request) -> list[tuple[str, str]]:
    """What a person typed, to be sent again once they are logged in."""
    if request.method != "POST" or not navigates(request):
        return []
    return [(name, value) for name, value in (await request.post()).items() if isinstance(value, str)]


def _failed(
    request: web.Request, status: int, error: HandoverError, posted: list[tuple[str, str]] | None = None
) -> web.StreamResponse:
    if not navigates(request):
        told = {"what": error.what, "meaning": error.meaning, "do": error.do, "kind": type(error).__name__}
        return web.json_response(told, status=status)
    values = {"error": error, "posted": posted, "method": request.method, "action": request.path_qs}
    return render(request, "error.html", status_code=status, **values)
