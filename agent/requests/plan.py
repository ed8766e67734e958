"""Which cameras, which actual window to the frame, what is missing: what the owner will be asked.

Not for: cutting (``clip.py``), or deciding (``decision.py``), which binds the owner's word to this plan's SHA-256.
"""

import hashlib
from typing import Annotated, Any

from pydantic import Field

from agent.footage.provenance import SourceProvenance
from agent.media import facts
from agent.requests.clocks import clock_around, clock_check_entry, host_clock_entry, offset_range
from agent.requests.footage_files import OpenFootage, open_footage
from agent.requests.intake import verified_request
from agent.requests.preserve import keep
from agent.requests.states import State, change_state
from agent.requests.step import Move
from agent.services import Services
from agent.store.database import RequestRow, Transaction
from agent.workers.process import CLIP
from exchange.clock import HOUR, Instant, Window
from exchange.custody.log import CustodyKind
from exchange.documents.clock_facts import ClockCheck, HostClock, OffsetRange
from exchange.documents.letters import harmless
from exchange.documents.messages import Asked, CameraRegistration, GapNote, Id, Line, Part, Sha256, Stretch
from exchange.documents.noted import NotedRequest, Offered
from exchange.errors import DecisionRefused, DocumentInvalid, HandoverError, NotFound
from exchange.signing.documents import parse_strictly

MAX_PLAN = 32 * 1024 * 1024
"""Bytes of a stored plan at most: it names every source segment."""
_PATIENCE = 12 * HOUR
GAP_WORDS = {
    facts.Missing.START: "no recording at the beginning",
    facts.Missing.BETWEEN: "the recording was interrupted",
    facts.Missing.WITHIN: "the camera sent nothing",
    facts.Missing.END: "no recording at the end",
}


class PlannedClock(Part):
    """What is known of the camera's clock around the window, or of that of the recorder it is on."""

    check: ClockCheck
    other: ClockCheck | None = None
    range: OffsetRange | None = None
    """See ``exchange.documents.clock_facts.Clocks``."""


class PlannedCamera(Part):
    """One asked camera and window, and what would be handed over of it. Instants are the frames' own."""

    position: int
    camera_id: Id
    label: Line
    requested: Stretch
    sound_asked: bool
    trim: Line
    narrowed: Stretch | None = None
    """What the owner shortened the window to; None: all of it."""
    whole: Stretch | None = None
    """What there is of the whole requested window, once the owner shortened it."""
    actual: Stretch | None = None
    """From the first frame to the end of the last one's display; None when there is no footage."""
    last_frame: Instant | None = None
    frames: int = 0
    video_bytes: int = 0
    sound_bytes: int = 0
    sound_codec: Line | None = None
    picture: Line | None = None
    gaps: tuple[GapNote, ...] = ()
    unreadable: tuple[Line, ...] = ()
    stretches: tuple[dict[str, Any], ...] = ()
    """``agent.media.facts.Stretch`` as JSON: exactly what the cut will copy."""
    notes: tuple[str, ...] = ()
    """What should be known of our own recordings: that the host's clock was set while or after they were made."""
    source: SourceProvenance | None = None
    """The recorder or folder that it was fetched from; None for our own recordings."""
    clock: PlannedClock | None = None
    """None: its clock was never compared with this machine's."""

    @property
    def available(self) -> bool:
        return self.actual is not None


class PlannedHost(HostClock):
    """This host's own clock when the plan was made."""

    synchronised: bool | None = None


class Plan(Part):
    """What the owner is asked to approve, all of it."""

    request_id: Id
    request_sha256: Sha256
    made: Instant
    cameras: Annotated[tuple[PlannedCamera, ...], Field(min_length=1)]
    host: PlannedHost | None = None
    void: Instant | None = None
    """When the owner's earlier yes became void, as the footage was no longer what they had approved."""

    held_bytes: int = 0
    """Bytes of our own recordings and of fetched ones that are kept from being overwritten for this request."""

    def to_text(self) -> str:
        return self.model_dump_json(exclude_none=True)


def plan_sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def read_plan(text: str) -> Plan:
    return parse_strictly(text.encode(), Plan, MAX_PLAN)


async def stored_plan(tx: Transaction, request_id: str) -> tuple[Plan, str]:
    """The plan that waits for the owner, and its SHA-256. NotFound when nothing is planned."""
    shown = await tx.one("SELECT plan, sha256 FROM plans WHERE request_id = ?", [request_id])
    if shown is None:
        raise NotFound("There is nothing to show of that request.", do="handover requests lists what is open.")
    return read_plan(shown["plan"]), str(shown["sha256"])


async def ask(services: Services, row: RequestRow) -> Move:
    """PRESERVED -> ASKED with a plan, also when there is no footage: that is for the owner to say, or not to say.

    A recorder that is away holds up the cameras of others for some hours, not until the request runs out.
    """
    request = verified_request(row)
    async with services.store.transaction() as tx:
        labels = {camera.camera_id: _label(camera.registration) for camera in await tx.cameras()}
    held = await keep(services, row)  # once more: what was still open when it was preserved may be finished now
    cameras: list[PlannedCamera] = []
    away: list[HandoverError] = []
    waited = services.clock.now() - row.received_at >= min(_PATIENCE, (row.expires_at - row.received_at) // 2)
    for position, asked in enumerate(request.asked):
        label = labels.get(asked.camera_id, asked.camera_id)
        services.progress.doing[row.request_id] = f"looking at {label}"
        try:
            cameras.append(await plan_camera(services, row, position, asked, label))
        except HandoverError as error:
            if not waited:  # before the others are fetched once more for nothing
                raise
            away.append(error)
            cameras.append(_without(services, position, asked, label))
    if away and not any(camera.available for camera in cameras):
        raise away[0]
    plan = Plan(
        request_id=row.request_id,
        request_sha256=row.sha256,
        made=services.clock.now(),
        cameras=tuple(cameras),
        host=await _planned_host(services),
        void=await _void(services, row),
        held_bytes=held,
    )

    async def write(tx: Transaction) -> None:
        await store_plan(tx, plan, services.clock.now())

    return Move(State.ASKED, write)


async def store_plan(tx: Transaction, plan: Plan, now: Instant) -> str:
    """Put a plan in the place of the one before, which nobody can agree to any more; its SHA-256."""
    text = plan.to_text()
    sha256 = plan_sha256(text)
    for table in ("plans", "agreements"):
        await tx.execute(f"DELETE FROM {table} WHERE request_id = ?", [plan.request_id])  # noqa: S608 names above
    await tx.insert("plans", request_id=plan.request_id, plan=text, sha256=sha256, made_at=now)
    return sha256


async def look_again(services: Services, request_id: str) -> None:
    """ASKED -> PRESERVED, on the owner's word: the footage is looked for once more, and they are asked again.

    NotFound; DecisionRefused when the request doesn't wait for the owner.
    """
    async with services.store.transaction() as tx:
        row = await tx.request(request_id)
        if row is None:
            raise NotFound(f"There is no request {request_id}.", do="List them with: handover requests")
        if row.state != State.ASKED or not await change_state(tx, row, State.PRESERVED, services.clock.now()):
            raise DecisionRefused(f"This request is {row.state}: nothing is looked for.")


async def _void(services: Services, row: RequestRow) -> Instant | None:
    async with services.store.transaction() as tx:
        return await services.custody.last(tx, CustodyKind.APPROVAL_VOID, row.request_id)


async def _planned_host(services: Services) -> PlannedHost:
    host = await services.host_clock()
    answer = host_clock_entry(host, services.clock.now())
    return PlannedHost(**dict(answer), synchronised=host.synchronised)


async def plan_camera(
    services: Services, row: RequestRow, position: int, asked: Asked, label: str, narrowed: Stretch | None = None
) -> PlannedCamera:
    """What would be handed over of one asked camera and window, or of the part that the owner shortened it to."""
    async with open_footage(services, row, asked.camera_id, asked.window.window) as there:
        source = None if there.answer is None else await _with_outlook(services, asked, there.answer)
        planned = await _plan_files(services, asked, there, source, position, label, narrowed)
        planned = await _in_parts(services, row, planned)
    return planned.model_copy(update={"clock": await _planned_clock(services, asked)})


async def _in_parts(services: Services, row: RequestRow, planned: PlannedCamera) -> PlannedCamera:
    """As files that the force takes, where it takes recordings up to a size only."""
    request = verified_request(row)
    if not isinstance(request, NotedRequest) or not planned.available:
        return planned
    if request.way.form is not Offered.RECORDINGS or request.way.most_bytes is None:
        return planned
    job = {"stretches": list(planned.stretches), "most_bytes": request.way.most_bytes}
    made = await services.run_job("agent.media.inspect:split_job", job, limits=CLIP)
    return planned.model_copy(update={"stretches": tuple(made["stretches"])})


async def _planned_clock(services: Services, asked: Asked) -> PlannedClock | None:
    """After the footage was looked for: a recorder's clock is compared then."""
    async with services.store.transaction() as tx:
        camera = await tx.camera(asked.camera_id)
        around = None if camera is None else await clock_around(tx, camera, asked.window.window)
    if around is None:
        return None
    other = None if around.other is None else clock_check_entry(around.other)
    return PlannedClock(check=clock_check_entry(around.best), other=other, range=offset_range(around))


async def _with_outlook(services: Services, asked: Asked, answer: SourceProvenance) -> SourceProvenance:
    """When the recorder will overwrite it, unless it is kept."""
    if answer.kept:
        return answer
    async with services.store.transaction() as tx:
        camera = await tx.camera(asked.camera_id)
    days = None if camera is None else parse_strictly(camera.registration.encode(), CameraRegistration).retention_days
    until = await services.footage.overwritten(asked.camera_id, asked.window.window, days)
    return answer.model_copy(update={"overwritten": until})


def _without(services: Services, position: int, asked: Asked, label: str) -> PlannedCamera:
    """A camera whose recorder, or disk, could not be reached."""
    window = asked.window.window
    return PlannedCamera(
        position=position,
        camera_id=asked.camera_id,
        label=label,
        requested=asked.window,
        sound_asked=asked.sound,
        trim=services.settings.requests.trim.value,
        gaps=(GapNote(start=window.start, end=window.end, reason="what recorded it could not be reached"),),
    )


async def _plan_files(
    services: Services,
    asked: Asked,
    there: OpenFootage,
    source: SourceProvenance | None,
    position: int,
    label: str,
    narrowed: Stretch | None,
) -> PlannedCamera:
    window = (narrowed or asked.window).window
    # Nothing from before the moment that the owner chose: a copy from the key frame before it would hold that.
    later = narrowed is not None and narrowed.start > asked.window.start
    trim = facts.Trim.INSIDE.value if later else services.settings.requests.trim.value
    planned = {
        "narrowed": narrowed,
        "position": position,
        "camera_id": asked.camera_id,
        "label": label,
        "requested": asked.window,
        "sound_asked": asked.sound,
        "trim": trim,
        "source": source,
        "notes": there.notes,
    }
    if not there.files:
        return PlannedCamera(**planned, gaps=(_gap_note(window),))
    job = {
        "files": [facts.to_json(file) for file in there.files],
        "start_us": window.start,
        "end_us": window.end,
    }
    seen = facts.inspection(await services.run_job("agent.media.inspect:job", job, limits=CLIP))
    gaps = tuple(GapNote(start=gap.start_us, end=gap.end_us, reason=GAP_WORDS[gap.kind]) for gap in seen.gaps)
    unreadable = tuple(_line(f"{entry.path.name}: {entry.why}") for entry in seen.unreadable)
    would = seen.trimmed(facts.Trim(trim))
    if not would.stretches:
        return PlannedCamera(**planned, gaps=gaps or (_gap_note(window),), unreadable=unreadable)
    first = would.stretches[0]
    # Where the host's clock was set back, a later stretch may end before an earlier one does.
    end, last_frame = (max(getattr(each, name) for each in would.stretches) for name in ("end_us", "last_us"))
    sound = next((stretch.sound for stretch in would.stretches if stretch.sound), None)
    return PlannedCamera(
        **planned,
        actual=Stretch(start=first.first_us, end=end),
        last_frame=last_frame,
        frames=would.frames,
        video_bytes=would.video_bytes,
        sound_bytes=would.sound_bytes,
        sound_codec=_line(sound.codec) if sound else None,
        picture=_line(f"{first.codec} {first.width}x{first.height}, {first.fps:.4g} frames a second"),
        gaps=gaps,
        unreadable=unreadable,
        stretches=tuple(facts.to_json(stretch) for stretch in would.stretches),
    )


def _label(registration: str) -> str:
    try:
        return parse_strictly(registration.encode(), CameraRegistration).label
    except DocumentInvalid:
        return "a camera"


def _line(text: str) -> str:
    """What was read from a recording, as one line that may be shown."""
    return harmless(text, 200) or "?"


def _gap_note(window: Window) -> GapNote:
    return GapNote(start=window.start, end=window.end, reason="nothing was recorded")
