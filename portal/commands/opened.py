"""The database of the portal in a folder, open for a command. Not for: a portal that serves (``portal.service``)."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from portal.settings import PortalFolder, PortalSettings
from portal.storage.database import Database, open_database


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[tuple[Database, PortalSettings]]:
    """Beside a portal that runs, too. SettingsInvalid, StoreDamaged or StoreUnavailable."""
    portal = PortalFolder(folder)
    settings = portal.load()
    db = open_database(portal.where(settings), settings.database_password_file, settings.short_name)
    db.use_keys(portal.keys)
    try:
        yield db, settings
    finally:
        db.close()
