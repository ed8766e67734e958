"""One crime, many owners: a request for each, all signed and kept before the first goes out, sent once each.

What was sent is written down as it happens: after a crash or a portal that is gone, sending goes on where it stopped.
The portal takes a request that it has as the one that it has.

Not for: what one request says (``portal.officer.asking``).
"""

import asyncio
import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from exchange.age.files import Identity
from exchange.clock import Instant, Window, to_rfc3339
from exchange.documents.api import FoundCamera
from exchange.documents.messages import Asked, Fingerprint, Id, Line, OwnerKind, Part, Place, Request, Signed, Stretch
from exchange.documents.supervision import SupervisionLimits, supervised_for
from exchange.durable import durable_file
from exchange.errors import DocumentInvalid, HandoverError, InputInvalid, NotFound, PortalUnreachable
from exchange.signing.authorisations import check_authorised
from exchange.signing.documents import PublicKey, parse_strictly
from portal.officer.asking import RequestForm, Signer, sign_request
from portal.officer.client import OfficerClient
from portal.officer.connection import LoginNeeded
from portal.officer.crime.texts import CrimeText
from portal.officer.state import OfficerState
from portal.officer.supervised.rules import Rules, rules_for
from portal.officer.teams.sealed_for import sealed_for
from portal.officer.trust import check_known

MOST_CAMERAS = 64
"""In one request; an owner with more is sent another one."""
MOST_BYTES = 8 * 1024 * 1024
AT_ONCE = 4


class Sending(Part):
    """One request of a batch."""

    request_id: Id
    device: Fingerprint
    owner_kind: OwnerKind
    cameras: Annotated[tuple[Line, ...], Field(min_length=1, max_length=MOST_CAMERAS)]
    """What their owner calls them."""


class Batch(Part):
    """``batch.json``: what was asked of whom."""

    batch_id: Id
    crime_reference: Line
    incident: Line
    place: Line
    window: Stretch
    owners: Annotated[int, Field(ge=1)]
    made: Instant
    sendings: tuple[Sending, ...]


@dataclass
class Progress:
    """How far a batch is. ``failed``: what went wrong with a request, the last time that it was tried."""

    batch: Batch
    sent: set[str]
    failed: dict[str, str] = field(default_factory=dict)
    trouble: str = ""
    """Why sending stopped; empty while nothing hinders it."""
    needs_login: bool = False
    """Whether that is why."""
    is_left: bool = False
    """What is not sent is not to be sent any more."""

    @property
    def is_done(self) -> bool:
        return len(self.sent) == len(self.batch.sendings)


@dataclass(frozen=True, slots=True)
class Asking:
    """What is to be asked, of which cameras. ``location``: where it happened, for the owner's plan."""

    text: CrimeText
    window: Window
    cameras: tuple[FoundCamera, ...]
    location: Place | None = None
    authorisation: Signed | None = None
    accept_changed: bool = False


def by_owner(cameras: Iterable[FoundCamera]) -> dict[str, list[FoundCamera]]:
    """The cameras by their owner's device."""
    found: dict[str, list[FoundCamera]] = {}
    for camera in cameras:
        found.setdefault(camera.device, []).append(camera)
    return found


def why_supervised(cameras: Collection[FoundCamera], window: Window, rules: Rules) -> tuple[str, ...]:
    """Why a supervisor must allow that these are asked for; empty when nobody need to."""
    return _beyond(cameras, window, rules, rules.limits)


def why_refused(cameras: Collection[FoundCamera], window: Window, rules: Rules) -> tuple[str, ...]:
    """Why most owners' programs refuse these without a supervisor's word, where the force wants none: they go by limits
    of their owner's own, which are the usual ones unless somebody set others."""
    if why_supervised(cameras, window, rules):
        return ()
    return _beyond(cameras, window, rules, SupervisionLimits())


def _beyond(
    cameras: Collection[FoundCamera], window: Window, rules: Rules, limits: SupervisionLimits
) -> tuple[str, ...]:
    asked = tuple(Asked(camera_id=camera.camera_id, window=Stretch.of(window)) for camera in cameras)
    indoors = [camera.camera_id for camera in cameras if (camera.device, camera.camera_id) in rules.indoors]
    return supervised_for(len(by_owner(cameras)), asked, indoors, limits)


async def prepare(state: OfficerState, client: OfficerClient, asking: Asking, now: int) -> Batch:
    """Sign and keep a request for each owner, and the batch of them; nothing is sent yet. ``now`` in microseconds.

    InputInvalid; AuthorisationInvalid when a supervisor's word is needed and there is none that holds;
    DeviceKeyChanged unless that is accepted.
    """
    if not asking.cameras:
        raise InputInvalid("No camera is chosen.", do="Choose one at least.")
    rules = await rules_for(client, asking.cameras)
    sealed = await sealed_for(state, client, asking.text.crime_reference, None, now)
    return await asyncio.to_thread(_prepare, state, asking, rules, *sealed, now)


def _prepare(
    state: OfficerState, asking: Asking, rules: Rules, case_key: Identity, team: Signed | None, now: int
) -> Batch:
    setup = state.setup()
    credential, _ = state.credential(now)
    signer = Signer(state.key(), credential, setup.force)
    made = [
        (cameras, *sign_request(_form(asking, cameras), signer, case_key, None, now, team))
        for owner in by_owner(asking.cameras).values()
        for cameras in _parts(owner)
    ]
    requests = [request for _, request, _ in made]
    if why_supervised(asking.cameras, asking.window, rules) or asking.authorisation is not None:
        for request in requests:
            check_authorised(request, signer.key.public, rules.of(request.device), PublicKey.parse(setup.force_key))
    check_known(state, *requests, accept_changed=asking.accept_changed)
    for _, request, signed in made:
        state.keep(request.request_id, "request", signed)
    batch = _batch(asking, [(cameras, request) for cameras, request, _ in made], now)
    folder = _folder(state, batch.batch_id)
    folder.mkdir(mode=0o700, parents=True)
    with durable_file(folder / "batch.json") as file:
        file.write(batch.model_dump_json(indent=2).encode())
    return batch


def load(state: OfficerState, batch_id: str) -> Progress:
    """What was asked, and what of it is sent. NotFound."""
    path = _folder(state, batch_id) / "batch.json"
    try:
        with path.open("rb") as file:
            batch = parse_strictly(file.read(MOST_BYTES + 1), Batch, MOST_BYTES)
    except (OSError, DocumentInvalid):
        raise NotFound("There are no such requests here.", do="Look at the list of what was asked.") from None
    known = {sending.request_id for sending in batch.sendings}
    sent, left = path.with_name("sent"), path.with_name("left")
    found = known & set(sent.read_text().split()) if sent.exists() else set()
    return Progress(batch, found, is_left=left.exists())


def leave(state: OfficerState, batch_id: str) -> None:
    """What is not sent yet shall not be sent. NotFound."""
    load(state, batch_id)
    (_folder(state, batch_id) / "left").touch(mode=0o600)


def all_batches(state: OfficerState) -> list[Progress]:
    """Newest first."""
    folders = (state.folder / "batches").glob("*/batch.json")
    found = [load(state, path.parent.name) for path in folders]
    return sorted(found, key=lambda each: -each.batch.made)


async def send(
    state: OfficerState, client: OfficerClient, progress: Progress, news: Callable[[], None] = lambda: None
) -> None:
    """Send what is not sent yet; ``news`` is called after each. What the portal refuses stands in ``progress.failed``;
    when it can't be reached, sending stops, and ``progress.trouble`` says so."""
    progress.trouble, progress.needs_login = "", False
    progress.failed.clear()
    waiting = [each.request_id for each in progress.batch.sendings if each.request_id not in progress.sent]

    async def work() -> None:
        while waiting and not progress.trouble:
            request_id = waiting.pop(0)
            try:
                signed = await asyncio.to_thread(state.kept, request_id, "request")
                if signed is None:
                    raise NotFound(f"The request {request_id} is not here any more.", do="Ask again.")
                await client.send(signed)
                await asyncio.to_thread(_write_down, _folder(state, progress.batch.batch_id), request_id)
                progress.sent.add(request_id)
            except (PortalUnreachable, LoginNeeded) as error:
                progress.trouble, progress.needs_login = str(error), isinstance(error, LoginNeeded)
            except HandoverError as error:
                progress.failed[request_id] = str(error)
            news()

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


def _form(asking: Asking, cameras: list[FoundCamera]) -> RequestForm:
    text = asking.text
    asked = [
        {
            "camera_id": camera.camera_id,
            "from": to_rfc3339(asking.window.start),
            "to": to_rfc3339(asking.window.end),
            "sound": text.sound and camera.sound,
        }
        for camera in cameras
    ]
    incident = {"kind": text.kind, "place": text.place, "description": text.description, "location": asking.location}
    return RequestForm.model_validate(
        text.model_dump(exclude={"kind", "place", "description", "sound"})
        | {
            "device": cameras[0].device,
            "incident": incident,
            "asked": asked,
            "owners_asked": len(by_owner(asking.cameras)),
            "authorisation": asking.authorisation,
        }
    )


def _parts(cameras: list[FoundCamera]) -> Iterable[list[FoundCamera]]:
    for start in range(0, len(cameras), MOST_CAMERAS):
        yield cameras[start : start + MOST_CAMERAS]


def _batch(asking: Asking, made: list[tuple[list[FoundCamera], Request]], now: int) -> Batch:
    return Batch(
        batch_id=str(uuid.uuid4()),
        crime_reference=asking.text.crime_reference,
        incident=asking.text.kind,
        place=asking.text.place,
        window=Stretch.of(asking.window),
        owners=len(by_owner(asking.cameras)),
        made=now,
        sendings=tuple(
            Sending(
                request_id=request.request_id,
                device=request.device,
                owner_kind=cameras[0].owner_kind,
                cameras=tuple(camera.label for camera in cameras),
            )
            for cameras, request in made
        ),
    )


class _IdCheck(Part):
    value: Id


def _folder(state: OfficerState, batch_id: str) -> Path:
    try:
        _IdCheck(value=batch_id)
    except ValidationError:
        raise NotFound("There are no such requests here.", do="Look at the list of what was asked.") from None
    return state.folder / "batches" / batch_id


def _write_down(folder: Path, request_id: str) -> None:
    with (folder / "sent").open("a") as file:
        file.write(f"{request_id}\n")
