"""Where the pictures of a request lie that the owner looks at before they decide, and that they go when it is decided.

Not for: making them (``agent/requests/review/pictures.py``), or a folder that the owner named: that is theirs.
"""

import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

_PREFIX = "handover-pictures-"


def looker() -> tuple[int, int]:
    """The user and group ids of the person at the terminal: who typed sudo, where it was sudo that made this root."""
    if os.geteuid() == 0:
        for name in ("SUDO_UID", "PKEXEC_UID"):
            if os.environ.get(name, "").isdecimal():
                uid = int(os.environ[name])
                try:
                    return uid, pwd.getpwuid(uid).pw_gid
                except KeyError:
                    break
    return os.geteuid(), os.getegid()


def folder_of(request_id: str) -> Path:
    """A new or known folder of this request in the temporary folder, which only the person at the terminal can enter.

    OSError when somebody else has made it.
    """
    uid, gid = looker()
    folder = Path(tempfile.gettempdir()) / f"{_PREFIX}{uid}-{request_id}"
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, uid, gid, follow_symlinks=False)
    except FileExistsError:
        if not _is_ours(folder, uid):
            raise
    return folder


def write(folder: Path, name: str, content: bytes) -> Path:
    """A picture that the person at the terminal can open. OSError."""
    uid, gid = looker()
    path = folder / Path(name).name
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchown(descriptor, uid, gid)
        os.write(descriptor, content)
    finally:
        os.close(descriptor)
    return path


def remove_all_but(waiting: Iterable[str]) -> int:
    """Remove the folders of all requests but those that still wait for a decision; how many."""
    uid, _ = looker()
    kept = {f"{_PREFIX}{uid}-{request_id}" for request_id in waiting}
    removed = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}{uid}-*"):
        if folder.name not in kept and _is_ours(folder, uid):
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed


def _is_ours(folder: Path, uid: int) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == uid and not found.st_mode & 0o077
