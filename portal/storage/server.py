"""Where a portal's PostgreSQL is, and the password for it, which is never in the address.

Not for: what is done there (``portal.storage.postgres``).
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo

from exchange.errors import SettingsInvalid

CREDENTIAL = "database-password"
"""The name of systemd's credential that may hold it: ``LoadCredential=database-password:/etc/…``."""
MAX_PASSWORD = 1024
CONNECT_SECONDS = 5
READ_ONLY = "-c default_transaction_read_only=on"
_LIVELY = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}
"""A server that vanished without a word is noticed within half a minute."""


@dataclass(frozen=True, slots=True)
class Server:
    """A database on PostgreSQL."""

    address: dict[str, Any]
    password_file: Path | None

    @classmethod
    def parse(cls, url: str, password_file: Path | None) -> "Server":
        """A ``postgresql://`` address as libpq has it, several hosts too. SettingsInvalid otherwise."""
        try:
            found = dict(conninfo.conninfo_to_dict(url))
        except psycopg.Error:
            raise SettingsInvalid(
                "The database's address can't be read.", do="Write it so: postgresql://user@host:5432/name"
            ) from None
        if "password" in found:
            raise SettingsInvalid(
                "The database's address holds a password.",
                meaning="Settings are copied and shown to others.",
                do="Take it out, and change it; name a file of mode 0600 with it in database_password_file.",
            )
        if not _is_here(found):
            found.setdefault("sslmode", "verify-full")
        return cls(found, password_file)

    @property
    def name(self) -> str:
        return f"{self.address.get('dbname', '')} on {self.address.get('host', 'this machine')}"

    def parameters(self, options: str = "") -> dict[str, Any]:
        """For ``psycopg.connect``. Read anew for each connection, so that a changed password is taken up.

        A connection that only reads goes to the server that is written to as well: libpq's own test of that would take
        the connection's option for the server's.
        """
        given = {"connect_timeout": CONNECT_SECONDS, "application_name": "handover-portal", **_LIVELY, **self.address}
        password = self._password()
        if password is not None:
            given["password"] = password
        if READ_ONLY in options and given.get("target_session_attrs") == "read-write":
            given["target_session_attrs"] = "primary"
        return {**given, "options": f"{options} {self.address.get('options', '')}".strip()}

    def _password(self) -> str | None:
        """From the file, or systemd's credential; None leaves it to libpq (PGPASSFILE, peer, certificate)."""
        path = self.password_file
        if path is None:
            folder = os.environ.get("CREDENTIALS_DIRECTORY")
            path = Path(folder) / CREDENTIAL if folder else None
            if path is None or not path.exists():
                return None
        try:
            with path.open() as file:
                if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077 and path == self.password_file:
                    raise SettingsInvalid(f"{path} can be read by others.", do=f"chmod 600 {path}")
                return file.read(MAX_PASSWORD).strip()
        except (OSError, UnicodeDecodeError):
            raise SettingsInvalid(
                f"The database's password can't be read from {path}.",
                do="Check database_password_file in portal.yaml, and whether the portal's user may read it.",
            ) from None


def _is_here(address: dict[str, Any]) -> bool:
    """A socket, or loopback: nobody listens on the way."""
    hosts = str(address.get("host", "")).split(",")
    return all(host in ("", "localhost", "127.0.0.1", "::1") or host.startswith("/") for host in hosts)
