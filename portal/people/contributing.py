"""What anybody sends to a public appeal: begun with a code of its own, sent once, within bounds that hold off floods.

What is refused is refused in words that tell nothing of the queue. Not for: what officers do with it
(``portal.people.appeals``). Each function is part of one transaction.
"""

import uuid
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exchange.clock import DAY, HOUR, SECOND
from exchange.documents.messages import Credential
from exchange.documents.people import LinkAnswer, LinkReceipt
from exchange.documents.people.appeals import Appeal
from exchange.signing.documents import read_unverified
from portal.people import links
from portal.people.received import take_uploads
from portal.problems import ProblemError, too_many
from portal.settings import Limits
from portal.storage import locks
from portal.storage.appeal_tables import ContributionFile, StoredAppeal, StoredContribution
from portal.storage.models import Officer, StoredUpload

TIME_TO_SEND = DAY
"""From the beginning of a contribution until its code works no more."""
_HOLDER = "appeal:"


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page for everybody shows of an appeal."""

    appeal: Appeal
    officer: Credential


def shown(session: Session, appeal_id: str, now: int) -> Shown:
    """ProblemError 404 in one wording for what never was, is closed, or has ended."""
    appeal = Appeal.model_validate_json(_open(session, appeal_id, now).document)  # was verified when it was stored
    return Shown(appeal, read_unverified(appeal.credential, Credential))


def begin(session: Session, appeal_id: str, limits: Limits, now: int) -> str:
    """A code for one contribution. ProblemError 429 where too many began within the hour."""
    _open(session, appeal_id, now)
    locks.hold(session, "appeal", appeal_id)
    row = StoredContribution
    recent = select(func.count()).select_from(row).where(row.appeal_id == appeal_id, row.begun > now - HOUR)
    if (session.scalar(recent) or 0) >= limits.contributions_per_hour:
        raise _busy()
    code = links.new_code()
    session.add(
        StoredContribution(
            contribution_id=str(uuid.uuid4()),
            appeal_id=appeal_id,
            code_sha256=links.digest(code),
            begun=now,
            sent=None,
            sealed_note=None,
            mark=None,
            marked=None,
        )
    )
    return code


def find(session: Session, code: str, now: int) -> StoredContribution | None:
    """What the code was given for, while it may be sent. None for any other code."""
    row = session.scalar(select(StoredContribution).where(StoredContribution.code_sha256 == links.digest(code)))
    if row is None or row.begun <= now - TIME_TO_SEND or not _is_open(session, row.appeal_id, now):
        return None
    return row


def holder_of(contribution_id: str) -> str:
    """By what name its uploads are kept; no device's fingerprint begins so."""
    return f"{_HOLDER}{contribution_id}"


def uploader(session: Session, code: str, now: int) -> str:
    """By what name uploads with this code are kept, of an appeal or of a link. ProblemError 403."""
    contribution = find(session, code, now)
    return holder_of(contribution.contribution_id) if contribution is not None else links.uploader(session, code, now)


def check_room(session: Session, holder: str, size: int, limits: Limits) -> None:
    """That ``size`` more bytes may come under this name. ProblemError 413 for one sender's share, 429 for all of them
    together. Of who came by no appeal nothing is asked here."""
    if not holder.startswith(_HOLDER):
        return
    held = select(func.sum(StoredUpload.size)).where(~StoredUpload.gone)
    own = session.scalar(held.where(StoredUpload.device == holder)) or 0
    if own + size > limits.contribution_bytes:
        raise ProblemError(413, "That is more than one person may send here.", "Call the police to hand it over.")
    contribution = StoredContribution.contribution_id == holder.removeprefix(_HOLDER)
    appeal_id = session.scalar(select(StoredContribution.appeal_id).where(contribution))
    locks.hold(session, "appeal", appeal_id or "")
    beside = select(_HOLDER + StoredContribution.contribution_id).where(StoredContribution.appeal_id == appeal_id)
    if (session.scalar(held.where(StoredUpload.device.in_(beside))) or 0) + size > limits.appeal_bytes:
        raise _busy()


def take_files(
    session: Session, contribution: StoredContribution, body: LinkAnswer, uploads: tuple[str, ...], now: int
) -> LinkReceipt:
    """All files are here: it is in the queue, and the code is used up."""
    taken = take_uploads(session, uploads, holder_of(contribution.contribution_id))
    for sent, (name, size, sha256) in zip(body.files, taken, strict=True):
        session.add(
            ContributionFile(
                contribution_id=contribution.contribution_id,
                file_id=str(uuid.uuid4()),
                upload=name,
                size=size,
                sha256=sha256,
                sealed_name=sent.sealed_name,
            )
        )
    contribution.sent, contribution.code_sha256, contribution.sealed_note = now, None, body.sealed_note
    appeal = session.get(StoredAppeal, contribution.appeal_id)
    assert appeal is not None
    return LinkReceipt(
        request_id=contribution.contribution_id,
        crime_reference=appeal.crime_reference,
        received=now,
        ciphertext_sha256=tuple(sha256 for _, _, sha256 in taken),
    )


def _open(session: Session, appeal_id: str, now: int) -> StoredAppeal:
    stored = session.get(StoredAppeal, appeal_id)
    if stored is None or not _is_open(session, appeal_id, now):
        raise ProblemError(
            404,
            "There is no such appeal, or it is over.",
            "Check the address. If you have something for the police, call them: they still want to know.",
        )
    return stored


def _is_open(session: Session, appeal_id: str, now: int) -> bool:
    stored = session.get(StoredAppeal, appeal_id)
    if stored is None or stored.closed is not None or stored.expires <= now:
        return False
    officer = session.get(Officer, stored.officer)
    return officer is not None and (officer.revoked is None or stored.case_id is not None)


def _busy() -> ProblemError:
    return too_many("This page takes nothing more just now.", "Try again in an hour, or call.", HOUR // SECOND)
