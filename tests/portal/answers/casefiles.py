"""A case as an officer meets it: owners who were asked, and whole packages that came, made of small real films.

``Film`` says what a package shows, and when. Not for: tests themselves.
"""

import asyncio
import hashlib
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from exchange.age.files import encrypt_file, parse_recipient
from exchange.clock import DAY, HOUR, SECOND, Window, to_rfc3339
from exchange.documents.clock_facts import Clocks, HostClock
from exchange.documents.copies import ChosenCopy, CopyKind
from exchange.documents.evidence import CameraFacts, Evidence, KeyFrameMode, widening
from exchange.documents.footage_facts import Parameter, Tool, Track, TrackKind, WorkingCopy
from exchange.documents.messages import Decision, Request, Signed, Stretch
from exchange.package.writing import PackageEntry
from portal.officer.asking import RequestForm, Signer, sign_request
from scripts.vector_making import documents
from scripts.vector_making.documents import replaced
from tests.exchange import packages
from tests.exchange.makers import NOW, Police
from tests.portal.desk.desks import Desk
from tests.portal.wire import Agent, camera

CRIME = "EX/26/004711"
START = NOW - 3 * HOUR
RATE = 10
"""Frames a second of every film."""


@dataclass(frozen=True)
class Film:
    """What one package shows. ``after``: microseconds behind START at which it begins. ``host``: how far the clock
    that its times are taken from was off, as its keeper told."""

    label: str = "Shop front <door>"
    after: int = 0
    seconds: int = 6
    codec: str = "libx264"
    copy: bool = False
    host: int | None = None

    @property
    def window(self) -> Window:
        return Window(START + self.after, START + self.after + self.seconds * SECOND)


@cache
def recorded(folder: Path, codec: str, seconds: int) -> Path:
    """A moving picture with the time in it; a key frame each second."""
    path = folder / f"{codec}-{seconds}.mp4"
    source = f"testsrc=size=160x120:rate={RATE}:duration={seconds}"
    more = ["-x265-params", "log-level=error:keyint=10", "-tag:v", "hvc1"] if codec == "libx265" else ["-g", str(RATE)]
    command = ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", source, "-c:v", codec, *more]
    subprocess.run(
        [*command, "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(path)],
        check=True,
        timeout=60,
    )
    return path


async def owner(desk: Desk) -> Agent:
    return await desk.town.agent().join(desk.town.place, camera(recordings_since=NOW - 7 * DAY))


async def ask(desk: Desk, agent: Agent, film: Film | None = None, crime: str = CRIME) -> Signed:
    """A request of the desk's officer, kept as theirs and sent."""
    return await asyncio.to_thread(_signed, desk, agent, (film or Film()).window, crime)


def _signed(desk: Desk, agent: Agent, window: Window, crime: str) -> Signed:
    state, now = desk.state, desk.town.clock.now()
    asked = {"camera_id": "front", "from": to_rfc3339(window.start), "to": to_rfc3339(window.end)}
    form = RequestForm.model_validate(
        {
            "device": agent.name,
            "crime_reference": crime,
            "incident": {"kind": "Burglary", "place": "12 High Street", "description": "A door was forced."},
            "purpose": "Identify who did it",
            "legal_basis": "Data Protection Act 2018, Part 3",
            "necessity": "No other camera looks there.",
            "asked": [asked],
        }
    )
    signer = Signer(state.key(), state.credential(now)[0], state.setup().force)
    made, signed = sign_request(form, signer, state.case_key(crime), None, now)
    state.keep(made.request_id, "request", signed)
    return signed


async def send(desk: Desk, signed: Signed) -> Signed:
    await desk.site.client.send(signed)
    return signed


async def hand_over(desk: Desk, agent: Agent, film: Film | None = None, **changed: bytes | None) -> Request:
    """Asked, approved, and delivered whole; ``changed``: files of the bag that somebody replaced, by name in data/."""
    film = film or Film()
    return await answer(desk, agent, await send(desk, await ask(desk, agent, film)), film, **changed)


async def answer(desk: Desk, agent: Agent, signed: Signed, film: Film, **changed: bytes | None) -> Request:
    """Approved, and delivered whole, for a request that came."""
    spoilt = {f"data/{name.replace('__', '.')}": content for name, content in changed.items()}
    decision, sealed = await asyncio.to_thread(_sealed, desk, agent, signed, film, spoilt)
    assert (await agent.decide(signed, decision)).status == 204
    told = await agent.deliver(signed, sealed, await agent.upload(sealed), evidence_id="ev-1")
    assert told.status == 204, told.content
    return Request.model_validate_json(signed.document)


def _sealed(
    desk: Desk, agent: Agent, signed: Signed, film: Film, spoilt: dict[str, bytes | None]
) -> tuple[Signed, bytes]:
    place, request = desk.town.place, Request.model_validate_json(signed.document)
    folder = desk.state.folder.parent / request.request_id
    folder.mkdir()
    police = Police(place.force.key, desk.state.key(), request.credential)
    master = recorded(desk.state.folder.parent, film.codec, film.seconds)
    decision = _decision(signed, request, film)
    signed_decision = agent.sign(decision)
    evidence = _evidence(agent, request, signed, signed_decision, master, film)
    case = packages.Case(police, agent.key, request, decision, evidence, master)
    entries = [
        PackageEntry("data/master/front-1.mp4", master),
        PackageEntry("data/working/contact-sheet.jpg", case.working),
    ]
    if film.copy:
        entries.append(PackageEntry("data/working/front-1.playable.mp4", _playable(desk, film)))
    payload = [each for each in packages.entries(case, entries) if each.path not in spoilt]
    payload += [PackageEntry(path, content) for path, content in spoilt.items() if content is not None]
    sealed = folder / "package.zip.age"
    encrypt_file(packages.zipped(case, folder, payload), sealed, [parse_recipient(request.recipient)])
    return signed_decision, sealed.read_bytes()


def _playable(desk: Desk, film: Film) -> Path:
    return recorded(desk.state.folder.parent, "libx264", film.seconds)


def _decision(signed: Signed, request: Request, film: Film) -> Decision:
    decision = packages.a_decision(signed, sound=False)
    (decided,) = decision.cameras
    window = Stretch.of(film.window)
    copies = (ChosenCopy(kind=CopyKind.PLAYABLE, caption=False),) if film.copy else None
    decided = replaced(decided, requested=request.asked[0].window, approved=window, copies=copies)
    made: Decision = replaced(decision, request_id=request.request_id, cameras=(decided,))
    return made


def _evidence(agent: Agent, request: Request, signed: Signed, decision: Signed, path: Path, film: Film) -> Evidence:
    evidence = packages.an_evidence(agent.key, request, signed, decision, path)
    window = film.window
    (master,) = evidence.masters
    first, second = evidence.segments
    changes: dict[str, Any] = {
        "camera": CameraFacts(camera_id="front", label=film.label),
        "windows": documents.windows(window, window),
        "widening": widening(KeyFrameMode.BEFORE, window, window),
        "masters": (
            replaced(
                master,
                codec="H.265" if film.codec == "libx265" else "H.264",
                width=160,
                height=120,
                frames=film.seconds * RATE,
                first_frame=window.start,
                last_frame=window.end - SECOND // RATE,
                end=window.end,
                duration_us=film.seconds * SECOND,
                tracks=(_track(path, film),),
            ),
        ),
        "segments": (
            replaced(first, start=window.start - SECOND, end=window.start + SECOND),
            replaced(second, start=window.start + SECOND, end=window.end),
        ),
    }
    if film.host is not None:
        host = HostClock(source="chrony", offset_us=film.host, uncertainty_us=2000, at=NOW)
        clocks: Clocks = replaced(evidence.clocks, host=host, host_synchronised=True)
        changes["clocks"] = clocks
    if film.copy:
        changes["working_copies"] = (
            *evidence.working_copies,
            _copy(recorded(path.parent, "libx264", film.seconds), window),
        )
    made: Evidence = replaced(evidence, **changes)
    return made


def _track(path: Path, film: Film) -> Track:
    (digest,) = packages.stream_hashes(path)
    return Track(
        kind=TrackKind.VIDEO,
        codec="H.265" if film.codec == "libx265" else "H.264",
        packets=film.seconds * RATE,
        stream_sha256_before=digest,
        stream_sha256_after=digest,
    )


def _copy(path: Path, window: Window) -> WorkingCopy:
    content = path.read_bytes()
    return WorkingCopy(
        path="data/working/front-1.playable.mp4",
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        made_from="data/master/front-1.mp4",
        what_was_done="Decoded, and encoded as H.264.",
        kind=CopyKind.PLAYABLE,
        parameters=(Parameter(name="codec", value="libx264"),),
        tools=(Tool(name="FFmpeg", version="7"),),
        window=Stretch.of(window),
        frames=60,
        container="MP4",
        codec="H.264",
        width=160,
        height=120,
        sound=False,
        real_times=True,
        caption=False,
    )
