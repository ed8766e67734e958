"""What was handed over, and so is the owner's to keep: sealed packages of an approved request, as they were sent.

The one door to every place that copies go to: ``approved`` says whether the owner said yes to this very package, by a
decision whose signature is checked anew; nothing else is put anywhere. Not for: where copies are (``filing``,
``second_places``).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import aiosqlite

from agent.requests.decision import stored_decision
from agent.requests.states import State
from agent.services import Services
from agent.store.database import RequestRow, Transaction
from agent.store.keys import device_keys
from exchange.age.keys import parse_recipient
from exchange.documents.messages import Decision, Outcome, Request, Signed, Status
from exchange.documents.noted import NotedRequest
from exchange.errors import HandoverError
from exchange.signing.documents import PublicKey, open_document, read_unverified

_REMEMBERED = 500
_SENT = (Status.APPROVED, Status.PARTLY_APPROVED)


@dataclass(frozen=True)
class HandedOver:
    """A sealed package that the force has. Instants are microseconds UTC."""

    evidence_id: str
    edition: int
    request_id: str
    kind: str
    """Of incident, in the words of whoever asked."""
    crime_reference: str
    happened: int
    camera: str
    sha256: str
    """Of the sealed file, lower-case hex."""
    size: int
    delivered_at: int
    receipt_at: int | None
    closed_at: int | None
    """When nothing of its request was awaited any more."""
    hybrid: bool
    """Sealed for keys that age reads from version 1.3 on."""
    request: Signed
    decision: Signed
    receipt: Signed | None
    approved: bool

    @property
    def copy_id(self) -> str:
        """Of this very file: an evidence id may be that of several editions."""
        return self.evidence_id if self.edition == 1 else f"{self.evidence_id}-{self.edition}"

    def papers(self) -> Iterator[tuple[str, Signed]]:
        """The signed documents that belong to it, by name."""
        yield "request", self.request
        yield "decision", self.decision
        if self.receipt is not None:
            yield "receipt", self.receipt


_ROWS = """
SELECT evidence_id, edition, request_id, position, ciphertext_sha256, size, delivered_at, receipt, receipt_at,
       sending + 1 AS newest
FROM packages WHERE delivered_at IS NOT NULL AND path IS NOT NULL AND ciphertext_sha256 IS NOT NULL
UNION ALL
SELECT former.evidence_id, former.edition, former.request_id, position, former.ciphertext_sha256, former.size,
       former.delivered_at, former.receipt, former.receipt_at, former.sending
FROM former_sendings AS former JOIN packages USING (evidence_id) WHERE former.path IS NOT NULL
ORDER BY newest
"""
"""What was sent once, and what was sent before it was sent again; of one edition the last row counts."""


async def handed_over(services: Services, tx: Transaction) -> list[HandedOver]:
    """All that was handed over and was not deleted since, the oldest first."""
    keys = tuple(await device_keys(tx, services.keys.device.public))
    found: dict[str, HandedOver] = {}
    for row in await tx.all(_ROWS):
        request = await tx.request(row["request_id"])
        decision = await stored_decision(tx, row["request_id"])
        if request is not None and decision is not None:
            approved = row["evidence_id"] in _approved(keys, decision, row["request_id"])
            copy = _described(request, decision, row, approved)
            found[copy.copy_id] = copy
    return sorted(found.values(), key=lambda copy: (copy.delivered_at, copy.copy_id))


@lru_cache(_REMEMBERED)
def _approved(keys: tuple[PublicKey, ...], signed: Signed, request_id: str) -> frozenset[str]:
    """The evidence ids of all that the owner's own signed word says yes to. It is asked often, and never changes."""
    decision = next((found for key in keys if (found := _opened(signed, key)) is not None), None)
    if decision is None or decision.status not in _SENT or decision.request_id != request_id:
        return frozenset()
    approved = (each.evidence_id for each in decision.cameras if each.outcome is Outcome.APPROVED)
    return frozenset(each for each in approved if each is not None)


def _opened(signed: Signed, key: PublicKey) -> Decision | None:
    try:
        return open_document(signed, Decision, key)
    except HandoverError:
        return None


@lru_cache(_REMEMBERED)
def _asked(request: Signed, noted: bool) -> Request | NotedRequest:
    return read_unverified(request, NotedRequest) if noted else read_unverified(request, Request)


def _described(row: RequestRow, decision: Signed, package: aiosqlite.Row, approved: bool) -> HandedOver:
    signed = Signed(document=row.document, signature=row.signature)
    request = _asked(signed, row.origin == "noted")
    case = request.recipient
    receipt = None if package["receipt"] is None else Signed(**json.loads(package["receipt"]))
    return HandedOver(
        evidence_id=package["evidence_id"],
        edition=package["edition"],
        request_id=package["request_id"],
        kind=request.incident.kind,
        crime_reference=request.crime_reference,
        happened=request.incident.happened.start,
        camera=request.asked[package["position"]].camera_id,
        sha256=package["ciphertext_sha256"],
        size=package["size"],
        delivered_at=package["delivered_at"],
        receipt_at=package["receipt_at"],
        closed_at=row.state_at if row.state == State.CLOSED else None,
        hybrid=case is None or parse_recipient(case).kind == "hybrid",
        request=signed,
        decision=decision,
        receipt=receipt,
        approved=approved,
    )
