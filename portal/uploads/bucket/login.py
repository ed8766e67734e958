"""The login for the bucket: from a file, or systemd's credential; never in settings, arguments or a log.

Not for: where the bucket is (``portal.settings``).
"""

import asyncio
import os
import stat
import time
from dataclasses import replace
from pathlib import Path

from exchange.buckets.address import Bucket
from exchange.errors import SettingsInvalid
from portal.settings import BucketSettings

CREDENTIAL = "bucket-login"
"""The name of systemd's credential that may hold it."""
MAX_LOGIN = 16 * 1024
"""Bytes; a session token has some 2 kB."""
READ_AGAIN_SECONDS = 60


class Login:
    """Read again every minute, and when storage refuses it: keys are changed while a portal runs."""

    def __init__(self, settings: BucketSettings) -> None:
        self._file = settings.login_file
        self._bucket = Bucket(settings.endpoint, settings.name, settings.prefix, settings.region, "", "")
        self._read = float("-inf")

    @property
    def address(self) -> str:
        return self._bucket.address

    async def bucket(self) -> Bucket:
        """With the login of now. SettingsInvalid when it can't be read."""
        if time.monotonic() - self._read > READ_AGAIN_SECONDS:
            await self.read()
        return self._bucket

    async def read(self) -> bool:
        """Read it; whether it is another one than before."""
        access_key, secret_key, token = await asyncio.to_thread(_read, self._file)
        before, self._read = self._bucket, time.monotonic()
        self._bucket = replace(before, access_key=access_key, secret_key=secret_key, session_token=token)
        return self._bucket != before


def _read(path: Path | None) -> tuple[str, str, str | None]:
    """Access key, secret key and session token, a line each."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    source = path or (Path(folder) / CREDENTIAL if folder else None)
    if source is None:
        raise SettingsInvalid("The bucket's login is nowhere.", do="Name bucket.login_file in portal.yaml.")
    try:
        with source.open("rb") as file:
            if path is not None and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise SettingsInvalid(f"Others may read {path}.", do=f"chmod 600 {path}")
            lines = file.read(MAX_LOGIN).decode("ascii").split()
    except (OSError, UnicodeDecodeError):
        raise SettingsInvalid(
            f"The bucket's login can't be read from {source}.",
            do="Check bucket.login_file in portal.yaml, and whether the portal's user may read it.",
        ) from None
    if not 2 <= len(lines) <= 3:
        raise SettingsInvalid(
            f"{source} holds no login.", do="Write the access key, the secret key, and a session token if there is one."
        )
    return lines[0], lines[1], lines[2] if len(lines) == 3 else None
