"""Parts of pages that a script keeps fresh: each has a tag by its text, so that what is the same is not sent again.

And moments of footage, which are shown to the millisecond.
"""

import hashlib
from collections.abc import Callable

from aiohttp import web

from portal.officer.casework.timeline import moment_text
from portal.officer.desk.site import site_of


def moments(request: web.Request) -> Callable[[int], str]:
    """What a template shows a moment of footage with."""
    zone = site_of(request).zone
    return lambda instant: moment_text(instant, zone)


def answer_part(request: web.Request, text: str) -> web.Response:
    """The part, or 304 for a page that shows it already."""
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers={"ETag": tag})
    return web.Response(text=text, content_type="text/html", headers={"ETag": tag})
