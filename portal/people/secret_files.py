"""Passwords and keys for sending messages: in a private file, or from systemd."""

import os
from pathlib import Path

from exchange.errors import SettingsInvalid

MAX_SECRET = 1024


def read_secret(path: Path | None, credential: str, what: str) -> str:
    """From the file, or from systemd's credential of this name. SettingsInvalid when it can't be had."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    source = path or (Path(folder) / credential if folder else None)
    if source is None:
        raise SettingsInvalid(
            f"Where {what} is, nothing says.", do=f"Name its file, or give the credential {credential}."
        )
    try:
        if path is not None and path.stat().st_mode & 0o077:
            raise SettingsInvalid(f"Others may read {path}.", do=f"chmod 600 {path}")
        with source.open("rb") as file:
            return file.read(MAX_SECRET).decode().strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsInvalid(f"{source} can't be read.", do=f"It holds {what}.") from None
