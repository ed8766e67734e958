"""What goes on while pages stay live, by name: one of each kind for a desk, and it ends with the desk.

Not for: what is done (``readings``, ``openings``, ``brought``, ``exports``).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from aiohttp import web


class _Work(Protocol):
    @property
    def task(self) -> "asyncio.Task[None] | None": ...


class _Works(Protocol):
    async def end(self) -> None: ...


W = TypeVar("W", bound=_Works)


def of_a_desk(key: web.AppKey[W], make: Callable[[], W]) -> Callable[[web.Application], Awaitable[None]]:
    """A page's ``set_up``: ``app[key]`` is made before the desk is served, and ended with it."""

    async def set_up(app: web.Application) -> None:
        works = app[key] = make()

        async def end(_: web.Application) -> None:
            await works.end()

        app.on_shutdown.append(end)

    return set_up


async def break_off(works: Iterable[_Work]) -> None:
    """Cancel those that run, and wait until each has ended."""
    tasks = [each.task for each in works if each.task is not None]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
