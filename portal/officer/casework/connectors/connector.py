"""What a way into an evidence system must do.

A new one is a class with ``title`` and ``put``, its settings beside the others in
``portal.officer.casework.connectors.settings``. It is given a ``CaseFolder``: every file with its size and SHA-256, the
facts for a program in ``data/case.json``. It must

1. show nothing under the final name before all of it is there: an evidence system may take a folder the moment that it
   sees it;
2. hold each file against its SHA-256 while it is read, and leave nothing behind under the final name when it differs;
3. replace nothing that is there;
4. raise PlaceUnreachable, PlaceRefused or PlaceFull, in words that say what to do, with no secret in them;
5. keep no secret but in a file of its own that only the officer may read.

Not for: what is in the folder (``portal.officer.casework.case_folder``).
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Protocol

from exchange.errors import EvidenceMismatch
from portal.officer.casework.case_folder import CaseFile, CaseFolder

Progress = Callable[[int], None]
"""Told how many bytes are there, of ``CaseFolder.size``."""
_BLOCK = 1024 * 1024


class Connector(Protocol):
    @property
    def title(self) -> str:
        """Where it leads, for people."""
        ...

    async def put(self, case: CaseFolder, show: Progress) -> str:
        """Put the case there, whole or not at all; where it lies, for people."""
        ...


def blocks(file: CaseFile) -> Iterator[bytes]:
    """A file's content. EvidenceMismatch at its end when it is not what was gathered."""
    digest = hashlib.sha256()
    if isinstance(file.source, bytes):
        digest.update(file.source)
        yield file.source
    else:
        with file.source.open("rb") as source:
            while block := source.read(_BLOCK):
                digest.update(block)
                yield block
    if digest.hexdigest() != file.sha256:
        raise EvidenceMismatch(
            f"{file.path} was changed while it was exported.",
            meaning="Nothing was exported.",
            do="Check the package again, and export anew.",
        )
