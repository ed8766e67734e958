"""Whose a request is: what somebody who answers for some cameras only may not do with it.

Not for: roles (``agent.owner.people.roles``), or which operation asks for what (``table``).
"""

from enum import Enum, auto

from agent.owner.operations.context import Actor, Owned
from agent.requests import decision
from agent.requests.copies import later
from agent.requests.intake import verified_request
from agent.store.database import RequestRow, Transaction
from exchange.documents.messages import Decision, Part
from exchange.errors import NotFound, NotPermitted
from exchange.signing.documents import parse_strictly


class Cameras(Enum):
    """Which of a request's cameras somebody must answer for, who does something with it."""

    ALL = auto()
    """All of what was approved, or of what is asked for before that: what others said yes to is theirs."""
    ONE = auto()
    """One of what is asked for, at least: before a yes, a request of several cameras is of several people."""


async def find(tx: Transaction, request_id: str) -> RequestRow:
    """A request by its id. NotFound."""
    row = await tx.request(request_id)
    if row is None:
        raise NotFound(f"There is no request {request_id}.", do="List them with: handover requests")
    return row


async def refuse_others(agent: Owned, arguments: Part, actor: Actor, needed: Cameras) -> None:
    """NotPermitted for whoever does not answer for the cameras of the request, or of the package, that is named.

    NotFound.
    """
    if actor.cameras is None:
        return
    request_id, evidence_id = getattr(arguments, "request_id", None), getattr(arguments, "evidence_id", None)
    if request_id is None:
        assert evidence_id is not None
        request_id = await later.request_of(agent.services, evidence_id)
    async with agent.services.store.transaction() as tx:
        approved, asked = await _cameras_of(tx, request_id, evidence_id)
    if needed is Cameras.ALL:
        refuse_cameras(actor, approved or asked)
    elif not asked & actor.cameras:
        refuse_cameras(actor, asked)


async def answers_for(tx: Transaction, request_id: str, actor: Actor) -> bool:
    """Whether somebody answers for all the cameras of a request (``Cameras.ALL``). NotFound."""
    approved, asked = await _cameras_of(tx, request_id)
    return actor.cameras is None or (approved or asked) <= actor.cameras


def refuse_cameras(actor: Actor, cameras: frozenset[str]) -> None:
    """NotPermitted when ``actor`` does not answer for all of these."""
    if actor.cameras is not None and (others := cameras - actor.cameras):
        raise NotPermitted(
            f"{actor.name} answers for {', '.join(sorted(actor.cameras)) or 'no camera'} only, and this is of "
            f"{', '.join(sorted(others))} too.",
            meaning="Nothing was changed.",
            do="Leave it to somebody who answers for all of its cameras.",
        )


async def _cameras_of(
    tx: Transaction, request_id: str, evidence_id: str | None = None
) -> tuple[frozenset[str], frozenset[str]]:
    """(what was approved, of one package where one is named; what is asked for)."""
    row = await find(tx, request_id)
    decided = await decision.stored_decision(tx, request_id)
    asked = (
        frozenset(each.camera_id for each in verified_request(row).asked) if row.officer is not None else frozenset()
    )
    cameras = () if decided is None else parse_strictly(decided.document.encode(), Decision).cameras
    approved = (each.camera_id for each in cameras if each.evidence_id and evidence_id in (None, each.evidence_id))
    return frozenset(approved), asked
