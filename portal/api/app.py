"""The portal as an aiohttp application: routes, tokens, errors as problems, headers, one log line a call.

Not for: listening (``portal.cli``), or the work of a call (``portal.api.handlers``).
"""

import errno
import logging
import random
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import ClientError, web
from sqlalchemy.orm import Session

from exchange.documents import api
from exchange.documents.messages import Withdrawal
from exchange.documents.people import LINK_HEADER
from exchange.errors import HandoverError, StoreUnavailable
from exchange.signing.logins import SESSION_HEADER
from portal import tokens
from portal.api.logs import Answered
from portal.api.metrics import METRICS, Metrics
from portal.api.probes import add_probes
from portal.api.route import TABLE, Route, Who
from portal.api.routes import ROUTES
from portal.api.tus import VERSION
from portal.logins import sessions
from portal.people import contributing
from portal.problems import ProblemError
from portal.service import CALLER, PORTAL, Call, Portal
from portal.tokens import Caller

log = logging.getLogger("handover.portal")
READ_BUFFER = 1024 * 1024
"""Bytes that are taken from a socket ahead of who reads them (for ``web.AppRunner(read_bufsize=…)``)."""

Next = Callable[[web.Request], Awaitable[web.StreamResponse]]
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Server": "handover-portal",
}
NO_ROUTE = "(no route)"
DEVICE = "a device"
"""How the log names one: never which."""
RETRY_AFTER = 3, 10
"""Seconds; a database that fails over is back by then, or a little later, and not all come again at once."""
STRICT_TRANSPORT = "max-age=31536000"


def make_app(portal: Portal) -> web.Application:
    """Every route of the table, and what a supervisor asks."""
    app = web.Application(middlewares=[_log_and_judge], client_max_size=api.MAX_BODY)
    app[PORTAL] = portal
    app[TABLE] = ROUTES
    for route in ROUTES:
        app.router.add_route(route.method, route.path, _serve(route))
    add_probes(app)
    app[METRICS] = Metrics()
    app[METRICS].watch(portal)
    app.on_response_prepare.append(_add_headers)
    app.on_shutdown.append(_end_polls)
    return app


def _serve(route: Route) -> Next:
    async def serve(request: web.Request) -> web.StreamResponse:
        portal = request.app[PORTAL]
        by_link = request.headers.get(LINK_HEADER)
        if route.who is Who.LINK or (route.who is Who.UPLOADER and by_link is not None):
            return await route.handler(await _come_by_link(portal, request, by_link or ""))
        if route.who is Who.ANYONE:
            return await route.handler(Call(portal.for_agents, request, None))
        text = tokens.bearer(request.headers.get("Authorization"))
        if route.who is Who.OFFICER:
            caller = await _officer(portal, text, request.headers.get(SESSION_HEADER), route)
            request[CALLER] = caller.fingerprint
            return await route.handler(Call(portal, request, caller))
        await portal.turns.take()
        if route.document is Withdrawal and await _has_left(portal, text):
            return web.Response(status=204)
        call = Call(portal.for_agents, request, await _device(portal, text, writes=route.writes))
        request[CALLER] = DEVICE
        return await route.handler(call)

    return serve


async def _officer(portal: Portal, text: str, login: str | None, route: Route) -> Caller:
    """By the officer's key; where the force wants it, by a login too."""
    token, now = tokens.read(text), portal.clock.now()
    settings = portal.settings.login
    wants_login = settings is not None and settings.required and not route.before_login

    def take(session: Session) -> Caller:
        caller = tokens.take_officers(session, token, portal.origin, now)
        if wants_login:
            sessions.check(session, caller.fingerprint, login, now)
        return caller

    return await portal.db.write(take, durable=False)


async def _device(portal: Portal, text: str, *, writes: bool) -> Caller:
    """What changes nothing writes nothing: its token is taken by this process only, and the device noted later."""
    token, now = tokens.read(text), portal.clock.now()
    caller = await portal.devices.check(token)
    if writes:
        await portal.agents_db.write(lambda session: tokens.take_devices(session, token, now), durable=False)
    else:
        portal.devices.contacts.note(caller.fingerprint, now)
    return caller


async def _has_left(portal: Portal, text: str) -> bool:
    """Erased already, and the answer to that was lost. Says nothing of whether the token is good."""
    device = tokens.read(text).claims.iss
    return await portal.agents_db.read(lambda session: tokens.devices_key(session, device)) is None


async def _come_by_link(portal: Portal, request: web.Request, code: str) -> Call:
    """ProblemError 403 when the link does not work."""
    now = portal.clock.now()
    request[CALLER] = "by a link"
    return Call(portal, request, None, await portal.db.read(lambda session: contributing.uploader(session, code, now)))


@web.middleware
async def _log_and_judge(request: web.Request, handler: Next) -> web.StreamResponse:
    """Turn every error into a problem, and write one line: never a body, a token, a query or an id."""
    started = time.monotonic()
    try:
        response = await handler(request)
    except ProblemError as error:
        response = problem(error.status, error.title, error.detail, error.headers)
    except StoreUnavailable as error:
        log.warning("%s %s: %s", request.method, _route(request), error.what)
        response = problem(503, "The portal can't answer now.", "Try again in a moment.", _later())
    except HandoverError as error:
        response = problem(422, error.what, error.do or error.meaning)
    except web.RequestPayloadError:
        response = problem(400, "The body can't be read.", "Send it as it is, without Content-Encoding.")
    except web.HTTPException as error:
        response = from_aiohttp(error)
    except (ClientError, ConnectionError, TimeoutError) as error:
        log.info("%s %s broke off: %s", request.method, _route(request), type(error).__name__)
        response = problem(408, "The connection broke off.", "Ask how far it got, and go on.")
    except OSError as error:
        log.exception("%s %s failed", request.method, _route(request))
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        response = problem(507, "The portal's disk is full.", "Try again later.") if full else _failed()
    except Exception:
        log.exception("%s %s failed", request.method, _route(request))
        response = _failed()
    _note(request, response.status, time.monotonic() - started)
    return response


def _note(request: web.Request, status: int, seconds: float) -> None:
    route, who = _route(request), request.get(CALLER, "-")
    method = request.method if route != NO_ROUTE else "-"
    caller = {"-": "anyone", DEVICE: "device"}.get(who, "officer")
    request.app[METRICS].note(method, route, status, caller, seconds)
    if not log.isEnabledFor(logging.INFO):
        return
    answered = Answered(method, route, status, round(seconds * 1000), caller)
    log.info("%s %s %d %.0f ms %s", method, route, status, seconds * 1000, who, extra={"answered": answered})


def whole_answer(error: ProblemError) -> bytes:
    """A problem as it goes over a connection that ends with it, of which nothing was read."""
    body = api.Problem(title=error.title, status=error.status, detail=error.detail).model_dump_json().encode()
    headers = {
        **ALWAYS,
        **error.headers,
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    first = f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}"
    lines = [first, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def problem(status: int, title: str, detail: str = "", headers: dict[str, str] | None = None) -> web.Response:
    """RFC 9457."""
    body = api.Problem(title=title[:200], status=status, detail=detail[:2000])
    text = body.model_dump_json()
    return web.Response(status=status, text=text, content_type="application/problem+json", headers=headers)


def _later() -> dict[str, str]:
    return {"Retry-After": str(random.randint(*RETRY_AFTER))}  # noqa: S311  no secret


def _failed() -> web.Response:
    return problem(500, "The portal failed.", "It is not your doing; try again later, and tell the force.")


def from_aiohttp(error: web.HTTPException) -> web.Response:
    details = {
        404: "Check the address; /openapi.json names every one.",
        405: "Check the method; /openapi.json names every one.",
        413: f"A JSON body has at most {api.MAX_BODY} bytes.",
    }
    allow = error.headers.get("Allow")
    headers = {"Allow": allow} if allow else None
    return problem(error.status, f"{error.reason}.", details.get(error.status, ""), headers)


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical.removeprefix(request.app[PORTAL].base_path) if resource is not None else NO_ROUTE


async def make_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Those of every answer."""
    for name, value in ALWAYS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = ALWAYS["Server"]


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    await make_headers(request, response)
    if request.app[PORTAL].origin.startswith("https:"):
        response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT
    if _route(request).startswith(api.UPLOADS):
        response.headers["Tus-Resumable"] = VERSION


async def _end_polls(app: web.Application) -> None:
    app[PORTAL].bell.close()
