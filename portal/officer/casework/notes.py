"""Notes of an officer, each at a moment of the footage; kept beside the case's key, for court as well as for memory.

None is ever deleted: one that was wrong is struck, and stays readable. Not for: what the owner noted, which is in the
manifest.
"""

import csv
import io
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError

from exchange.clock import Instant, to_rfc3339
from exchange.documents.messages import Id, Line, Part, Text
from exchange.durable import durable_file
from exchange.errors import DocumentInvalid, InputInvalid, NotFound, StoreDamaged
from exchange.signing.documents import parse_strictly
from portal.officer.casework.timeline import moment_text
from portal.officer.state import OfficerState

MOST_BYTES = 16 * 1024 * 1024
MOST_NOTES = 5000
_FORMULA = ("=", "+", "-", "@", "\t")
_WRITING = threading.Lock()


class Note(Part):
    """``at``: the moment of the footage, true time. ``evidence_id`` and ``camera`` are None for the case as a whole."""

    note_id: Id
    at: Instant
    evidence_id: Id | None = None
    camera: Line | None = None
    text: Text
    written: Instant
    by: Line
    struck: Instant | None = None
    """When the officer struck it out."""


class _Notes(Part):
    notes: Annotated[tuple[Note, ...], Field(max_length=MOST_NOTES)] = ()


def read_notes(state: OfficerState, crime_reference: str) -> Sequence[Note]:
    """In the order of the footage. StoreDamaged when they can't be read."""
    return sorted(_read(_file(state, crime_reference)).notes, key=lambda note: (note.at, note.written))


def write_note(
    state: OfficerState,
    crime_reference: str,
    text: str,
    *,
    at: int,
    now: int,
    by: str,
    evidence_id: str | None = None,
    camera: str | None = None,
) -> Note:
    """Add one. InputInvalid for a text that can't be one."""
    try:
        note = Note(
            note_id=str(uuid.uuid4()),
            at=at,
            evidence_id=evidence_id,
            camera=camera,
            text=text.strip(),
            written=now,
            by=by,
        )
    except ValidationError:
        raise InputInvalid(
            "This can't be a note.", do="Write some words, not too many, without unusual signs."
        ) from None
    path = _file(state, crime_reference)
    with _WRITING:
        notes = _read(path).notes
        if len(notes) >= MOST_NOTES:
            raise InputInvalid("The case has too many notes.", do=f"It holds {MOST_NOTES}; go on in your own file.")
        _write(path, (*notes, note))
    return note


def strike_note(state: OfficerState, crime_reference: str, note_id: str, now: int) -> None:
    """It stays readable, as struck. NotFound."""
    path = _file(state, crime_reference)
    with _WRITING:
        notes = _read(path).notes
        if all(note.note_id != note_id for note in notes):
            raise NotFound("There is no such note.", do="Reload the page.")
        _write(path, tuple(_struck(note, now) if note.note_id == note_id else note for note in notes))


def notes_as_csv(notes: Sequence[Note], zone: ZoneInfo) -> str:
    """A table for a spreadsheet; nothing in it is taken for a formula there."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["UTC", "local time", "camera", "package", "note", "written", "by", "struck"])
    for note in notes:
        struck = "" if note.struck is None else to_rfc3339(note.struck)
        row = [to_rfc3339(note.at), moment_text(note.at, zone), note.camera or "", note.evidence_id or "", note.text]
        table.writerow([_plain(cell) for cell in (*row, to_rfc3339(note.written), note.by, struck)])
    return text.getvalue()


def notes_as_json(notes: Sequence[Note]) -> str:
    return _Notes(notes=tuple(notes)).model_dump_json(indent=2, exclude_none=True) + "\n"


def _struck(note: Note, now: int) -> Note:
    return note if note.struck is not None else note.model_copy(update={"struck": now})


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _file(state: OfficerState, crime_reference: str) -> Path:
    return state.case_folder(crime_reference) / "notes.json"


def _read(path: Path) -> _Notes:
    if not path.exists():
        return _Notes()
    try:
        with path.open("rb") as file:
            return parse_strictly(file.read(MOST_BYTES + 1), _Notes, MOST_BYTES)
    except DocumentInvalid:
        raise StoreDamaged(f"{path} can't be read.", do="Put a copy of it back from a backup.") from None


def _write(path: Path, notes: tuple[Note, ...]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with durable_file(path) as file:
        file.write(notes_as_json(notes).encode())
