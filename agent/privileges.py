"""Lets a command that root runs work on the agent's state as the user whom the state belongs to.

Not for: deciding who may do what (the daemon asks the kernel who is at the other end of its socket).
"""

import os
import pwd
from pathlib import Path


def become_owner_of(path: Path) -> None:
    """Root turns, for good, into the user who owns ``path``, so that no file of root's is left where the daemon works.

    Does nothing for any other user, or when root owns ``path`` itself. PermissionError can't happen: only root acts.
    """
    if os.geteuid() != 0:
        return
    owner = path.stat()
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
