"""Legal holds: placed and lifted by an officer's signed word; what is under one, the sweep leaves alone.

A hold is of a crime reference: whoever asked for what, and whichever team has it. Placing one counts what lies here for
the crime, and so reads the rows that the sweep writes; the sweep reads the holds. Where both are at it at once, on
whichever replicas, the database lets one of them go first and runs the other again: what was counted stays. Each
function is the work of one transaction.
"""

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from exchange.clock import DAY, MINUTE, to_rfc3339
from exchange.documents.keeping.holds import MAY_HOLD, Hold, HoldLifted, HoldPlaced, Holds, HoldsQuery, HoldStands
from exchange.documents.messages import Credential, Role, Signed
from exchange.signing.credentials import open_by_officer
from exchange.signing.documents import document_sha256
from portal.problems import conflict, forbidden, invalid, unknown
from portal.settings import PortalSettings
from portal.storage.appeal_tables import ContributionFile, StoredAppeal, StoredContribution
from portal.storage.models import Officer, StoredDelivery, StoredRequest
from portal.storage.people_tables import StoredPersonFile, StoredPersonRequest
from portal.storage.personal.keeping_tables import LegalHold
from portal.teams import access
from portal.tokens import Caller

SKEW = 5 * MINUTE
OLDEST = DAY
MOST_SHOWN = 20
_MOST_CHARACTERS = 400_000
SEE_ALL = (*MAY_HOLD, Role.AUDITOR)


def place(
    session: Session, caller: Caller, hold_id: str, signed: Signed, settings: PortalSettings, now: int
) -> HoldStands:
    """Hold all that came for a crime, and count what lies here of it. The same bytes again change nothing."""
    placed, credential = open_by_officer(signed, HoldPlaced, settings.key, now)
    _check_holder(session, caller, credential)
    _check_names(hold_id, placed.hold_id)
    before = _find(session, hold_id)
    if before is None:
        _check_issued(placed.issued, now)
        session.add(
            LegalHold(
                hold_id=hold_id,
                crime_reference=placed.crime_reference,
                document=signed.document,
                signature=signed.signature,
            )
        )
    elif before.document != signed.document:
        raise conflict("There is another hold with this id.", "Give the hold a new id, and sign it again.")
    return _stands(session, placed.crime_reference)


def lift(session: Session, caller: Caller, hold_id: str, signed: Signed, settings: PortalSettings, now: int) -> None:
    """End one hold; final. The same bytes again change nothing."""
    lifted, credential = open_by_officer(signed, HoldLifted, settings.key, now)
    _check_holder(session, caller, credential)
    _check_names(hold_id, lifted.hold_id)
    stored = _find(session, hold_id)
    if stored is None:
        raise unknown("hold")
    if stored.lifted_document == signed.document:
        return
    if stored.lifted is not None:
        raise conflict("The hold was lifted already.", "handover-officer hold list says when, and by whom.")
    if (lifted.crime_reference, lifted.placed_sha256) != (stored.crime_reference, document_sha256(stored.placed)):
        raise invalid("It lifts another hold.", "It must name this one by its id, its crime and its SHA-256.")
    _check_issued(lifted.issued, now)
    stored.lifted = now
    stored.lifted_document, stored.lifted_signature = signed.document, signed.signature


def read(session: Session, caller: Caller, query: HoldsQuery) -> Holds:
    """All, for those who hold and audit; for others those of crimes about which they, or their teams, asked."""
    wanted = select(LegalHold).where(LegalHold.number > query.after)
    if query.crime_reference is not None:
        wanted = wanted.where(LegalHold.crime_reference == query.crime_reference)
    if not any(_credential(session, caller).may(role) for role in SEE_ALL):
        asked = select(StoredRequest.crime_reference).where(access.seen_by(caller))
        people = select(StoredPersonRequest.crime_reference).where(StoredPersonRequest.officer == caller.fingerprint)
        wanted = wanted.where(or_(LegalHold.crime_reference.in_(asked), LegalHold.crime_reference.in_(people)))
    rows = session.scalars(wanted.order_by(LegalHold.number).limit(MOST_SHOWN + 1)).all()
    items: list[Hold] = []
    room = _MOST_CHARACTERS
    for row in rows[:MOST_SHOWN]:
        item = Hold(number=row.number, placed=row.placed, lifted=row.ended)
        room -= len(item.model_dump_json())
        if items and room < 0:
            break
        items.append(item)
    return Holds(holds=tuple(items), more=len(rows) > len(items))


def held_crimes() -> Select[str]:
    """The crime references under a hold, for a query of the sweep's."""
    return select(LegalHold.crime_reference).where(LegalHold.lifted.is_(None))


def _stands(session: Session, crime_reference: str) -> HoldStands:
    packages = (
        select(func.count())
        .select_from(StoredDelivery)
        .join(StoredRequest, StoredRequest.request_id == StoredDelivery.request_id)
        .where(StoredRequest.crime_reference == crime_reference, StoredDelivery.upload.is_not(None))
    )
    files = (
        select(func.count())
        .select_from(StoredPersonFile)
        .join(StoredPersonRequest, StoredPersonRequest.request_id == StoredPersonFile.request_id)
        .where(StoredPersonRequest.crime_reference == crime_reference, StoredPersonFile.upload.is_not(None))
    )
    given = (
        select(func.count())
        .select_from(ContributionFile)
        .join(StoredContribution, StoredContribution.contribution_id == ContributionFile.contribution_id)
        .join(StoredAppeal, StoredAppeal.appeal_id == StoredContribution.appeal_id)
        .where(StoredAppeal.crime_reference == crime_reference, ContributionFile.upload.is_not(None))
    )
    by_hand = (session.scalar(files) or 0) + (session.scalar(given) or 0)
    return HoldStands(packages=session.scalar(packages) or 0, files=by_hand)


def _find(session: Session, hold_id: str) -> LegalHold | None:
    return session.scalar(select(LegalHold).where(LegalHold.hold_id == hold_id))


def _credential(session: Session, caller: Caller) -> Credential:
    known = session.get(Officer, caller.fingerprint)
    assert known is not None, "a caller whose token was taken is known"
    return Credential.model_validate_json(known.document)


def _check_holder(session: Session, caller: Caller, signer: Credential) -> None:
    if signer.public_key != caller.key.line:
        raise invalid("It is another officer's word.", "An officer sends their own.")
    if not any(_credential(session, caller).may(role) and signer.may(role) for role in MAY_HOLD):
        raise forbidden(
            f"The force did not give {signer.name} the role 'disclosure' or 'supervisor'.",
            "Ask somebody who has it, or ask the force for another credential.",
        )


def _check_names(path: str, inside: str) -> None:
    if path != inside:
        raise invalid("It is about another hold.", "Its id must be that of the address it is sent to.")


def _check_issued(issued: int, now: int) -> None:
    if issued > now + SKEW or issued < now - OLDEST:
        raise invalid(
            f"It was issued at {to_rfc3339(issued)}, and it is {to_rfc3339(now)} here.",
            "Sign it anew, on a machine whose clock is right.",
        )
