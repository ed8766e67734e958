"""Work that would hold the event loop up: it goes to threads."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Threads:
    """Of one store."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, "portal-uploads")

    def run(self, work: Callable[[Unpack[Ts]], T], *args: *Ts) -> asyncio.Future[T]:
        """Begun at once; awaited for what it gives."""
        return asyncio.get_running_loop().run_in_executor(self._pool, work, *args)

    async def close(self) -> None:
        await asyncio.to_thread(self._pool.shutdown, wait=True)
