"""A case's team as this machine knows it: all of its versions, each checked, and never an older one than was seen here.

Not for: changing a team (``portal.officer.teams.changing``).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exchange.age.files import Identity, Opener
from exchange.documents.letters import quoted
from exchange.documents.messages import Signed
from exchange.documents.teams import TeamVersion
from exchange.errors import InputInvalid, NotFound
from exchange.signing.documents import PublicKey
from exchange.signing.teams import Team, check_follows, open_chain, open_team
from portal.force.keys import read_signed, write_signed
from portal.officer.client import OfficerClient
from portal.officer.connection import NoSuchCall
from portal.officer.opening import mixed_up
from portal.officer.state import OfficerState
from portal.officer.teams.sealed_keys import open_keys


@dataclass(frozen=True, slots=True)
class KnownTeam:
    """Every version from the first on, as signed and as checked."""

    versions: tuple[Signed, ...]
    teams: tuple[Team, ...]

    @property
    def latest(self) -> Team:
        return self.teams[-1]

    @property
    def case_id(self) -> str:
        return self.latest.document.case_id

    @property
    def crime_reference(self) -> str:
        return self.latest.document.crime_reference


def force_key(state: OfficerState) -> PublicKey:
    """The force's, as it was set up here."""
    return PublicKey.parse(state.setup().force_key)


def kept_teams(state: OfficerState, crime_reference: str) -> list[KnownTeam]:
    """The teams of this reference as they were last seen here, in the order in which they were first seen: two
    officers may each have founded one before they knew of each other."""
    return [known for folder in _folders(state, crime_reference) if (known := _kept(state, folder)) is not None]


def kept_team(state: OfficerState, crime_reference: str) -> KnownTeam | None:
    """The one that new requests belong to: the first that was seen here, so that nobody leads them elsewhere by adding
    the officer to another. None where there is none."""
    return next(iter(kept_teams(state, crime_reference)), None)


def keep_team(state: OfficerState, known: KnownTeam) -> None:
    """All versions that are not kept yet. What is kept is never changed."""
    folders = _folders(state, known.crime_reference)
    before = next((each.name for each in folders if each.name.partition("-")[2] == known.case_id), None)
    name = before or f"{len(folders) + 1:03}-{known.case_id}"
    folder = state.make_case_folder(known.crime_reference, f"teams/{name}")
    for number, signed in enumerate(known.versions, 1):
        path = folder / f"{number:06}.json"
        if not path.exists():
            write_signed(path, signed)


def mark_founding(state: OfficerState, crime_reference: str) -> None:
    """The case is to belong to a team, also where the portal was not told of it before the program ended."""
    state.make_case_folder(crime_reference, "teams")


def _folders(state: OfficerState, crime_reference: str) -> list[Path]:
    return sorted((state.case_folder(crime_reference) / "teams").glob("[0-9]*-*"))


def _kept(state: OfficerState, folder: Path) -> KnownTeam | None:
    versions: list[Signed] = []
    while (path := folder / f"{len(versions) + 1:06}.json").exists():
        versions.append(read_signed(path))
    return KnownTeam(tuple(versions), open_chain(versions, force_key(state))) if versions else None


async def fetch_team(state: OfficerState, client: OfficerClient, case_id: str) -> tuple[KnownTeam, TeamVersion]:
    """The team as the portal has it, every version checked, and kept here; with the sealed keys of the latest.

    EvidenceMismatch when the portal shows another past than was seen here, or hides what was; SignatureInvalid when a
    version does not hold.
    """
    current = await client.team(case_id)
    key = await asyncio.to_thread(force_key, state)
    latest = open_team(current.signed, key)
    document = latest.document
    if document.case_id != case_id:
        raise mixed_up("The portal sent the team of another case.")
    teams_here = await asyncio.to_thread(kept_teams, state, document.crime_reference)
    kept = next((each for each in teams_here if each.case_id == case_id), None)
    versions = list(kept.versions) if kept is not None else []
    teams = list(kept.teams) if kept is not None else []
    if document.version < len(versions):
        raise mixed_up(
            f"The portal shows version {document.version} of the team, and version {len(versions)} was seen here."
        )
    for number in range(len(versions) + 1, document.version + 1):
        last = number == document.version
        signed = current.signed if last else await client.team_version(case_id, number)
        team = open_team(signed, key)
        if teams:
            check_follows(teams[-1], team)
        elif team.document.version != 1 or team.document.case_id != case_id:
            raise mixed_up("The portal sent another version of the team than was asked for.")
        versions.append(signed)
        teams.append(team)
    if teams[-1].sha256 != latest.sha256:
        raise mixed_up(f"The portal shows another version {document.version} of the team than was seen here.")
    known = KnownTeam(tuple(versions), tuple(teams))
    await asyncio.to_thread(keep_team, state, known)
    return known, current


async def team_of(state: OfficerState, client: OfficerClient, crime_reference: str) -> tuple[KnownTeam, TeamVersion]:
    """The case's team as the portal has it; of several, the first that was seen here. NotFound when there is none."""
    kept = await asyncio.to_thread(kept_team, state, crime_reference)
    if kept is not None:
        try:
            return await fetch_team(state, client, kept.case_id)
        except NoSuchCall:
            raise NotFound(
                f"You are on the team of the case {crime_reference} no more.",
                meaning="Somebody of it took you off. What you could open before, you still can.",
                do="Ask them: the last version that was seen here names them.",
            ) from None
    found = await teams_of(state, client, crime_reference)
    if not found:
        raise NotFound(
            f"The case {crime_reference} belongs to no team of yours.",
            do="Make one: handover-officer team new; or ask a member to add you: handover-officer team add",
        )
    return found[0]


async def chosen_team(
    state: OfficerState, client: OfficerClient, crime_reference: str, case_id: str | None
) -> tuple[KnownTeam, TeamVersion]:
    """The team that a person means: by the case's id, or the only one. InputInvalid when there are several and none is
    named; NotFound as ``team_of``."""
    if case_id is None:
        several = await teams_of(state, client, crime_reference)
        if len(several) > 1:
            names = "; ".join(_named(known) for known, _ in several)
            raise InputInvalid(
                f"{len(several)} teams have the case {crime_reference}: {names}.", do="Say which with --case ID."
            )
        return await team_of(state, client, crime_reference)
    briefs = await client.all_teams(crime_reference)
    if case_id not in {brief.case_id for brief in briefs if brief.crime_reference == crime_reference}:
        raise NotFound(f"No team of {crime_reference} has the id {case_id}.", do="handover-officer cases names them.")
    return await fetch_team(state, client, case_id)


def _named(known: KnownTeam) -> str:
    people = ", ".join(quoted(member.collar_number) for member in known.latest.members)
    return f"{known.case_id} ({people})"


async def teams_of(
    state: OfficerState, client: OfficerClient, crime_reference: str
) -> list[tuple[KnownTeam, TeamVersion]]:
    """Every team of this reference that the portal lets the officer see."""
    briefs = await client.all_teams(crime_reference)
    found = [await fetch_team(state, client, brief.case_id) for brief in briefs]
    return [each for each in found if each[0].crime_reference == crime_reference]


def take_keys(
    state: OfficerState, known: KnownTeam, current: TeamVersion, openers: Sequence[Opener]
) -> tuple[Identity, ...]:
    """Open the case's keys, keep them here, and return them, the newest first. As ``open_keys``."""
    identities = open_keys(current.wrapped, known.latest, openers)
    state.save_case_keys(known.crime_reference, identities)
    return identities
