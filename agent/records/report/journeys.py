"""How each request went: when each step was, what failed, how it ended; read from what the store holds.

Not for: counting (``figures``). Nothing is guessed: a time that was not kept is None.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from agent.requests.feedback.conversation import Origin
from agent.requests.states import State
from agent.store.database import RequestRow, Transaction
from exchange.clock import DAY, Instant, Window
from exchange.custody.log import CustodyKind
from exchange.documents.feedback import (
    CannotPlay,
    CaseOutcome,
    Feedback,
    FeedbackKind,
    NotedFeedback,
    PackageOpened,
    Rating,
)
from exchange.documents.messages import Decision, Receipt, Signed, Status
from exchange.errors import DocumentInvalid
from exchange.signing.documents import parse_strictly, read_unverified

PATIENCE = 90 * DAY
"""After which a receipt that did not come counts as missing."""


class Answer(StrEnum):
    """How a request was answered, or that it was not."""

    APPROVED = "approved"
    DECLINED = "declined"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    STOPPED = "stopped"
    OPEN = "open"


class Failure(StrEnum):
    """What can go wrong with what was approved."""

    UPLOAD_INTERRUPTED = "upload-interrupted"
    STEP_FAILED = "step-failed"
    APPROVAL_VOID = "approval-void"
    NOT_VERIFIED = "not-verified"
    CANNOT_PLAY = "cannot-play"
    NO_RECEIPT = "no-receipt"


_IN_LOG = {
    CustodyKind.UPLOAD_INTERRUPTED: Failure.UPLOAD_INTERRUPTED,
    CustodyKind.FAILED: Failure.STEP_FAILED,
    CustodyKind.APPROVAL_VOID: Failure.APPROVAL_VOID,
}


@dataclass(frozen=True)
class RequestJourney:
    """One request. Instants are microseconds UTC; ``failures`` are counts of each that there was."""

    request_id: str
    received: Instant
    asked: Instant | None
    decided: Instant | None
    delivered: Instant | None
    """When all that was approved had been handed over for the first time."""
    receipted: Instant | None
    opened: Instant | None
    answer: Answer
    failures: dict[Failure, int]
    stars: int | None
    results: tuple[str, ...]
    """What became of it, in the order in which it was told."""
    sent_again: int


async def journeys(tx: Transaction, window: Window, now: Instant) -> list[RequestJourney]:
    """Of all requests that were received within ``window``, oldest first."""
    rows = [row for row in await tx.requests() if window.start <= row.received_at < window.end]
    decided = {row["request_id"]: row for row in await tx.all("SELECT * FROM decisions")}
    sent = await _sent(tx)
    said = await _said(tx)
    failed = await _failed(tx)
    found = []
    for row in rows:
        decision = decided.get(row.request_id)
        firsts = sent.get(row.request_id, {})
        told = said.get(row.request_id, _Word())
        delivered = _all(each.delivered for each in firsts.values())
        receipted = _all(each.receipted for each in firsts.values())
        counts = {
            Failure.NOT_VERIFIED: sum(each.not_verified for each in firsts.values()),
            Failure.CANNOT_PLAY: told.complaints,
            Failure.NO_RECEIPT: _missing(firsts, now),
        } | dict(failed.get(row.request_id, {}))
        found.append(
            RequestJourney(
                row.request_id,
                row.received_at,
                row.asked_at,
                None if decision is None else decision["decided_at"],
                delivered,
                receipted,
                told.opened,
                _answer(row, None if decision is None else decision["document"]),
                {kind: count for kind, count in counts.items() if count},
                told.stars,
                tuple(told.results),
                sum(each.sendings - 1 for each in firsts.values()),
            )
        )
    return found


@dataclass
class _Sent:
    """A package: the first time that it went, and what came back of it."""

    delivered: int | None = None
    receipted: int | None = None
    not_verified: int = 0
    sendings: int = 1


@dataclass
class _Word:
    opened: int | None = None
    complaints: int = 0
    stars: int | None = None
    results: list[str] = field(default_factory=list)


_MODELS: dict[FeedbackKind, type[Feedback]] = {
    FeedbackKind.OPENED: PackageOpened,
    FeedbackKind.CANNOT_PLAY: CannotPlay,
    FeedbackKind.OUTCOME: CaseOutcome,
    FeedbackKind.RATING: Rating,
}


async def _sent(tx: Transaction) -> dict[str, dict[str, _Sent]]:
    columns = "evidence_id, request_id, delivered_at, receipt, receipt_at, sending"
    rows = await tx.all(
        f"SELECT {columns} FROM packages UNION ALL SELECT {columns} FROM former_sendings"  # noqa: S608 names are ours
    )
    found: dict[str, dict[str, _Sent]] = defaultdict(lambda: defaultdict(_Sent))
    for row in rows:
        package = found[row["request_id"]][row["evidence_id"]]
        package.delivered = _earlier(package.delivered, row["delivered_at"])
        package.receipted = _earlier(package.receipted, row["receipt_at"])
        package.sendings = max(package.sendings, row["sending"])
        package.not_verified += _is_not_verified(row["receipt"])
    return found


def _is_not_verified(receipt: str | None) -> bool:
    """Whether the force could not verify it. One that the owner noted says nothing of that."""
    if receipt is None:
        return False
    signed = Signed.model_validate_json(receipt)
    try:
        return not read_unverified(signed, Receipt).verified
    except DocumentInvalid:
        return False


async def _said(tx: Transaction) -> dict[str, _Word]:
    found: dict[str, _Word] = defaultdict(_Word)
    for row in await tx.all("SELECT * FROM feedback ORDER BY arrived_at, rowid"):
        signed = Signed(document=row["document"], signature=row["signature"])
        mine = found[row["request_id"]]
        kind = FeedbackKind(row["kind"])
        model = NotedFeedback if row["origin"] == Origin.NOTED else _MODELS.get(kind)
        if model is None:
            continue
        document: Feedback = read_unverified(signed, model)
        if kind is FeedbackKind.OPENED:
            mine.opened = _earlier(mine.opened, document.issued)
        elif kind is FeedbackKind.CANNOT_PLAY:
            mine.complaints += 1
        elif isinstance(document, Rating):
            mine.stars = document.stars
        elif isinstance(document, CaseOutcome | NotedFeedback) and document.result is not None:
            mine.results.append(document.result.value)
    return found


async def _failed(tx: Transaction) -> dict[str, dict[Failure, int]]:
    """Counts out of the custody log; only the lines that tell of a failure are read."""
    found: dict[str, dict[Failure, int]] = defaultdict(lambda: defaultdict(int))
    for kind, failure in _IN_LOG.items():
        rows = await tx.all(
            "SELECT request_id, count(*) AS n FROM custody WHERE request_id IS NOT NULL AND line LIKE ? "
            "GROUP BY request_id",
            [f'%"event":{json.dumps(kind.value)}%'],
        )
        for row in rows:
            found[row["request_id"]][failure] += row["n"]
    return found


def _answer(row: RequestRow, decision: str | None) -> Answer:
    if decision is not None:
        status = parse_strictly(decision.encode(), Decision).status
        return {
            Status.APPROVED: Answer.APPROVED,
            Status.PARTLY_APPROVED: Answer.APPROVED,
            Status.DECLINED: Answer.DECLINED,
            Status.UNAVAILABLE: Answer.UNAVAILABLE,
        }.get(status, Answer.STOPPED)
    if row.refusal is not None or row.state == State.REFUSED:
        return Answer.REFUSED
    if row.state in (State.EXPIRED, State.WITHDRAWN, State.CLOSED):
        return Answer.UNANSWERED if row.officer is not None else Answer.REFUSED
    return Answer.OPEN


def _missing(packages: dict[str, _Sent], now: Instant) -> int:
    return sum(
        each.receipted is None and each.delivered is not None and now - each.delivered >= PATIENCE
        for each in packages.values()
    )


def _all(times: Iterable[int | None]) -> int | None:
    """The last of them; None while one is missing, or where there is none."""
    found = list(times)
    known = [each for each in found if each is not None]
    return max(known) if known and len(known) == len(found) else None


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)
