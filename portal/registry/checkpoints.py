"""Devices' checkpoints: signed heads of their custody logs, kept so that nobody can cut a log back unseen.

Not for: the log itself, which stays with the owner.
"""

from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, aliased

from exchange.clock import to_rfc3339
from exchange.custody.checkpoint import open_checkpoint
from exchange.documents.api import Witnessed
from exchange.documents.messages import Signed
from portal.registry import devices
from portal.storage.models import StoredCheckpoint, StoredRequest
from portal.tokens import Caller

_MOST_DECISIONS = 100
_MOST_BYTES = 512 * 1024
"""Of decisions in one answer."""


def keep(session: Session, caller: Caller, note: str, most: int, now: int) -> None:
    """Keep a checkpoint; one that is smaller than the largest before, or as large with another root, is kept and
    flagged. Of more than ``most``, the oldest that nothing was wrong with, but never the largest, are let go.

    SignatureInvalid or CustodyBroken when the device did not sign it.
    """
    head = open_checkpoint(note, caller.key)
    devices.still_here(session, caller)
    root = head.root.hex()
    ours = StoredCheckpoint.device == caller.fingerprint
    largest = session.scalar(
        select(StoredCheckpoint).where(ours).order_by(StoredCheckpoint.size.desc(), StoredCheckpoint.number).limit(1)
    )
    cut_back = largest is not None and (
        head.size < largest.size or (head.size == largest.size and root != largest.root)
    )
    if largest is not None and (head.size, root) == (largest.size, largest.root):
        return
    session.add(
        StoredCheckpoint(
            device=caller.fingerprint, received=now, size=head.size, root=root, note=note, cut_back=cut_back
        )
    )
    session.flush()
    newest = select(StoredCheckpoint.number).where(ours).order_by(StoredCheckpoint.number.desc()).limit(most)
    biggest = select(StoredCheckpoint.number).where(ours).order_by(StoredCheckpoint.size.desc()).limit(1)
    session.execute(
        delete(StoredCheckpoint).where(
            ours,
            ~StoredCheckpoint.cut_back,
            StoredCheckpoint.number.not_in(newest.scalar_subquery()),
            StoredCheckpoint.number.not_in(biggest.scalar_subquery()),
        )
    )


def list_cut_back(session: Session) -> list[dict[str, Any]]:
    """The checkpoints that contradict an earlier one of the same device, newest first: a log was cut back or rewritten.

    ``longest``: how long that device's log was by its largest checkpoint, which the portal keeps as well.
    """
    other = aliased(StoredCheckpoint)
    longest = select(func.max(other.size)).where(other.device == StoredCheckpoint.device).scalar_subquery()
    rows = select(StoredCheckpoint, longest).where(StoredCheckpoint.cut_back).order_by(StoredCheckpoint.number.desc())
    return [
        {
            "device": kept.device,
            "received": to_rfc3339(kept.received),
            "size": kept.size,
            "longest": size,
            "checkpoint": kept.note,
        }
        for kept, size in session.execute(rows)
    ]


def witnessed(session: Session, caller: Caller) -> Witnessed:
    """The device's longest log and newest decisions, as it signed them."""
    note = session.scalar(
        select(StoredCheckpoint.note)
        .where(StoredCheckpoint.device == caller.fingerprint)
        .order_by(StoredCheckpoint.size.desc(), StoredCheckpoint.number)
        .limit(1)
    )
    rows = session.execute(
        select(StoredRequest.decision_document, StoredRequest.decision_signature)
        .where(StoredRequest.device == caller.fingerprint, StoredRequest.decision_document.is_not(None))
        .order_by(StoredRequest.answered.desc(), StoredRequest.request_id)
        .limit(_MOST_DECISIONS)
    )
    decisions: list[Signed] = []
    room = _MOST_BYTES
    for document, signature in rows:
        if document is None or signature is None:
            continue
        room -= len(document.encode()) + len(signature)
        if room < 0:
            break
        decisions.append(Signed(document=document, signature=signature))
    return Witnessed(note=note, decisions=tuple(decisions))
