"""What an export has put where, written down as it happens: after a break the next export goes on with it.

It is kept beside the case until the export is whole. Nothing secret stands in it. Not for: what a connector writes into
it (the connector says).
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from exchange.clock import DAY, Instant
from exchange.documents.messages import Line, Part
from exchange.durable import durable_file
from exchange.errors import DocumentInvalid
from exchange.signing.documents import parse_strictly
from portal.officer.state import OfficerState

OLDEST = 14 * DAY
"""An export that broke off longer ago is begun anew: what it left is the place's to clear away."""
MOST_BYTES = 4 * 1024 * 1024


class _Memo(Part):
    to: Line
    begun: Instant
    notes: dict[str, str]


@dataclass
class Memo:
    """``begun``: when the export was begun, microseconds UTC; it makes the export's name, also after a break."""

    path: Path
    to: str
    begun: int
    notes: dict[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, state: OfficerState, crime_reference: str, to: str, now: int) -> "Memo":
        """Of the export of a case to a place, by the name of its connector: the one that broke off, or a new one."""
        folder = state.make_case_folder(crime_reference, "exports-begun")
        path = folder / f"{hashlib.sha256(to.encode()).hexdigest()[:16]}.json"
        before = _read(path)
        if before is not None and before.to == to and now - OLDEST < before.begun <= now:
            return cls(path, to, before.begun, dict(before.notes))
        return cls(path, to, now)

    def get(self, name: str) -> str | None:
        return self.notes.get(name)

    def note(self, **notes: str) -> None:
        """Keep it, before anything is built upon it."""
        self.keep(notes)

    def keep(self, notes: dict[str, str]) -> None:
        """As ``note``, for names of any kind."""
        self.notes |= notes
        with durable_file(self.path) as file:
            file.write(_Memo(to=self.to, begun=self.begun, notes=self.notes).model_dump_json().encode())

    def end(self) -> None:
        """The export is whole: the next one is another."""
        self.path.unlink(missing_ok=True)


def _read(path: Path) -> _Memo | None:
    if not path.exists():
        return None
    try:
        with path.open("rb") as file:
            return parse_strictly(file.read(MOST_BYTES + 1), _Memo, MOST_BYTES)
    except DocumentInvalid:
        return None
