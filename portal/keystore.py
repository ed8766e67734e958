"""Keys of what is personal: one for each device and each registered person, in files beside the database.

What is sealed under a key can be read by nobody once its file is gone, wherever a copy of the row lies: in a backup, in
PostgreSQL's dead rows or in its log. Not for: what is sealed (``portal.storage.personal.sealing``), or when a key goes
(``portal.registry.erasing``).
"""

import hashlib
import hmac
import os
import re
import secrets
import threading
import time
import uuid
from collections import OrderedDict
from pathlib import Path

from exchange.durable import durable_file, sync_folder
from exchange.errors import SettingsInvalid

KEY_BYTES = 32
MARKER = "secret"
"""Marks addresses so that they can be found again; while it is not there, the folder is no store of keys."""
MOST_REMEMBERED = 10_000


class KeyStore:
    """A folder that every replica sees. Calls block, and may be made from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._remembered: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def is_there(self) -> bool:
        return (self.folder / MARKER).exists()

    def begin(self, secret: bytes | None = None) -> None:
        """Make the store, if there is none. ``secret``: of the one that it is a copy of."""
        if self.is_there:
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with durable_file(self.folder / MARKER) as file:
            file.write(secret or secrets.token_bytes(KEY_BYTES))

    def make(self) -> str:
        """A new key's id. It is on disk before anything is sealed under it."""
        key_id = uuid.uuid4().hex
        self.put(key_id, secrets.token_bytes(KEY_BYTES))
        return key_id

    def put(self, key_id: str, key: bytes) -> None:
        path = self._path(key_id)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with durable_file(path) as file:
            file.write(key)

    def get(self, key_id: str) -> bytes | None:
        """None when it was destroyed."""
        with self._lock:
            if key_id in self._remembered:
                self._remembered.move_to_end(key_id)
                return self._remembered[key_id]
        try:
            key = self._path(key_id).read_bytes()
        except FileNotFoundError:
            return None
        with self._lock:
            self._remembered[key_id] = key
            while len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return key

    def destroy(self, key_id: str) -> None:
        """Overwritten where it lies, then removed; one that is gone stays gone."""
        with self._lock:
            self._remembered.pop(key_id, None)
        path = self._path(key_id)
        destroy_file(path)

    def names(self, seconds_old: int = 0) -> set[str]:
        """Ids of all keys; only those whose file is so old."""
        newest = time.time() - seconds_old
        return {
            path.name
            for path in self.folder.glob("[0-9a-f][0-9a-f]/*")
            if len(path.name) == 32 and (not seconds_old or path.stat().st_mtime <= newest)
        }

    def mark(self, text: str) -> str:
        """The same for the same text, and to be found by nobody who has not the store."""
        return hmac.new((self.folder / MARKER).read_bytes(), text.encode(), hashlib.sha256).hexdigest()

    def marker(self) -> bytes:
        """SettingsInvalid when there is no store."""
        try:
            return (self.folder / MARKER).read_bytes()
        except FileNotFoundError:
            raise SettingsInvalid(f"There are no keys in {self.folder}.", do="handover-portal keys begin") from None

    def _path(self, key_id: str) -> Path:
        assert re.fullmatch("[0-9a-f]{32}", key_id), "an id that was made here"
        return self.folder / key_id[:2] / key_id


def destroy_file(path: Path) -> None:
    try:
        with path.open("r+b") as file:
            size = os.fstat(file.fileno()).st_size
            file.write(secrets.token_bytes(size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except FileNotFoundError:
        return
    sync_folder(path.parent)
