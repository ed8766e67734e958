"""What runs beside something for as long as that lasts. Not for: what it does."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from exchange.errors import HandoverError

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


async def for_ever(work: Callable[[], Awaitable[None]], first: float, seconds: float) -> None:
    """Do it after ``first`` seconds, then every ``seconds``, whatever fails: the next round takes what this one left.

    A failure is told once, and again only when it becomes another one or is over: a database that is away for an hour
    fills no log. What a person may mend is one line of words; all else is told with its place in the program.
    """
    told: str | None = None
    await asyncio.sleep(first)
    while True:
        try:
            await work()
        except Exception as error:
            if repr(error) != told:
                known = isinstance(error, HandoverError)
                why = f": {error}" if known else ""
                what = "what goes by itself (%s) failed; it is tried again every %d seconds%s"
                log.error(what, work.__name__, seconds, why, exc_info=None if known else error)
            told = repr(error)
        else:
            if told is not None:
                log.warning("what goes by itself (%s) is done again", work.__name__)
            told = None
        await asyncio.sleep(seconds)
