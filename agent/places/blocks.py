"""Reading files block by block off the event loop, and doing a long piece of file work in a thread that can be stopped.

Not for: what is read or written (the places themselves).
"""

import asyncio
import hashlib
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
BLOCK = 1 << 20
"""Bytes read at a time."""


async def blocks(
    source: Path, start: int = 0, size: int | None = None, block: int = BLOCK
) -> AsyncGenerator[bytes, None]:
    """The bytes of a file from ``start``, ``size`` of them or to its end. OSError when it is shorter than that."""
    stream = await asyncio.to_thread(source.open, "rb", 0)
    left = size
    try:
        await asyncio.to_thread(stream.seek, start)
        while left is None or left > 0:
            data = await asyncio.to_thread(stream.read, block if left is None else min(block, left))
            if not data:
                if left is None:
                    return
                raise OSError(f"{source.name} is shorter than it was")
            if left is not None:
                left -= len(data)
            yield data
    finally:
        stream.close()


async def file_sha256(source: Path) -> str:
    """Lower-case hex."""
    return await asyncio.to_thread(_sha256, source)


def _sha256(source: Path) -> str:
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Stopped(Exception):
    """The thread was told to stop."""


async def in_thread(work: Callable[[Callable[[], None]], T]) -> T:
    """``work(check)`` in a thread. When the task is cancelled, ``check()`` raises Stopped there, and the thread's end
    is waited for: nothing is written behind the back of whoever cancelled.
    """
    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise Stopped

    running = asyncio.ensure_future(asyncio.to_thread(work, check))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.gather(running, return_exceptions=True)
        raise
