"""Auditors' words that the log of use was put back to an earlier state: kept, shown, and a line of the log themselves.

Not for: putting a portal back (``portal.backups``). Each function is the work of one transaction.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange.custody.restored import MOST_RESTORATIONS, LogRestorations, LogRestored, SignedRestored
from exchange.custody.uses import Deed
from exchange.documents.messages import Role, Signed
from exchange.signing.documents import PublicKey, document_sha256, open_document, read_unverified
from portal.audit import uses
from portal.audit.roles import require
from portal.problems import conflict, invalid
from portal.storage.use_tables import UseRestoration


def add(session: Session, officer: str, given: SignedRestored, now: int) -> None:
    """Keep one; the same again changes nothing. ProblemError 403, 409 when the log doesn't begin with what it names,
    422 when it is another's. SignatureInvalid, DocumentInvalid."""
    auditor = require(session, officer, Role.AUDITOR)
    said = open_document(given.statement, LogRestored, PublicKey.parse(auditor.public_key))
    uses.require_known(session, officer, given.credential)
    if said.auditor != officer or said.force != auditor.force or said.issued > now:
        raise invalid("The statement is not this auditor's, or of another force or time.", "Sign it anew.")
    named = document_sha256(given.statement)
    kept = session.scalars(select(UseRestoration)).all()
    if any(document_sha256(_shown(row).statement) == named for row in kept):
        return
    tree = uses.tree_of(session)
    if said.kept.size > tree.size or tree.root(said.kept.size).hex() != said.kept.root:
        raise conflict("The log does not begin with what the statement says was kept.", "Read it again, and compare.")
    if len(kept) >= MOST_RESTORATIONS:
        raise conflict("There are too many such statements.", "Find out why this portal is put back so often.")
    session.add(
        UseRestoration(
            document=given.statement.document,
            signature=given.statement.signature,
            credential=given.credential.document,
            credential_signature=given.credential.signature,
        )
    )
    uses.record(session, officer, Deed.RESTORED, said.reason, now, statement=named)


def read(session: Session) -> LogRestorations:
    """For every officer."""
    rows = session.scalars(select(UseRestoration).order_by(UseRestoration.number))
    return LogRestorations(restorations=tuple(_shown(row) for row in rows))


def statements(session: Session) -> tuple[LogRestored, ...]:
    """What they say: for everybody."""
    return tuple(read_unverified(each.statement, LogRestored) for each in read(session).restorations)


def _shown(row: UseRestoration) -> SignedRestored:
    return SignedRestored(
        statement=Signed(document=row.document, signature=row.signature),
        credential=Signed(document=row.credential, signature=row.credential_signature),
    )
