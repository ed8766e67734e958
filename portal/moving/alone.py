"""That no process serves a portal while something of it is moved."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from exchange.errors import AlreadyRunning
from portal.settings import PortalFolder


@contextmanager
def alone(folder: PortalFolder) -> Iterator[None]:
    """The lock that a portal on a file holds while it serves. AlreadyRunning; SettingsInvalid where no portal is."""
    if not folder.path.is_dir():
        folder.load()  # says that there is no portal
    descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise AlreadyRunning(f"The portal in {folder.path} runs.", do="Stop it, and move it then.") from None
    finally:
        os.close(descriptor)
