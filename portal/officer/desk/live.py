"""Parts of pages that a script keeps fresh: each has a tag by its text, so that what is the same is not sent again."""

import hashlib

from aiohttp import web


def answer_part(request: web.Request, text: str) -> web.Response:
    """The part, or 304 for a page that shows it already."""
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers={"ETag": tag})
    return web.Response(text=text, content_type="text/html", headers={"ETag": tag})
