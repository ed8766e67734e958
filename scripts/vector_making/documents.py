"""The documents of a sound package, as police, owner and agent would write them; vectors change one thing each."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from exchange.clock import DAY, HOUR, SECOND, Window
from exchange.documents.clock_facts import ClockCheck, Clocks, HostClock
from exchange.documents.evidence import (
    CameraFacts,
    Evidence,
    KeyFrameMode,
    Site,
    Sound,
    Source,
    Windows,
    as_displayed,
    widening,
)
from exchange.documents.footage_facts import Master, Operation, SourceSegment, Tool, Track, TrackKind, WorkingCopy
from exchange.documents.messages import (
    Asked,
    DecidedBy,
    DecidedCamera,
    Decision,
    Incident,
    Outcome,
    Place,
    Request,
    Signed,
    Status,
    Stretch,
)
from exchange.documents.noted import Identified, NotedOfficer, NotedRequest
from exchange.package.stream_hashes import hash_streams
from exchange.signing.credentials import issue_credential
from exchange.signing.documents import PublicKey, SigningKey
from scripts.vector_making.keys import CASE_X25519, DELIVERED, DEVICE, FORCE, NOW, OFFICER, REQUESTED, VALID

RECORDINGS = Path(__file__).with_name("recordings")
SHEET = b"\xff\xd8\xff\xd9"
"""In the place of a contact sheet: a JPEG's first and last two bytes. Working copies are hashed, and not opened."""
SHEET_PATH = "data/working/contact-sheet.jpg"
PLAN = hashlib.sha256(b"what the owner was shown").hexdigest()
OFFSET = 3_200_000
INCIDENT = Incident(
    kind="Burglary",
    place="12 High Street",
    happened=Stretch.of(REQUESTED),
    description="A shop was broken into.",
)


def replaced(part: Any, **changes: Any) -> Any:
    """A copy with other values, checked by nobody: what a forger would write."""
    return part.model_copy(update=changes)


def recording(name: str) -> bytes:
    """One of the small real recordings that stand beside this module."""
    return (RECORDINGS / name).read_bytes()


def credential(by: SigningKey = FORCE, *, valid: Window = VALID, officer: PublicKey = OFFICER.public) -> Signed:
    return issue_credential(
        by,
        force="Example Constabulary",
        credential_id="c-1",
        name="Jo Smith",
        rank="Detective Constable",
        collar_number="1234",
        unit="CID",
        contact="jo.smith@example.police.uk",
        public_key=officer,
        valid=valid,
    )


def request(**changes: Any) -> Request:
    made = Request(
        request_id="req-1",
        device=DEVICE.public.fingerprint,
        force="Example Constabulary",
        credential=credential(),
        crime_reference="EX/25/004711",
        incident=INCIDENT,
        purpose="Identify who broke in",
        legal_basis="Data Protection Act 2018, Part 3",
        necessity="No other camera looks at the door.",
        asked=(Asked(camera_id="front", window=Stretch.of(REQUESTED)),),
        recipient=str(CASE_X25519.recipient),
        issued=NOW - HOUR,
        expires=NOW + 7 * DAY,
    )
    return replaced(made, **changes)  # type: ignore[no-any-return]


def noted_request(**changes: Any) -> NotedRequest:
    made = NotedRequest(
        request_id="req-1",
        device=DEVICE.public.fingerprint,
        noted_by=DecidedBy(name="Sam Taylor", method="operating system user sam (uid 1000) at a terminal"),
        officer=NotedOfficer(
            name="Jo Smith",
            force="Example Constabulary",
            rank="DC",
            collar_number="1234",
            identified=Identified.CALLED_BACK,
            identified_note="the number on the force's own page",
        ),
        crime_reference="EX/25/004711",
        incident=INCIDENT,
        purpose="Identify who broke in",
        legal_basis="Legitimate interests",
        necessity="No other camera looks at the door.",
        asked=(Asked(camera_id="front", window=Stretch.of(REQUESTED)),),
        issued=NOW - HOUR,
        expires=NOW + 7 * DAY,
    )
    return replaced(made, **changes)  # type: ignore[no-any-return]


def decision(**changes: Any) -> Decision:
    made = Decision(
        request_id="req-1",
        request_sha256="0" * 64,
        status=Status.APPROVED,
        decided=NOW,
        decided_by=DecidedBy(name="Sam Taylor", method="operating system user sam (uid 1000) at a terminal"),
        plan_sha256=PLAN,
        cameras=(
            DecidedCamera(
                camera_id="front",
                requested=Stretch.of(REQUESTED),
                outcome=Outcome.APPROVED,
                approved=Stretch.of(DELIVERED),
                evidence_id="ev-1",
            ),
        ),
    )
    return replaced(made, **changes)  # type: ignore[no-any-return]


@cache
def _tracks(name: str) -> tuple[Track, ...]:
    words = {"video": "H.264", "audio": "A-law" if name.endswith(".mkv") else "AAC"}
    return tuple(
        Track(
            kind=TrackKind(each.kind),
            codec=words[each.kind],
            packets=each.packets,
            stream_sha256_before=each.sha256,
            stream_sha256_after=each.sha256,
        )
        for each in hash_streams(RECORDINGS / name)
    )


def master(name: str = "front.mp4", *, path: str = "", window: Window = DELIVERED, **changes: Any) -> Master:
    """What a manifest says of one of the small recordings."""
    content, tracks = recording(name), _tracks(name)
    frames = next(track.packets for track in tracks if track.kind is TrackKind.VIDEO)
    made = Master(
        path=path or f"data/master/{name}",
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        container="Matroska" if name.endswith(".mkv") else "MP4",
        codec="H.264",
        width=64,
        height=48,
        frames=frames,
        first_frame=window.start,
        last_frame=window.end - SECOND // 5,
        end=window.end,
        duration_us=window.duration,
        tracks=tracks,
    )
    return replaced(made, **changes)  # type: ignore[no-any-return]


def clocks(**changes: Any) -> Clocks:
    made = Clocks(
        camera_checked=True,
        camera=clock_check(NOW, OFFSET),
        utc_from="the clock of the recording host",
    )
    return replaced(made, **changes)  # type: ignore[no-any-return]


def clock_check(at: int, offset_us: int) -> ClockCheck:
    return ClockCheck(
        device_time=at + offset_us,
        reference_time=at,
        reference_source="this recorder's own clock",
        offset_us=offset_us,
        uncertainty_us=120_000,
        method="ONVIF GetSystemDateAndTime, the middle of the question and the answer",
        at=at,
    )


def windows(requested: Window = REQUESTED, delivered: Window = DELIVERED, **changes: Any) -> Windows:
    made = Windows(
        requested=Stretch.of(requested),
        approved=Stretch.of(delivered),
        delivered=Stretch.of(delivered),
        delivered_as_displayed=as_displayed(delivered, OFFSET, 60),
    )
    return replaced(made, **changes)  # type: ignore[no-any-return]


def evidence(**changes: Any) -> Evidence:
    """With no more in it than there must be: there are many packages, and they are to be small."""
    made = Evidence(
        evidence_id="ev-1",
        exhibit_reference="EX/25/004711/HO-1",
        crime_reference="EX/25/004711",
        request_id="req-1",
        request_sha256="0" * 64,
        decision_sha256="0" * 64,
        site=Site(name="Taylor's Bakery"),
        camera=CameraFacts(camera_id="front", label="Shop front"),
        source=Source(make="Handover recorder", how_read="RTSP over TCP, packets copied into segments as they came"),
        windows=windows(),
        widening=widening(KeyFrameMode.BEFORE, REQUESTED, DELIVERED),
        clocks=clocks(),
        sound=Sound(requested=False, approved=False, delivered=False),
        masters=(master(),),
        segments=(
            SourceSegment(
                name="front/20250314T085900.000000Z.mp4",
                start=DELIVERED.start - 59 * SECOND,
                end=DELIVERED.end,
                sha256=hashlib.sha256(b"a segment").hexdigest(),
                size=len(b"a segment"),
            ),
        ),
        operation=Operation(
            exactly="Packets from the first key frame at or before the window to the last packet inside it, "
            "written into one file without an edit list.",
            tools=(Tool(name="PyAV", version="18.0.0"),),
        ),
        agent_version="0.1.0",
        device=DEVICE.public.fingerprint,
        issued=NOW + 2 * SECOND,
    )
    return replaced(made, **changes)  # type: ignore[no-any-return]


def full_evidence(**changes: Any) -> Evidence:
    """With everything in it that an agent usually knows."""
    made = evidence(
        site=Site(name="Taylor's Bakery", address="14 High Street, Exampleton"),
        camera=CameraFacts(
            camera_id="front",
            label="Shop front <door>",
            make="Example Optics",
            model="EX-2000",
            serial="0042-AF",
            firmware="5.7.12",
            place=Place(latitude=53.7632, longitude=-2.7031, description="above the shop's door"),
            direction=215.0,
            field_of_view=90.5,
        ),
        source=Source(
            make="Handover recorder",
            model="agent",
            firmware="0.1.0",
            how_read="RTSP over TCP, packets copied into segments as they came",
        ),
        clocks=clocks(
            host_synchronised=True,
            host=HostClock(
                source="chrony, after 192.0.2.7 (stratum 3)", offset_us=-35, uncertainty_us=1_900, at=NOW + SECOND
            ),
        ),
        working_copies=(
            WorkingCopy(
                path=SHEET_PATH,
                sha256=hashlib.sha256(SHEET).hexdigest(),
                size=len(SHEET),
                made_from="data/master/front.mp4",
                what_was_done="Twelve frames, evenly spaced, decoded and made smaller, as one picture.",
            ),
        ),
        notes=("The camera's address and serial number are as the camera gave them.",),
    )
    return replaced(made, **changes)  # type: ignore[no-any-return]
