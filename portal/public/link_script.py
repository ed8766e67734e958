"""The script that seals files in the browser: made by scripts/bundle, read once, served under its hash.

Its SHA-256 stands at ``/link-script/sha256``, so that anybody can hold it against what the sources make. Not for: what
the script does (``portal/public/script``).
"""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from exchange.errors import SettingsInvalid

NAME = "answer.js"
MAX_SCRIPT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LinkScript:
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def integrity(self) -> str:
        """For the script's tag (Subresource Integrity)."""
        return "sha384-" + base64.b64encode(hashlib.sha384(self.content).digest()).decode()


LINK_SCRIPT: web.AppKey[LinkScript | None] = web.AppKey("link-script")


def read_script(folder: Path) -> LinkScript:
    """SettingsInvalid when scripts/bundle didn't write it there, or it was changed since."""
    try:
        with (folder / NAME).open("rb") as file:
            script = LinkScript(file.read(MAX_SCRIPT + 1))
        told = (folder / f"{NAME}.sha256").read_text(encoding="ascii").partition(" ")[0]
    except (OSError, ValueError):
        raise SettingsInvalid(f"There is no link script in {folder}.", do=f"Make it: scripts/bundle {folder}") from None
    if len(script.content) > MAX_SCRIPT or script.sha256 != told:
        raise SettingsInvalid(
            f"{folder / NAME} is not what {NAME}.sha256 beside it says.", do=f"Make it anew: scripts/bundle {folder}"
        )
    return script


async def serve_script(request: web.Request) -> web.StreamResponse:
    script = _script(request)
    return web.Response(body=script.content, content_type="text/javascript", charset="utf-8")


async def serve_hash(request: web.Request) -> web.StreamResponse:
    """As sha256sum writes it."""
    return web.Response(text=f"{_script(request).sha256}  {NAME}\n")


def _script(request: web.Request) -> LinkScript:
    script = request.app[LINK_SCRIPT]
    if script is None:
        raise web.HTTPNotFound
    return script
