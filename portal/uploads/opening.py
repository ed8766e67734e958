"""The store that fits a portal's settings. Not for: what a store promises (``portal.uploads.store``)."""

import contextlib
from collections.abc import AsyncIterator

from portal.settings import PortalFolder, PortalSettings
from portal.uploads.files import UploadFolder
from portal.uploads.store import Store
from portal.uploads.turns import Turns
from portal.wakeups.claims import Claims


@contextlib.asynccontextmanager
async def open_store(
    folder: PortalFolder, settings: PortalSettings, claims: Claims | None = None
) -> AsyncIterator[Store]:
    """SettingsInvalid when it can't be used as it is set, StoreUnavailable when a bucket doesn't answer."""
    turns = Turns(claims)
    store: Store = UploadFolder(folder.uploads, turns)
    if settings.bucket is not None:
        from portal.uploads.bucket.store import UploadBucket  # slow to load: most portals have a folder

        store = UploadBucket(settings.bucket, folder.uploads, turns)
    try:
        await store.start()
        yield store
    finally:
        await store.close()
