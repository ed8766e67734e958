"""What every page for the public has at hand: headers, templates, forms, static files; and how an error looks there.

Not for: any one page. A page takes nothing from a query and sets no cookie: what a link proves comes in a form.
"""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from aiohttp import web

from exchange.clock import SECOND
from exchange.counted import counted
from exchange.documents.letters import harmless
from exchange.errors import HandoverError
from portal.problems import ProblemError, unknown
from portal.service import PORTAL, Call, Portal
from portal.settings import PortalSettings

HERE = Path(__file__).parent
KINDS = {".css": "text/css", ".js": "text/javascript"}
MAX_FORM = 64 * 1024
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"
    ),
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Over those of every answer of the portal (``portal.api.app``); none is stored anywhere."""
_MAIL = {
    "yours": "Your e-mail address",
    "what": "your e-mail address",
    "by": "e-mail",
    "kind": "email",
    "look": "Look into your mail",
}
_TEXTS = {
    "yours": "Your e-mail address, or your mobile number",
    "what": "your address or number",
    "by": "e-mail or text",
    "kind": "text",
    "look": "Look for our message",
}
"""What pages say of how people are written to, without and with texts."""
_YEAR = 365 * 86400
Handler = Callable[[Call], Awaitable[web.StreamResponse]]


def page(handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A handler as aiohttp wants it; what goes wrong becomes a page too."""

    async def serve(request: web.Request) -> web.StreamResponse:
        portal = request.app[PORTAL]
        try:
            if portal.settings.people is None:
                raise unknown("page here")
            return await handler(Call(portal, request, None))
        except ProblemError as error:
            return render(portal, "error.html", error.status, error.headers, what=error.title, do=error.detail)
        except HandoverError as error:
            return render(portal, "error.html", 422, what=error.what, do=error.do)

    return serve


def render(
    portal: Portal, template: str, status: int = 200, headers: dict[str, str] | None = None, /, **values: Any
) -> web.Response:
    """A page. ``values`` are escaped where they are shown."""
    zone = _zone(portal.settings)
    shared = {
        "base": portal.base_path,
        "force": portal.settings.force,
        "settings": portal.settings.people,
        "limits": portal.settings.limits,
        "words": _TEXTS if portal.settings.people is not None and portal.settings.people.texts else _MAIL,
        "time": lambda instant: show_time(instant, zone),
    }
    text = _environment().get_template(template).render(shared | values)
    answered = {**HEADERS, **(headers or {})}
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8", headers=answered)


async def form_of(call: Call) -> dict[str, str]:
    """A form's fields as text. ProblemError 408, 413 or 415."""
    request = call.request
    if request.content_type != "application/x-www-form-urlencoded":
        raise ProblemError(415, "A form is wanted here.", "Use the page's own form.")
    if (request.content_length or 0) > MAX_FORM or len(await call.content()) > MAX_FORM:
        raise ProblemError(413, "The form is too large.", "Write less.")
    posted = await request.post()
    return {name: value for name, value in posted.items() if isinstance(value, str)}


def show_time(instant: int, zone: ZoneInfo) -> str:
    """Such as ``Saturday 21 November 2026, 15:00:30 GMT``."""
    return datetime.fromtimestamp(instant // SECOND, zone).strftime("%A %-d %B %Y, %H:%M:%S %Z")


async def serve_static(request: web.Request) -> web.StreamResponse:
    name = request.match_info["name"]
    content = statics().get(name)
    if content is None:
        raise web.HTTPNotFound
    at = request.app[PORTAL].base_path + static(name)
    cache_for = f"public, max-age={_YEAR}, immutable" if request.path == at else "no-store"
    kind = KINDS[name[name.rindex(".") :]]
    return web.Response(body=content, content_type=kind, charset="utf-8", headers={"Cache-Control": cache_for})


@cache
def statics() -> dict[str, bytes]:
    """Every static file by its name."""
    return {path.name: path.read_bytes() for path in (HERE / "static").iterdir() if path.suffix in KINDS}


@cache
def static(name: str) -> str:
    """Where a static file is, behind the portal's base path, under a name that changes with its bytes."""
    return f"/pages/{hashlib.sha256(statics()[name]).hexdigest()[:12]}/{name}"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["line"] = lambda text, most=300: harmless(str(text), most)
    environment.globals["static"] = static
    environment.globals["counted"] = counted
    return environment


@cache
def _zone(settings: PortalSettings) -> ZoneInfo:
    return ZoneInfo(settings.people.zone if settings.people is not None else "UTC")


def read_all(settings: PortalSettings) -> None:
    """Read every template, static file and the zone, before anything is served."""
    _zone(settings)
    for name in _environment().list_templates():
        _environment().get_template(name)
    for name in statics():
        static(name)
