"""Sessions of the page: opened by a proof, ended by time, by their person, or when that person changes.

Not for: checking a proof (``proofs``), or cookies (the page does). Only hashes of tokens are stored.
"""

import hashlib
import secrets
from dataclasses import dataclass

from agent.owner.people.register import Person, person
from agent.store.database import Transaction
from exchange.clock import HOUR, MINUTE
from exchange.errors import NotFound

LONGEST = 30 * 24 * HOUR
UNSEEN = 7 * 24 * HOUR
"""Microseconds after which a session ends that nobody used."""
_NOTE_SEEN = 5 * MINUTE
MOST_SESSIONS = 20
"""Of one person; the oldest ends when another is opened."""
INVITATION = HOUR
"""Microseconds for which a one-time code can be used."""


@dataclass(frozen=True)
class Session:
    person: Person
    proven_by: str


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def open_session(tx: Transaction, person_id: str, proven_by: str, now: int) -> str:
    """A new token, to be put into a cookie. NotFound when there is nobody of this id."""
    await person(tx, person_id)
    token = secrets.token_urlsafe(32)
    await tx.execute("DELETE FROM sessions WHERE ends_at <= ? OR seen_at <= ?", [now, now - UNSEEN])
    await tx.execute(
        "DELETE FROM sessions WHERE token_sha256 IN (SELECT token_sha256 FROM sessions WHERE person_id = ? "
        "ORDER BY seen_at DESC LIMIT -1 OFFSET ?)",
        [person_id, MOST_SESSIONS - 1],
    )
    await tx.insert(
        "sessions",
        token_sha256=hashed(token),
        person_id=person_id,
        ends_at=now + LONGEST,
        seen_at=now,
        proven_by=proven_by,
    )
    return token


async def session_of(tx: Transaction, token: str, now: int) -> Session | None:
    """Whose session a token opens; None when it is over, or there is none."""
    row = await tx.one("SELECT * FROM sessions WHERE token_sha256 = ?", [hashed(token)])
    if row is None or row["ends_at"] <= now or row["seen_at"] <= now - UNSEEN:
        return None
    if now - row["seen_at"] > _NOTE_SEEN:
        await tx.update("sessions", {"token_sha256": row["token_sha256"]}, seen_at=now)
    try:
        return Session(await person(tx, row["person_id"]), str(row["proven_by"]))
    except NotFound:
        return None


async def end_session(tx: Transaction, token: str) -> None:
    await tx.execute("DELETE FROM sessions WHERE token_sha256 = ?", [hashed(token)])


async def end_sessions(tx: Transaction, person_id: str) -> int:
    """All of one person's; how many."""
    return await tx.execute("DELETE FROM sessions WHERE person_id = ?", [person_id])


# -- invitations: one-time codes --


async def invite(tx: Transaction, person_id: str, now: int) -> str:
    """A one-time code that lets this person in, and set a password or passkey. An earlier one ends."""
    await person(tx, person_id)
    code = secrets.token_urlsafe(16)
    await tx.execute("DELETE FROM invitations WHERE person_id = ? OR ends_at <= ?", [person_id, now])
    await tx.insert("invitations", code_sha256=hashed(code), person_id=person_id, ends_at=now + INVITATION)
    return code


async def redeem(tx: Transaction, code: str, now: int) -> str | None:
    """Whose code this is; it counts once. None when it is over, was used, or never was."""
    row = await tx.one("SELECT * FROM invitations WHERE code_sha256 = ?", [hashed(code)])
    if row is None:
        return None
    await tx.execute("DELETE FROM invitations WHERE code_sha256 = ?", [row["code_sha256"]])
    return str(row["person_id"]) if row["ends_at"] > now else None
