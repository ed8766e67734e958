"""The database of the portal in a folder, open for a command. Not for: a portal that serves (``portal.service``)."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from portal.settings import PortalFolder, PortalSettings
from portal.storage.database import Database, open_database
from portal.uploads.opening import open_store


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


def remove_uploads(folder: Path, settings: PortalSettings, uploads: Iterable[str]) -> None:
    """From wherever they are kept. StoreUnavailable while a bucket is away: then a portal that runs removes them."""

    async def remove() -> None:
        async with open_store(PortalFolder(folder), settings) as store:
            await store.remove(uploads)

    asyncio.run(remove())
