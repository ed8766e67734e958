"""How the copying of one camera fares: what is counted, and that the disk takes no more.

Not for: the copying (``copying``), or the file that the daemon reads it from (``state``).
"""

import errno
from dataclasses import dataclass

from agent.host.mount import READ_ONLY


@dataclass
class Meter:
    """What ``handover status`` wants to know; written by the copying thread only."""

    bytes: int = 0
    frames: int = 0
    segments: int = 0
    video: str = ""
    audio: str = ""
    size: str = ""
    sound_left_out: str = ""
    """What the camera's sound is, where no segment can hold it."""


class NoRoom(Exception):
    """The disk takes no more. ``args[0]`` says so in words."""


def no_room(error: OSError) -> NoRoom:
    if error.errno == errno.EROFS:
        return NoRoom(READ_ONLY)
    return NoRoom(f"The recordings' disk takes no more: {error.strerror or 'it cannot be written to'}.")
