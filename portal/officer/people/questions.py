"""Asking people without an agent: a signed request, kept here or brought here from where a colleague sent it.

Not for: what they send (``portal.officer.people.brought``), or what an officer types.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from exchange.age.files import Identity
from exchange.clock import DAY, Window
from exchange.complaints import complaint
from exchange.documents.messages import Asked, Incident, Signed, Stretch
from exchange.documents.people import MessageState, PersonAnswer, PersonCase, PersonRequest
from exchange.errors import DocumentInvalid, InputInvalid, KeyDoesNotOpen, NotFound, PortalRefused
from exchange.signing.documents import read_unverified, sign_document
from portal.officer.asking import Signer
from portal.officer.client import OfficerClient
from portal.officer.connection import NoSuchCall
from portal.officer.opening import mixed_up
from portal.officer.state import OfficerState
from portal.officer.teams.restoring import bring_key_of, of_own_team

KEPT_AS = "person-request"
_ANSWERS = {
    PersonAnswer.FILES: "files were sent",
    PersonAnswer.DECLINED: "they won't hand anything over",
    PersonAnswer.NOTHING_THERE: "they say that nothing is there",
}
_MESSAGES = {
    MessageState.WAITING: "the message has not gone yet",
    MessageState.SENT: "the message went out; no answer yet, and that tells nothing",
    MessageState.FAILED: "the message could not be sent",
}


@dataclass(frozen=True, slots=True)
class PersonQuestion:
    """What an officer wants of one person; windows in microseconds UTC."""

    person: str
    cameras: Sequence[str]
    window: Window
    crime_reference: str
    incident_kind: str
    place: str
    description: str
    purpose: str
    legal_basis: str
    necessity: str
    answer_days: int


def sign_question(
    question: PersonQuestion, signer: Signer, sealed_for: tuple[Identity, Signed | None], now: int
) -> tuple[PersonRequest, Signed]:
    """``sealed_for``: the case's key, and its team's version that stands. InputInvalid when it can't be made."""
    window, (key, team) = Stretch.of(question.window), sealed_for
    try:
        request = PersonRequest(
            request_id=str(uuid.uuid4()),
            person=question.person,
            force=signer.force,
            credential=signer.credential,
            crime_reference=question.crime_reference,
            incident=Incident(
                kind=question.incident_kind,
                place=question.place,
                happened=window,
                description=question.description,
            ),
            purpose=question.purpose,
            legal_basis=question.legal_basis,
            necessity=question.necessity,
            asked=tuple(Asked(camera_id=camera, window=window) for camera in question.cameras),
            recipient=str(key.recipient),
            team=team,
            issued=now,
            expires=now + question.answer_days * DAY,
        )
        return request, sign_document(request, signer.key)
    except ValidationError as error:
        raise InputInvalid(f"This can't be asked: {complaint(error)}.", do="Correct it.") from None
    except DocumentInvalid as error:
        raise InputInvalid(error.what, do="Shorten its texts.") from None


async def was_asked_of_a_person(state: OfficerState, client: OfficerClient, request_id: str) -> bool:
    """Whether the request is one to somebody without an agent: as is known here, or else as the portal says."""
    if await asyncio.to_thread(state.kept, request_id, KEPT_AS) is not None:
        return True
    if await asyncio.to_thread(state.kept, request_id, "request") is not None:
        return False
    try:
        await client.person_case(request_id)
    except PortalRefused:
        return False
    return True


async def bring_question(state: OfficerState, client: OfficerClient, request_id: str) -> PersonRequest:
    """The request, with the key that opens its answer: fetched where a colleague or another machine sent it.

    NoSuchCall where the portal knows none; EvidenceMismatch where its document is of none of the case's team. NotFound.
    """
    signed = await asyncio.to_thread(state.kept, request_id, KEPT_AS)
    if signed is None:
        signed = await client.person_document(request_id)
        request = await of_own_team(state, client, signed, PersonRequest)
        if request.request_id != request_id:
            raise mixed_up("The portal sent another request than was asked for.")
        await asyncio.to_thread(state.keep, request_id, KEPT_AS, signed)
    else:
        request = read_unverified(signed, PersonRequest)  # checked before it was kept
    await bring_key_of(state, client, request)
    return request


async def person_cases(client: OfficerClient) -> list[PersonCase]:
    """What the officer and their teams asked people without an agent; nothing at a portal that knows none."""
    try:
        return await client.all_person_cases()
    except NoSuchCall:
        return []


async def bring_questions(state: OfficerState, client: OfficerClient) -> list[str]:
    """Have all of these requests here, with the keys; those that can be had."""
    brought = []
    for case in await person_cases(client):
        with contextlib.suppress(KeyDoesNotOpen, NotFound, NoSuchCall):
            await bring_question(state, client, case.request_id)
            brought.append(case.request_id)
    return brought


def person_word(case: PersonCase) -> str:
    """How it stands, in words."""
    if case.answer is not None:
        return _ANSWERS[case.answer]
    return _MESSAGES[case.message]
