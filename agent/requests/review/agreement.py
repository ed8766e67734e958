"""Two people must agree, where the owner wants that: the first yes is kept, the second makes it count.

Not for: what a yes sets going (``agent/requests/decision.py``), or who a person is (``agent/owner/people``).
"""

from agent.store.database import Transaction
from exchange.clock import Instant
from exchange.documents.messages import Agreement, DecidedBy, Part
from exchange.signing.documents import parse_strictly

MAX_FIRST_YES = 512 * 1024


class FirstYes(Part):
    """What the first person said yes to, word for word, and who that was."""

    verdict: str
    """``agent.requests.decision.Verdict`` as JSON: it names the plan by its hash."""
    by: DecidedBy
    at: Instant

    @property
    def agreement(self) -> Agreement:
        return Agreement(by=self.by, at=self.at)


async def first_yes(tx: Transaction, request_id: str) -> FirstYes | None:
    """What waits for a second person; None when nobody said yes yet, or the plan has changed since."""
    row = await tx.one("SELECT agreement FROM agreements WHERE request_id = ?", [request_id])
    return None if row is None else parse_strictly(row["agreement"].encode(), FirstYes, MAX_FIRST_YES)


async def keep_first_yes(tx: Transaction, request_id: str, verdict: str, by: DecidedBy, at: Instant) -> None:
    """Keep a yes until another person says the same; it takes the place of an earlier one."""
    text = FirstYes(verdict=verdict, by=by, at=at).model_dump_json()
    await tx.execute("DELETE FROM agreements WHERE request_id = ?", [request_id])
    await tx.insert("agreements", request_id=request_id, agreement=text)
