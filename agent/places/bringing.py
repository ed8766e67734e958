"""Bytes that come back from a place, into a file that appears only once it is whole and what it should be.

Not for: which file is wanted back (``agent.records``).
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator
from pathlib import Path

from agent.places.place import Progress
from exchange.durable import durable_file
from exchange.errors import NotFound, PlaceRefused


async def bring(
    coming: AsyncGenerator[bytes, None], target: Path, sha256: str | None, show: Progress, title: str
) -> None:
    """Write what comes to ``target``. PlaceRefused, and no file, when it has not this SHA-256; DiskFull."""
    making = durable_file(target)
    digest, done = hashlib.sha256(), 0
    file = await asyncio.to_thread(making.__enter__)
    try:
        async with contextlib.aclosing(coming):
            async for block in coming:
                await asyncio.to_thread(file.write, block)
                await asyncio.to_thread(digest.update, block)
                done += len(block)
                show(done)
        if sha256 is not None and digest.hexdigest() != sha256:
            raise PlaceRefused(
                f"What lies at {title} is not what was put there.",
                meaning="Nothing was brought back.",
                do="Take another copy, and have that place looked at.",
            )
    except BaseException as error:
        # The generator raises the error again, once what was half-made is gone.
        with contextlib.suppress(type(error)):
            await asyncio.to_thread(making.__exit__, type(error), error, error.__traceback__)
        raise
    await asyncio.to_thread(making.__exit__, None, None, None)


def nothing_there(name: str, title: str) -> NotFound:
    return NotFound(f"There is no {name} at {title}.", do="See what is there, and take another.")
