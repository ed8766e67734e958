"""Coming in with the one-time link, and going out.

The code stands behind the link's ``#``, which browsers send to nobody; the page's script posts it.
"""

from aiohttp import web

from portal.officer.desk.gate import cookie_name
from portal.officer.desk.page import Page
from portal.officer.desk.site import INSIDE, form_of, render, site_of


async def show(request: web.Request) -> web.StreamResponse:
    if INSIDE in request:
        raise web.HTTPSeeOther("/")
    return render(request, "come_in.html", wrong=False)


async def come_in(request: web.Request) -> web.StreamResponse:
    site = site_of(request)
    token = site.door.enter((await form_of(request)).get("code", "")[:200])
    if token is None:
        return render(request, "come_in.html", status_code=403, wrong=True)
    answer = web.HTTPSeeOther("/")
    answer.set_cookie(cookie_name(site), token, httponly=True, samesite="Strict", path="/")
    raise answer


async def go_out(request: web.Request) -> web.StreamResponse:
    site = site_of(request)
    site.door.leave(request.cookies.get(cookie_name(site), ""))
    answer = web.HTTPSeeOther("/come-in")
    answer.del_cookie(cookie_name(site), path="/")
    raise answer


PAGE = Page(routes=(web.get("/come-in", show), web.post("/come-in", come_in), web.post("/go-out", go_out)))
