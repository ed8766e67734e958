"""What an owner can do with a request: see it, look at what would be sent, decide, have its footage kept.

Not for: how it is asked or shown (``agent.owner.terminal``, ``agent.cli``), or what a decision sets going.
"""

import base64
from dataclasses import asdict

from agent.owner.operations.context import Actor, Json, Nothing, Owned, RequestNamed
from agent.requests import decision, restored_records
from agent.requests.intake import verified_request
from agent.requests.pictures import stills
from agent.requests.plan import look_again, read_plan
from agent.requests.preserve import keep
from agent.requests.states import State
from agent.store.database import RequestRow, Transaction
from exchange.clock import to_rfc3339
from exchange.documents.messages import Credential, DecidedBy, Decision, Id, Line, Part, Text
from exchange.errors import DecisionRefused, NotFound
from exchange.signing.documents import PublicKey, parse_strictly


class Decide(Part):
    request_id: Id
    plan_sha256: Line
    choices: tuple[decision.Choice, ...] = ()
    observations: Text | None = None
    name: Line | None = None
    """How the person who decides wants to be named; their user name otherwise."""


async def list_requests(agent: Owned, _: Nothing, actor: Actor) -> Json:
    async with agent.services.store.transaction() as tx:
        rows = await tx.requests()
        given = {row["request_id"]: row["document"] for row in await tx.all("SELECT * FROM decisions")}
    return {"requests": [summary(agent, row) | {"outcome": _outcome(row, given.get(row.request_id))} for row in rows]}


async def show(agent: Owned, named: RequestNamed, actor: Actor) -> Json:
    """All that the owner needs to decide: who asks, for what, what exactly would be sent."""
    services = agent.services
    async with services.store.transaction() as tx:
        row = await find(tx, named.request_id)
        shown = await tx.one("SELECT plan, sha256 FROM plans WHERE request_id = ?", [row.request_id])
        packages = await tx.packages(row.request_id)
        decided = await decision.stored_decision(tx, row.request_id)
        force = await tx.force()
        unclear = await restored_records.trouble(tx)
    details: Json = summary(agent, row)
    details["unclear"] = (
        None if unclear is None else {"what": unclear.what, "meaning": unclear.meaning, "do": unclear.do}
    )
    details["force"] = None if force is None else force.name
    details["officer"] = None if row.officer is None else _officer(row.officer)
    if row.officer is not None:
        request = verified_request(row)
        details["request"] = request.model_dump(mode="json", exclude={"credential", "recipient"})
    if shown is not None:
        plan = read_plan(shown["plan"]).model_dump(mode="json")
        for camera in plan["cameras"]:
            camera["gop_us"] = max((s["gops"]["longest_us"] for s in camera.pop("stretches")), default=0)
            if camera["source"]:  # as it is now: the owner may have had it kept since
                camera["source"]["kept"] = await services.footage.kept_bytes(row.request_id, camera["camera_id"]) > 0
        details["plan"], details["plan_sha256"] = plan, shown["sha256"]
        details["host_clock"] = asdict(await services.host_clock())
    details["kept_bytes"] = await services.footage.kept_bytes(row.request_id)
    details["decision"] = None if decided is None else decided.document
    details["packages"] = [
        {
            "evidence_id": package.evidence_id,
            "path": package.path,
            "size": package.size,
            "ciphertext_sha256": package.ciphertext_sha256,
            "delivered": None if package.delivered_at is None else to_rfc3339(package.delivered_at),
            "receipt": None if package.receipt_at is None else to_rfc3339(package.receipt_at),
        }
        for package in packages
    ]
    return details


async def pictures(agent: Owned, named: RequestNamed, actor: Actor) -> Json:
    """The first and last frame of what would be sent, a JPEG each."""
    made = await stills(agent.services, named.request_id)
    return {"pictures": [{"name": name, "jpeg": base64.b64encode(data).decode()} for name, data in made]}


async def decide(agent: Owned, asked: Decide, actor: Actor) -> Json:
    verdict = decision.Verdict(plan_sha256=asked.plan_sha256, choices=asked.choices, observations=asked.observations)
    by = DecidedBy(name=asked.name or actor.name, method=actor.method)
    decided = await decision.decide(agent.services, asked.request_id, verdict, by)
    agent.journey.kick()
    return {"status": decided.status.value}


async def keep_footage(agent: Owned, named: RequestNamed, actor: Actor) -> Json:
    """Keep what a request asks for from being overwritten, on the owner's word (requests.preserve: ask)."""
    async with agent.services.store.transaction() as tx:
        row = await find(tx, named.request_id)
    if row.state not in (State.PRESERVED, State.ASKED):
        raise DecisionRefused(f"This request is {row.state}: there is nothing to keep.")
    return {"held_bytes": await keep(agent.services, row, said_so=True)}


async def look_for_footage_again(agent: Owned, named: RequestNamed, actor: Actor) -> Json:
    """Have the footage looked for once more; nobody is told."""
    await look_again(agent.services, named.request_id)
    agent.journey.kick()
    return {}


async def find(tx: Transaction, request_id: str) -> RequestRow:
    """A request by its id. NotFound."""
    row = await tx.request(request_id)
    if row is None:
        raise NotFound(f"There is no request {request_id}.", do="List them with: handover requests")
    return row


def summary(agent: Owned, row: RequestRow) -> Json:
    details: Json = {
        "request_id": row.request_id,
        "state": row.state,
        "since": to_rfc3339(row.state_at),
        "received": to_rfc3339(row.received_at),
        "expires": to_rfc3339(row.expires_at) if row.expires_at else None,
        "doing": agent.services.progress.doing.get(row.request_id),
        "trouble": row.trouble,
    }
    if row.officer is not None:
        request = verified_request(row)
        officer = _officer(row.officer)
        details["crime_reference"] = request.crime_reference
        details["asked_by"] = f"{officer['rank']} {officer['name']}, {officer['unit']}"
        details["incident"] = request.incident.kind
    return details


def _outcome(row: RequestRow, decision: str | None) -> str | None:
    """How a closed request ended: the decision's word, or why there is none."""
    if row.state != State.CLOSED:
        return None
    if decision is not None:
        return parse_strictly(decision.encode(), Decision).status.value
    return "refused" if row.refusal is not None or row.officer is None else "unanswered"


def _officer(text: str) -> Json:
    credential = parse_strictly(text.encode(), Credential)
    details = credential.model_dump(mode="json", exclude={"kind", "public_key"})
    details["fingerprint"] = PublicKey.parse(credential.public_key).fingerprint
    return details
