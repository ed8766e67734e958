"""The owner writes down a request that came by no portal; from there it goes the same way as any other.

Not for: requests that an officer signed (``agent/requests/intake.py``), or handing over (``outgoing``).
"""

import uuid
from typing import Annotated

from pydantic import Field

from agent.requests.intake import MOST_UNDECIDED
from agent.requests.states import UNDECIDED, State
from agent.services import Services
from agent.store.database import Transaction
from exchange.age.files import parse_recipient
from exchange.clock import DAY
from exchange.custody.log import CustodyKind
from exchange.documents.copies import WantedCopies
from exchange.documents.exhibits import ExhibitPrefix
from exchange.documents.messages import Asked, DecidedBy, Incident, Line, Part, Place, Stretch, Text
from exchange.documents.noted import NotedOfficer, NotedRequest, OfferedWay
from exchange.errors import HandoverError, InputInvalid
from exchange.signing.documents import document_sha256, sign_document

OPEN = 30 * DAY
"""Microseconds that the owner may take to answer what they wrote down themselves."""
NOTED = "noted"
"""``requests.origin`` of a request that the owner wrote down."""


NOT_SAID = "not said"


class NewRequest(Part):
    """What an owner says of a request. Only who, which force, which case and which time is needed."""

    officer: NotedOfficer
    crime_reference: Line
    asked: Annotated[tuple[Asked, ...], Field(min_length=1, max_length=64)]
    kind: Line = NOT_SAID
    place: Line = NOT_SAID
    location: Place | None = None
    description: Text = "The owner was told no more."
    legal_basis: Text = NOT_SAID
    recipient: Annotated[str, Field(max_length=3000)] | None = None
    way: OfferedWay = OfferedWay()
    exhibit_prefix: ExhibitPrefix | None = None
    copies: WantedCopies | None = None


async def note_request(services: Services, new: NewRequest, by: DecidedBy) -> str:
    """Store it as verified by nobody but the owner; its id. InputInvalid."""
    now = services.clock.now()
    request_id = str(uuid.uuid4())
    if any(asked.window.end > now for asked in new.asked):
        raise InputInvalid("It asks for a time that is still to come.", do="Wait until it has been recorded.")
    if new.recipient is not None:
        try:
            parse_recipient(new.recipient)
        except (HandoverError, ValueError):
            raise InputInvalid(
                "That is no age recipient.", do="It begins with age1; ask the officer for it again."
            ) from None
    windows = [asked.window for asked in new.asked]
    happened = Stretch(start=min(each.start for each in windows), end=max(each.end for each in windows))
    document = NotedRequest(
        request_id=request_id,
        device=services.keys.device.public.fingerprint,
        noted_by=by,
        officer=new.officer,
        crime_reference=new.crime_reference,
        incident=Incident(
            kind=new.kind, place=new.place, happened=happened, description=new.description, location=new.location
        ),
        purpose="To help the police, as the owner was asked to.",
        legal_basis=new.legal_basis,
        necessity="The owner was asked for it.",
        asked=new.asked,
        recipient=new.recipient,
        way=new.way,
        exhibit_prefix=new.exhibit_prefix,
        copies=new.copies,
        issued=now,
        expires=now + OPEN,
    )
    signed = sign_document(document, services.keys.device)
    async with services.store.transaction() as tx:
        await _refuse(tx, new)
        await tx.insert(
            "requests",
            request_id=request_id,
            sha256=document_sha256(signed),
            document=signed.document,
            signature=signed.signature,
            state=State.VERIFIED,
            state_at=now,
            received_at=now,
            expires_at=document.expires,
            officer=new.officer.model_dump_json(),
            answered_at=now,  # there is no portal that waits for the answer
            origin=NOTED,
        )
        details: dict[str, str | int | bool] = {"identified": new.officer.identified.value}
        await services.custody.record(tx, CustodyKind.NOTED, by.name, request_id, details=details)
    return request_id


async def _refuse(tx: Transaction, new: NewRequest) -> None:
    known = {camera.camera_id for camera in await tx.cameras()}
    if unknown := sorted({asked.camera_id for asked in new.asked} - known):
        raise InputInvalid(f"There is no camera {unknown[0]}.", do="List them with: handover cameras list")
    if len(await tx.requests(*UNDECIDED)) >= MOST_UNDECIDED:
        raise InputInvalid("Too many requests wait for an answer.", do="Answer some of them first.")
