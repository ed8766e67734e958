"""User names and passwords of cameras and recorders: a file of mode 0600 under ``keys/``, read anew each time.

Not for: anything of the portal's, whose calls are signed.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from agent.devices.address import Credentials
from exchange.durable import durable_file


@dataclass(frozen=True, slots=True)
class Passwords:
    """What each camera, or its source, is logged in to with. Every method reads the file, and blocks."""

    file: Path

    def all(self) -> dict[str, dict[str, str]]:
        try:
            kept: dict[str, dict[str, str]] = json.loads(self.file.read_text())
        except FileNotFoundError:
            return {}
        return kept

    def of(self, camera_id: str) -> Credentials | None:
        kept = self.all().get(camera_id)
        return Credentials(kept["user"], kept["password"]) if kept else None

    def keep(self, camera_id: str, credentials: Credentials | None) -> None:
        kept = self.all()
        kept.pop(camera_id, None)
        if credentials is not None:
            kept[camera_id] = {"user": credentials.user, "password": credentials.password}
        with durable_file(self.file) as file:
            file.write(json.dumps(kept).encode())
