"""The people who may look and decide, as the administrator wrote them down; and the log of what each did.

Not for: how they prove who they are (``proofs``), or their open sessions (``sessions``).
"""

import json
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from agent.owner.people.roles import GIVEN, Role
from agent.store.database import Transaction
from exchange.documents.messages import Id, Line, Part
from exchange.errors import InputInvalid, NotFound

MOST_PEOPLE = 50
MOST_DEEDS = 10_000
"""Lines of the log that are kept: the newest."""


class NewPerson(Part):
    """A person to be written down. ``cameras``: the ids of those that they may hand over; None for all."""

    person_id: Id
    name: Line
    role: Role = Role.APPROVER
    os_user: Line | None = None
    cameras: Annotated[tuple[Id, ...], Field(max_length=256)] | None = None


@dataclass(frozen=True)
class Person:
    person_id: str
    name: str
    role: Role
    os_user: str | None
    cameras: frozenset[str] | None
    has_password: bool
    passkeys: int
    joined_at: int


_PERSON = (
    "SELECT people.*, (SELECT count(*) FROM passkeys WHERE passkeys.person_id = people.person_id) AS passkeys "
    "FROM people"
)


async def people(tx: Transaction) -> list[Person]:
    return [_person(dict(row)) for row in await tx.all(f"{_PERSON} ORDER BY joined_at, person_id")]


async def person(tx: Transaction, person_id: str) -> Person:
    """NotFound when there is nobody of this id."""
    row = await tx.one(f"{_PERSON} WHERE person_id = ?", [person_id])
    if row is None:
        raise NotFound(f"There is nobody called {person_id}.", do="List the people with: handover people list")
    return _person(dict(row))


async def person_of_user(tx: Transaction, os_user: str) -> Person | None:
    """Who an operating system's user is, where somebody said so."""
    row = await tx.one(f"{_PERSON} WHERE os_user = ?", [os_user])
    return None if row is None else _person(dict(row))


def _person(row: dict[str, object]) -> Person:
    cameras = row["cameras"]
    return Person(
        person_id=str(row["person_id"]),
        name=str(row["name"]),
        role=Role(str(row["role"])),
        os_user=None if row["os_user"] is None else str(row["os_user"]),
        cameras=None if cameras is None else frozenset(json.loads(str(cameras))),
        has_password=row["password"] is not None,
        passkeys=int(str(row["passkeys"])),
        joined_at=int(str(row["joined_at"])),
    )


async def join(tx: Transaction, new: NewPerson, now: int) -> None:
    """Write a person down. InputInvalid when the id or the user of this machine is somebody's already."""
    _refuse_role(new.role)
    known = await people(tx)
    if len(known) >= MOST_PEOPLE:
        raise InputInvalid(f"There are {MOST_PEOPLE} people already.", do="Remove one with: handover people remove")
    if any(each.person_id == new.person_id for each in known):
        raise InputInvalid(f"There is somebody called {new.person_id} already.", do="Choose another name.")
    await _refuse_user(known, new.os_user, new.person_id)
    await tx.insert(
        "people",
        person_id=new.person_id,
        name=new.name,
        role=new.role.value,
        os_user=new.os_user,
        cameras=_cameras(new.cameras),
        password=None,
        joined_at=now,
    )


async def change(tx: Transaction, new: NewPerson) -> None:
    """Write a person down anew, under the same id; their sessions end, their password and passkeys stay.

    A first yes of theirs that still waits for another's goes: what they may is another now.
    """
    _refuse_role(new.role)
    before = await person(tx, new.person_id)
    known = await people(tx)
    await _refuse_user(known, new.os_user, new.person_id)
    if before.role is Role.ADMINISTRATOR and new.role is not Role.ADMINISTRATOR:
        _refuse_last(known, before)
    await tx.update(
        "people",
        {"person_id": new.person_id},
        name=new.name,
        role=new.role.value,
        os_user=new.os_user,
        cameras=_cameras(new.cameras),
    )
    await tx.execute("DELETE FROM sessions WHERE person_id = ?", [new.person_id])
    await _forget_first_yes(tx, new.person_id)


async def remove(tx: Transaction, person_id: str) -> None:
    """Remove a person with all that they prove themselves by; what they decided stays decided.

    A first yes of theirs that still waits for a second person's goes with them.
    """
    gone = await person(tx, person_id)
    if gone.role is Role.ADMINISTRATOR:
        _refuse_last(await people(tx), gone)
    await _forget_first_yes(tx, person_id)
    await tx.execute("DELETE FROM people WHERE person_id = ?", [person_id])


async def _forget_first_yes(tx: Transaction, person_id: str) -> None:
    await tx.execute("DELETE FROM agreements WHERE json_extract(agreement, '$.by.person') = ?", [person_id])


def _cameras(cameras: tuple[str, ...] | None) -> str | None:
    return None if cameras is None else json.dumps(sorted(set(cameras)))


def _refuse_role(role: Role) -> None:
    if role not in GIVEN:
        raise InputInvalid(f"{role.value} is no role.", do=f"Choose one of: {', '.join(GIVEN)}.")


async def _refuse_user(known: list[Person], os_user: str | None, person_id: str) -> None:
    taken = next((each for each in known if os_user and each.os_user == os_user and each.person_id != person_id), None)
    if taken is not None:
        raise InputInvalid(f"The user {os_user} of this machine is {taken.name} already.", do="Name another user.")


def _refuse_last(known: list[Person], who: Person) -> None:
    others = [each for each in known if each.role is Role.ADMINISTRATOR and each.person_id != who.person_id]
    if not others and len(known) > 1:
        raise InputInvalid(
            f"{who.name} is the only administrator.",
            meaning="Nothing was changed: nobody could change it back on the page.",
            do="Make somebody else an administrator first.",
        )


# -- who did what ------------------------------------------------------------------------------------------------


async def note_deed(tx: Transaction, at: int, who: str, deed: str, about: str | None = None) -> None:
    """One more line of the log; the oldest goes when there are too many."""
    await tx.insert("deeds", at=at, person=who[:200], deed=deed, about=None if about is None else about[:200])
    await tx.execute("DELETE FROM deeds WHERE deed_id <= (SELECT max(deed_id) FROM deeds) - ?", [MOST_DEEDS])


async def deeds(tx: Transaction, most: int = 200) -> list[dict[str, object]]:
    """The newest first: ``at`` (microseconds), ``person``, ``deed``, ``about``."""
    rows = await tx.all("SELECT at, person, deed, about FROM deeds ORDER BY deed_id DESC LIMIT ?", [most])
    return [dict(row) for row in rows]
