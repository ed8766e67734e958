"""One process at a time holds the agent's state.

Not for: locks inside a process.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exchange.errors import AlreadyRunning


@contextmanager
def state_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive ``flock`` on ``path`` while the block runs; the kernel drops it with the process.

    AlreadyRunning when another process holds it.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise AlreadyRunning(
                f"Another Handover (process {holder}) already works on {path.parent}.",
                meaning="Two of them would answer the same request twice.",
                do="Stop the other one first, or use another data directory.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
