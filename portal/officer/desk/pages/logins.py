"""Logging in with the force's account, begun by a page's script, and the browser's way back from the provider.

Not for: the work itself (``portal.officer.desk.logins``), or coming in to the desk (``portal.officer.desk.entrance``).
"""

from aiohttp import web

from portal.officer.desk.logins import LOGIN, set_up
from portal.officer.desk.page import Page
from portal.officer.desk.site import site_of
from portal.officer.desk.watch import WATCH
from portal.officer.login.loopback import PATH


async def begin(request: web.Request) -> web.Response:
    """Where to log in; null where the portal wants no login."""
    address = await request.config_dict[LOGIN].begin(site_of(request))
    return web.json_response({"address": address})


async def stands(request: web.Request) -> web.Response:
    """Whether it is done, or failed and why."""
    login = request.config_dict[LOGIN]
    if login.is_done:
        request.config_dict[WATCH].forget()
    error = None if login.error is None else {"what": login.error.what, "do": login.error.do}
    return web.json_response({"done": login.is_done, "error": error})


async def back(request: web.Request) -> web.Response:
    """Nobody's cookie comes along from another site; that it is the answer to this login is checked by its state."""
    way = request.config_dict[LOGIN].way
    if way is None:
        raise web.HTTPNotFound(reason="No login is under way here.")
    answer = await way.take(request)
    answer.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"  # so that the page may close this window
    return answer


PAGE = Page(
    routes=(web.get("/login", stands), web.post("/login", begin), web.get(PATH, back)),
    set_up=set_up,
)
