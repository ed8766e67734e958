"""Copies of the keys of what is personal: apart from backups of the database, and with a short life.

Only the newest is kept: a key that was destroyed since is in no copy after the next one. Not for: the keys themselves
(``portal.keystore``).
"""

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from exchange.clock import SECOND
from exchange.documents.messages import Part
from exchange.durable import durable_file, sync_folder
from exchange.errors import NotFound, SettingsInvalid, StoreDamaged
from portal.keystore import KeyStore, destroy_file

NAME = "keys-%Y%m%dT%H%M%SZ.json"
COPIES = "keys-*.json"
BACKUP = "backup.json"
"""The list in each backup of a portal: no keys are put beside these."""
MOST_BYTES = 256 * 1024 * 1024
KeyText = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]


class KeyCopy(Part):
    """``keys-<time>.json``, mode 0600."""

    secret: KeyText
    keys: dict[Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")], KeyText]


def put_aside(keys: KeyStore, into: Path, now: int) -> tuple[Path, int]:
    """A new copy, whole or not at all, and then every older one destroyed: its path, and how many keys it holds.

    SettingsInvalid where backups lie.
    """
    apart(into, f"*/{BACKUP}", "backups of a portal")
    copy = KeyCopy(secret=_text(keys.marker()), keys={})
    for key_id in keys.names():
        key = keys.get(key_id)
        if key is not None:  # destroyed meanwhile
            copy.keys[key_id] = _text(key)
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = into / datetime.fromtimestamp(now // SECOND, UTC).strftime(NAME)
    with durable_file(path) as file:
        file.write(copy.model_dump_json().encode())
    sync_folder(into)
    for older in into.glob(COPIES):
        if older != path:
            destroy_file(older)
    return path, len(copy.keys)


def apart(folder: Path, others: str, what: str) -> None:
    """That nothing of the pattern ``others`` lies in the folder, which is ``what``. SettingsInvalid."""
    if any(folder.glob(others)):
        raise SettingsInvalid(
            f"{folder} holds {what}.",
            meaning="Whoever has keys and backups can read what owners had erased.",
            do="Name another folder, best on another machine.",
        )


def bring_back(path: Path, keys: KeyStore) -> int:
    """Make the store of a copy: how many keys. SettingsInvalid when there is one; NotFound, StoreDamaged."""
    if keys.is_there:
        raise SettingsInvalid(
            f"There are keys in {keys.folder} already.", do="Leave them: they are newer than any copy."
        )
    try:
        with path.open("rb") as file:
            copy = KeyCopy.model_validate_json(file.read(MOST_BYTES))
    except OSError as error:
        raise NotFound(
            f"There is no copy of keys at {path} ({error.strerror}).", do="Name the file keys-….json."
        ) from None
    except ValidationError:
        raise StoreDamaged(f"{path} can't be read as a copy of keys.", do="Take another one.") from None
    keys.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for key_id, key in copy.keys.items():
        keys.put(key_id, base64.b64decode(key))
    keys.begin(base64.b64decode(copy.secret))
    return len(copy.keys)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
