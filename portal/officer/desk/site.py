"""What every page of the desk has at hand: the officer's tools, the portal, the zone, and how a template is answered.

Not for: letting anybody in (``portal.officer.desk.gate``), or any one page.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp_jinja2
import jinja2
from aiohttp import web

from exchange.clock import SECOND, to_rfc3339
from exchange.counted import counted
from exchange.documents.letters import harmless
from exchange.documents.messages import Credential
from portal.officer.client import OfficerClient
from portal.officer.crime.gazetteer import Geocoder
from portal.officer.desk.door import Door
from portal.officer.desk.page import Link
from portal.officer.desk.settings import DeskSettings
from portal.officer.desk.tiles import Tiles
from portal.officer.state import OfficerState
from portal.officer.tools import Tools

STATIC = Path(__file__).parent / "static"
TEMPLATES = Path(__file__).parent / "templates"
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass
class Site:
    """``zone``: in which times are read and shown. ``officer``: what the force says of who works here."""

    tools: Tools
    client: OfficerClient
    officer: Credential
    zone: ZoneInfo
    door: Door
    port: int
    settings: DeskSettings
    geocoder: Geocoder | None = None
    tiles: Tiles | None = None
    links: tuple[Link, ...] = field(default=())

    @property
    def state(self) -> OfficerState:
        return self.tools.state

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def now(self) -> int:
        """Microseconds UTC."""
        return self.tools.clock.now()


SITE = web.AppKey("site", Site)
INSIDE = web.RequestKey("inside", bool)
"""Set on requests of the officer's own session."""


def site_of(request: web.Request) -> Site:
    return request.config_dict[SITE]


def render(request: web.Request, template: str, /, status_code: int = 200, **values: Any) -> web.Response:
    """A page. ``values`` are escaped where they are shown."""
    response = aiohttp_jinja2.render_template(template, request, _context(request) | values)
    response.set_status(status_code)
    return response


def rendered(request: web.Request, template: str, /, **values: Any) -> str:
    """A part of a page as text, for a script that puts it in its place."""
    return aiohttp_jinja2.render_string(template, request, _context(request) | values)


async def form_of(request: web.Request) -> dict[str, str]:
    """A form's fields as text; a file among them is left out."""
    posted = await request.post()
    return {name: value for name, value in posted.items() if isinstance(value, str)}


def _context(request: web.Request) -> dict[str, Any]:
    site = site_of(request)
    return {
        "path": request.path,
        "inside": INSIDE in request,
        "login_missing": site.client.is_login_missing,
        "officer": site.officer,
        "links": [link for link in site.links if not link.roles or any(map(site.officer.may, link.roles))],
        "zone": site.zone,
        "now": site.now(),
    }


def spoken(instant: int, zone: ZoneInfo) -> str:
    """A moment as people read it: ``21 November 2026, 12:00 GMT``."""
    moment = datetime.fromtimestamp(instant // SECOND, zone)
    return f"{moment.day} {moment:%B %Y, %H:%M %Z}"


def set_up(app: web.Application) -> None:
    """Templates and static files are read once, before anything is served."""
    site = app[SITE]
    environment = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["line"] = lambda text, most=300: harmless(str(text), most)
    environment.filters["time"] = lambda instant: spoken(instant, site.zone)
    environment.globals["static"] = static
    environment.globals["rfc3339"] = to_rfc3339
    environment.globals["counted"] = counted
    for name in environment.list_templates():
        environment.get_template(name)
    statics()


@cache
def statics() -> dict[str, bytes]:
    """Every static file by its name."""
    return {path.name: path.read_bytes() for path in STATIC.iterdir() if path.suffix in KINDS}


@cache
def static(name: str) -> str:
    """Where a static file is, under a name that changes with its bytes."""
    return f"/static/{hashlib.sha256(statics()[name]).hexdigest()[:12]}/{name}"
