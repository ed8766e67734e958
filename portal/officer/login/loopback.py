"""The browser's way back: a port of this machine's 127.0.0.1 that takes one answer of the provider (RFC 8252, 7.3).

Not for: what the code in it is good for (``portal.officer.login.issuer``).
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from exchange.errors import InputInvalid, PortalRefused

PATH = "/logged-in"
MINUTES = 10
"""How long a person may take."""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class WayBack:
    """Takes one answer; ``redirect`` is what the provider is told."""

    def __init__(self, redirect: str = "") -> None:
        self.redirect = redirect
        self.state = ""
        self.issuer = ""
        self._code: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def code(self) -> str:
        """What the provider sent the browser back with. PortalRefused when it said no, or nobody came in time."""
        try:
            async with asyncio.timeout(MINUTES * 60):
                return await self._code
        except TimeoutError:
            raise PortalRefused(
                f"Nobody logged in within {MINUTES} minutes.", do="Log in again: handover-officer login"
            ) from None

    async def take(self, request: web.Request) -> web.Response:
        """Whatever is not the answer to this login changes nothing: any page can send a browser here."""
        values = request.query
        known = bool(self.state) and secrets.compare_digest(values.get("state", "").encode(), self.state.encode())
        if not known or values.get("iss", self.issuer) != self.issuer or self._code.done():
            return _page("This is no answer to a login of yours.", 400)
        if "code" not in values:
            self._code.set_exception(
                PortalRefused("Your force's login said no.", do="Log in again: handover-officer login")
            )
            return _page("Your force's login said no. You may close this page.", 200)
        self._code.set_result(values["code"][:4096])
        return _page("You are logged in. You may close this page.", 200)


@asynccontextmanager
async def way_back(port: int) -> AsyncIterator[WayBack]:
    """Listening while the block runs, at a free port if it is 0. InputInvalid for a port that is taken."""
    way = WayBack()
    app = web.Application()
    app.router.add_get(PATH, way.take, allow_head=False)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError:
            raise InputInvalid(f"The port {port} is taken.", do="Give another with --port, or none.") from None
        way.redirect = f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
        yield way
    finally:
        await runner.cleanup()


def _page(text: str, status: int) -> web.Response:
    return web.Response(status=status, text=f"{text}\n", content_type="text/plain", headers=_HEADERS)
