"""Whether the disk that recordings are kept on is there: its mount point, and not the bare folder below it.

Not for: room on the disk, or what is on it.
"""

import os
from pathlib import Path

GONE = "The recordings' disk is not there."
READ_ONLY = "The recordings' disk can only be read: it has faults, or was mounted so."


def mount_of(folder: Path) -> str:
    """The mount point of the file system that a folder is on; "" for the root's own."""
    at = folder.resolve()
    while not os.path.ismount(at):
        if at == at.parent:
            return ""
        at = at.parent
    return "" if at == at.parent else str(at)


def is_mounted(mount: str) -> bool:
    """Whether something is mounted at a mount point that ``mount_of`` told."""
    return not mount or os.path.ismount(mount)
