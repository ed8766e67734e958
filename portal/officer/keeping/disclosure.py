"""A case's file for the defence: what is used, what is unused and may be seen; and apart from it, what is sensitive.

The schedules follow those of the Code of Practice under the Criminal Procedure and Investigations Act 1996. What is not
sensitive is listed and given; of what is sensitive, the file for the defence says nothing, and a schedule of its own
goes to the prosecutor. What is which, the officer says; nothing is judged here.
Not for: a colleague or an evidence system (``portal.officer.casework.case_folder``).
"""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field

from exchange.clock import to_rfc3339
from exchange.documents.messages import Id, Part, Text
from exchange.durable import durable_file
from exchange.errors import DocumentInvalid, InputInvalid, NotFound, StoreDamaged
from exchange.signing.documents import parse_strictly
from portal.officer.casework.case_folder import folder_of
from portal.officer.casework.notes import Note
from portal.officer.casework.standing import CaseStanding
from portal.officer.opening import Opened
from portal.officer.state import OfficerState

LOG = "log-of-use"
MOST_BYTES = 4 * 1024 * 1024
_WRITING = threading.Lock()


class Category(StrEnum):
    USED = "used"
    """Relied on by the prosecution."""
    UNUSED = "unused"
    """Relevant, not relied on, and to be seen by the defence."""
    SENSITIVE = "sensitive"
    """Not to be seen by the defence, unless a prosecutor or court says otherwise."""


class Mark(Part):
    """What an officer said of an item. ``reason``: why it is sensitive."""

    category: Category
    reason: Text | None = None
    marked: int
    """Microseconds UTC."""


class _Marks(Part):
    marks: Annotated[dict[Id, Mark], Field(max_length=20_000)] = {}  # noqa: RUF012  pydantic copies it


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a schedule. ``item_id``: of a delivery, request or note. ``folder``: where it lies in the file."""

    item_id: str
    what: str
    description: str
    folder: str
    category: Category
    reason: str | None


def items_of(
    case: CaseStanding, opened: Sequence[Opened], notes: Sequence[Note], marks: Mapping[str, Mark], *, log: bool
) -> list[Item]:
    """Packages, requests with all that was said of them, notes, and the ``log`` of use where it could be had; what
    nobody marked is unused."""
    found = [(one.delivery.delivery_id, "Footage", _of_package(one), folder_of(one)) for one in opened]
    for each in case.requests:
        asked = f"Request of {to_rfc3339(each.case.issued)[:16]}Z with its answer, receipts and correspondence"
        found.append((each.case.request_id, "Correspondence", asked, f"requests/{each.case.request_id}"))
    for note in notes:
        struck = " (struck out)" if note.struck is not None else ""
        words = f"Note by {note.by}, written {to_rfc3339(note.written)[:16]}Z{struck}"
        found.append((note.note_id, "Note", words, f"notes/{note.note_id}.json"))
    if log:
        found.append((LOG, "Log", "What officers did about this case at the portal, each line proven", f"{LOG}.json"))
    return [_item(*each, marks.get(each[0])) for each in found]


def read_marks(state: OfficerState, crime_reference: str) -> Mapping[str, Mark]:
    """StoreDamaged when they can't be read: then nothing is given to anybody."""
    path = _file(state, crime_reference)
    if not path.exists():
        return {}
    try:
        with path.open("rb") as file:
            return parse_strictly(file.read(MOST_BYTES + 1), _Marks, MOST_BYTES).marks
    except DocumentInvalid:
        raise StoreDamaged(f"{path} can't be read.", do="Put a copy of it back from a backup.") from None


def mark_item(state: OfficerState, crime_reference: str, items: Sequence[Item], item_id: str, mark: Mark) -> None:
    """NotFound; InputInvalid where something is to be sensitive and nobody says why."""
    if all(each.item_id != item_id for each in items):
        raise NotFound(f"The case has no item {item_id}.", do=f"handover-officer disclosure list {crime_reference}")
    if mark.category is Category.SENSITIVE and not (mark.reason or "").strip():
        raise InputInvalid("It isn't said why it is sensitive.", do="Give --reason; it stands on the schedule.")
    with _WRITING:
        marks = _Marks(marks={**read_marks(state, crime_reference), item_id: mark})
        path = _file(state, crime_reference)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with durable_file(path) as file:
            file.write(marks.model_dump_json(indent=2, exclude_none=True).encode() + b"\n")


def schedule_json(items: Sequence[Item]) -> bytes:
    """For a program."""
    lines = [
        {
            "number": number,
            "item": each.item_id,
            "what": each.what,
            "description": each.description,
            "category": each.category,
            **({"lies": each.folder} if each.category is not Category.SENSITIVE else {"reason": each.reason}),
        }
        for number, each in enumerate(items, 1)
    ]
    return (json.dumps({"kind": "schedule.v1", "items": lines}, indent=2, ensure_ascii=False) + "\n").encode()


def _item(item_id: str, what: str, description: str, folder: str, mark: Mark | None) -> Item:
    if mark is None:
        return Item(item_id, what, description, folder, Category.UNUSED, None)
    return Item(item_id, what, description, folder, mark.category, mark.reason)


def _of_package(one: Opened) -> str:
    evidence = one.report.evidence
    if evidence is None:
        return f"A package that can't be read: {one.report.summary()}"
    window = evidence.windows.delivered
    times = f"{to_rfc3339(window.start)[:19]}Z to {to_rfc3339(window.end)[:19]}Z"
    return f"Exhibit {evidence.exhibit_reference}: {evidence.camera.label}, {times}. {one.report.summary()}"


def _file(state: OfficerState, crime_reference: str) -> Path:
    return state.case_folder(crime_reference) / "disclosure.json"
