"""What every page of the site has at hand: the agent, who is there, the words, and how a template becomes an answer.

Not for: letting anybody in (``gate``), or any one page.
"""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import web

from agent.owner.operations import table
from agent.owner.operations.context import Actor, Json, Owned
from agent.owner.people.proofs import Proofs
from agent.owner.people.sessions import Session
from agent.owner.web.brake import Brake
from agent.owner.words import Words
from agent.requests.review.viewing import Viewings
from exchange.clock import to_rfc3339
from exchange.documents.letters import harmless

STATIC = Path(__file__).parent / "static"
TEMPLATES = Path(__file__).parent / "templates"


@dataclass
class Site:
    """``secure``: served over HTTPS. ``names``: the hosts that the page may be called by."""

    agent: Owned
    viewings: Viewings
    proofs: Proofs
    brake: Brake
    names: frozenset[str]
    port: int
    secure: bool = False
    open_events: dict[str, int] = field(default_factory=dict)
    """By person: how many pages of theirs wait for news."""


SITE = web.AppKey("site", Site)
SESSION = web.RequestKey("session", Session)
LANGUAGE = web.RequestKey("language", str)


def site_of(request: web.Request) -> Site:
    return request.config_dict[SITE]


def words_of(request: web.Request) -> Words:
    return Words(request.get(LANGUAGE, "en"))


def session_of(request: web.Request) -> Session:
    """Whoever is there; the gate let nobody else through."""
    return request[SESSION]


def actor_of(request: web.Request, proven_by: str | None = None) -> Actor:
    """``proven_by``: what they proved themselves by for this very act; as the session was opened otherwise."""
    session = session_of(request)
    who = session.person
    method = f"{proven_by or session.proven_by} on the owner's page, as {who.person_id}"
    return Actor(who.name, method, who.role, who.person_id, who.cameras)


async def operate(request: web.Request, operation: str, /, *, proven_by: str | None = None, **arguments: Any) -> Json:
    """One operation, as this person. HandoverError."""
    body = json.dumps({key: value for key, value in arguments.items() if value is not None}).encode()
    return await table.call(site_of(request).agent, operation, body, actor_of(request, proven_by))


def render(request: web.Request, template: str, /, status_code: int = 200, **values: Any) -> web.Response:
    """A page. ``values`` are escaped where they are shown."""
    response = aiohttp_jinja2.render_template(template, request, _context(request) | values)
    response.set_status(status_code)
    return response


def rendered(request: web.Request, template: str, /, **values: Any) -> str:
    """A page, or a part of one, as text: for one that is sent piece by piece."""
    return aiohttp_jinja2.render_string(template, request, _context(request) | values)


def _context(request: web.Request) -> dict[str, Any]:
    words = words_of(request)
    person = request[SESSION].person if SESSION in request else None
    return {"_": words, "words": words, "person": person, "path": request.path, "now": now(request)}


def now(request: web.Request) -> int:
    return site_of(request).agent.services.clock.now()


async def form_of(request: web.Request) -> dict[str, str]:
    """A form's fields as text; a file among them is left out."""
    posted = await request.post()
    return {name: value for name, value in posted.items() if isinstance(value, str)}


def set_up(app: web.Application) -> None:
    environment = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["line"] = lambda text, most=300: harmless(str(text), most)
    environment.globals["static"] = static
    environment.globals["rfc3339"] = to_rfc3339


@cache
def static(name: str) -> str:
    """Where a static file is, under a name that changes with its bytes."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{digest}/{name}"
