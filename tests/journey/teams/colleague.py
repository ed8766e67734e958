"""Officers of one unit, each with ``handover-officer`` on a machine of their own, beside a home. Not for: tests."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from exchange.clock import SECOND, to_rfc3339
from exchange.documents.messages import Role
from exchange.signing.documents import SigningKey
from portal.force.keys import OfficerDetails, make_recovery_key, read_recipient, validity, write_public, write_signed
from tests.counterparts.portals.portal import add_officer
from tests.journey.feedback.desk import Desk
from tests.journey.home import CAMERA, Town

CRIME = "04/1234/26"
CASE = ("--crime", CRIME)
UNIT = "CID Mill Road"
WORDS = [
    *("--incident", "Burglary", "--place", "12 Mill Road", "--description", "A door was forced."),
    *("--purpose", "Identify who did it", "--legal-basis", "Data Protection Act 2018, Part 3"),
    *("--necessity", "No other camera looks at this door."),
]


@dataclass
class Station:
    """A unit with its recovery key, and machines for its officers."""

    at: Town
    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        public = make_recovery_key(self.recovery, UNIT)
        window = validity(self.at.clock.now(), 365)
        write_signed(self.unit, self.at.place.force.unit(UNIT, public, window))

    @property
    def unit(self) -> Path:
        return self.folder / "unit.json"

    @property
    def recovery(self) -> Path:
        return self.folder / "recovery.key"

    async def officer(self, machine: str, collar: str, *, roles: tuple[Role, ...] | None = None) -> "Colleague":
        """An officer at a new machine, whom the force vouches for and the portal knows."""
        folder = self.folder / machine
        folder.mkdir()
        colleague = Colleague(self.at, folder, self.monkeypatch)
        await colleague.run("setup")
        key = SigningKey.load(colleague.state.folder / "officer.key")
        own = read_recipient(str(colleague.state.recipient_file))
        details = OfficerDetails(f"Officer {collar}", "Constable", collar, UNIT, f"{collar}@example.org", roles, own)
        place, now = self.at.place, self.at.clock.now()
        write_signed(colleague.credential, add_officer(place.folder, place.settings, place.force, key, now, details))
        write_public(folder / "force.pub", place.force.key.public, "force")
        paths = ("--force-key", str(folder / "force.pub"), "--credential", str(colleague.credential))
        assert (await colleague.run("setup", "--portal", self.at.origin, *paths, "--unit", str(self.unit)))["ready"]
        return colleague


class Colleague(Desk):
    @property
    def credential(self) -> Path:
        return self.folder / "credential.json"

    async def requests(self) -> str:
        """A request by the command; its id, as it waits for the owner."""
        at = self.at
        window = ("--from", to_rfc3339(at.window.start + 2 * SECOND), "--to", to_rfc3339(at.window.end - 2 * SECOND))
        device = at.agent.services.keys.device.public.fingerprint
        said = await self.run("request", "--device", device, "--camera", CAMERA, *window, *CASE, *WORDS)
        await at.fetch_and_walk()
        return str(said["request_id"])

    async def opened(self, request_id: str, *more: str) -> list[bool]:
        """Whether each package holds."""
        told = await self.run("open", request_id, *more)
        return [package["report"]["ok"] for package in told["packages"]]
