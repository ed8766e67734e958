"""Who holds a thing that only one call may work on, such as an upload that is being received.

Not for: what calls of one process sort out among themselves (``portal.uploads.turns``).
"""

from collections.abc import Callable
from typing import Protocol


class Claims(Protocol):
    """Between replicas; each takes a thing at most once at a time."""

    async def take(self, name: str, lost: Callable[[], None]) -> bool:
        """Whether it is ours now. ``lost`` is called when the claim ends by itself. StoreUnavailable."""
        ...

    async def release(self, name: str) -> None:
        """Also when it is not known whether ``take`` succeeded."""
        ...

    def ask_for(self, name: str) -> None:
        """Tell whoever has it that somebody waits."""
        ...

    def when_asked(self, answer: Callable[[str], None]) -> None:
        """What to do when another replica asks for something."""
        ...


class LocalClaims:
    """Of a portal with one process: there is nobody else."""

    async def take(self, name: str, lost: Callable[[], None]) -> bool:
        return True

    async def release(self, name: str) -> None:
        pass

    def ask_for(self, name: str) -> None:
        pass

    def when_asked(self, answer: Callable[[str], None]) -> None:
        pass
