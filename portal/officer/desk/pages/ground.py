"""Pictures of the map's ground, one tile at a time (``portal.officer.desk.tiles``)."""

from aiohttp import web

from portal.officer.desk.page import Page
from portal.officer.desk.site import site_of


async def tile(request: web.Request) -> web.Response:
    tiles = site_of(request).tiles
    if tiles is None:
        raise web.HTTPNotFound
    zoom, column, row = (int(request.match_info[name]) for name in "zxy")
    content, kind = await tiles.get((zoom, column, row))
    return web.Response(body=content, content_type=kind)


PAGE = Page(routes=(web.get(r"/tiles/{z:\d{1,2}}/{x:\d{1,7}}/{y:\d{1,7}}", tile),))
