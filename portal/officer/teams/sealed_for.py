"""Which key a new request's answer is to be sealed for, and the team that the request names.

Not for: making the request (``portal.officer.asking``).
"""

import asyncio

from exchange.age.files import Identity, Kind
from exchange.documents.messages import Signed
from exchange.errors import InputInvalid, NotFound
from portal.officer.client import OfficerClient
from portal.officer.connection import NoSuchCall
from portal.officer.state import OfficerState
from portal.officer.teams.changing import found_team
from portal.officer.teams.record import KnownTeam, kept_team, take_keys, team_of


async def sealed_for(
    state: OfficerState, client: OfficerClient, crime_reference: str, kind: Kind | None, now: int
) -> tuple[Identity, Signed | None]:
    """The case's key, and the version of its team that stands; None where the case is the officer's alone.

    A case that is new here belongs to a team from its start where the officer set up a unit; so does one whose founding
    broke off. ``kind``: of a new key, if
    the officer said so. InputInvalid where the team's key is of another.
    """
    fresh = not await asyncio.to_thread(state.knows_case, crime_reference)
    kept = await asyncio.to_thread((state.case_folder(crime_reference) / "teams").exists)
    known = await _known(state, client, crime_reference) if fresh or kept else None
    unit = await asyncio.to_thread(state.kept_unit)
    if known is None and (fresh or kept) and unit is not None and kind != "x25519":
        known = await found_team(state, client, crime_reference, unit, (), now)
    if known is None:
        return await asyncio.to_thread(state.case_key, crime_reference, kind), None
    if kind == "x25519":
        raise InputInvalid(f"The case {crime_reference} belongs to a team, whose key is hybrid.", do="Leave it out.")
    recipient = known.latest.document.recipient
    keys = await asyncio.to_thread(state.case_keys, crime_reference)
    return next(key for key in keys if str(key.recipient) == recipient), known.versions[-1]


async def _known(state: OfficerState, client: OfficerClient, crime_reference: str) -> KnownTeam | None:
    """The case's team, with its present key here; None where it has none, also at a portal that knows no teams."""
    try:
        known, current = await team_of(state, client, crime_reference)
    except (NoSuchCall, NotFound):
        if await asyncio.to_thread(kept_team, state, crime_reference) is not None:
            raise  # it has one, and this officer is on it no more
        return None
    if not await asyncio.to_thread(state.has_case_key, crime_reference, known.latest.document.recipient):
        own = await asyncio.to_thread(state.identity)
        await asyncio.to_thread(take_keys, state, known, current, [own])
    return known
