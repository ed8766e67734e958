"""How glibc's malloc is to behave in this process, told to it at the start, before there are threads.

Not for: workers, which get it with their environment (``agent.workers.process``). Where it can't be told, as in a
service that may not map memory to execute and so is refused ctypes, the process only costs more.
"""

import contextlib

_MXFAST = 1
_ARENA_MAX = -8


def one_arena() -> None:
    """Threads share one heap: else each keeps the largest blocks that it ever read, 8 MB in all after one upload."""
    _tell(_ARENA_MAX, 1)


def no_fast_bins() -> None:
    """glibc consolidates its small free blocks at every large one; for packets of a few kB that is most of the work."""
    _tell(_MXFAST, 0)


def _tell(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError, ImportError, MemoryError):
        import ctypes

        ctypes.CDLL(None).mallopt(option, value)
