"""The pages' paths, joined to the portal's application.

Not for: what they show (``portal.public.registering``, ``portal.public.answering``).
"""

from aiohttp import web

from portal.public import answering, appealing, registering
from portal.public.link_script import LINK_SCRIPT, read_script, serve_hash, serve_script
from portal.public.site import page, read_all, serve_static
from portal.service import PORTAL

PAGES: tuple[tuple[str, str, registering.Handler], ...] = (
    ("GET", "/register", registering.show_form),
    ("POST", "/register", registering.take_form),
    ("GET", "/my-entry", registering.show_ask_link),
    ("POST", "/my-entry", registering.take_ask_link),
    ("GET", "/privacy", registering.show_privacy),
    ("GET", "/link", answering.show_door),
    ("POST", "/link", answering.come_in),
    ("POST", "/link/confirm", registering.take_confirmation),
    ("POST", "/link/change", registering.take_change),
    ("POST", "/link/delete", registering.take_deletion),
    ("POST", "/link/answer", answering.take_no),
    ("GET", "/a/{appeal_id}", appealing.show),
)


def add_pages(app: web.Application) -> None:
    """Blocks: files are read. SettingsInvalid when the link's script can't be used."""
    settings = app[PORTAL].settings
    read_all(settings)
    folder = settings.people.link_script if settings.people is not None else None
    app[LINK_SCRIPT] = read_script(folder) if folder is not None else None
    for method, path, handler in PAGES:
        app.router.add_route(method, path, page(handler))
    app.router.add_get("/pages/{version}/{name}", serve_static, allow_head=False)
    app.router.add_get("/link-script/answer.js", serve_script, allow_head=False)
    app.router.add_get("/link-script/sha256", serve_hash, allow_head=False)
