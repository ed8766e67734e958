"""Who registered by hand: a form, a link to confirm the address, later links to change all of it or to leave.

Nothing that a form answers tells whether an address is known here. Not for: the form (``portal.public``), or what
officers find (``portal.registry.people_nearby``). Each function is the work of one transaction.
"""

import uuid
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from exchange.clock import DAY
from exchange.documents.messages import Line, Part, Place
from exchange.documents.people import PersonKind
from portal.people import links
from portal.people.addresses import is_number
from portal.people.links import LinkFor
from portal.settings import Limits
from portal.storage import locks
from portal.storage.models import StoredUpload
from portal.storage.people_tables import Person, PersonCameraRow, PersonLink, QueuedMessage, StoredPersonRequest
from portal.storage.personal.keeping_tables import Erasure
from portal.storage.personal.sealing import Personal, mark_of, new_key

MOST_CAMERAS = 12


class DescribedCamera(Part):
    label: Line
    doorbell: bool = False
    place: Place
    direction: Annotated[float, Field(ge=0, lt=360)] | None = None
    retention_days: Annotated[int, Field(ge=0, le=3650)]


class PersonEntry(Part):
    """All that a person tells of themselves, but for their address."""

    person_kind: PersonKind
    person_name: Line | None = None
    cameras: Annotated[tuple[DescribedCamera, ...], Field(min_length=1, max_length=MOST_CAMERAS)]


@dataclass(frozen=True, slots=True)
class Known:
    """What is kept of a person."""

    address: str
    entry: PersonEntry


def register(session: Session, address: str, entry: PersonEntry, limits: Limits, now: int) -> None:
    """Keep a new entry until it is confirmed; who is known already gets a link to change theirs instead."""
    locks.hold(session, "people", address)
    person = with_address(session, address)
    if person is None:
        key_id, mark = new_key(session), mark_of(session, address)
        person = Person(
            person_id=str(uuid.uuid4()),
            address=Personal(address, key_id),
            address_mark=mark,
            by_text=is_number(address),
            key_id=key_id,
            confirmed=None,
            registered=now,
        )
        _fill(person, entry)
        session.add(person)
        session.flush()
    elif person.confirmed is None:
        _fill(person, entry)
        person.registered = now
        _remove_cameras(session, person)
    if person.confirmed is None:
        _add_cameras(session, person, entry)
    _queue(session, person, LinkFor.CHANGE if person.confirmed else LinkFor.CONFIRM, limits, now)


def send_link(session: Session, address: str, limits: Limits, now: int) -> None:
    """Send who is registered under the address a link to change it or leave; nobody else anything."""
    person = with_address(session, address)
    if person is not None:
        _queue(session, person, LinkFor.CHANGE if person.confirmed else LinkFor.CONFIRM, limits, now)


def known(session: Session, code: str, now: int) -> Known:
    """What is kept of the person whose link this is. ProblemError 403."""
    _, person = links.find_person(session, code, now, LinkFor.CONFIRM, LinkFor.CHANGE)
    entry = entry_of(session, person)
    assert entry is not None, "an entry has cameras"
    return Known(person.address, entry)


def confirm(session: Session, code: str, now: int) -> None:
    """From now on officers find the cameras. The link is used up."""
    _, person = links.find_person(session, code, now, LinkFor.CONFIRM)
    person.confirmed = now
    _use_up(session, person)


def change(session: Session, code: str, entry: PersonEntry, now: int) -> None:
    """Put the entry in the place of the one before. The link is used up."""
    _, person = links.find_person(session, code, now, LinkFor.CHANGE)
    _fill(person, entry)
    _remove_cameras(session, person)
    _add_cameras(session, person, entry)
    _use_up(session, person)


def leave(session: Session, code: str, now: int) -> list[str]:
    """Erase the person, by any link of theirs. What they handed over stays with the force; uploads to be removed."""
    _, person = links.find_person(session, code, now, LinkFor.CONFIRM, LinkFor.CHANGE)
    return erase(session, person.person_id, now)


def erase(session: Session, person_id: str, now: int) -> list[str]:
    """The person, their cameras, links and messages, and uploads that no answer names: those are returned."""
    asked = session.scalars(
        select(StoredPersonRequest.request_id).where(StoredPersonRequest.person_id == person_id)
    ).all()
    holders = [links.uploads_of(request_id) for request_id in asked]
    unfinished = (StoredUpload.device.in_(holders), ~StoredUpload.delivered, ~StoredUpload.gone)
    gone = list(session.scalars(select(StoredUpload.upload_id).where(*unfinished)))
    session.execute(update(StoredUpload).where(StoredUpload.upload_id.in_(gone)).values(gone=True, expires=now))
    key_id = session.scalar(select(Person.key_id).where(Person.person_id == person_id))
    session.execute(delete(Person).where(Person.person_id == person_id))
    if key_id is not None:
        session.add(Erasure(key_id=key_id))
    return gone


def with_address(session: Session, address: str) -> Person | None:
    """By its mark, or as it stands where it is not sealed."""
    found = session.scalar(select(Person).where(Person.address_mark == mark_of(session, address)))
    return found or session.scalar(select(Person).where(Person.address == address))


def _fill(person: Person, entry: PersonEntry) -> None:
    name = entry.person_name
    person.person_kind = entry.person_kind
    person.person_name = None if name is None else Personal(name, person.key_id)
    person.entry = None if person.key_id is None else Personal(entry.model_dump_json(), person.key_id)


def _remove_cameras(session: Session, person: Person) -> None:
    session.execute(delete(PersonCameraRow).where(PersonCameraRow.person_id == person.person_id))
    session.flush()


def _add_cameras(session: Session, person: Person, entry: PersonEntry) -> None:
    session.add_all(cameras_of(person.person_id, entry))


def cameras_of(person_id: str, entry: PersonEntry) -> list[PersonCameraRow]:
    """What officers may find of it."""
    return [
        PersonCameraRow(
            person_id=person_id,
            camera_id=f"camera-{number}",
            label=camera.label,
            doorbell=camera.doorbell,
            latitude=camera.place.latitude,
            longitude=camera.place.longitude,
            description=camera.place.description,
            direction=camera.direction,
            retention_days=camera.retention_days,
        )
        for number, camera in enumerate(entry.cameras, 1)
    ]


def entry_of(session: Session, person: Person) -> PersonEntry | None:
    """What they told, of what officers find of it; None where no camera of theirs is left."""
    rows = session.scalars(
        select(PersonCameraRow).where(PersonCameraRow.person_id == person.person_id).order_by(PersonCameraRow.camera_id)
    )
    found = rows.all()
    if not found:
        return None
    return PersonEntry(
        person_kind=PersonKind(person.person_kind),
        person_name=person.person_name,
        cameras=tuple(
            DescribedCamera(
                label=row.label,
                doorbell=row.doorbell,
                place=Place(latitude=row.latitude, longitude=row.longitude, description=row.description),
                direction=row.direction,
                retention_days=row.retention_days,
            )
            for row in found
        ),
    )


def _queue(session: Session, person: Person, link_for: LinkFor, limits: Limits, now: int) -> None:
    """Not more than somebody's mailbox should bear, and nobody is told when it was enough."""
    today = (QueuedMessage.person_id == person.person_id, QueuedMessage.queued > now - DAY)
    mine = (*today, QueuedMessage.request_id.is_(None))
    count = session.scalar(select(func.count()).select_from(QueuedMessage).where(*mine)) or 0
    if count < limits.messages_per_person_per_day and _may_cost(session, person, limits, now):
        session.add(
            QueuedMessage(
                person_id=person.person_id,
                link_for=link_for,
                result=None,
                request_id=None,
                queued=now,
                next_try=now,
                tries=0,
            )
        )


def _may_cost(session: Session, person: Person, limits: Limits, now: int) -> bool:
    """Whether one more text is within what strangers may cause by forms in a day; mail always is."""
    if not is_number(person.address):
        return True
    texts = (
        select(func.count())
        .select_from(QueuedMessage)
        .join(Person, Person.person_id == QueuedMessage.person_id)
        .where(
            or_(Person.by_text.is_(True), Person.address.startswith("+")),
            QueuedMessage.request_id.is_(None),
            QueuedMessage.queued > now - DAY,
        )
    )
    return (session.scalar(texts) or 0) < limits.form_texts_per_day


def stop(session: Session, number: str, now: int) -> list[str]:
    """Somebody texted back that they want no more: they are erased, if they are known. Uploads to be removed."""
    person = with_address(session, number)
    return erase(session, person.person_id, now) if person is not None else []


def _use_up(session: Session, person: Person) -> None:
    """Every link of the person's own; those of requests stay."""
    session.execute(delete(PersonLink).where(PersonLink.person_id == person.person_id, PersonLink.request_id.is_(None)))
