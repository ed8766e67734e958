"""The reference portal as others meet it: a process of its own on a real socket, or in this process for speed.

``make_place`` makes a force, a portal and an officer; ``PortalProcess`` and ``in_process`` serve it.
"""

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

from exchange.clock import Clock, SystemClock
from exchange.documents.messages import Signed
from exchange.signing.documents import SigningKey
from portal.force import officers
from portal.force.keys import Force, OfficerDetails, validity
from portal.officer.client import OfficerClient
from portal.server import Listen, Running, running
from portal.settings import Limits, PortalFolder, PortalSettings
from portal.storage.database import open_database
from tests.counterparts.portals.statements import keep_statements

keep_statements()
STARTS_WITHIN = 60
DETAILS = OfficerDetails("Ada Okafor", "Detective Constable", "4711", "CID Mill Road", "ada.okafor@example.police.uk")


@dataclass(frozen=True)
class Place:
    """A portal's folder with a force and one officer; nothing runs yet. The force's key lies beside it, not in it."""

    folder: PortalFolder
    settings: PortalSettings
    force: Force
    force_folder: Path
    officer: SigningKey
    credential: Signed

    def client(self, origin: str, clock: Clock | None = None) -> OfficerClient:
        return OfficerClient(origin, self.officer, clock)


def make_place(root: Path, limits: Limits | None = None, clock: Clock | None = None) -> Place:
    """``root``/force with the force's key, ``root``/portal with the portal; one officer let in."""
    now = (clock or SystemClock()).now()
    force = Force.create(root / "force", "Example Constabulary")
    folder = PortalFolder(root / "portal")
    settings = PortalSettings(force=force.name, force_key=force.key.public.line, limits=limits or Limits())
    folder.save(settings)
    folder.database.write_bytes(_empty_database())
    officer = SigningKey.generate()
    credential = add_officer(folder, settings, force, officer, now)
    return Place(folder, settings, force, root / "force", officer, credential)


@cache
def _empty_database() -> bytes:
    """A portal's database that nobody has used: its tables take longer to make than most tests take."""
    with tempfile.TemporaryDirectory() as folder:
        path = PortalFolder(Path(folder)).database
        open_database(path).close()
        return path.read_bytes()


def add_officer(
    folder: PortalFolder,
    settings: PortalSettings,
    force: Force,
    key: SigningKey,
    now: int,
    details: OfficerDetails = DETAILS,
) -> Signed:
    """Sign a credential for another officer and let them in."""
    credential = force.credential(key.public, details, validity(now, 365))
    db = open_database(folder.where(settings), settings.database_password_file)
    try:
        db.write_now(lambda session: officers.add(session, credential, settings, now))
    finally:
        db.close()
    return credential


class PortalProcess:
    """``handover-portal serve`` as a process; after ``kill`` or ``stop``, ``start`` takes the same port again."""

    def __init__(self, place: Place, *options: str) -> None:
        """``options``: more of ``serve``'s."""
        self.place = place
        self.origin = ""
        self.metrics: str | None = None
        self.forces: dict[str, str] | None = None
        """Where each of several is reached."""
        self._options = options
        self.verbose = True
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        """Returns once it listens. AssertionError when it ends before."""
        port = self.origin.rpartition(":")[2] or "0"
        command = [sys.executable, "-m", "portal", "serve", str(self.place.folder.path), *self._options]
        log = (self.place.folder.path.parent / "portal.log").open("a")
        with log:
            self._process = subprocess.Popen(
                [*command, "--listen", f"127.0.0.1:{port}", *(["--verbose"] if self.verbose else [])],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, (self.place.folder.path.parent / "portal.log").read_text()
        self.origin = json.loads(line)["origin"]
        self.metrics = json.loads(line).get("metrics")
        self.forces = json.loads(line).get("forces")
        return self

    @property
    def process(self) -> "subprocess.Popen[str]":
        """While it runs."""
        assert self._process is not None
        return self._process

    def kill(self) -> None:
        """As a power cut would, but for the disk."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self._end(signal.SIGTERM)

    def client(self) -> OfficerClient:
        return self.place.client(self.origin)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.send_signal(number)
        code = self._process.wait(STARTS_WITHIN)
        self._process.stdout.close()
        self._process = None
        return code


@contextlib.asynccontextmanager
async def in_process(place: Place, clock: Clock | None = None, port: int = 0) -> AsyncIterator[Running]:
    """The same service on this event loop."""
    async with running(place.folder, place.settings, Listen("127.0.0.1", port), clock=clock) as now:
        yield now
