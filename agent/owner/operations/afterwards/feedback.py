"""What an owner can do about what the force says afterwards: answer, rate, send again or leave it, write it down.

Not for: how it is shown or confirmed (every door has a second step of its own), or what it sets going.
"""

from typing import Annotated, Any

from pydantic import Field

from agent.owner.operations.context import Actor, Json, Owned, RequestNamed
from agent.owner.operations.whose import find
from agent.requests.feedback import answering, noting, sending_again
from agent.requests.feedback.conversation import Entry, Origin, complaints, conversation
from agent.requests.states import State
from agent.store.database import Transaction
from exchange.clock import to_rfc3339
from exchange.documents.copies import CopyKind
from exchange.documents.feedback import (
    CannotPlay,
    CaseOutcome,
    FeedbackKind,
    KeepAsked,
    NotedFeedback,
    OwnersAnswer,
    PackageOpened,
    Question,
    Rating,
)
from exchange.documents.messages import DecidedBy, Id, Part, Text


class Answer(Part):
    """The text that was shown once more, and confirmed."""

    request_id: Id
    question_id: Id
    text: Text


class Rate(Part):
    request_id: Id
    stars: Annotated[int, Field(ge=1, le=5)]
    text: Text | None = None


class SendAgain(Part):
    """Send what can't be played again: with copies that are added, or, without any, the very same package."""

    request_id: Id
    copies: Annotated[tuple[CopyKind, ...], Field(max_length=len(sending_again.KINDS_AGAIN))] = ()


async def answer(agent: Owned, asked: Answer, actor: Actor) -> Json:
    """Answer a question; it goes to the officer who asked it, and nobody else."""
    made = await answering.answer(agent.services, asked.request_id, asked.question_id, asked.text, actor.name)
    return await _sent(agent, made.feedback_id)


async def rate(agent: Owned, asked: Rate, actor: Actor) -> Json:
    """Say how it went; it goes to the officer who asked."""
    made = await answering.rate(agent.services, asked.request_id, asked.stars, asked.text, actor.name)
    return await _sent(agent, made.feedback_id)


async def _sent(agent: Owned, feedback_id: str) -> Json:
    """Whether it got there, or what hinders it; it is kept in any case."""
    waits = await answering.send_now(agent.services)
    async with agent.services.store.transaction() as tx:
        row = await tx.one("SELECT wanted, sent_at, failure FROM feedback WHERE feedback_id = ?", [feedback_id])
    assert row is not None
    return {
        "feedback_id": feedback_id,
        "sent": row["sent_at"] is not None,
        "waits": bool(row["wanted"]),
        "trouble": row["failure"] or (waits if row["wanted"] else None),
    }


async def send_again(agent: Owned, asked: SendAgain, actor: Actor) -> Json:
    """Send what can't be played again, under the same decision."""
    by = DecidedBy(name=actor.name, method=actor.method, person=actor.person)
    count = await sending_again.send_again(agent.services, asked.request_id, asked.copies, by)
    agent.journey.kick()
    return {"packages": count}


async def leave_it(agent: Owned, named: RequestNamed, actor: Actor) -> Json:
    """Send nothing again; nobody is told."""
    await sending_again.leave(agent.services, named.request_id)
    agent.journey.kick()
    return {}


async def note_feedback(agent: Owned, new: noting.NewFeedback, actor: Actor) -> Json:
    """Write down what an officer told some other way."""
    by = DecidedBy(name=actor.name, method=actor.method, person=actor.person)
    count = await noting.note_feedback(agent.services, new, by)
    agent.journey.kick()
    return {"packages": count}


async def list_feedback(agent: Owned, named: RequestNamed, actor: Actor) -> Json:
    """What was said of a request afterwards, by both sides, oldest first."""
    async with agent.services.store.transaction() as tx:
        row = await find(tx, named.request_id)
        entries, open_ones = await entries_of(tx, named.request_id), await complaints(tx, named.request_id)
    reopened = row.state == State.REOPENED and open_ones and all(one.package.path is not None for one in open_ones)
    kinds = sending_again.suggested(agent.services, open_ones[0]) if reopened else ()
    return {"feedback": entries, "suggested": [kind.value for kind in kinds]}


async def entries_of(tx: Transaction, request_id: str) -> list[Json]:
    """The conversation, as doors show it."""
    entries = await conversation(tx, request_id)
    answered = {
        entry.document.question_id: entry.document.feedback_id
        for entry in entries
        if isinstance(entry.document, OwnersAnswer)
    }
    return [_shown(entry, answered) for entry in entries]


def _shown(entry: Entry, answered: dict[str, str]) -> Json:
    document = entry.document
    shown: Json = {
        "feedback_id": document.feedback_id,
        "kind": entry.kind.value,
        "from": "you" if entry.origin is Origin.OWNER else "force",
        "noted": entry.origin is Origin.NOTED,
        "issued": to_rfc3339(document.issued),
        "arrived": to_rfc3339(entry.arrived_at),
        "evidence_id": getattr(document, "evidence_id", None),
        "text": getattr(document, "text", None),
    }
    if entry.origin is Origin.OWNER:
        shown |= {
            "waits": entry.wanted,
            "sent": None if entry.sent_at is None else to_rfc3339(entry.sent_at),
            "failure": entry.failure,
        }
    if entry.kind is FeedbackKind.QUESTION:
        shown["answered_by"] = answered.get(document.feedback_id)
    return shown | _facts(document)


def _facts(document: Any) -> Json:
    match document:
        case NotedFeedback():
            return {
                "officer": document.officer,
                "how": document.how,
                "verified": document.verified,
                "reason": document.reason,
                "result": document.result,
                "checks": None,
            }
        case PackageOpened():
            wrong = [check.check for check in document.checks if check.result != "holds"]
            return {"verified": document.verified, "checks": len(document.checks), "not_held": wrong}
        case CannotPlay():
            return {"reason": document.reason.value}
        case CaseOutcome():
            return {"result": document.result.value}
        case KeepAsked():
            return {"keep": document.keep}
        case OwnersAnswer():
            return {"question_id": document.question_id}
        case Rating():
            return {"stars": document.stars}
        case Question():
            return {}
    raise AssertionError(document)
