"""An owner's home for tests: real recordings, the real agent, the real portal on a socket, an officer with keys.

Not for: tests themselves, or a camera (the footage is recorded by ffmpeg and lies where the recorder would put it).

Long because a home is an owner, an agent, a portal and an officer, who know of each other.
"""

import atexit
import json
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from agent import app
from agent.background.inbox import InboxPoll
from agent.devices.address import CameraAddress
from agent.membership import enrolment, registration
from agent.owner.operations.context import Actor, Json, Nothing, RequestNamed
from agent.owner.operations.table import OPERATIONS, call
from agent.owner.people.roles import Role
from agent.recordings import layout
from agent.requests.decision import Choice, Verdict, decide
from agent.settings.model import Settings, settings_from_text
from agent.store.database import PackageRow, RequestRow
from exchange.age.files import Identity, generate_identity
from exchange.clock import DAY, HOUR, MINUTE, SECOND, Window, from_rfc3339
from exchange.custody.log import check_chain, read_line
from exchange.documents.feedback import (
    CannotPlay,
    CannotPlayReason,
    CaseOutcome,
    CaseResult,
    Check,
    CheckResult,
    KeepAsked,
    OfficersFeedback,
    PackageOpened,
    Question,
)
from exchange.documents.messages import (
    Asked,
    CameraRegistration,
    DecidedBy,
    Decision,
    Incident,
    Part,
    Place,
    Receipt,
    Request,
    Signed,
    Stretch,
)
from exchange.errors import WorkerFailed
from exchange.signing.credentials import issue_credential
from exchange.signing.documents import SigningKey, sign_document
from portal.officer.client import OfficerClient
from tests.agent.media.recordings import START_US, Recording, record
from tests.counterparts.portals import portal as portals
from tests.counterparts.portals.hostile_portal import HostilePortal
from tests.counterparts.processes import same_process

OWNER = DecidedBy(name="Robin Example", method="operating system user robin (uid 1000) at a terminal")
ACTOR = Actor("robin", OWNER.method, Role.ADMINISTRATOR, "robin")


async def owner_does(agent: app.Agent, name: str, arguments: Part, actor: Actor) -> Json:
    """An operation of the table, as the socket would call it."""
    assert type(arguments) is OPERATIONS[name].arguments
    return await call(agent, name, arguments.model_dump_json(exclude_none=True).encode(), actor)


CAMERA = "front-door"
NOON = from_rfc3339("2026-11-21T12:00:00Z")


class HomeClock:
    """Stands until it is moved. ``forward``: time passes; ``step``: somebody sets the host's clock."""

    def __init__(self, now: int = NOON) -> None:
        self._now = now
        self._monotonic = 1000 * SECOND

    def now(self) -> int:
        return self._now

    def monotonic(self) -> int:
        return self._monotonic

    def forward(self, microseconds: int) -> None:
        self._now += microseconds
        self._monotonic += microseconds

    def step(self, microseconds: int) -> None:
        self._now += microseconds


def settings_at(data: Path, url: str, extra: str = "") -> Settings:
    """The settings that a test's agent runs under."""
    text = f"""
data: {data}
portal: {{url: "{url}"}}
owner: {{kind: household, name: Robin Example, contact: 01632 960001}}
{"" if "discovery:" in extra else "discovery: {enabled: false}"}
page: {{enabled: false}}
poll: {{every: 1s, jitter: 0s}}
recordings: {{segment: 10s, keep_free: 1 MB}}
{"" if "copies:" in extra else "copies: {playable: false, quality: false}"}
{extra}
"""
    return settings_from_text(text, data / "handover.yaml")


def place_recording(
    root: Path, recording: Recording, camera_id: str = CAMERA, *, later: int = 0, without: Iterable[int] = ()
) -> list[Path]:
    """Lay segments where the recorder lays them, under the names it gives them, ``later`` by so many microseconds.

    ``without``: the indexes of those that are missing.
    """
    placed = []
    ends = [file.start_us for file in recording.files[1:]] + [recording.end_us]
    for index, (file, end) in enumerate(zip(recording.files, ends, strict=True)):
        container = file.path.suffix.removeprefix(".")
        name = layout.SegmentName(file.start_us + later, end - file.start_us, layout.SegmentState.WHOLE, container)
        folder = root / camera_id / layout.day_of(file.start_us + later)
        folder.mkdir(parents=True, exist_ok=True)
        if index not in without:
            placed.append(folder / str(name))
            placed[-1].write_bytes(file.path.read_bytes())
    return placed


@cache
def _recordings() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="handover-recordings-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def shared_recording(kind: str) -> Recording:
    """Nine seconds in three segments, made once for all tests: it is not changed."""
    return record(_recordings() / kind, kind, start_us=START_US)


def make_recording(folder: Path, start: int, *, kind: str = "h264-aac", seconds: int = 9) -> Recording:
    return record(folder, kind, seconds=seconds, start_us=start)


@dataclass
class Home:
    """Everything at hand; ``window`` is what the recordings cover."""

    agent: app.Agent
    place: Any
    """Whoever asks: ``.force``, ``.officer``, ``.credential``."""
    origin: str
    case: Identity
    window: Window
    clock: HomeClock
    segments: list[Path]

    @property
    def poll(self) -> InboxPoll:
        return InboxPoll(self.agent.services, self.agent.journey)

    @property
    def settings(self) -> Settings:
        return self.agent.settings

    def request(self, window: Window | None = None, **changed: object) -> Signed:
        """A request for the recorded camera, signed by the officer; ``changed`` fields replace the usual ones."""
        now = self.clock.now()
        wanted = window or Window(self.window.start + 2 * SECOND, self.window.end - 2 * SECOND)
        fields: dict[str, object] = {
            "request_id": str(uuid.uuid4()),
            "device": self.agent.services.keys.device.public.fingerprint,
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

    async def fetch_and_walk(self) -> None:
        await self.poll.fetch(0)
        await self.agent.journey.settle()

    async def walk(self, later: int = 0) -> None:
        """Let time pass (microseconds), then every step that is due."""
        self.clock.forward(later)
        await self.agent.journey.settle()

    async def rows(self) -> list[RequestRow]:
        async with self.agent.services.store.transaction() as tx:
            return await tx.requests()

    async def row(self, request_id: str) -> RequestRow:
        async with self.agent.services.store.transaction() as tx:
            row = await tx.request(request_id)
        assert row is not None
        return row

    async def state(self, request_id: str) -> str:
        return (await self.row(request_id)).state

    async def packages(self, request_id: str) -> list[PackageRow]:
        async with self.agent.services.store.transaction() as tx:
            return await tx.packages(request_id)

    async def execute(self, sql: str, *values: object) -> None:
        """What somebody with the database in hand could do."""
        async with self.agent.services.store.transaction() as tx:
            assert await tx.execute(sql, values)

    async def listed(self, request_id: str) -> Json:
        """What ``handover requests`` lists of it."""
        told = await owner_does(self.agent, "requests", Nothing(), ACTOR)
        return next(row for row in told["requests"] if row["request_id"] == request_id)

    async def shown(self, request_id: str) -> Json:
        """What the prompt has of it."""
        return await owner_does(self.agent, "show", RequestNamed(request_id=request_id), ACTOR)

    async def events(self) -> list[str]:
        """What the custody log tells, after its whole chain was checked."""
        async with self.agent.services.store.transaction() as tx:
            lines = [str(row["line"]) for row in await tx.all("SELECT line FROM custody ORDER BY seq")]
        assert check_chain(lines) == len(lines)
        return [read_line(line).event.value for line in lines]

    async def plan_sha256(self, request_id: str) -> str:
        async with self.agent.services.store.transaction() as tx:
            row = await tx.one("SELECT sha256 FROM plans WHERE request_id = ?", [request_id])
        assert row is not None
        return str(row["sha256"])

    async def say(self, request_id: str, *, yes: bool, sound: bool = False, **words: Any) -> Decision:
        """The owner's answer to all that is asked; ``words``: what else a verdict says."""
        choices = (Choice(position=0, share=True, sound=sound),) if yes else ()
        verdict = Verdict(plan_sha256=await self.plan_sha256(request_id), choices=choices, **words)
        decided = await decide(self.agent.services, request_id, verdict, OWNER)
        assert decided is not None
        return decided

    def receipt_for(self, request_id: str, delivery: Any, **changed: object) -> Signed:
        """The officer's, for a ``Delivery`` or a row of packages."""
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

    def feedback_for(self, request_id: str, package: Any, model: type[OfficersFeedback], **changed: object) -> Signed:
        """The officer's word on a package, for a ``Delivery`` or a row of packages."""
        fields = {
            "feedback_id": str(uuid.uuid4()),
            "request_id": request_id,
            "device": self.agent.services.keys.device.public.fingerprint,
            "evidence_id": package.evidence_id,
            "ciphertext_sha256": package.ciphertext_sha256,
            "credential": self.place.credential,
            "issued": self.clock.now(),
        }
        return sign_document(model.model_validate(fields | SPOKEN[model] | changed), self.place.officer)


SPOKEN: dict[type[OfficersFeedback], dict[str, object]] = {
    PackageOpened: {
        "verified": True,
        "checks": (Check(check="seal", result=CheckResult.HOLDS),),
        "program": "handover-officer",
    },
    CannotPlay: {"reason": CannotPlayReason.NO_PLAYER, "text": "Our player shows nothing."},
    Question: {"text": "Why is it so dark?"},
    CaseOutcome: {"result": CaseResult.HELPED_IDENTIFY},
    KeepAsked: {"keep": True, "text": "The trial is in March."},
}


@dataclass
class Town(Home):
    """With the reference portal, and an officer who uses it."""

    officer: OfficerClient

    async def send(self, signed: Signed) -> str:
        """Through the portal, as an officer does; the request's id."""
        return (await self.officer.send(signed)).request_id

    async def asked(self, signed: Signed | None = None) -> str:
        """A request that waits for the owner; its id."""
        request_id = await self.send(signed or self.request())
        await self.fetch_and_walk()
        assert await self.state(request_id) == "asked"
        return request_id


@dataclass
class Siege(Home):
    """With a portal that does what the test says."""

    portal: HostilePortal

    async def take(self, signed: Signed) -> str:
        """Through the portal's inbox, as far as it goes; the id of the row that it became."""
        before = {row.request_id for row in await self.rows()}
        self.portal.put(signed)
        await self.fetch_and_walk()
        (new,) = {row.request_id for row in await self.rows()} - before
        return new

    async def asked(self, signed: Signed | None = None) -> str:
        request_id = await self.take(signed or self.request())
        assert await self.state(request_id) == "asked"
        return request_id


@dataclass(frozen=True)
class Force:
    name: str
    key: SigningKey

    def credential(self, officer: SigningKey, valid: Window, **changed: str) -> Signed:
        details = {"rank": "Detective Constable", "collar_number": "4711", "unit": "CID Mill Road"} | changed
        return issue_credential(
            self.key, force=self.name, credential_id=str(uuid.uuid4()), name="Ada Okafor",
            contact="ada.okafor@example.police.uk", public_key=officer.public, valid=valid, **details,
        )  # fmt: skip


@dataclass(frozen=True)
class People:
    """A force and its officer, without a portal of theirs."""

    force: Force
    officer: SigningKey
    credential: Signed


def people(now: int = NOON) -> People:
    force, officer = Force("Example Constabulary", SigningKey.generate()), SigningKey.generate()
    return People(force, officer, force.credential(officer, Window(now - DAY, now + 90 * DAY)))


async def add_camera(agent: app.Agent, camera_id: str = CAMERA) -> None:
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
    async with agent.services.store.transaction() as tx:
        await tx.insert(
            "cameras",
            camera_id=camera_id,
            registration=registration.model_dump_json(),
            address=json.dumps(kept),
            stream_uri="rtsp://127.0.0.1:9/stream",
            facts="{}",
            added_at=agent.services.clock.now(),
        )


async def join(agent: app.Agent, origin: str) -> None:
    """Enrol with the portal at ``origin`` and register what was added."""
    client = await agent.open_portal(origin)
    introduction = await enrolment.introduce(agent.services, client)
    await enrolment.enrol(agent.services, client, introduction.fingerprint, "robin")
    await registration.register(agent.services, await agent.services.portal())


@dataclass(frozen=True)
class Ways:
    """How a home is. ``workers``: media work runs in processes of its own, as it does in life; ``pictures``: all of it
    is done, working copies too, but in this process, whose libraries are loaded once."""

    kind: str = "h264-aac"
    case: str = "hybrid"
    extra: str = ""
    workers: bool = False
    pictures: bool = False
    without: tuple[int, ...] = ()


@asynccontextmanager
async def home(tmp_path: Path, *, now: int = NOON, **ways: Any) -> AsyncIterator[Town]:
    """A home that is enrolled with the reference portal, with nine seconds of footage of a minute ago."""
    clock = HomeClock(now)
    place = portals.make_place(tmp_path / "force", clock=clock)
    async with (
        portals.in_process(place, clock) as running,
        household(tmp_path, running.address, clock, Ways(**ways)) as (agent, case, window, segments),
        place.client(running.address, clock) as officer,
    ):
        at = Town(agent, place, running.address, case, window, clock, segments, officer)
        yield at
        await at.events()


@asynccontextmanager
async def besieged(tmp_path: Path, *, now: int = NOON, **ways: Any) -> AsyncIterator[Siege]:
    """The same, with a portal that does what the test says."""
    place = people(now)
    portal = HostilePortal(place.force.name, place.force.key.public)
    clock = HomeClock(now)
    async with (
        portal.running(),
        household(tmp_path, portal.origin, clock, Ways(**ways)) as (agent, case, window, segments),
    ):
        at = Siege(agent, place, portal.origin, case, window, clock, segments, portal)
        yield at
        await at.events()


async def run_here(function: str, job: dict[str, Any], **how: Any) -> dict[str, Any]:
    """In this process; without working copies, which evidence can do without: their libraries are slow to load."""
    if function in ("agent.media.pictures:contact_sheet_job", "agent.media.working.make:job"):
        raise WorkerFailed("No working copy in this test.")
    return await same_process.run_job(function, job, **how)


@asynccontextmanager
async def household(
    tmp_path: Path, origin: str, clock: HomeClock, ways: Ways
) -> AsyncIterator[tuple[app.Agent, Identity, Window, list[Path]]]:
    settings = settings_at(tmp_path / "agent", origin, ways.extra)
    recording = shared_recording(ways.kind)
    later = clock.now() - MINUTE - recording.files[0].start_us
    segments = place_recording(settings.recordings.directory, recording, later=later, without=ways.without)
    async with AsyncExitStack() as stack:
        if not ways.workers:
            stack.enter_context(mock.patch("agent.app.run_job", same_process.run_job if ways.pictures else run_here))
        agent = await stack.enter_async_context(app.build(settings, clock))
        await add_camera(agent)
        await join(agent, origin)
        window = Window(recording.files[0].start_us + later, recording.end_us + later)
        yield agent, generate_identity("hybrid" if ways.case == "hybrid" else "x25519"), window, segments
