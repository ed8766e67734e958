"""Teams of cases: version upon version, each taken only upon the one that stands; and the keys that lie sealed for it.

The portal can open none of those keys. It checks what officers' programs check again, so that a broken team is refused
when it is made. Not for: who sees which request (``portal.teams.access``). Each function is the work of one
transaction.
"""

import base64
import binascii
import hashlib
import io

from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from exchange.age.files import stanza_kinds
from exchange.clock import MINUTE
from exchange.documents.messages import Credential, Id, Line, Part, Request, Role, Signed
from exchange.documents.people import PersonRequest
from exchange.documents.people.appeals import Appeal
from exchange.documents.teams import MAX_WRAPPED, TeamBrief, Teams, TeamVersion
from exchange.signing.documents import PublicKey
from exchange.signing.teams import Team, check_follows, check_team, open_team
from portal.problems import conflict, invalid, unknown
from portal.settings import PortalSettings
from portal.storage.appeal_tables import StoredAppeal
from portal.storage.models import Officer, StoredRequest
from portal.storage.people_tables import StoredPersonRequest
from portal.storage.team_tables import StoredTeam, TeamCase, TeamMember, TeamRequest
from portal.tokens import Caller

SKEW = 5 * MINUTE
MOST_SHOWN = 100
"""Teams in one answer."""
MOST_TAKEN_OVER = 1000
"""Requests of the same crime and key, sent before the case had a team, that a new version takes in."""


class TeamsQuery(Part):
    crime_reference: Line | None = None
    """Only cases of this reference."""
    after: Id | None = None
    """Only those behind this ``case_id``."""


def put(
    session: Session, caller: Caller, named: tuple[str, int], body: TeamVersion, settings: PortalSettings, now: int
) -> None:
    """Take a version: the first of a case, or the next of one. The same bytes again change nothing."""
    team = open_team(body.signed, settings.key)
    document = team.document
    if team.signed_by.public_key != caller.key.line:
        raise invalid("The team's version is signed by another officer.", "An officer sends what they signed.")
    if (document.case_id, document.version) != named:
        raise invalid("The team's version is another one.", "Its id and number must be those of the address.")
    if document.force != settings.force:
        raise invalid("The team is of another force.", f"This portal serves {settings.force}.")
    before = session.get(StoredTeam, (document.case_id, document.version))
    if before is not None:
        if before.sha256 == team.sha256:
            return
        raise _overtaken()
    if document.issued > now + SKEW:
        raise invalid("The team's version is dated in a time that is still to come.", "Set your clock right.")
    _check_wrapped(team, body.wrapped)
    _check_nobody_is_revoked(session, team)
    _move_on(session, team, body, settings)
    session.add(
        StoredTeam(
            case_id=document.case_id,
            version=document.version,
            sha256=team.sha256,
            issued=document.issued,
            received=now,
            document=body.signed.document,
            signature=body.signed.signature,
        )
    )
    session.execute(delete(TeamMember).where(TeamMember.case_id == document.case_id))
    for member in team.members:
        fingerprint = PublicKey.parse(member.public_key).fingerprint
        session.add(TeamMember(case_id=document.case_id, officer=fingerprint))
    _flush(session)
    _take_over(session, caller, team)


def read(session: Session, caller: Caller, case_id: str, settings: PortalSettings) -> TeamVersion:
    """The version that stands, with the keys sealed for it."""
    case, team = _readable(session, caller, case_id, settings)
    return TeamVersion(signed=team, wrapped=case.wrapped)


def read_version(session: Session, caller: Caller, case_id: str, version: int, settings: PortalSettings) -> Signed:
    """One version, of whichever time."""
    _readable(session, caller, case_id, settings)
    stored = session.get(StoredTeam, (case_id, version))
    if stored is None:
        raise unknown("version of the team")
    return stored.signed


def mine(session: Session, caller: Caller, query: TeamsQuery) -> Teams:
    """The cases that belong to a team which the caller is on, with this key or another; a supervisor who names the
    crime finds those of their unit too, to put right what nobody on the team can."""
    officer = session.get(Officer, caller.fingerprint)
    assert officer is not None  # the token is theirs
    same = select(Officer.fingerprint).where(Officer.collar_number == officer.collar_number)
    visible: ColumnElement[bool] = TeamCase.case_id.in_(select(TeamMember.case_id).where(TeamMember.officer.in_(same)))
    if query.crime_reference is not None and _credential(officer).may(Role.SUPERVISOR):
        visible = or_(visible, TeamCase.unit == officer.unit)
    wanted = (
        select(TeamCase, StoredTeam)
        .join(StoredTeam, (StoredTeam.case_id == TeamCase.case_id) & (StoredTeam.version == TeamCase.version))
        .where(
            visible,
            TeamCase.case_id > (query.after or ""),
        )
        .order_by(TeamCase.case_id)
        .limit(MOST_SHOWN + 1)
    )
    if query.crime_reference is not None:
        wanted = wanted.where(TeamCase.crime_reference == query.crime_reference)
    rows = session.execute(wanted).all()
    found = tuple(
        TeamBrief(
            case_id=case.case_id,
            crime_reference=case.crime_reference,
            version=case.version,
            sha256=stored.sha256,
            issued=stored.issued,
        )
        for case, stored in rows[:MOST_SHOWN]
    )
    return Teams(teams=found, more=len(rows) > MOST_SHOWN)


def admit(
    session: Session, request: Request | PersonRequest | Appeal, caller: Caller, settings: PortalSettings
) -> str | None:
    """The case that a new request belongs to, by the team that it names; None where it names none.

    TeamInvalid; ProblemError where another version stands by now.
    """
    team = check_team(request, caller.key, settings.key)
    if team is None:
        return None
    case = session.get(TeamCase, team.document.case_id)
    stored = session.get(StoredTeam, (team.document.case_id, team.document.version))
    if case is None or stored is None or stored.sha256 != team.sha256:
        raise invalid("The team that the request names isn't known here.", "Send the team's version first.")
    if case.version != team.document.version:
        raise conflict("The case's team has changed since.", "Fetch the team, and sign the request anew.")
    return case.case_id


def _readable(session: Session, caller: Caller, case_id: str, settings: PortalSettings) -> tuple[TeamCase, Signed]:
    """404 unless the caller is on the team, or may change it for another reason: with a new key, or for the unit."""
    case = session.get(TeamCase, case_id)
    stored = session.get(StoredTeam, (case_id, case.version)) if case is not None else None
    if case is None or stored is None:
        raise unknown("case")
    if session.get(TeamMember, (case_id, caller.fingerprint)) is None:
        officer = session.get(Officer, caller.fingerprint)
        if officer is None or not open_team(stored.signed, settings.key).may_be_changed_by(_credential(officer)):
            raise unknown("case")
    return case, stored.signed


def _credential(officer: Officer) -> Credential:
    """Was verified when it was stored."""
    return Credential.model_validate_json(officer.document)


def _move_on(session: Session, team: Team, body: TeamVersion, settings: PortalSettings) -> None:
    """Make this version the case's, if it follows the one that is."""
    document = team.document
    case = session.get(TeamCase, document.case_id, with_for_update=True)
    if case is None:
        if document.version != 1:
            raise unknown("case")
        session.add(
            TeamCase(
                case_id=document.case_id,
                crime_reference=document.crime_reference,
                unit=team.unit.name,
                version=1,
                wrapped=body.wrapped,
            )
        )
        _flush(session)
        return
    if case.version != document.version - 1:
        raise _overtaken()
    before = session.get(StoredTeam, (document.case_id, case.version))
    assert before is not None
    check_follows(open_team(before.signed, settings.key), team)
    case.version, case.wrapped, case.unit = document.version, body.wrapped, team.unit.name


def _take_over(session: Session, caller: Caller, team: Team) -> None:
    """Requests that the caller sent for the crime and key before they were the team's."""
    document = team.document
    in_a_case = select(TeamRequest.request_id)
    earlier = session.scalars(
        select(StoredRequest)
        .where(
            StoredRequest.officer == caller.fingerprint,
            StoredRequest.crime_reference == document.crime_reference,
            StoredRequest.request_id.not_in(in_a_case),
        )
        .limit(MOST_TAKEN_OVER)
    )
    for stored in earlier:
        if Request.model_validate_json(stored.document).recipient == document.recipient:
            session.add(TeamRequest(request_id=stored.request_id, case_id=document.case_id))
    _take_over_of_people(session, caller, team)


def _take_over_of_people(session: Session, caller: Caller, team: Team) -> None:
    """The same of what people without an agent were asked, and of appeals."""
    document = team.document
    asked, appeals = StoredPersonRequest, StoredAppeal
    own = (asked.officer == caller.fingerprint, asked.crime_reference == document.crime_reference)
    for request in session.scalars(select(asked).where(*own, asked.case_id.is_(None)).limit(MOST_TAKEN_OVER)):
        if PersonRequest.model_validate_json(request.document).recipient == document.recipient:
            request.case_id = document.case_id
    own = (appeals.officer == caller.fingerprint, appeals.crime_reference == document.crime_reference)
    for appeal in session.scalars(select(appeals).where(*own, appeals.case_id.is_(None)).limit(MOST_TAKEN_OVER)):
        if Appeal.model_validate_json(appeal.document).recipient == document.recipient:
            appeal.case_id = document.case_id


def _check_wrapped(team: Team, wrapped: str) -> None:
    """That the sealed keys are those which the version names, for as many as may open them."""
    try:
        sealed = base64.b64decode(wrapped, validate=True)
    except binascii.Error:
        raise invalid("The case's keys are no base64.", "Send them anew.") from None
    if len(sealed) > MAX_WRAPPED or hashlib.sha256(sealed).hexdigest() != team.document.wrapped_sha256:
        raise invalid("The case's keys are not those that the version names.", "Seal them anew, and sign anew.")
    kinds = stanza_kinds(io.BytesIO(sealed))
    if kinds != ["mlkem768x25519"] * len(team.recipients):
        raise invalid(
            "The case's keys are not sealed for as many as the team has.",
            "Seal them for each member and for the unit's recovery key, and for nobody else.",
        )


def _check_nobody_is_revoked(session: Session, team: Team) -> None:
    keys = {PublicKey.parse(member.public_key).fingerprint: member.name for member in team.members}
    revoked = select(Officer.fingerprint).where(Officer.fingerprint.in_(keys), Officer.revoked.is_not(None))
    if (found := session.scalar(revoked.limit(1))) is not None:
        raise invalid(f"The key of {keys[found]} was revoked.", "Take them off the team, or put in their new key.")


def _flush(session: Session) -> None:
    """What was added so far; ProblemError 409 where somebody else added the same."""
    try:
        session.flush()
    except IntegrityError:
        raise _overtaken() from None


def _overtaken() -> Exception:
    return conflict("Another version of the team came first.", "Fetch it, and make your change anew.")
