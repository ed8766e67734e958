"""What an owner can see of their records, and say of them.

Not for: keeping the custody log (``agent.store.custody``).
"""

from agent.owner.operations.context import Actor, Json, Nothing, Owned
from agent.owner.operations.requests import summary
from agent.requests import restored_records
from exchange.clock import to_rfc3339
from exchange.documents.messages import Part, Text


class Restored(Part):
    what: Text
    """What happened to the agent's records, in the owner's words."""


async def list_packages(agent: Owned, _: Nothing, actor: Actor) -> Json:
    """What was handed over, when, to whom, and the receipts."""
    async with agent.services.store.transaction() as tx:
        packages = await tx.all("SELECT * FROM packages ORDER BY sealed_at")
        requests = {row.request_id: row for row in await tx.requests()}
        events = await tx.one("SELECT count(*) AS n FROM custody")
    return {
        "custody_events": 0 if events is None else events["n"],
        "packages": [
            {
                "evidence_id": row["evidence_id"],
                "request_id": row["request_id"],
                "crime_reference": summary(agent, requests[row["request_id"]]).get("crime_reference"),
                "path": row["path"],
                "size": row["size"],
                "ciphertext_sha256": row["ciphertext_sha256"],
                "delivered": None if row["delivered_at"] is None else to_rfc3339(row["delivered_at"]),
                "receipt": None if row["receipt_at"] is None else to_rfc3339(row["receipt_at"]),
            }
            for row in packages
        ],
    }


async def explain_restored(agent: Owned, given: Restored, actor: Actor) -> Json:
    """The owner says why the agent's records went back to an earlier state."""
    ended = await restored_records.clear_up(agent.services, given.what, actor.name)
    agent.journey.kick()
    return {"ended": ended}
