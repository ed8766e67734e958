"""Keeps connections on which nothing is asked from shutting others out: they end in time, sooner when many are open.

Not for: calls that run; those have limits of their own.
"""

import asyncio
import itertools
import resource

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

IDLE_SECONDS = 30.0
"""How long a connection may be open without a whole request: a TLS handshake, half a header, or nothing more to ask."""
_WATCH_SECONDS = 1.0
_SELDOM = 5
"""Of so many looks at how many are open, one goes through all of them, unless there are too many."""
_MOST_DESCRIPTORS = 131_072
_SPARE = 128
"""Descriptors for the database, uploads, and what the interpreter needs."""


def raise_descriptor_limit() -> int:
    """As many open files as the system allows this process; how many connections that is good for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return max(16, (_MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft) - _SPARE)


class Connections:
    """``most``: connections that may be open; the idlest end when more than nine tenths of them are."""

    def __init__(self, server: web.Server, most: int, idle: float = IDLE_SECONDS) -> None:
        self._server, self._idle = server, idle
        self._allowed = most * 9 // 10
        self._idle_since: dict[RequestHandler, float] = {}

    async def watch(self, every: float = _WATCH_SECONDS) -> None:
        """Until it is cancelled."""
        for looked in itertools.count(1):
            await asyncio.sleep(every)
            if looked % _SELDOM == 0 or len(self._server.connections) > self._allowed:
                self.end_idle(asyncio.get_running_loop().time())

    def end_idle(self, now: float) -> int:
        """End what was idle for too long, and the idlest of too many; how many."""
        live = self._server.connections
        idle = [each for each in live if not each._request_in_progress]
        self._idle_since = {each: self._idle_since.get(each, now) for each in idle}
        idlest = sorted(idle, key=self._idle_since.__getitem__)
        too_many = max(0, len(live) - self._allowed)
        ended = [each for at, each in enumerate(idlest) if at < too_many or now - self._idle_since[each] >= self._idle]
        for each in ended:
            if each.transport is not None:
                each.transport.abort()
            self._idle_since.pop(each, None)
        return len(ended)
