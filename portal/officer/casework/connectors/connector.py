"""What a way into an evidence system must do.

A new one is a class with ``title`` and ``put``, its settings beside the others in
``portal.officer.casework.connectors.settings``. It is given a ``CaseFolder``: every file with its size and SHA-256, the
facts for a program in ``data/case.json``. It must

1. show nothing under the final name before all of it is there: an evidence system may take a folder the moment that it
   sees it;
2. hold each file against its SHA-256 while it is read, and leave nothing behind under the final name when it differs;
3. replace nothing that is there;
4. go on where it broke off: what is there it writes into the ``Memo``, before it builds upon it, and of a call that
   may have arrived it finds out whether it did. Nothing is put there twice;
5. raise PlaceUnreachable, PlaceRefused or PlaceFull, in words that say what to do, with no secret in them;
6. keep no secret but in a file of its own that only the officer may read.

Not for: what is in the folder (``portal.officer.casework.case_folder``).
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from exchange.errors import EvidenceMismatch
from portal.officer.casework.case_folder import CaseContent, CaseFile, CaseFolder, gather
from portal.officer.casework.connectors.memo import Memo
from portal.officer.state import OfficerState

Progress = Callable[[int], None]
"""Told how many bytes are there, of ``CaseFolder.size``."""
BLOCK = 1024 * 1024
"""Bytes of every block of a file but the last."""


class Connector(Protocol):
    @property
    def title(self) -> str:
        """Where it leads, for people."""
        ...

    async def put(self, case: CaseFolder, memo: Memo, show: Progress) -> str:
        """Put the case there, whole or not at all; where it lies, for people. Called again after a break, with the same
        memo, it goes on."""
        ...


@dataclass(frozen=True, slots=True)
class Exported:
    """``lies``: where, for people."""

    folder: CaseFolder
    lies: str


async def export_case(
    state: OfficerState,
    content: CaseContent,
    to: tuple[str, Connector],
    now: int,
    show: Callable[[int, int], None] = lambda done, size: None,
) -> Exported:
    """Gather the case and put it there, going on with what broke off before. ``to``: the connector and its name;
    ``show`` is told how many bytes are there, and of how many."""
    name, connector = to
    memo = await asyncio.to_thread(Memo.open, state, content.case.crime_reference, name, now)
    folder = await asyncio.to_thread(gather, state, content, memo.begun)
    show(0, folder.size)
    lies = await connector.put(folder, memo, lambda done: show(done, folder.size))
    await asyncio.to_thread(memo.end)
    return Exported(folder, lies)


def blocks(file: CaseFile) -> Iterator[bytes]:
    """A file's content. EvidenceMismatch at its end when it is not what was gathered."""
    digest = hashlib.sha256()
    if isinstance(file.source, bytes):
        digest.update(file.source)
        yield file.source
    else:
        with file.source.open("rb") as source:
            while block := source.read(BLOCK):
                digest.update(block)
                yield block
    if digest.hexdigest() != file.sha256:
        raise EvidenceMismatch(
            f"{file.path} was changed while it was exported.",
            meaning="Nothing was exported.",
            do="Check the package again, and export anew.",
        )
