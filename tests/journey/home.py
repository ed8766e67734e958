"""An owner's home for tests: real recordings, the real agent, the real portal on a socket, an officer with keys.

Not for: tests themselves, or a camera (the footage is recorded by ffmpeg and lies where the recorder would put it).
"""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from agent import daemon, membership
from agent.cameras.address import CameraAddress
from agent.footage import layout
from agent.inbox import InboxPoll
from agent.owner.desk import Actor
from agent.requests.decision import Choice, Verdict, decide
from agent.settings import Settings, settings_from_text
from exchange.age import Identity, generate_identity
from exchange.clock import HOUR, SECOND, Clock, SystemClock, Window
from exchange.messages import (
    Asked,
    CameraRegistration,
    DecidedBy,
    Decision,
    Incident,
    Place,
    Receipt,
    Request,
    Signed,
    Stretch,
)
from exchange.signing import sign_document
from portal.officer.client import OfficerClient
from tests.agent.recordings import Recording, record
from tests.counterparts import portal as portals

OWNER = DecidedBy(name="Robin Example", method="operating system user robin (uid 1000) at a terminal")
ACTOR = Actor("robin", 1000, OWNER.method)
CAMERA = "front-door"


def settings_at(data: Path, url: str, extra: str = "") -> Settings:
    """The settings that a test's agent runs under."""
    text = f"""
data: {data}
portal: {{url: "{url}"}}
owner: {{kind: household, name: Robin Example, contact: 01632 960001}}
discovery: {{enabled: false}}
poll: {{every: 1s, jitter: 0s}}
recordings: {{segment: 10s, keep_free: 1 MB}}
{extra}
"""
    return settings_from_text(text, data / "handover.yaml")


def place_recording(root: Path, recording: Recording, camera_id: str = CAMERA) -> None:
    """Lay segments where the recorder lays them, under the names it gives them."""
    ends = [file.start_us for file in recording.files[1:]] + [recording.end_us]
    for file, end in zip(recording.files, ends, strict=True):
        container = file.path.suffix.removeprefix(".")
        name = layout.SegmentName(file.start_us, end - file.start_us, layout.SegmentState.WHOLE, container)
        folder = root / camera_id / layout.day_of(file.start_us)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / str(name)).write_bytes(file.path.read_bytes())


def make_recording(folder: Path, start: int, *, kind: str = "h264-aac", seconds: int = 9) -> Recording:
    return record(folder, kind, seconds=seconds, start_us=start)


@dataclass
class Home:
    """Everything at hand; ``window`` is what the recordings cover."""

    house: daemon.House
    place: portals.Place
    origin: str
    officer: OfficerClient
    case: Identity
    window: Window
    clock: Clock

    @property
    def poll(self) -> InboxPoll:
        return InboxPoll(self.house.parts, self.house.journey)

    def request(self, window: Window | None = None, **changed: object) -> Signed:
        """A request for the recorded camera, signed by the officer; ``changed`` fields replace the usual ones."""
        now = self.clock.now()
        wanted = window or Window(self.window.start + 2 * SECOND, self.window.end - 2 * SECOND)
        fields: dict[str, object] = {
            "request_id": str(uuid.uuid4()),
            "device": self.house.parts.keys.device.public.fingerprint,
            "force": self.place.force.name,
            "credential": self.place.credential,
            "crime_reference": "04/1234/26",
            "incident": Incident(
                kind="Burglary", place="12 Mill Road", happened=Stretch.of(wanted), description="A door was forced."
            ),
            "purpose": "To identify who came and went.",
            "legal_basis": "Prevention and detection of crime.",
            "necessity": "No other camera looks at this door.",
            "asked": (Asked(camera_id=CAMERA, window=Stretch.of(wanted), sound=False),),
            "recipient": str(self.case.recipient),
            "issued": now,
            "expires": now + 24 * HOUR,
        }
        return sign_document(Request.model_validate(fields | changed), self.place.officer)

    async def send(self, signed: Signed) -> str:
        """Through the portal, as an officer does; the request's id."""
        return (await self.officer.send(signed)).request_id

    async def fetch_and_walk(self) -> None:
        await self.poll.fetch(0)
        await self.house.journey.settle()

    async def state(self, request_id: str) -> str:
        async with self.house.parts.store.transaction() as tx:
            row = await tx.request(request_id)
        assert row is not None
        return row.state

    async def plan_sha256(self, request_id: str) -> str:
        async with self.house.parts.store.transaction() as tx:
            row = await tx.one("SELECT sha256 FROM plans WHERE request_id = ?", [request_id])
        assert row is not None
        return str(row["sha256"])

    async def say(self, request_id: str, *, yes: bool, sound: bool = False) -> Decision:
        """The owner's answer to all that is asked."""
        choices = (Choice(position=0, share=True, sound=sound),) if yes else ()
        verdict = Verdict(plan_sha256=await self.plan_sha256(request_id), choices=choices)
        return await decide(self.house.parts, request_id, verdict, OWNER)

    def receipt_for(self, request_id: str, delivery: object, **changed: object) -> Signed:
        fields = {
            "receipt_id": str(uuid.uuid4()),
            "delivery_id": delivery.delivery_id,
            "request_id": request_id,
            "evidence_id": delivery.evidence_id,
            "ciphertext_sha256": delivery.ciphertext_sha256,
            "size": delivery.size,
            "verified": True,
            "credential": self.place.credential,
            "issued": self.clock.now(),
        }
        return sign_document(Receipt.model_validate(fields | changed), self.place.officer)


async def add_camera(house: daemon.House, camera_id: str = CAMERA) -> None:
    """A camera as ``handover cameras add`` would have left it in the store."""
    registration = CameraRegistration(
        camera_id=camera_id,
        label="Front door",
        place=Place(latitude=53.7632, longitude=-2.7031, description="above the front door"),
        direction=90,
        sound=True,
        retention_days=14,
    )
    address = CameraAddress("127.0.0.1", 9)
    kept = {"host": address.host, "port": address.port, "path": address.path, "tls": False, "pin": None}
    async with house.parts.store.transaction() as tx:
        await tx.insert(
            "cameras",
            camera_id=camera_id,
            registration=registration.model_dump_json(),
            address=json.dumps(kept),
            stream_uri="rtsp://127.0.0.1:9/stream",
            facts="{}",
            added_at=house.parts.clock.now(),
        )


async def join(house: daemon.House, origin: str) -> None:
    """Enrol with the portal at ``origin`` and register what was added."""
    client = await house.open_portal(origin)
    introduction = await membership.introduce(house.parts, client)
    await membership.enrol(house.parts, client, introduction.fingerprint, "robin")
    await membership.register(house.parts, await house.parts.portal())


@asynccontextmanager
async def home(tmp_path: Path, *, kind: str = "h264-aac", case: str = "hybrid", extra: str = "") -> AsyncIterator[Home]:
    """A home that is enrolled, with nine seconds of footage of a minute ago."""
    clock = SystemClock()
    start = clock.now() - 60 * SECOND
    place = portals.make_place(tmp_path / "force")
    async with portals.in_process(place) as running:
        settings = settings_at(tmp_path / "agent", running.address, extra)
        recording = make_recording(tmp_path / "camera", start, kind=kind)
        place_recording(settings.recordings.directory, recording)
        async with daemon.build(settings) as house, place.client(running.address) as officer:
            await add_camera(house)
            await join(house, running.address)
            window = Window(recording.files[0].start_us, recording.end_us)
            identity = generate_identity("hybrid" if case == "hybrid" else "x25519")
            yield Home(house, place, running.address, officer, identity, window, clock)
