"""Files that the records' pages give: made ones, and what was kept of others, which a browser saves and never opens.

Not for: making or keeping them.
"""

import base64
from urllib.parse import quote

from aiohttp import web

from agent.owner.operations.context import Json
from agent.owner.operations.record_keeping.made import KINDS

_NOTHING = "default-src 'none'; sandbox"


def made_file(reply: Json) -> web.Response:
    """What an operation made, to be saved."""
    ending = str(reply["name"]).rpartition(".")[2]
    return _file(base64.b64decode(reply["content"]), str(reply["name"]), KINDS[ending])


def kept_file(content: bytes, name: str) -> web.Response:
    """A stranger's file as bytes of no kind, under a name that leads nowhere."""
    return _file(content, name, "application/octet-stream")


def _file(content: bytes, name: str, kind: str) -> web.Response:
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in name)
    disposition = f"attachment; filename=\"{plain or 'file'}\"; filename*=UTF-8''{quote(name, safe='')}"
    headers = {
        "Content-Type": kind,
        "Content-Disposition": disposition,
        "Content-Security-Policy": _NOTHING,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return web.Response(body=content, headers=headers)
