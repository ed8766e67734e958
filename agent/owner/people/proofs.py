"""Passwords (Argon2id) and passkeys (WebAuthn): made and checked in a worker, kept in the store.

The daemon itself loads neither library: hashing takes 64 MiB on purpose, and both stay out of its memory. Not for:
slowing down guesses (the page does).
"""

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

from agent.store.database import Store, Transaction
from agent.workers.process import Limits, RunJob
from exchange.clock import SECOND
from exchange.errors import InputInvalid, NotPermitted

PROOF = Limits(memory=256 * 1024 * 1024, cpu=20, wall=30.0)
COST = {"time_cost": 3, "memory_cost": 64 * 1024, "parallelism": 4}
"""What a guess costs: the second choice of RFC 9106, section 4, which is the one with less memory (KiB)."""
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 200
_CHALLENGES = 100
_MOST_WAITING = 12
_PATIENCE = 300 * SECOND
Json = dict[str, Any]


def refuse_weak(password: str) -> None:
    """InputInvalid for a password that is too short, too long, or one letter again and again."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD or len(set(password)) < 4:
        raise InputInvalid(
            f"A password has {SHORTEST_PASSWORD} letters or more, of at least 4 kinds.",
            meaning="It was not changed.",
            do="Three or four words that don't belong together make a good one.",
        )


class Proofs:
    """Checks who somebody is. Challenges live in memory only: each counts once, and for five minutes."""

    def __init__(self, store: Store, run_job: RunJob, now: Callable[[], int]) -> None:
        self._store, self._run_job, self._now = store, run_job, now
        self._challenges: dict[str, int] = {}
        self._at_once, self._waiting = asyncio.Semaphore(2), 0

    async def set_password(self, person_id: str, password: str) -> None:
        refuse_weak(password)
        made = await self._job("hash_password", {"password": password, "cost": COST})
        async with self._store.transaction() as tx:
            await tx.update("people", {"person_id": person_id}, password=made["hash"])

    async def password_holds(self, person_id: str, password: str) -> bool:
        """As long for somebody who is not there, or has no password, as for a wrong one."""
        async with self._store.transaction() as tx:
            row = await tx.one("SELECT password FROM people WHERE person_id = ?", [person_id])
        stored = None if row is None else row["password"]
        job = {"hash": stored, "password": password[:LONGEST_PASSWORD], "cost": COST}
        checked = await self._job("check_password", job)
        return bool(checked["holds"])

    async def passkey_options(self, person_id: str, name: str, host: str) -> Json:
        """What a browser needs to make a new passkey."""
        return await self._options("registration_options", {"person_id": person_id, "name": name, "host": host})

    async def add_passkey(self, person_id: str, answer: Json, host: str, origin: str) -> None:
        """Keep a passkey that a browser made. InputInvalid when it is not what was asked for."""
        checked = await self._checked("check_registration", answer, host, origin)
        async with self._store.transaction() as tx:
            await tx.insert(
                "passkeys",
                credential_id=base64.b64decode(checked["credential_id"]),
                person_id=person_id,
                passkey=base64.b64decode(checked["public_key"]),
                sign_count=checked["sign_count"],
                joined_at=self._now(),
            )

    async def login_options(self, host: str, person_id: str | None = None) -> Json:
        """What a browser needs to prove itself with a passkey, of anybody or of one person."""
        allowed = []
        if person_id is not None:
            async with self._store.transaction() as tx:
                rows = await tx.all("SELECT credential_id FROM passkeys WHERE person_id = ?", [person_id])
            allowed = [base64.b64encode(row["credential_id"]).decode() for row in rows]
        return await self._options("authentication_options", {"host": host, "allowed": allowed})

    async def passkey_holds(self, answer: Json, host: str, origin: str) -> str | None:
        """Whose passkey answered; None when it doesn't hold."""
        credential_id = _credential_id(answer)
        async with self._store.transaction() as tx:
            row = await tx.one("SELECT * FROM passkeys WHERE credential_id = ?", [credential_id])
        if row is None:
            return None
        known = {"public_key": base64.b64encode(row["passkey"]).decode(), "sign_count": row["sign_count"]}
        try:
            checked = await self._checked("check_authentication", answer, host, origin, **known)
        except InputInvalid:
            return None
        async with self._store.transaction() as tx:
            await tx.update("passkeys", {"credential_id": credential_id}, sign_count=checked["sign_count"])
        return str(row["person_id"])

    async def _options(self, name: str, job: Json) -> Json:
        made = await self._job(name, job)
        now = self._now()
        self._challenges = {key: at for key, at in self._challenges.items() if at > now - _PATIENCE}
        while len(self._challenges) >= _CHALLENGES:
            self._challenges.pop(next(iter(self._challenges)))
        options: Json = json.loads(made["options"])
        self._challenges[options["challenge"]] = now
        return options

    async def _checked(self, name: str, answer: Json, host: str, origin: str, **known: object) -> Json:
        challenge = _challenge(answer)
        made = self._challenges.pop(challenge, None)
        if made is None or made <= self._now() - _PATIENCE:
            raise InputInvalid("That took too long, or was answered before.", do="Try it again.")
        job = {"answer": json.dumps(answer), "challenge": challenge, "host": host, "origin": origin, **known}
        checked = await self._job(name, job)
        if not checked.get("holds"):
            raise InputInvalid("The passkey was not accepted.", do="Try it again, or use the password.")
        return checked

    async def _job(self, name: str, job: Json) -> Json:
        """Two at a time, as each takes 64 MiB and a core for a while; whoever comes when many wait is sent away."""
        if self._waiting >= _MOST_WAITING:
            raise NotPermitted(
                "Too many people log in at once.", meaning="Nothing was done.", do="Try it again in a minute."
            )
        self._waiting += 1
        try:
            async with self._at_once:
                return await self._run_job(f"agent.workers.proofs:{name}", job, limits=PROOF)
        finally:
            self._waiting -= 1


async def has_proof(tx: Transaction, person_id: str) -> bool:
    """Whether this person can prove who they are again, by a password or a passkey."""
    row = await tx.one("SELECT password FROM people WHERE person_id = ?", [person_id])
    key = await tx.one("SELECT 1 FROM passkeys WHERE person_id = ? LIMIT 1", [person_id])
    return key is not None or (row is not None and row["password"] is not None)


def _challenge(answer: Json) -> str:
    """The challenge that a browser says it answers: base64url, as it was given."""
    try:
        client = json.loads(_decoded(answer["response"]["clientDataJSON"]))
        return str(client["challenge"]).rstrip("=")
    except (KeyError, TypeError, ValueError, RecursionError):
        raise InputInvalid("That is no answer of a passkey.", do="Try it again.") from None


def _credential_id(answer: Json) -> bytes:
    try:
        return _decoded(answer["rawId"])
    except (KeyError, TypeError, ValueError):
        raise InputInvalid("That is no answer of a passkey.", do="Try it again.") from None


def _decoded(text: object) -> bytes:
    if not isinstance(text, str) or len(text) > 10_000:
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
