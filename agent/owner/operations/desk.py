"""What an owner can do with their agent: one method an operation, typed arguments in, plain data out.

The Unix socket (``control.py``) and a command that runs without the daemon call the same methods.
Not for: how it is asked or shown (``prompt.py``, ``agent/cli``).
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import Field

from agent import VERSION
from agent.cameras.footage_sources import AskChannels, SetSource, SetStart, TestSources
from agent.cameras.inventory import Inventory, NewCamera
from agent.membership import membership
from agent.membership.membership import OpenPortal
from agent.portal.client import PortalClient
from agent.recordings.disk import recordings_mount, trouble_of_disks
from agent.requests import decision
from agent.requests import restored_records as went_back
from agent.requests.intake import verified_request
from agent.requests.journey import Journey
from agent.requests.pictures import stills
from agent.requests.plan import look_again, read_plan
from agent.requests.preserve import keep
from agent.requests.states import State
from agent.services import Services
from agent.settings.model import settings_sha256
from agent.store.database import RequestRow
from exchange.clock import to_rfc3339
from exchange.documents.messages import Credential, DecidedBy, Decision, Id, Line, Part, Text
from exchange.errors import DecisionRefused, HandoverError, NotFound, PortalUnreachable
from exchange.signing.documents import PublicKey, parse_strictly

Json = dict[str, Any]


@dataclass(frozen=True)
class Actor:
    """Who is at the other end, as the operating system vouches."""

    name: str
    uid: int
    method: str


class Nothing(Part):
    """An operation without arguments."""


class Named(Part):
    request_id: Id


class Decide(Part):
    request_id: Id
    plan_sha256: Line
    choices: tuple[decision.Choice, ...] = ()
    observations: Text | None = None
    name: Line | None = None
    """How the person who decides wants to be named; their user name otherwise."""


class Restored(Part):
    what: Text
    """What happened to the agent's records, in the owner's words."""


class PortalAt(Part):
    url: Annotated[str, Field(max_length=500)]


class Enrol(Part):
    url: Annotated[str, Field(max_length=500)]
    fingerprint: Line


class Discover(Part):
    seconds: Annotated[float, Field(gt=0, le=30)] = 3.0


class CameraNamed(Part):
    camera_id: Id


class Desk:
    def __init__(self, parts: Services, journey: Journey, inventory: Inventory, open_portal: OpenPortal) -> None:
        self._parts = parts
        self._journey = journey
        self._inventory = inventory
        self._open_portal = open_portal

    # -- requests --

    async def status(self, _: Nothing, actor: Actor) -> Json:
        parts = self._parts
        async with parts.store.transaction() as tx:
            force = await tx.force()
            rows = await tx.requests()
            contact = await tx.note("portal-contact")
            trouble = await tx.note("portal-trouble")
            cameras = await tx.cameras()
            told = await membership.told_cameras(tx)
            records_trouble = await went_back.trouble(tx)
        return {
            "version": VERSION,
            "settings_sha256": settings_sha256(parts.settings),
            "device": parts.keys.device.public.fingerprint,
            "force": None if force is None else {"name": force.name, "portal": force.portal},
            "last_contact": contact,
            "portal_trouble": trouble or None,
            "disk_trouble": None if (trouble_of_disk := await self._disk()) is None else trouble_of_disk.what,
            "records_trouble": None if records_trouble is None else str(records_trouble),
            "still_found": sorted(told - {row.camera_id for row in cameras}) if force is not None else [],
            "host_clock": asdict(await parts.host_clock()),
            "cameras": await self._inventory.summaries(cameras),
            "requests": {state: sum(row.state == state for row in rows) for state in sorted({r.state for r in rows})},
            "doing": dict(parts.progress.doing),
            "waiting_for_you": [row.request_id for row in rows if row.state == State.ASKED],
            "held_bytes": await parts.footage.held_bytes(),
        }

    async def requests(self, _: Nothing, actor: Actor) -> Json:
        async with self._parts.store.transaction() as tx:
            rows = await tx.requests()
            said = {row["request_id"]: row["document"] for row in await tx.all("SELECT * FROM decisions")}
        return {"requests": [self._row(row) | {"outcome": _outcome(row, said.get(row.request_id))} for row in rows]}

    async def show(self, named: Named, actor: Actor) -> Json:
        """All that the owner needs to decide: who asks, for what, what exactly would be sent."""
        parts = self._parts
        async with parts.store.transaction() as tx:
            row = await self._find(tx.request, named.request_id)
            shown = await tx.one("SELECT plan, sha256 FROM plans WHERE request_id = ?", [row.request_id])
            packages = await tx.packages(row.request_id)
            decided = await decision.stored_decision(tx, row.request_id)
            force = await tx.force()
            unclear = await went_back.trouble(tx)
        told: Json = self._row(row)
        told["unclear"] = (
            None if unclear is None else {"what": unclear.what, "meaning": unclear.meaning, "do": unclear.do}
        )
        told["force"] = None if force is None else force.name
        told["officer"] = None if row.officer is None else _officer(row.officer)
        if row.officer is not None:
            request = verified_request(row)
            told["request"] = request.model_dump(mode="json", exclude={"credential", "recipient"})
        if shown is not None:
            plan = read_plan(shown["plan"]).model_dump(mode="json")
            for camera in plan["cameras"]:
                camera["gop_us"] = max((s["gops"]["longest_us"] for s in camera.pop("stretches")), default=0)
                if camera["source"]:  # as it is now: the owner may have had it kept since
                    camera["source"]["kept"] = await parts.footage.kept_bytes(row.request_id, camera["camera_id"]) > 0
            told["plan"], told["plan_sha256"] = plan, shown["sha256"]
            told["host_clock"] = asdict(await parts.host_clock())
        told["kept_bytes"] = await parts.footage.kept_bytes(row.request_id)
        told["decision"] = None if decided is None else decided.document
        told["packages"] = [
            {
                "evidence_id": package.evidence_id,
                "path": package.path,
                "size": package.size,
                "ciphertext_sha256": package.ciphertext_sha256,
                "delivered": None if package.delivered_at is None else to_rfc3339(package.delivered_at),
                "receipt": None if package.receipt_at is None else to_rfc3339(package.receipt_at),
            }
            for package in packages
        ]
        return told

    async def pictures(self, named: Named, actor: Actor) -> Json:
        """The first and last frame of what would be sent, a JPEG each."""
        made = await stills(self._parts, named.request_id)
        return {"pictures": [{"name": name, "jpeg": base64.b64encode(data).decode()} for name, data in made]}

    async def decide(self, asked: Decide, actor: Actor) -> Json:
        verdict = decision.Verdict(
            plan_sha256=asked.plan_sha256, choices=asked.choices, observations=asked.observations
        )
        by = DecidedBy(name=asked.name or actor.name, method=actor.method)
        decided = await decision.decide(self._parts, asked.request_id, verdict, by)
        self._journey.kick()
        return {"status": decided.status.value}

    async def records(self, _: Nothing, actor: Actor) -> Json:
        """What was handed over, when, to whom, and the receipts."""
        async with self._parts.store.transaction() as tx:
            packages = await tx.all("SELECT * FROM packages ORDER BY sealed_at")
            requests = {row.request_id: row for row in await tx.requests()}
            events = await tx.one("SELECT count(*) AS n FROM custody")
        return {
            "custody_events": 0 if events is None else events["n"],
            "packages": [
                {
                    "evidence_id": row["evidence_id"],
                    "request_id": row["request_id"],
                    "crime_reference": self._row(requests[row["request_id"]]).get("crime_reference"),
                    "path": row["path"],
                    "size": row["size"],
                    "ciphertext_sha256": row["ciphertext_sha256"],
                    "delivered": None if row["delivered_at"] is None else to_rfc3339(row["delivered_at"]),
                    "receipt": None if row["receipt_at"] is None else to_rfc3339(row["receipt_at"]),
                }
                for row in packages
            ],
        }

    async def restored(self, said: Restored, actor: Actor) -> Json:
        """The owner says why the agent's records went back to an earlier state."""
        ended = await went_back.clear_up(self._parts, said.what, actor.name)
        self._journey.kick()
        return {"ended": ended}

    # -- cameras --

    async def cameras(self, _: Nothing, actor: Actor) -> Json:
        async with self._parts.store.transaction() as tx:
            rows = await tx.cameras()
        return {"cameras": await self._inventory.summaries(rows)}

    async def discover(self, asked: Discover, actor: Actor) -> Json:
        return await self._inventory.discover(asked.seconds)

    async def add_camera(self, new: NewCamera, actor: Actor) -> Json:
        added = await self._inventory.add(new)
        return added | await self._register()

    async def check_camera(self, named: CameraNamed, actor: Actor) -> Json:
        return await self._inventory.check(named.camera_id)

    async def source_channels(self, asked: AskChannels, actor: Actor) -> Json:
        return await self._inventory.elsewhere.channels(asked)

    async def set_source(self, wanted: SetSource, actor: Actor) -> Json:
        return await self._inventory.set_source(wanted)

    async def sources(self, _: Nothing, actor: Actor) -> Json:
        return await self._inventory.elsewhere.listed()

    async def test_sources(self, wanted: TestSources, actor: Actor) -> Json:
        return await self._inventory.elsewhere.test(wanted)

    async def set_start(self, wanted: SetStart, actor: Actor) -> Json:
        return await self._inventory.elsewhere.set_start(wanted)

    async def keep(self, named: Named, actor: Actor) -> Json:
        """Keep what a request asks for from being overwritten, on the owner's word (requests.preserve: ask)."""
        async with self._parts.store.transaction() as tx:
            row = await self._find(tx.request, named.request_id)
        if row.state not in (State.PRESERVED, State.ASKED):
            raise DecisionRefused(f"This request is {row.state}: there is nothing to keep.")
        return {"held_bytes": await keep(self._parts, row, said_so=True)}

    async def look_again(self, named: Named, actor: Actor) -> Json:
        """Have the footage looked for once more; nobody is told."""
        await look_again(self._parts, named.request_id)
        self._journey.kick()
        return {}

    async def remove_camera(self, named: CameraNamed, actor: Actor) -> Json:
        await self._inventory.remove(named.camera_id)
        return await self._register()

    # -- the portal --

    async def introduce(self, portal: PortalAt, actor: Actor) -> Json:
        with _not_tried_again():
            introduction = await membership.introduce(self._parts, await self._open_portal(portal.url))
        return {
            "force": introduction.info.force,
            "fingerprint": introduction.fingerprint,
            "words": introduction.words,
            "pinned": introduction.pinned,
        }

    async def enrol(self, asked: Enrol, actor: Actor) -> Json:
        client: PortalClient = await self._open_portal(asked.url)
        with _not_tried_again():
            async with self._journey.paused():  # what is under way may be for another force
                force = await membership.enrol(self._parts, client, asked.fingerprint, actor.name)
        registered = await self._register()
        return {"force": force.name, "device": self._parts.keys.device.public.fingerprint, "registered": registered}

    async def withdraw(self, _: Nothing, actor: Actor) -> Json:
        with _not_tried_again():
            async with self._journey.paused():
                stopped = await membership.withdraw(self._parts, await self._parts.portal(), actor.name)
        return {"stopped": stopped}

    async def _disk(self) -> HandoverError | None:
        mount, settings = await recordings_mount(self._parts.settings, self._parts.store), self._parts.settings
        return await asyncio.to_thread(trouble_of_disks, mount, settings.data, settings.recordings.directory)

    async def _register(self) -> Json:
        """Bring a changed registration to the portal when there is one. What was done here stays done when that can't
        be: then ``portal_trouble`` says why, and the daemon tries again."""
        async with self._parts.store.transaction() as tx:
            if await tx.force() is None:
                return {"registered": False, "portal_trouble": None}
        try:
            await membership.register(self._parts, await self._parts.portal())
        except HandoverError as error:
            return {"registered": False, "portal_trouble": error.what}
        return {"registered": True, "portal_trouble": None}

    # -- shapes --

    async def _find(self, look: Callable[[str], Awaitable[RequestRow | None]], request_id: str) -> RequestRow:
        row = await look(request_id)
        if row is None:
            raise NotFound(f"There is no request {request_id}.", do="List them with: handover requests")
        return row

    def _row(self, row: RequestRow) -> Json:
        told: Json = {
            "request_id": row.request_id,
            "state": row.state,
            "since": to_rfc3339(row.state_at),
            "received": to_rfc3339(row.received_at),
            "expires": to_rfc3339(row.expires_at) if row.expires_at else None,
            "doing": self._parts.progress.doing.get(row.request_id),
            "trouble": row.trouble,
        }
        if row.officer is not None:
            request = verified_request(row)
            officer = _officer(row.officer)
            told["crime_reference"] = request.crime_reference
            told["asked_by"] = f"{officer['rank']} {officer['name']}, {officer['unit']}"
            told["incident"] = request.incident.kind
        return told


@contextmanager
def _not_tried_again() -> Iterator[None]:
    """Around what only the owner begins: a portal that is away is told as that, and that nothing goes on by itself."""
    try:
        yield
    except PortalUnreachable as error:
        raise PortalUnreachable(
            error.what,
            meaning="Nothing was changed, and nothing tries it again by itself.",
            do="Check the internet connection and the portal's address, then type the command again.",
        ) from error


def _outcome(row: RequestRow, decision: str | None) -> str | None:
    """How a closed request ended: the decision's word, or why there is none."""
    if row.state != State.CLOSED:
        return None
    if decision is not None:
        return parse_strictly(decision.encode(), Decision).status.value
    return "refused" if row.refusal is not None or row.officer is None else "unanswered"


def _officer(text: str) -> Json:
    credential = parse_strictly(text.encode(), Credential)
    told = credential.model_dump(mode="json", exclude={"kind", "public_key"})
    told["fingerprint"] = PublicKey.parse(credential.public_key).fingerprint
    return told


Operation = Callable[[Desk, Any, Actor], Awaitable[Json]]

OPERATIONS: dict[str, tuple[type[Part], Operation]] = {
    "status": (Nothing, Desk.status),
    "requests": (Nothing, Desk.requests),
    "show": (Named, Desk.show),
    "pictures": (Named, Desk.pictures),
    "decide": (Decide, Desk.decide),
    "records": (Nothing, Desk.records),
    "restored": (Restored, Desk.restored),
    "cameras": (Nothing, Desk.cameras),
    "discover": (Discover, Desk.discover),
    "add-camera": (NewCamera, Desk.add_camera),
    "check-camera": (CameraNamed, Desk.check_camera),
    "remove-camera": (CameraNamed, Desk.remove_camera),
    "source-channels": (AskChannels, Desk.source_channels),
    "camera-source": (SetSource, Desk.set_source),
    "sources": (Nothing, Desk.sources),
    "test-sources": (TestSources, Desk.test_sources),
    "source-start": (SetStart, Desk.set_start),
    "keep": (Named, Desk.keep),
    "look-again": (Named, Desk.look_again),
    "introduce": (PortalAt, Desk.introduce),
    "enrol": (Enrol, Desk.enrol),
    "withdraw": (Nothing, Desk.withdraw),
}
"""By name: what its arguments are, and what is called."""
