"""A login with the force's account from the page: one at a time, while the page that wants it stays as it is.

The provider sends the browser back to the desk's own port. Not for: what a login is (``portal.officer.login``).
"""

import asyncio
import contextlib
from dataclasses import dataclass, field

from aiohttp import web

from exchange.errors import HandoverError
from portal.officer.desk.site import Site
from portal.officer.login.entering import by_browser, log_in
from portal.officer.login.issuer import IssuerClient, Tokens
from portal.officer.login.loopback import PATH, WayBack


@dataclass
class DeskLogin:
    """``error``: why the last one failed. ``is_done``: whether it ended well."""

    way: WayBack | None = None
    error: HandoverError | None = None
    is_done: bool = False
    _task: "asyncio.Task[None] | None" = None
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def begin(self, site: Site) -> str | None:
        """The address where a person logs in; None where the portal wants no login. What was begun before is over.

        HandoverError when it can't begin.
        """
        async with self._one_at_a_time:
            await self.end()
            self.error, self.is_done = None, False
            address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            self.way = WayBack(site.origin + PATH)
            self._task = asyncio.create_task(self._work(site, self.way, address))
            await asyncio.wait((self._task, address), return_when=asyncio.FIRST_COMPLETED)
            if self.error is not None:
                raise self.error
            if self._task.done():
                self._task.result()
            return address.result() if address.done() else None

    async def end(self) -> None:
        """Give up what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self, site: Site, way: WayBack, address: "asyncio.Future[str]") -> None:
        async def through(issuer: IssuerClient, nonce: str) -> Tokens:
            return await by_browser(issuer, nonce, way, address.set_result)

        try:
            await log_in(site.state, site.client, through)
            self.is_done = True
        except HandoverError as error:
            self.error = error
        except OSError as error:
            what = f"The login can't be kept here: {error.strerror}."
            self.error = HandoverError(what, do="Look at this machine's disk; log in again.")


async def look_whether_needed(site: Site) -> None:
    """Have it known from the start; whatever else is wrong shows where it matters."""
    with contextlib.suppress(HandoverError):
        if (await site.client.login_wanted()).required:
            await site.client.log_head(0)


LOGIN = web.AppKey("login", DeskLogin)


async def set_up(app: web.Application) -> None:
    login = app[LOGIN] = DeskLogin()

    async def end(_: web.Application) -> None:
        await login.end()

    app.on_shutdown.append(end)
