"""What officers ask supervisors to authorise: carried to the supervisors of their unit, and the word back.

The portal judges nothing of it but whose it is: the supervisor decides, and every request is checked again with what
they signed. Each function is the work of one transaction. Not for: when a word is needed
(``portal.requests.supervision``).
"""

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from exchange.clock import DAY, SECOND
from exchange.documents.messages import Credential, Role, Signed
from exchange.documents.supervision import (
    MOST_SHOWN,
    AskedAuthorisations,
    AuthorisationAsked,
    StandingAuthorisation,
    SupervisorsWord,
)
from exchange.errors import SignatureInvalid
from exchange.signing.authorisations import open_authorisation
from exchange.signing.credentials import open_by_officer
from exchange.signing.documents import read_unverified
from portal.audit.roles import require
from portal.problems import conflict, forbidden, invalid, too_many, unknown
from portal.settings import PortalSettings
from portal.storage.models import Officer
from portal.storage.supervision_tables import AskedWord
from portal.tokens import Caller

MOST_A_DAY = 50
SHOWN = 30 * DAY
"""How long it is shown, waiting or not."""
KEPT = 180 * DAY
_MOST_CHARACTERS = 800_000


def put(session: Session, caller: Caller, signed: Signed, settings: PortalSettings, now: int) -> None:
    """Carry it to the supervisors of the officer's unit. The same bytes again change nothing."""
    asked, credential = open_by_officer(signed, AuthorisationAsked, settings.key, now)
    if credential.public_key != caller.key.line or asked.force != settings.force:
        raise invalid("This is another officer's, or of another force.", "An officer asks for themselves.")
    require(session, caller.fingerprint, Role.OFFICER)
    before = session.get(AskedWord, asked.asked_id)
    if before is not None:
        if before.officer == caller.fingerprint and before.signed == signed:
            return
        raise conflict("There is another one with this id.", "Give it a new id, and sign it again.")
    today = select(func.count()).where(AskedWord.officer == caller.fingerprint, AskedWord.received > now - DAY)
    if (session.scalar(today) or 0) >= MOST_A_DAY:
        raise too_many(
            f"An officer may ask supervisors {MOST_A_DAY} times a day.", "Speak with one of them.", DAY // SECOND
        )
    session.add(
        AskedWord(
            asked_id=asked.asked_id,
            officer=caller.fingerprint,
            unit=credential.unit,
            received=now,
            document=signed.document,
            signature=signed.signature,
        )
    )


def read(session: Session, caller: Caller, now: int) -> AskedAuthorisations:
    """The caller's own; for a supervisor, also what waits in their unit."""
    known = session.get(Officer, caller.fingerprint)
    assert known is not None, "a caller whose token was taken is known"
    theirs = AskedWord.officer == caller.fingerprint
    if Credential.model_validate_json(known.document).may(Role.SUPERVISOR):
        waiting = AskedWord.word_document.is_(None) & AskedWord.refused.is_(None)
        theirs = or_(theirs, (AskedWord.unit == known.unit) & waiting)
    rows = session.scalars(
        select(AskedWord)
        .where(theirs, AskedWord.received > now - SHOWN)
        .order_by(AskedWord.received.desc(), AskedWord.asked_id)
        .limit(MOST_SHOWN)
    )
    found: list[StandingAuthorisation] = []
    room = _MOST_CHARACTERS
    for row in rows:
        shown = StandingAuthorisation(
            asked=row.signed, authorisation=row.word, refused=row.refused, refused_by=row.refused_by
        )
        room -= len(shown.model_dump_json().encode())
        if found and room < 0:
            break
        found.append(shown)
    return AskedAuthorisations(items=tuple(found))


def decide(
    session: Session, caller: Caller, asked_id: str, word: SupervisorsWord, settings: PortalSettings, now: int
) -> None:
    """Keep a supervisor's word; the first is final, the same again changes nothing. ProblemError 403, 404, 409, 422."""
    supervisor = require(session, caller.fingerprint, Role.SUPERVISOR)
    row = session.get(AskedWord, asked_id, with_for_update=True)
    if row is None or row.unit != supervisor.unit:
        raise unknown("question of an officer")
    if row.officer == caller.fingerprint:
        raise forbidden("Nobody authorises their own requests.", "Ask another supervisor.")
    if row.word is not None or row.refused is not None:
        if (row.word, row.refused) == (word.authorisation, word.refused):
            return
        raise conflict("Another supervisor's word came first.", "Read it anew.")
    if word.authorisation is not None:
        _check(row, word.authorisation, caller, settings, now)
        row.word_document, row.word_signature = word.authorisation.document, word.authorisation.signature
    else:
        row.refused, row.refused_by = word.refused, f"{supervisor.rank} {supervisor.name}"


def remove_old(session: Session, now: int) -> None:
    session.execute(delete(AskedWord).where(AskedWord.received < now - KEPT))


def _check(row: AskedWord, signed: Signed, caller: Caller, settings: PortalSettings, now: int) -> None:
    try:
        authorisation, supervisor = open_authorisation(signed, settings.key, now)
    except SignatureInvalid as error:
        raise invalid(error.what, "Sign it anew.") from None
    asked = read_unverified(row.signed, AuthorisationAsked)  # was checked when it came
    if supervisor.public_key != caller.key.line:
        raise invalid("It is another supervisor's.", "A supervisor sends their own word.")
    if (authorisation.officer, authorisation.crime_reference) != (row.officer, asked.crime_reference):
        raise invalid("It is for another officer or crime than was asked.", "Sign what was asked.")
