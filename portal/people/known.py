"""All that is kept of one person, for whoever runs the portal: listed, given to them on their request, and erased.

Not for: people who help themselves by a link (``portal.people.registered``). Each function is the work of one
transaction.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exchange.clock import to_rfc3339
from exchange.documents.people import PersonRequest
from exchange.errors import InputInvalid, NotFound
from portal.people import registered
from portal.people.addresses import read_address
from portal.settings import PeopleSettings
from portal.storage.people_tables import (
    Person,
    PersonCameraRow,
    PersonLink,
    QueuedMessage,
    StoredPersonFile,
    StoredPersonRequest,
)


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done; ``kept``: requests and answers, which say nothing of who was asked."""

    person: str
    cameras: int
    links: int
    messages: int
    uploads: list[str]
    kept: int


def list_all(session: Session) -> list[dict[str, Any]]:
    """Everybody, without their cameras, in the order in which they came."""
    count = func.count(PersonCameraRow.camera_id)
    rows = session.execute(
        select(Person, count)
        .outerjoin(PersonCameraRow, PersonCameraRow.person_id == Person.person_id)
        .group_by(Person.person_id)
        .order_by(Person.registered, Person.person_id)
    )
    return [
        {
            "person": person.person_id,
            "address": person.address,
            "kind": person.person_kind,
            "registered": to_rfc3339(person.registered),
            "confirmed": None if person.confirmed is None else to_rfc3339(person.confirmed),
            "cameras": cameras,
        }
        for person, cameras in rows
    ]


def find(session: Session, who: str, people: PeopleSettings | None) -> Person:
    """By id, e-mail address or number. NotFound; InputInvalid for what is none of them."""
    person = session.get(Person, who)
    if person is None:
        person = registered.with_address(session, _address(who, people))
    if person is None:
        raise NotFound("Nobody is registered under that.", do="handover-portal people list FOLDER names everybody.")
    return person


def export(session: Session, who: str, people: PeopleSettings | None) -> dict[str, Any]:
    """For somebody who asks what is kept of them. What they sent is sealed: of it, only sizes and hashes are known."""
    person = find(session, who, people)
    mine = PersonCameraRow.person_id == person.person_id
    cameras = session.scalars(select(PersonCameraRow).where(mine).order_by(PersonCameraRow.camera_id))
    links = session.scalars(select(PersonLink).where(PersonLink.person_id == person.person_id))
    messages = session.scalars(
        select(QueuedMessage).where(QueuedMessage.person_id == person.person_id).order_by(QueuedMessage.number)
    )
    asked = session.scalars(
        select(StoredPersonRequest)
        .where(StoredPersonRequest.person_id == person.person_id)
        .order_by(StoredPersonRequest.received)
    )
    return {
        "person": person.person_id,
        "address": person.address,
        "kind": person.person_kind,
        "name": person.person_name,
        "registered": to_rfc3339(person.registered),
        "confirmed": None if person.confirmed is None else to_rfc3339(person.confirmed),
        "cameras": [
            {
                "camera_id": row.camera_id,
                "label": row.label,
                "doorbell": row.doorbell,
                "latitude": row.latitude,
                "longitude": row.longitude,
                "description": row.description,
                "direction": row.direction,
                "retention_days": row.retention_days,
            }
            for row in cameras
        ],
        "links": [{"for": row.link_for, "expires": to_rfc3339(row.expires)} for row in links],
        "messages": [
            {"for": row.link_for, "queued": to_rfc3339(row.queued), "tries": row.tries, "request_id": row.request_id}
            for row in messages
        ],
        "asked": [_asked(session, row) for row in asked],
    }


def erase(session: Session, who: str, people: PeopleSettings | None, now: int) -> Erased:
    """As if they had left by themselves. The files of ``uploads`` are to be removed."""
    person = find(session, who, people)
    counts = [
        session.scalar(select(func.count()).select_from(table).where(table.person_id == person.person_id)) or 0
        for table in (PersonCameraRow, PersonLink, QueuedMessage, StoredPersonRequest)
    ]
    name = person.person_id
    uploads = registered.erase(session, person.person_id, now)
    return Erased(name, counts[0], counts[1], counts[2], uploads, counts[3])


def _asked(session: Session, stored: StoredPersonRequest) -> dict[str, Any]:
    request = PersonRequest.model_validate_json(stored.document)
    files = session.scalars(select(StoredPersonFile).where(StoredPersonFile.request_id == stored.request_id))
    return {
        "request_id": stored.request_id,
        "crime_reference": stored.crime_reference,
        "issued": to_rfc3339(stored.issued),
        "what": request.incident.description,
        "purpose": request.purpose,
        "legal_basis": request.legal_basis,
        "cameras": [each.camera_id for each in request.asked],
        "message": stored.message_state,
        "answer": stored.answer,
        "answered": None if stored.answered is None else to_rfc3339(stored.answered),
        "files": [_file(file) for file in files],
    }


def _file(file: StoredPersonFile) -> dict[str, Any]:
    return {"size": file.size, "ciphertext_sha256": file.sha256, "here": file.upload is not None}


def _address(who: str, people: PeopleSettings | None) -> str:
    if people is None:
        return who.strip().lower()
    try:
        return read_address(who, people)
    except ValueError as error:
        raise InputInvalid(
            f"Nobody is registered under that: {error}.", do="Give an address, a number or an id."
        ) from None
