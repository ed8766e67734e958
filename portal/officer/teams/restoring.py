"""Getting back what a machine knew: the keys of a team's cases, and the requests whose answers they open.

Not for: changing who is on a team (``portal.officer.teams.changing``).
"""

import asyncio
from dataclasses import dataclass
from typing import TypeVar

from exchange.documents.messages import Credential, Request, Signed
from exchange.documents.people import PersonRequest
from exchange.documents.people.appeals import Appeal
from exchange.errors import EvidenceMismatch, KeyDoesNotOpen, NotFound
from exchange.signing.credentials import open_by_officer
from exchange.signing.documents import document_sha256, read_unverified
from exchange.signing.teams import same_officer
from portal.officer.client import OfficerClient
from portal.officer.opening import mixed_up
from portal.officer.state import OfficerState
from portal.officer.teams.record import KnownTeam, fetch_team, force_key, take_keys, teams_of

AnyRequest = Request | PersonRequest | Appeal
"""What answers are sealed for a case by."""
A = TypeVar("A", Request, PersonRequest, Appeal)


@dataclass(frozen=True, slots=True)
class Restored:
    """What is here again, by crime reference and request id; and cases whose keys no key of this machine opens."""

    cases: tuple[str, ...]
    requests: tuple[str, ...]
    closed: tuple[str, ...]


async def bring_request(state: OfficerState, client: OfficerClient, request_id: str) -> None:
    """Have the request here, with the keys that open its answer: fetched where a colleague or another machine sent it.

    EvidenceMismatch where the portal's document is of none of the case's team. NotFound.
    """
    if await asyncio.to_thread(state.kept, request_id, "request") is None:
        signed = await client.request_document(request_id)
        request = await of_own_team(state, client, signed, Request)
        if request.request_id != request_id:
            raise mixed_up("The portal sent another request than was asked for.")
        await asyncio.to_thread(state.keep, request_id, "request", signed)
    else:
        request = await asyncio.to_thread(state.request, request_id, Request)
    await bring_key_of(state, client, request)


async def of_own_team(state: OfficerState, client: OfficerClient, signed: Signed, model: type[A]) -> A:
    """A request or an appeal, if this officer signed it, or a colleague of one of their teams. EvidenceMismatch,
    SignatureInvalid."""
    claimed = read_unverified(signed, model)
    request, credential = open_by_officer(signed, model, force_key(state), claimed.issued)
    if credential.public_key != state.key().public.line:
        await _of_some_team(state, client, request, credential)
    return request


async def bring_key_of(state: OfficerState, client: OfficerClient, request: AnyRequest) -> None:
    """Have the key that opens what answers it. NotFound, KeyDoesNotOpen."""
    if not await asyncio.to_thread(state.has_case_key, request.crime_reference, request.recipient):
        await _bring_key(state, client, request)


async def _of_some_team(
    state: OfficerState, client: OfficerClient, request: AnyRequest, credential: Credential
) -> None:
    """EvidenceMismatch unless it is of one of the officer's teams."""
    wrong = mixed_up(f"The portal shows a request of the case {request.crime_reference}, and no team of yours for it.")
    for known, _ in await teams_of(state, client, request.crime_reference):
        try:
            return check_of_team(known, request, credential)
        except EvidenceMismatch as error:
            wrong = error
    raise wrong


async def _bring_key(state: OfficerState, client: OfficerClient, request: AnyRequest) -> None:
    """NotFound where the key was the officer's alone; KeyDoesNotOpen where this officer's own opens no team's."""
    for known, current in await teams_of(state, client, request.crime_reference):
        if request.recipient in {team.document.recipient for team in known.teams}:
            own = await asyncio.to_thread(state.identity)
            await asyncio.to_thread(take_keys, state, known, current, [own])
            return
    raise NotFound(
        f"The key of the case {request.crime_reference} is not here, and no team of yours has it.",
        do="Use a copy of the folder that the request was sent from.",
    )


def check_of_team(known: KnownTeam, request: AnyRequest, credential: Credential) -> None:
    """EvidenceMismatch unless an officer of the case's team signed the request, under a version that is known here."""
    if request.crime_reference != known.crime_reference:
        raise mixed_up("The request is of another case.")
    if request.team is not None:
        versions = {document_sha256(signed) for signed in known.versions}
        if document_sha256(request.team) not in versions:
            raise mixed_up("The request was made under a version of the team that the portal does not show.")
    elif request.recipient not in {team.document.recipient for team in known.teams}:
        raise mixed_up("The request is for a key that the case never had.")
    if not any(same_officer(credential, member) for team in known.teams for member in team.members):
        raise mixed_up("Who signed the request was never on the case's team.")


async def restore(state: OfficerState, client: OfficerClient) -> Restored:
    """Everything that the portal has for this officer and their teams, checked, and kept here."""
    cases, closed, requests = [], [], []
    for brief in await client.all_teams():
        known, current = await fetch_team(state, client, brief.case_id)
        try:
            await asyncio.to_thread(take_keys, state, known, current, [state.identity()])
            cases.append(known.crime_reference)
        except KeyDoesNotOpen:
            closed.append(known.crime_reference)
    for case in (await client.all_cases()).cases:
        try:
            await bring_request(state, client, case.request_id)
        except (KeyDoesNotOpen, NotFound):  # of the officer alone, whose key is gone
            if case.crime_reference not in closed:
                closed.append(case.crime_reference)
        else:
            requests.append(case.request_id)
    return Restored(tuple(cases), tuple(requests), tuple(closed))
