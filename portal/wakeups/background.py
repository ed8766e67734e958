"""What runs beside something for as long as that lasts. Not for: what it does."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine
from typing import Any

log = logging.getLogger("handover.portal")
AGAIN_SECONDS = 1.0
"""After which what was told to end, and goes on, is told again."""


@contextlib.asynccontextmanager
async def beside(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run them while the block does; at its end all have ended.

    Before Python 3.12, ``asyncio.wait_for`` forgets that it was cancelled when what it waits for comes at that moment,
    and libraries use it (psycopg, as it connects): once is not always enough.
    """
    running = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        going = set(running)
        while going:
            for task in going:
                task.cancel()
            _, going = await asyncio.wait(going, timeout=AGAIN_SECONDS)
        for task in running:
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("what runs beside the portal failed", exc_info=error)
