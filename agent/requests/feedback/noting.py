"""The owner writes down what an officer told by no portal: that they opened it, can't play it, ask, or how it ended.

So the records of a request that was noted are as whole as of any other. Not for: what an officer signed (``arriving``).
"""

import asyncio
import uuid
from typing import Annotated

from pydantic import Field, ValidationError

from agent.requests.feedback.arriving import keep
from agent.requests.feedback.conversation import Origin, keep_files, of_request
from agent.services import Services
from agent.store.database import Transaction
from exchange.documents.feedback import (
    MAX_OF_A_REQUEST,
    CannotPlayReason,
    CaseResult,
    FeedbackKind,
    NotedFeedback,
)
from exchange.documents.messages import DecidedBy, Id, Line, Part, Signed, Text
from exchange.errors import DecisionRefused, InputInvalid, NotFound
from exchange.signing.documents import read_unverified, sign_document


class NewFeedback(Part):
    """What the owner writes down. Without ``evidence_id`` it is about every package of the request."""

    request_id: Id
    what: FeedbackKind
    officer: Line
    how: Line
    evidence_id: Id | None = None
    verified: bool | None = None
    reason: CannotPlayReason | None = None
    result: CaseResult | None = None
    text: Text | None = None
    key: Annotated[str, Field(pattern=r"^[a-z0-9-]{8,64}$")] | None = None
    """Of the form that it was typed into: sent twice, it is written down once."""


async def note_feedback(services: Services, new: NewFeedback, by: DecidedBy) -> int:
    """Write it down; about how many packages. NotFound, InputInvalid, DecisionRefused."""
    async with services.store.transaction() as tx:
        if await tx.request(new.request_id) is None:
            raise NotFound(f"There is no request {new.request_id}.", do="List them with: handover requests")
        sent = sorted({each.evidence_id for each in await of_request(tx, new.request_id)})
        count = await tx.one(
            "SELECT count(*) AS n FROM feedback WHERE request_id = ? AND origin = ?", [new.request_id, Origin.NOTED]
        )
        if not sent:
            raise DecisionRefused(
                "Nothing of this request was handed over.",
                meaning="Nothing was written down.",
                do="Write it down once the force has something of yours.",
            )
        if count is not None and count["n"] >= MAX_OF_A_REQUEST:
            raise InputInvalid("Enough was written down about this request.")
        about = sent if new.evidence_id is None else [each for each in sent if each == new.evidence_id]
        if not about:
            raise NotFound(f"No package {new.evidence_id} was handed over.", do="handover show names them.")
        if new.key is not None and await _is_written(tx, new):
            return len(about)
        for number, evidence_id in enumerate(about):
            document = _document(services, new, evidence_id, number, by)
            signed = sign_document(document, services.keys.device)
            await asyncio.to_thread(keep_files, services.settings.feedback_dir, document, signed)
            await keep(tx, services, document, signed, Origin.NOTED, by.name)
    return len(about)


async def _is_written(tx: Transaction, new: NewFeedback) -> bool:
    """Whether this very form was sent before. DecisionRefused when something else was, from the same page."""
    row = await tx.one("SELECT document, signature FROM feedback WHERE feedback_id = ?", [_id_of(new, 0)])
    if row is None:
        return False
    before = read_unverified(Signed(document=row["document"], signature=row["signature"]), NotedFeedback)
    fields = ("what", "officer", "how", "verified", "reason", "result", "text")
    if any(getattr(before, name) != getattr(new, name) for name in fields):
        raise DecisionRefused(
            "Something else was written down since this page was shown.",
            meaning="This was not written down.",
            do="Load the page again, and type it there.",
        )
    return True


def _id_of(new: NewFeedback, number: int) -> str:
    return str(uuid.uuid4()) if new.key is None else f"{new.key[:60]}-{number}"


def _document(services: Services, new: NewFeedback, evidence_id: str, number: int, by: DecidedBy) -> NotedFeedback:
    feedback_id = _id_of(new, number)
    try:
        return NotedFeedback.model_validate(
            new.model_dump(exclude={"key"})
            | {
                "feedback_id": feedback_id,
                "device": services.keys.device.public.fingerprint,
                "issued": services.clock.now(),
                "evidence_id": evidence_id,
                "noted_by": by,
            }
        )
    except ValidationError:
        raise InputInvalid(
            "That is not all that is needed, or more.",
            meaning="Nothing was written down.",
            do="Say if it held (opened), why not (cannot-play), what is asked (question), or how it ended (outcome).",
        ) from None
