"""What an owner can see of their records, and say of them.

Not for: keeping the custody log (``agent.store.custody``).
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from agent.owner.operations.context import Actor, Json, Nothing, Owned
from agent.owner.operations.requests import summary
from agent.requests import restored_records
from agent.requests.copies import later
from agent.requests.exhibits.references import given_reference
from agent.requests.restored import learning, word
from exchange.clock import to_rfc3339
from exchange.custody.log import read_line
from exchange.documents.copies import ChosenCopy
from exchange.documents.messages import Id, Part, Text


class CustodyAsked(Part):
    """``most``: of the newest lines. ``request_id``: of one request only."""

    most: Annotated[int, Field(ge=1, le=10_000)] = 200
    request_id: Id | None = None


class Restored(Part):
    what: Text
    """What happened to the agent's records, in the owner's words; or, with ``request_id``, to that request."""
    request_id: Id | None = None
    handed_over: bool | None = None
    """Whether it was handed over before the records went back."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.request_id is None) != (self.handed_over is None):
            raise ValueError("a request, and whether it was handed over, are said together")
        return self


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
                "exhibit": given_reference(row["evidence"]),
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


class MakeCopy(Part):
    evidence_id: Id
    kind: ChosenCopy = Field(alias="copy")


class EvidenceNamed(Part):
    evidence_id: Id


async def make_copy(agent: Owned, wanted: MakeCopy, actor: Actor) -> Json:
    """Begin to make a working copy of what was handed over, for the owner themselves."""
    await later.start(agent.services, wanted.evidence_id, wanted.kind)
    return await made_copies(agent, EvidenceNamed(evidence_id=wanted.evidence_id), actor)


async def made_copies(agent: Owned, named: EvidenceNamed, actor: Actor) -> Json:
    """The working copies of a package that the owner had made, and whether one is being made."""
    doing, notes, files = await later.state(agent.services, named.evidence_id)
    return {"doing": doing, "notes": notes, "files": [{"path": str(path)} for path in files]}


async def list_custody(agent: Owned, asked: CustodyAsked, actor: Actor) -> Json:
    """The custody log's newest lines, the newest first."""
    where, values = ("WHERE request_id = ?", [asked.request_id]) if asked.request_id else ("", [])
    async with agent.services.store.transaction() as tx:
        rows = await tx.all(f"SELECT line FROM custody {where} ORDER BY seq DESC LIMIT ?", [*values, asked.most])  # noqa: S608
    return {"events": [read_line(row["line"]).model_dump(mode="json", exclude_none=True) for row in rows]}


async def explain_restored(agent: Owned, given: Restored, actor: Actor) -> Json:
    """The owner says why the agent's records went back to an earlier state, or what became of one request."""
    ended = 0
    if given.request_id is not None and given.handed_over is not None:
        await word.say(agent.services, given.request_id, given.what, actor.name, handed_over=given.handed_over)
    else:
        ended = await restored_records.clear_up(agent.services, given.what, actor.name)
    await learning.learn(agent.services)
    agent.journey.kick()
    return {"ended": ended}
