"""What a module of pages tells the desk: which paths it answers, and its link in the navigation.

A new module of pages:

1. ``portal/officer/desk/pages/<subject>.py`` with handlers and, at its end,
   ``PAGE = Page(routes=(web.get("/inbox", show), …), link=Link("/inbox", "Inbox"))``; joined in ``pages.PAGES``.
2. Its templates in ``templates/`` extend ``base.html`` (blocks ``title``, ``head``, ``main``); scripts and pictures lie
   in ``static/`` and are named by ``static("name.js")``. Nothing inline: the policy allows no script, style or handler
   in the page itself, nor anything from elsewhere.
3. Handlers get at everything by ``site_of(request)`` (``portal.officer.desk.site``), answer with ``render`` or JSON,
   and raise a HandoverError for what a person must know: the gate makes the page or the JSON of it. Who calls is
   the officer: the gate let nobody else through. Forms are posted to the desk's own paths, without tokens: the gate
   refuses what comes from other sites.
4. Files are read and written in ``asyncio.to_thread``.

Not for: any one page.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from exchange.documents.messages import Role


@dataclass(frozen=True, slots=True)
class Link:
    """``roles``: shown to whoever has one of these; to everybody when there is none."""

    path: str
    name: str
    roles: tuple[Role, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """``link``: None for pages that others lead to. ``set_up``: what must be made before the desk is served."""

    routes: tuple[web.RouteDef, ...]
    link: Link | None = None
    set_up: Callable[[web.Application], Awaitable[None]] | None = None
