"""Columns whose text is sealed under the key of whom it is about (AES-256-GCM), and read as if it were not.

A text that is given as ``Personal`` is sealed when it is written; any other is written as it is, as the force's own
records are. What is read says itself under which key it lies. Not for: the keys (``portal.keystore``).
"""

import base64
import os
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Dialect, Engine, String, Text
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator

from exchange.errors import StoreDamaged, StoreUnavailable
from portal.keystore import KeyStore

SEALED = "sealed:1:"
_NONCE = 12
_KEYS = "handover_keys"


class Keyed(Protocol):
    """A row of somebody of whom something personal is kept."""

    key_id: Any


class Personal(str):
    """A text, and the id of the key that it is to be sealed under; None where the portal has no keys yet."""

    key_id: str | None

    def __new__(cls, text: str, key_id: str | None) -> "Personal":
        made = super().__new__(cls, text)
        made.key_id = key_id
        return made


class SealedText(TypeDecorator[str]):
    """Nothing is found by its content: no query compares it."""

    impl: type[String] = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if isinstance(value, Personal) and value.key_id is not None:
            return seal(_key(dialect, value.key_id), value.key_id, value)
        return None if value is None else str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        if value is None or not value.startswith(SEALED):
            return None if value is None else str(value)
        key_id, _, content = value.removeprefix(SEALED).partition(":")
        return unseal(_key(dialect, key_id), key_id, content)


class SealedLine(SealedText):
    """The same in a column of PostgreSQL's and SQLite's VARCHAR."""

    impl = String
    cache_ok = True


def use_keys(engines: tuple[Engine, ...], keys: KeyStore, force: str | None = None) -> None:
    """From now on what goes through these engines, for this force, is sealed and opened under these keys."""
    for engine in engines:
        setattr(engine.dialect, _KEYS, {**_stores(engine.dialect), force: keys})


def keys_of(session: Session) -> KeyStore | None:
    """None where nothing is sealed: the portal has no keys yet, or was opened without."""
    found = _stores(session.get_bind().dialect).get(session.info.get("force"))
    return found if found is not None and found.is_there else None


def new_key(session: Session) -> str | None:
    """The id of a key for somebody new; one whose transaction came to nothing is removed later."""
    keys = keys_of(session)
    return None if keys is None else keys.make()


def key_of(session: Session, row: Keyed) -> str | None:
    """The id of whose row it is; made now if there is none yet."""
    if row.key_id is None:
        row.key_id = new_key(session)
    key_id: str | None = row.key_id
    return key_id


def mark_of(session: Session, text: str) -> str | None:
    """What a text that is sealed is found by; None where nothing is sealed."""
    keys = keys_of(session)
    return None if keys is None else keys.mark(text)


def seal(key: bytes, key_id: str, text: str) -> str:
    nonce = os.urandom(_NONCE)
    sealed = AESGCM(key).encrypt(nonce, text.encode(), key_id.encode())
    return f"{SEALED}{key_id}:{base64.b64encode(nonce + sealed).decode()}"


def unseal(key: bytes, key_id: str, content: str) -> str:
    try:
        blob = base64.b64decode(content, validate=True)
        return AESGCM(key).decrypt(blob[:_NONCE], blob[_NONCE:], key_id.encode()).decode()
    except (ValueError, InvalidTag):
        raise StoreDamaged(
            "Something sealed in the portal's database does not open under its key.",
            do="Restore the database and the keys from backups of the same portal.",
        ) from None


def _stores(dialect: Dialect) -> dict[str | None, KeyStore]:
    """Of each force whose portal goes through these connections; an id says which of them has the key."""
    found: dict[str | None, KeyStore] = getattr(dialect, _KEYS, {})
    return found


def _key(dialect: Dialect, key_id: str) -> bytes:
    key = next((key for keys in _stores(dialect).values() if (key := keys.get(key_id)) is not None), None)
    if key is None:
        raise StoreUnavailable(
            "A key of what is sealed in the portal's database isn't here.",
            meaning="Whom it was about has just been erased, or the folder 'keys' is not the one of this database.",
            do="Try again. Who runs the portal: handover-portal keys check FOLDER",
        )
    return key
