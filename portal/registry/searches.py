"""The record of officers' searches: who looked for cameras, where, of what time, for which crime; and how many a day.

Not for: finding cameras (``portal.registry.cameras``).
"""

from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from exchange.clock import to_rfc3339
from exchange.custody.uses import Deed
from exchange.documents.messages import Role
from portal.audit import quotas, uses
from portal.audit.roles import require
from portal.registry.search_query import SearchQuery
from portal.settings import Limits
from portal.storage.models import Officer, Search
from portal.tokens import Caller

MOST_LISTED = 500
"""In one piece."""


def record(session: Session, caller: Caller, query: SearchQuery, limits: Limits, now: int) -> None:
    """One more search, before it is answered. ProblemError 403, or 429 when there were too many."""
    require(session, caller.fingerprint, Role.OFFICER)
    quotas.check_searches(session, caller.fingerprint, limits, now)
    uses.record(session, caller.fingerprint, Deed.SEARCHED, query.crime_reference, now)
    box = query.box
    made = {
        "officer": caller.fingerprint,
        "made": now,
        "crime_reference": query.crime_reference,
        "south": box.south,
        "west": box.west,
        "north": box.north,
        "east": box.east,
        "window_start": query.start,
        "window_end": query.end,
    }
    session.execute(insert(Search), [made])


def list_searches(
    session: Session, crime_reference: str | None = None, before: int | None = None, most: int = MOST_LISTED
) -> list[dict[str, Any]]:
    """The searches, newest first; those for one crime, or all. ``before``: go on from the entry with this number."""
    rows = select(Search, Officer.collar_number, Officer.name).join(Officer, Officer.fingerprint == Search.officer)
    if crime_reference is not None:
        rows = rows.where(Search.crime_reference == crime_reference)
    if before is not None:
        rows = rows.where(Search.number < before)
    return [
        {
            "number": row.number,
            "made": to_rfc3339(row.made),
            "collar_number": collar_number,
            "name": name,
            "crime_reference": row.crime_reference,
            "south": row.south,
            "west": row.west,
            "north": row.north,
            "east": row.east,
            "from": to_rfc3339(row.window_start),
            "to": to_rfc3339(row.window_end),
        }
        for row, collar_number, name in session.execute(rows.order_by(Search.number.desc()).limit(most))
    ]
