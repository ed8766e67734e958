"""Whatever is personal in the database lies under keys, and what lost its key is erased: brought about, and checked.

Not for: erasing at the owner's word (``portal.registry.devices``). What takes a session is part of one transaction.
"""

import asyncio
from dataclasses import dataclass

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from exchange.documents.feedback import FeedbackKind
from exchange.documents.messages import Registration
from portal.keystore import KeyStore
from portal.people import registered
from portal.people.addresses import is_number
from portal.people.registered import PersonEntry
from portal.registry import devices
from portal.storage.database import Database
from portal.storage.models import Camera, Device, KeptOffer, StoredFeedback, StoredRequest
from portal.storage.people_tables import Person, PersonCameraRow
from portal.storage.personal.sealing import Personal, keys_of, mark_of, new_key

AT_ONCE = 50
"""Devices or people in one transaction."""
STRAY_SECONDS = 3600
"""A key of nobody is as old as this before it is taken for one whose transaction came to nothing."""


@dataclass(frozen=True, slots=True)
class Keyless:
    """Those whose key is gone: they were erased after the backup that brought them back, or keys were lost."""

    devices: tuple[str, ...]
    people: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.devices or self.people)


async def seal_all(db: Database) -> None:
    """Give each device and person of an older portal a key, and seal what is kept of them; again, it does nothing."""
    for some in (_seal_devices, _seal_people):
        while await db.write(some):
            pass


async def rebuild(db: Database) -> int:
    """Make what officers search anew where a backup left it out: of how many devices and people."""
    made = 0
    for some in (_rebuild_devices, _rebuild_people):
        after: str | None = ""
        while after is not None:
            count, after = await db.write(lambda session, some=some, after=after or "": some(session, after))  # type: ignore[misc]
            made += count
    return made


async def keyless(db: Database, keys: KeyStore) -> Keyless:
    names = await asyncio.to_thread(keys.names)
    found = await db.read(_keyed)
    gone = [(table, who) for table, who, key_id in found if key_id not in names and keys.get(key_id) is None]
    return Keyless(
        tuple(who for table, who in gone if table == "device"), tuple(who for table, who in gone if table == "person")
    )


async def erase_keyless(db: Database, found: Keyless, now: int) -> list[str]:
    """Erase them as if they left again; the uploads to be removed."""
    gone: list[str] = []
    for device in found.devices:
        gone += (await db.write(lambda session, device=device: devices.erase(session, device))).uploads  # type: ignore[misc]
    for person in found.people:
        gone += await db.write(lambda session, person=person: registered.erase(session, person, now))  # type: ignore[misc]
    await db.forget_erased()
    return gone


async def remove_stray_keys(db: Database, keys: KeyStore) -> None:
    """Keys that were made for a transaction that came to nothing."""
    old = await asyncio.to_thread(keys.names, STRAY_SECONDS)
    used = {key_id for _, _, key_id in await db.read(_keyed)}
    for key_id in old - used:
        await asyncio.to_thread(keys.destroy, key_id)


def _keyed(session: Session) -> list[tuple[str, str, str]]:
    of_devices = session.execute(select(Device.fingerprint, Device.key_id).where(Device.key_id.is_not(None)))
    of_people = session.execute(select(Person.person_id, Person.key_id).where(Person.key_id.is_not(None)))
    return [
        *(("device", who, key_id) for who, key_id in of_devices if key_id is not None),
        *(("person", who, key_id) for who, key_id in of_people if key_id is not None),
    ]


def _seal_devices(session: Session) -> int:
    if keys_of(session) is None:
        return 0
    rows = session.execute(
        select(Device.fingerprint, Device.registration_document)
        .where(Device.key_id.is_(None), Device.registration_document.is_not(None))
        .limit(AT_ONCE)
    ).all()
    for fingerprint, registration in rows:
        key_id = new_key(session)
        sealed = Personal(registration or "", key_id)
        of_device = Device.fingerprint == fingerprint
        session.execute(update(Device).where(of_device).values(key_id=key_id, registration_document=sealed))
        _seal_words(session, fingerprint, key_id)
    return len(rows)


def _seal_words(session: Session, fingerprint: str, key_id: str | None) -> None:
    """Decisions, answers and ratings, and offers of a device."""
    theirs = StoredRequest.device == fingerprint
    decided = select(StoredRequest.request_id, StoredRequest.decision_document).where(
        theirs, StoredRequest.decision_document.is_not(None)
    )
    for request_id, document in session.execute(decided).all():
        row = update(StoredRequest).where(StoredRequest.request_id == request_id)
        session.execute(row.values(decision_document=Personal(document or "", key_id)))
    said = select(StoredFeedback.number, StoredFeedback.document).where(
        StoredFeedback.request_id.in_(select(StoredRequest.request_id).where(theirs)),
        StoredFeedback.kind.in_((FeedbackKind.ANSWER, FeedbackKind.RATING)),
    )
    for number, document in session.execute(said).all():
        word = update(StoredFeedback).where(StoredFeedback.number == number)
        session.execute(word.values(document=Personal(document, key_id)))
    offered = select(KeptOffer.offer_id, KeptOffer.document).where(KeptOffer.device == fingerprint)
    for offer_id, document in session.execute(offered).all():
        offer = update(KeptOffer).where(KeptOffer.offer_id == offer_id)
        session.execute(offer.values(document=Personal(document, key_id)))


def _seal_people(session: Session) -> int:
    if keys_of(session) is None:
        return 0
    people = session.scalars(select(Person).where(Person.key_id.is_(None)).limit(AT_ONCE)).all()
    for person in people:
        key_id, name = new_key(session), person.person_name
        entry = registered.entry_of(session, person)
        session.execute(
            update(Person)
            .where(Person.person_id == person.person_id)
            .values(
                key_id=key_id,
                address_mark=mark_of(session, person.address),
                by_text=is_number(person.address),
                address=Personal(person.address, key_id),
                person_name=None if name is None else Personal(name, key_id),
                entry=None if entry is None else Personal(entry.model_dump_json(), key_id),
            )
        )
    return len(people)


def _rebuild_devices(session: Session, after: str) -> tuple[int, str | None]:
    bare = ~exists().where(Camera.device == Device.fingerprint)
    rows = session.execute(
        select(Device.fingerprint, Device.registration_document)
        .where(Device.fingerprint > after, Device.registration_document.is_not(None), bare)
        .order_by(Device.fingerprint)
        .limit(AT_ONCE)
    ).all()
    made = 0
    for _, document in rows:
        cameras = devices.cameras_of(Registration.model_validate_json(document or ""))
        session.add_all(cameras)
        made += bool(cameras)
    return made, rows[-1][0] if rows else None


def _rebuild_people(session: Session, after: str) -> tuple[int, str | None]:
    bare = ~exists().where(PersonCameraRow.person_id == Person.person_id)
    rows = session.execute(
        select(Person.person_id, Person.entry)
        .where(Person.person_id > after, Person.entry.is_not(None), bare)
        .order_by(Person.person_id)
        .limit(AT_ONCE)
    ).all()
    for person_id, entry in rows:
        session.add_all(registered.cameras_of(person_id, PersonEntry.model_validate_json(entry or "")))
    return len(rows), rows[-1][0] if rows else None
