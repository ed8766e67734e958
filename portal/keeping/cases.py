"""Teams' cases of which nothing is left. Not for: what a team may do (``portal.teams``)."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from portal.storage.appeal_tables import StoredAppeal
from portal.storage.people_tables import StoredPersonRequest
from portal.storage.team_tables import StoredTeam, TeamCase, TeamMember, TeamRequest


def forget_empty(session: Session, cases: Sequence[str]) -> None:
    """Those of the cases that no request, of owners or people, and no appeal belongs to any more."""
    used = (TeamRequest.case_id, StoredPersonRequest.case_id, StoredAppeal.case_id)
    left = {case for column in used for case in session.scalars(select(column).where(column.in_(cases)))}
    empty = [case for case in cases if case not in left]
    for each in (TeamMember, StoredTeam, TeamCase):
        session.execute(delete(each).where(each.case_id.in_(empty)))
