"""What the police ask about the owner's own copy: that it be kept, or that it need not be any more.

Not for: what is deleted when (``agent.records.backups.retention``).
"""

from agent.store.database import Transaction
from exchange.documents.feedback import FeedbackKind, KeepAsked
from exchange.documents.letters import quoted
from exchange.documents.messages import Signed
from exchange.signing.documents import read_unverified


async def asked_to_keep(tx: Transaction, request_id: str) -> str | None:
    """Why the police ask for it, in words for the owner; None when they don't, or not any more."""
    row = await tx.one(
        "SELECT document, signature FROM feedback WHERE request_id = ? AND kind = ? "
        "ORDER BY arrived_at DESC, rowid DESC LIMIT 1",
        [request_id, FeedbackKind.KEEP],
    )
    if row is None:
        return None
    asked = read_unverified(Signed(document=row["document"], signature=row["signature"]), KeepAsked)
    return f"The police ask for it: {quoted(asked.text or '')}"[:500] if asked.keep else None


async def agree_to_keep(tx: Transaction, request_id: str, now: int) -> None:
    """The owner agreed: the hold is one that ends by the police's word."""
    await tx.execute(
        "UPDATE feedback SET settled_at = ? WHERE request_id = ? AND kind = ?", [now, request_id, FeedbackKind.KEEP]
    )


async def end_as_asked(tx: Transaction, request_id: str) -> bool:
    """End a hold that the owner agreed to, and leave one that is their own; whether there was one."""
    agreed = await tx.execute(
        "UPDATE feedback SET settled_at = NULL WHERE request_id = ? AND kind = ? AND settled_at IS NOT NULL",
        [request_id, FeedbackKind.KEEP],
    )
    if agreed:
        await tx.execute("DELETE FROM legal_holds WHERE request_id = ?", [request_id])
    return bool(agreed)
