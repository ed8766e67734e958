"""Making a case's team, and changing who is on it: a new version each time, with the case's keys sealed for it.

Where somebody's key leaves the team, the case gets another key for later requests. What was sealed before stays
openable by those who had its key: no one can take that back. Not for: what the portal or an agent checks of it.
"""

import asyncio
import base64
import hashlib
import uuid
from collections.abc import Sequence

from pydantic import ValidationError

from exchange.age.files import Identity, generate_identity
from exchange.complaints import complaint
from exchange.documents.messages import Credential, Signed
from exchange.documents.teams import CaseTeam, TeamVersion, Unit
from exchange.errors import InputInvalid
from exchange.signing.credentials import CredentialInvalid, open_credential
from exchange.signing.documents import PublicKey, read_unverified, sign_document
from exchange.signing.teams import Team, check_follows, open_team, same_officer
from portal.officer.client import OfficerClient
from portal.officer.state import OfficerState
from portal.officer.teams.record import KnownTeam, force_key, keep_team, kept_team, mark_founding, teams_of
from portal.officer.teams.sealed_keys import seal_keys


async def found_team(
    state: OfficerState, client: OfficerClient, crime_reference: str, unit: Signed, others: Sequence[Signed], now: int
) -> KnownTeam:
    """The case belongs to a team from now on: this officer and ``others`` (their credentials), and ``unit``'s key.

    What was asked for before with a key that a team can have comes into it too. InputInvalid, TeamInvalid.
    """
    if await asyncio.to_thread(kept_team, state, crime_reference) is not None or await teams_of(
        state, client, crime_reference
    ):
        raise InputInvalid(
            f"The case {crime_reference} belongs to a team already.", do="handover-officer team show; team add"
        )
    own, _ = await asyncio.to_thread(state.credential, now)
    keys = await asyncio.to_thread(_hybrid_first, state, crime_reference)
    return await _put(state, client, None, crime_reference, _together([own, *others]), unit, keys, now)


async def change_team(
    state: OfficerState,
    client: OfficerClient,
    known: KnownTeam,
    members: Sequence[Signed],
    keys: Sequence[Identity],
    now: int,
    *,
    new_key: bool = False,
    unit: Signed | None = None,
) -> KnownTeam:
    """The next version, for exactly ``members``; ``keys``: all that the case has had, the newest first.

    ``unit``: another one than the case has had.
    """
    document = known.latest.document
    after = {_read(member).public_key for member in members}
    if new_key or any(member.public_key not in after for member in known.latest.members):
        keys = [await asyncio.to_thread(generate_identity, "hybrid"), *keys]
    return await _put(state, client, known, document.crime_reference, members, unit or document.recovery, keys, now)


def with_members(known: KnownTeam, added: Sequence[Signed]) -> list[Signed]:
    """The team's members and ``added``, each in the place of the same officer's former credential."""
    return _together([*known.latest.document.members, *added])


def without(members: Sequence[Signed], who: str) -> list[Signed]:
    """These members but for one, by collar number or fingerprint of their key. InputInvalid."""
    stays = [member for member in members if who not in _names(_read(member))]
    if len(stays) == len(members):
        raise InputInvalid(f"Nobody on the team is {who}.", do="Give the collar number: handover-officer team show")
    if not stays:
        raise InputInvalid(
            "Nobody would be left on the team.", do="Add a colleague first: handover-officer team add --credential"
        )
    return stays


def _together(credentials: Sequence[Signed]) -> list[Signed]:
    """One credential an officer, the latest that is named."""
    found: list[Signed] = []
    for signed in credentials:
        new = _read(signed)
        found = [each for each in found if not same_officer(_read(each), new)]
        found.append(signed)
    return found


def _names(credential: Credential) -> tuple[str, str]:
    return credential.collar_number, PublicKey.parse(credential.public_key).fingerprint


def _read(signed: Signed) -> Credential:
    return read_unverified(signed, Credential)


def _hybrid_first(state: OfficerState, crime_reference: str) -> list[Identity]:
    """The case's keys; before them a new one where its newest is of a kind that no team can have."""
    if not state.knows_case(crime_reference):
        return [generate_identity("hybrid")]
    keys = state.case_keys(crime_reference)
    return keys if keys[0].kind == "hybrid" else [generate_identity("hybrid"), *keys]


async def _put(
    state: OfficerState,
    client: OfficerClient,
    known: KnownTeam | None,
    crime_reference: str,
    members: Sequence[Signed],
    unit: Signed,
    keys: Sequence[Identity],
    now: int,
) -> KnownTeam:
    """Sign the version and seal the keys, check both as everybody will, keep the keys, send, keep the version."""
    signed, wrapped, team = await asyncio.to_thread(
        _sign, state, known, crime_reference, tuple(members), unit, keys, now
    )
    await asyncio.to_thread(mark_founding, state, crime_reference)
    await asyncio.to_thread(state.save_case_keys, crime_reference, keys)
    body = TeamVersion(signed=signed, wrapped=base64.b64encode(wrapped).decode())
    await client.put_team(team.document.case_id, team.document.version, body)
    before = known or KnownTeam((), ())
    made = KnownTeam((*before.versions, signed), (*before.teams, team))
    await asyncio.to_thread(keep_team, state, made)
    return made


def _sign(
    state: OfficerState,
    known: KnownTeam | None,
    crime_reference: str,
    members: tuple[Signed, ...],
    unit: Signed,
    keys: Sequence[Identity],
    now: int,
) -> tuple[Signed, bytes, Team]:
    own, credential = state.credential(now)
    recipients = [_recipient(state, member, now) for member in members]
    recipients.append(read_unverified(unit, Unit).recipient)
    wrapped = seal_keys(keys, recipients)
    before = None if known is None else known.latest
    try:
        document = CaseTeam(
            case_id=str(uuid.uuid4()) if before is None else before.document.case_id,
            force=credential.force,
            crime_reference=crime_reference,
            credential=own,
            recipient=str(keys[0].recipient),
            members=members,
            recovery=unit,
            wrapped_sha256=hashlib.sha256(wrapped).hexdigest(),
            version=1 if before is None else before.document.version + 1,
            previous_sha256=None if before is None else before.sha256,
            issued=now if before is None else max(now, before.document.issued),
        )
    except ValidationError as error:
        raise InputInvalid(f"Such a team can't be: {complaint(error)}.", do="Correct it.") from None
    signed = sign_document(document, state.key())
    team = open_team(signed, force_key(state))
    if before is not None:
        check_follows(before, team)
    return signed, wrapped, team


def _recipient(state: OfficerState, member: Signed, now: int) -> str:
    """InputInvalid for one that does not hold, or that no key can be sealed for."""
    try:
        credential = open_credential(member, force_key(state), now)
    except CredentialInvalid as error:
        raise InputInvalid(
            f"The credential of {_read(member).name} can't be used: {error.what}",
            do="Put their new one in (handover-officer team add), or take them off (team remove).",
        ) from error
    if credential.recipient is None or not credential.recipient.startswith("age1pq1"):
        raise InputInvalid(
            f"The credential of {credential.name} names no recipient that a case's key can be sealed for.",
            do="Have the force sign a new one: handover-portal force credential … --recipient officer.recipient",
        )
    return credential.recipient
