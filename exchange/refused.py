"""What the system says when it won't open, make or change a file, in words for whoever typed the command.

Not for: what can be said better where it is known which file it is, and what for.
"""

import errno
import os
import pwd
from pathlib import Path

from exchange.durable import NO_ROOM, full, read_only
from exchange.errors import HandoverError, InputInvalid, NotFound, NotPermitted


def in_words(error: OSError) -> HandoverError | None:
    """The same for a person; None where it is about no file, or nothing that whoever typed could mend."""
    if not isinstance(error.filename, str | bytes):
        return None
    path = Path(os.fsdecode(error.filename))
    if error.errno in NO_ROOM:
        return full(path)
    if error.errno == errno.EROFS:
        return read_only(f"the disk that holds {path}")
    if isinstance(error, PermissionError):
        return _not_permitted(path)
    if isinstance(error, FileNotFoundError):
        return NotFound(f"There is no {path}.", do="Check the path; a folder that is missing in it must be made first.")
    if isinstance(error, NotADirectoryError):
        return InputInvalid(f"{path} can't be: a part of that path is a file, and no folder.", do="Check the path.")
    if isinstance(error, IsADirectoryError):
        return InputInvalid(f"{path} is a folder, where a file is wanted.", do="Check the path.")
    if isinstance(error, FileExistsError):
        return InputInvalid(f"{path} is there already.", do="Name another one, or move that one away.")
    return None


def _not_permitted(path: Path) -> NotPermitted:
    place = _nearest(path)
    try:
        belongs = f" {place} belongs to the user {name_of(place.stat().st_uid)}."
    except OSError:
        belongs = ""
    return NotPermitted(
        f"The user {name_of(os.geteuid())} may not read or write {path}.{belongs}",
        do="Name another place, or type the command as a user who may: sudo -u USER …",
    )


def _nearest(path: Path) -> Path:
    """The path itself, or the folder above it that is there."""
    while not os.path.lexists(path) and path != path.parent:
        path = path.parent
    return path


def name_of(uid: int) -> str:
    """A user of this machine by number, for a person."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"number {uid}"
