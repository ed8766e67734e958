"""The time stamps of what was handed over: those in each package, those that came later, those still asked for.

Not for: asking for them (``agent.requests.stamping``).
"""

import base64

from agent.owner.operations.context import Actor, Json, Nothing, Owned, RequestNamed
from agent.portal.client import origin
from agent.requests.stamping.late_stamps import stamps_folder
from exchange.clock import to_rfc3339
from exchange.errors import NotFound


async def list_stamps(agent: Owned, _: Nothing, actor: Actor) -> Json:
    """Every package that has a stamp, or waits for one, the newest first."""
    async with agent.services.store.transaction() as tx:
        rows = await tx.all(
            "SELECT stamps.*, packages.request_id, packages.sealed_at FROM stamps JOIN packages USING (evidence_id) "
            "ORDER BY packages.sealed_at DESC, evidence_id, stamps.position IS NULL, stamps.position, "
            "stamped_at IS NULL, stamped_at"
        )
    packages: dict[str, Json] = {}
    for row in rows:
        package = packages.setdefault(
            row["evidence_id"], {"evidence_id": row["evidence_id"], "request_id": row["request_id"], "stamps": []}
        )
        late = row["response"] is not None and row["position"] is None
        package["stamps"].append(
            {
                "authority": origin(row["url"]) if row["url"] else None,
                "stamped": None if row["stamped_at"] is None else to_rfc3339(row["stamped_at"]),
                "state": "missing" if row["response"] is None else "late" if late else "in the package",
                "file": str(stamps_folder(agent.services, row["evidence_id"]) / row["file"]) if late else row["file"],
                "asked_again": None if row["due_at"] is None else to_rfc3339(row["due_at"]),
                "trouble": row["trouble"],
            }
        )
    return {"packages": list(packages.values())}


async def give_late_stamps(agent: Owned, named: RequestNamed, actor: Actor) -> Json:
    """The stamps of a request's packages that came after the sealing, as files. NotFound where none did."""
    async with agent.services.store.transaction() as tx:
        rows = await tx.all(
            "SELECT stamps.evidence_id, file, response FROM stamps JOIN packages USING (evidence_id) "
            "WHERE request_id = ? AND response IS NOT NULL AND stamps.position IS NULL ORDER BY evidence_id, file",
            [named.request_id],
        )
    if not rows:
        raise NotFound(
            "No time stamp came later for this request.",
            meaning="What its packages have is in them already.",
            do="See which stamps there are, and which are still asked for: handover stamps",
        )
    return {
        "files": [
            {"name": f"{row['evidence_id']}.{row['file']}", "content": base64.b64encode(row["response"]).decode()}
            for row in rows
        ]
    }
