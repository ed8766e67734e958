"""The page's door: which host it may be called by, from which site, by whom; and the headers of every answer.

Not for: proving who somebody is (``login``), or what they may do (``agent.owner.operations.table`` checks each act).
"""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from agent.owner.people.proofs import has_proof
from agent.owner.people.sessions import session_of
from agent.owner.web.site import LANGUAGE, SESSION, render, site_of
from agent.owner.words import LANGUAGES, choose
from exchange.errors import HandoverError
from exchange.own_pages import headers_of, navigates, put_on, refuse_other_sites, status_of

log = logging.getLogger(__name__)

COOKIE = "handover"
OPEN = ("/login", "/static", "/pair", "/language")
"""What may be seen without a session."""
FIRST = ("/welcome", "/logout")
"""What may be done before there is a password or a passkey."""
_HEADERS = headers_of()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what may not come in; everything else passes on with its person."""
    try:
        return await _pass(request, handler)
    except web.HTTPException as error:
        if error.status >= 400:
            return _failed(request, error.status, HandoverError(error.reason))
        raise
    except HandoverError as error:
        return _failed(request, status_of(error), error)
    except ConnectionError:  # whoever asked has gone
        raise
    except Exception:
        log.exception("%s %s: an error that should not be", request.method, request.path)
        unknown = HandoverError("Something went wrong here.", do="Try it again; the log has the details.")
        return _failed(request, 500, unknown)


async def _pass(request: web.Request, handler: Handler) -> web.StreamResponse:
    _refuse_strange_host(request)
    refuse_other_sites(request, f"{'https' if site_of(request).secure else 'http'}://{request.host}")
    chosen = request.cookies.get("language", "")
    request[LANGUAGE] = chosen if chosen in LANGUAGES else choose(request.headers.get("Accept-Language", ""))
    if _under(request.path, OPEN):
        return await handler(request)
    site = site_of(request)
    services = site.agent.services
    async with services.store.transaction() as tx:
        session = await session_of(tx, request.cookies.get(COOKIE, ""), services.clock.now())
        proven = session is not None and await has_proof(tx, session.person.person_id)
    if session is None:
        if request.method != "GET" or not navigates(request):
            raise web.HTTPUnauthorized
        raise web.HTTPSeeOther(f"/login?to={request.path}" if request.path != "/" else "/login")
    request[SESSION] = session
    if not proven and not _under(request.path, FIRST):
        raise web.HTTPSeeOther("/welcome")
    return await handler(request)


def _refuse_strange_host(request: web.Request) -> None:
    """A page of another name that leads here (DNS rebinding) would be in the browser's eyes another site's."""
    site = site_of(request)
    name = (request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host).strip("[]").lower()
    allowed = set(site.names)
    if request.transport is not None:
        allowed.add(str(request.transport.get_extra_info("sockname", ("",))[0]))
    if name not in allowed:
        raise web.HTTPMisdirectedRequest(reason="This page is not called by that name.")


async def set_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Before any answer begins."""
    put_on(response, _HEADERS)


def _failed(request: web.Request, status: int, error: HandoverError) -> web.StreamResponse:
    if not navigates(request):
        return web.json_response({"what": error.what, "meaning": error.meaning, "do": error.do}, status=status)
    return render(request, "error.html", status_code=status, error=error)


def _under(path: str, tops: tuple[str, ...]) -> bool:
    return any(path == top or path.startswith(f"{top}/") for top in tops)
