"""The disk that recordings are kept on: remembered once it was seen, so that its absence is not taken for an empty one.

Not for: writing to it (the recorder), or room on it (``agent/footage/retention.py``).
"""

import asyncio
import json
import logging

from agent.footage.mount import GONE, is_mounted, mount_of
from agent.requests.parts import Parts
from exchange.errors import CameraUnreachable

log = logging.getLogger(__name__)

_NOTE = "recordings-mount"


async def recordings_mount(parts: Parts) -> str:
    """The mount point of the recordings' disk, as it was seen first; "" while they are on the system's own disk."""
    folder = parts.settings.recordings.directory
    async with parts.store.transaction() as tx:
        kept = json.loads(await tx.note(_NOTE) or "{}")
        if kept.get("folder") == str(folder) and kept.get("mount"):
            return str(kept["mount"])
    mount = await asyncio.to_thread(mount_of, folder)
    if kept != {"folder": str(folder), "mount": mount}:
        async with parts.store.transaction() as tx:
            await tx.set_note(_NOTE, json.dumps({"folder": str(folder), "mount": mount}))
    return mount


def gone(mount: str) -> CameraUnreachable | None:
    """What is said when the disk is not there. Blocks on the disk."""
    if is_mounted(mount):
        return None
    return CameraUnreachable(
        f"{GONE} Nothing is mounted at {mount}.",
        meaning="Nothing is recorded, and what was recorded can't be looked at; nobody is told that there is nothing.",
        do="Connect the disk and mount it; all goes on by itself. If it is to be another folder from now on, change "
        "recordings.directory.",
    )
