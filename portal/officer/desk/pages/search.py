"""The map: where and when, and which cameras may have seen it."""

from aiohttp import web

from portal.officer.desk.page import Link, Page
from portal.officer.desk.site import render


async def show(request: web.Request) -> web.Response:
    return render(request, "search.html")


PAGE = Page(routes=(web.get("/", show),), link=Link("/", "Map"))
