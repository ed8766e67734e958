"""Lets a command work on the agent's state as the user whom the state belongs to, and says so to whoever can't.

Not for: deciding who may do what (the daemon asks the kernel who is at the other end of its socket).
"""

import os
import pwd
from pathlib import Path

from exchange.durable import read_only, takes_writes
from exchange.errors import NotPermitted
from exchange.refused import name_of

_USE_SUDO = "Type the same command with sudo before it."


def become_owner_of(path: Path) -> None:
    """Root turns, for good, into the user who owns ``path``, so that no file of root's is left where the daemon works.

    Does nothing for the owner, or when root owns ``path`` itself. NotPermitted for any other user.
    """
    owner = path.stat()
    if os.geteuid() != 0:
        if owner.st_uid != os.geteuid():
            raise NotPermitted(
                f"{path} belongs to the user {name_of(owner.st_uid)}, and this is {name_of(os.geteuid())}.",
                meaning="Nothing was started or changed.",
                do=_USE_SUDO,
            )
        return
    if owner.st_uid == 0:
        return
    try:
        name = pwd.getpwuid(owner.st_uid).pw_name
    except KeyError:
        os.setgroups([])
        os.setgid(owner.st_gid)
    else:
        group = pwd.getpwuid(owner.st_uid).pw_gid
        os.initgroups(name, group)
        os.setgid(group)
    os.setuid(owner.st_uid)


def require_writable(path: Path, what: str) -> None:
    """Whether this user may write the file or folder ``path``, or make it where it is not there yet.

    NotPermitted when not, DiskFull where the disk can only be read.
    """
    place = path
    while not os.path.exists(place) and place != place.parent:
        place = place.parent
    wanted = os.W_OK | os.X_OK if place.is_dir() else os.W_OK
    if not takes_writes(place if place.is_dir() else place.parent):
        raise read_only(f"the disk that holds {what}, {path},")
    if not os.access(place, wanted):
        raise NotPermitted(
            f"The user {name_of(os.geteuid())} may not write {what}, {path}.",
            meaning="Nothing was started or changed.",
            do=_USE_SUDO,
        )
