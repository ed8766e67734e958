"""Somewhere outside the agent's data that files can be put: a mounted folder, an SFTP account, a bucket.

Not for: what may be put there, or when (``agent.deliveries``, ``agent.records``). A place knows names and bytes only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Progress = Callable[[int], None]
"""Told how many bytes of the file lie there."""


@dataclass(frozen=True)
class Stored:
    """A file that lies whole at a place. ``name`` is relative, with ``/`` between folders."""

    name: str
    size: int


class Place(Protocol):
    """One contract and one suite of tests for all (``tests/agent/places``).

    Errors are PlaceUnreachable (worth another try), PlaceRefused (it isn't: wrong login, changed key, no permission)
    and PlaceFull. None of them, and no log line, holds a password or a signed address.
    """

    @property
    def title(self) -> str:
        """What a person calls it: 'the folder /media/stick', 'sftp://evidence@example.org/in'. No secret in it."""
        ...

    async def put(self, source: Path, name: str, sha256: str, show: Progress) -> None:
        """Put a file there under ``name``, which appears only once it is whole; a part that lies there is gone on with.

        When it returns, the file lies durably there and its bytes were found to have this SHA-256 (lower-case hex), by
        reading them again where the place can't be trusted to tell. A file of that name with the same bytes is done;
        one with others is PlaceRefused, and stays.
        """
        ...

    async def sha256(self, name: str) -> str | None:
        """Of what lies there under ``name``, read anew; None when there is nothing."""
        ...

    async def get(self, name: str, target: Path, sha256: str | None, show: Progress) -> None:
        """Bring a file back to ``target``, which appears (durably, mode 0600) only once it is whole.

        With ``sha256`` only when it has that; PlaceRefused otherwise. NotFound when there is nothing of that name.
        """
        ...

    async def names(self, prefix: str = "") -> list[Stored]:
        """What lies whole there, by name."""
        ...

    async def remove(self, name: str) -> None:
        """It is gone when this returns, also if it was never there."""
        ...

    async def free(self) -> int | None:
        """Bytes that fit; None where nobody can tell."""
        ...
