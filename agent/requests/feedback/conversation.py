"""What was said of a request after it was handed over, by both sides, in the order of time; and what it is about.

Not for: taking, checking or sending any of it (the modules beside this one).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agent.requests.states import State
from agent.store.database import PackageRow, Transaction
from exchange.documents.feedback import (
    FROM_OFFICER,
    FROM_OWNER,
    REASON_WORDS,
    CannotPlay,
    Feedback,
    FeedbackKind,
    NotedFeedback,
)
from exchange.documents.letters import quoted
from exchange.documents.messages import Signed
from exchange.durable import durable_file
from exchange.signing.documents import read_unverified


class Origin(StrEnum):
    """Where feedback comes from."""

    PORTAL = "portal"
    """An officer signed it."""
    NOTED = "noted"
    """The owner wrote it down; no officer signed it."""
    OWNER = "owner"
    """It is the owner's own."""


@dataclass(frozen=True)
class Sending:
    """A package that was handed over, the first time or again. ``sha256``: of what was sent."""

    evidence_id: str
    number: int
    edition: int
    sha256: str
    delivered_at: int
    receipt_at: int | None
    is_last: bool
    package: PackageRow | None = None
    """Of the last one."""


@dataclass(frozen=True)
class Entry:
    """One document of the conversation; its signature was checked when it came, or is our own."""

    kind: FeedbackKind
    origin: Origin
    document: Feedback
    arrived_at: int
    wanted: bool
    sent_at: int | None
    failure: str | None
    signed: Signed


_MODELS: dict[FeedbackKind, type[Feedback]] = {model.about(): model for model in (*FROM_OFFICER, *FROM_OWNER)}


async def of_request(tx: Transaction, request_id: str) -> Sequence[Sending]:
    """All of a request that was handed over."""
    former = await tx.all("SELECT * FROM former_sendings WHERE request_id = ? ORDER BY sending", [request_id])
    found = [
        Sending(
            row["evidence_id"],
            row["sending"],
            row["edition"],
            row["ciphertext_sha256"],
            row["delivered_at"],
            row["receipt_at"],
            is_last=False,
        )
        for row in former
    ]
    for package in await tx.packages(request_id):
        # What is said of it may come before we know that the portal took our announcement.
        announced = package.uploaded_at if package.delivery is not None else None
        at = package.delivered_at or package.receipt_at or announced
        if at is not None and package.ciphertext_sha256 is not None:
            found.append(
                Sending(
                    package.evidence_id,
                    package.sending,
                    package.edition,
                    package.ciphertext_sha256,
                    at,
                    package.receipt_at,
                    is_last=True,
                    package=package,
                )
            )
    return found


async def conversation(tx: Transaction, request_id: str) -> list[Entry]:
    """Oldest first."""
    rows = await tx.all("SELECT * FROM feedback WHERE request_id = ? ORDER BY arrived_at, rowid", [request_id])
    found = []
    for row in rows:
        kind, origin = FeedbackKind(row["kind"]), Origin(row["origin"])
        signed = Signed(document=row["document"], signature=row["signature"])
        model = NotedFeedback if origin is Origin.NOTED else _MODELS[kind]
        document = read_unverified(signed, model)
        found.append(
            Entry(
                kind, origin, document, row["arrived_at"], bool(row["wanted"]), row["sent_at"], row["failure"], signed
            )
        )
    return found


@dataclass(frozen=True)
class Complaint:
    """That a package, as it was sent last, can't be played; the owner neither sent it again nor left it yet."""

    package: PackageRow
    document: CannotPlay | NotedFeedback
    signed: Signed

    @property
    def trouble(self) -> str:
        """In words for the owner."""
        assert self.document.reason is not None
        why = REASON_WORDS[self.document.reason] + (f": {quoted(self.document.text)}" if self.document.text else "")
        return f"The force can't play what you sent: {why}"[:1000]


async def complaints(tx: Transaction, request_id: str) -> list[Complaint]:
    """Those that are open, a package once: the newest."""
    rows = await tx.all(
        "SELECT * FROM feedback WHERE request_id = ? AND kind = ? AND settled_at IS NULL ORDER BY arrived_at, rowid",
        [request_id, FeedbackKind.CANNOT_PLAY],
    )
    packages = {package.evidence_id: package for package in await tx.packages(request_id)}
    found: dict[str, Complaint] = {}
    for row in rows:
        signed = Signed(document=row["document"], signature=row["signature"])
        package = packages.get(row["evidence_id"])
        if package is None:
            continue
        if row["origin"] == Origin.NOTED:
            found[package.evidence_id] = Complaint(package, read_unverified(signed, NotedFeedback), signed)
            continue
        document = read_unverified(signed, CannotPlay)
        if document.ciphertext_sha256 == package.ciphertext_sha256:
            found[package.evidence_id] = Complaint(package, document, signed)
    return list(found.values())


async def waiting_for_owner(tx: Transaction) -> list[str]:
    """Requests of which the force can't play something, or has a question that nobody answered; oldest first."""
    rows = await tx.all(
        "SELECT request_id FROM requests WHERE state = ? OR request_id IN (SELECT request_id FROM feedback AS asked "
        "WHERE kind = ? AND feedback_id NOT IN (SELECT question_id FROM feedback WHERE question_id IS NOT NULL)) "
        "ORDER BY received_at, request_id",
        [State.REOPENED, FeedbackKind.QUESTION],
    )
    return [str(row["request_id"]) for row in rows]


async def settle_complaints(tx: Transaction, request_id: str, now: int) -> None:
    """The owner did what they wanted about them."""
    await tx.execute(
        "UPDATE feedback SET settled_at = ? WHERE request_id = ? AND kind = ? AND settled_at IS NULL",
        [now, request_id, FeedbackKind.CANNOT_PLAY],
    )


def keep_files(folder: Path, document: Feedback, signed: Signed) -> None:
    """As two plain files, for the owner's own records: ``ssh-keygen -Y verify`` checks them."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for suffix, text in (("json", signed.document), ("json.sig", signed.signature)):
        with durable_file(folder / f"{document.feedback_id}.{suffix}") as file:
            file.write(text.encode())
