"""What a door is to the fuzzer, and how it says that a promise was broken.

Not for: any door (``targets``, ``authorities``, ``containers``).
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """``check`` is given any bytes; ``seeds`` are some that get far in."""

    check: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]
    longest: int = 4096
    """Bytes that are worth trying."""


class PromiseBroken(AssertionError):
    """What a door accepted, or how it failed, is not what it promises."""


def must(holds: bool, what: str) -> None:
    if not holds:
        raise PromiseBroken(what)


def shared_memory() -> str | None:
    """Where files are made that are tried once; None: the usual place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
