"""What people who were filmed asked the owner for: written down with its deadline, and how it was answered.

Not for: finding anything (``search``), or the words of an answer (``answer``).
"""

import json
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from agent.store.database import Transaction
from exchange.clock import Window
from exchange.errors import InputInvalid, NotFound


class Wish(StrEnum):
    """What they want: to know and have a copy, to have it erased, not to be recorded, to have its use restricted."""

    ACCESS = "access"
    ERASURE = "erasure"
    OBJECTION = "objection"
    RESTRICTION = "restriction"


class Answered(StrEnum):
    GIVEN = "given"
    PARTLY = "partly"
    WITHHELD = "withheld"
    REFUSED = "refused"


@dataclass(frozen=True)
class SubjectRequest:
    """Instants are microseconds UTC. ``cameras``: ids; none of them means all."""

    subject_id: str
    wish: Wish
    person: str
    contact: str | None
    described: str
    identified: str | None
    windows: tuple[Window, ...]
    cameras: tuple[str, ...]
    received_at: int
    due_at: int
    recorded_at: int
    recorded_by: str
    extended_why: str | None = None
    answer: Answered | None = None
    reasons: str | None = None
    answered_at: int | None = None
    answered_by: str | None = None


async def record(tx: Transaction, asked: SubjectRequest) -> None:
    columns = {name: getattr(asked, name) for name in SubjectRequest.__dataclass_fields__}
    columns |= {
        "wish": asked.wish.value,
        "windows": json.dumps([[window.start, window.end] for window in asked.windows]),
        "cameras": json.dumps(asked.cameras),
        "answer": None,
    }
    await tx.insert("subject_requests", **columns)


def new_id() -> str:
    return str(uuid.uuid4())


async def subject_requests(tx: Transaction) -> list[SubjectRequest]:
    """Those that wait first, the most urgent first; then those that were answered, the latest first."""
    rows = await tx.all(
        "SELECT * FROM subject_requests ORDER BY answered_at IS NOT NULL, "
        "CASE WHEN answered_at IS NULL THEN due_at ELSE -answered_at END"
    )
    return [_read(dict(row)) for row in rows]


async def subject_request(tx: Transaction, subject_id: str) -> SubjectRequest:
    """NotFound."""
    row = await tx.one("SELECT * FROM subject_requests WHERE subject_id = ?", [subject_id])
    if row is None:
        raise NotFound("There is no such request.", do="List them with: handover subject-request list")
    return _read(dict(row))


def _read(row: dict[str, Any]) -> SubjectRequest:
    return SubjectRequest(
        **row
        | {
            "wish": Wish(row["wish"]),
            "windows": tuple(Window(start, end) for start, end in json.loads(row["windows"])),
            "cameras": tuple(json.loads(row["cameras"])),
            "answer": None if row["answer"] is None else Answered(row["answer"]),
        }
    )


async def answer(tx: Transaction, asked: SubjectRequest, how: Answered, reasons: str | None, at: int, by: str) -> None:
    """Write down how it was answered, once. InputInvalid."""
    if asked.answered_at is not None:
        raise InputInvalid("It was answered before.", meaning="What stands, stands.", do="Add a note to it instead.")
    if how is not Answered.GIVEN and not reasons:
        raise InputInvalid(
            "It isn't said why.",
            meaning="Nothing was written down.",
            do="Say why something was withheld or refused: you may have to show it.",
        )
    await tx.update(
        "subject_requests",
        {"subject_id": asked.subject_id},
        answer=how.value,
        reasons=reasons,
        answered_at=at,
        answered_by=by,
    )


async def identify(tx: Transaction, asked: SubjectRequest, how: str) -> None:
    await tx.update("subject_requests", {"subject_id": asked.subject_id}, identified=how)


async def extend(tx: Transaction, asked: SubjectRequest, due_at: int, why: str) -> None:
    """More time, once, and only before the first time is over. InputInvalid."""
    if asked.extended_why is not None or asked.answered_at is not None:
        raise InputInvalid("It was extended or answered before.", meaning="Nothing was changed.")
    await tx.update("subject_requests", {"subject_id": asked.subject_id}, due_at=due_at, extended_why=why)
