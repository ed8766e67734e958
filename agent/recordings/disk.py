"""The disk that recordings are kept on: remembered once it was seen, so that its absence is not taken for an empty one.

Not for: writing to it (the recorder), or room on it (``agent/recordings/retention.py``).
"""

import asyncio
import json
import logging
from pathlib import Path

from agent.host.mount import GONE, is_mounted, mount_of
from agent.settings.model import Settings
from agent.store.database import Store
from exchange.durable import read_only, takes_writes
from exchange.errors import CameraUnreachable, HandoverError

log = logging.getLogger(__name__)

_NOTE = "recordings-mount"


async def recordings_mount(settings: Settings, store: Store) -> str:
    """The mount point of the recordings' disk, as it was seen first; "" while they are on the system's own disk."""
    folder = settings.recordings.directory
    async with store.transaction() as tx:
        kept = json.loads(await tx.note(_NOTE) or "{}")
        if kept.get("folder") == str(folder) and kept.get("mount"):
            return str(kept["mount"])
    mount = await asyncio.to_thread(mount_of, folder)
    if kept != {"folder": str(folder), "mount": mount}:
        async with store.transaction() as tx:
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


def trouble_of_disks(mount: str, data: Path, recordings: Path) -> HandoverError | None:
    """What the owner has to know of the disks with the agent's state and with the recordings. Blocks on them."""
    if (away := gone(mount)) is not None:
        return away
    if not takes_writes(data):
        return read_only("the disk with the agent's state")
    return None if takes_writes(recordings) else read_only("the recordings' disk")
