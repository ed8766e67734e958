"""Which requests and appeals an officer may see: their own, and those of cases whose team they are on.

Not for: what a team is, or who may change it (``portal.teams.versions``).
"""

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from portal.storage.appeal_tables import StoredAppeal
from portal.storage.models import StoredRequest
from portal.storage.people_tables import StoredPersonRequest
from portal.storage.team_tables import TeamMember, TeamRequest
from portal.tokens import Caller


def seen_by(caller: Caller) -> ColumnElement[bool]:
    """Of ``StoredRequest``: that the caller may see it."""
    of_teams = (
        select(TeamRequest.request_id)
        .join(TeamMember, TeamMember.case_id == TeamRequest.case_id)
        .where(TeamMember.officer == caller.fingerprint)
    )
    return or_(StoredRequest.officer == caller.fingerprint, StoredRequest.request_id.in_(of_teams))


def of_case(case_id: str) -> ColumnElement[bool]:
    """Of ``StoredRequest``: that it belongs to the case."""
    return StoredRequest.request_id.in_(select(TeamRequest.request_id).where(TeamRequest.case_id == case_id))


def may_see(session: Session, caller: Caller, stored: StoredRequest) -> bool:
    """Whether the request is the caller's or their team's."""
    if stored.officer == caller.fingerprint:
        return True
    member = (
        select(TeamMember.officer)
        .join(TeamRequest, TeamRequest.case_id == TeamMember.case_id)
        .where(TeamRequest.request_id == stored.request_id, TeamMember.officer == caller.fingerprint)
    )
    return session.scalar(member.limit(1)) is not None


def of_people_seen_by(caller: Caller, table: type[StoredPersonRequest] | type[StoredAppeal]) -> ColumnElement[bool]:
    """Of what people without an agent are asked, or of appeals: that the caller may see it."""
    teams = select(TeamMember.case_id).where(TeamMember.officer == caller.fingerprint)
    return or_(table.officer == caller.fingerprint, table.case_id.in_(teams))


def may_see_of_people(session: Session, caller: Caller, stored: StoredPersonRequest | StoredAppeal) -> bool:
    """Whether it is the caller's or their team's."""
    if stored.officer == caller.fingerprint:
        return True
    return stored.case_id is not None and session.get(TeamMember, (stored.case_id, caller.fingerprint)) is not None
