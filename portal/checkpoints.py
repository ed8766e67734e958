"""Devices' checkpoints: signed heads of their custody logs, kept so that nobody can cut a log back unseen.

Not for: the log itself, which stays with the owner.
"""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from exchange.checkpoint import open_checkpoint
from portal.models import StoredCheckpoint
from portal.tokens import Caller


def keep(session: Session, caller: Caller, note: str, most: int, now: int) -> None:
    """Keep a checkpoint; one that is smaller than the largest before, or as large with another root, is kept and
    flagged. Of more than ``most``, the oldest that nothing was wrong with, but never the largest, are let go.

    SignatureInvalid or CustodyBroken when the device did not sign it.
    """
    head = open_checkpoint(note, caller.key)
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
