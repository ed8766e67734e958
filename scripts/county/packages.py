"""What a simulated owner hands over: a small real video, packaged, signed and sealed as the agent does.

Not for: cutting recordings (the agent's ``requests/clip.py``); the picture is made up.
"""

import hashlib
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import numpy as np

from exchange.age.files import encrypt_file, parse_recipient
from exchange.clock import SECOND, Window
from exchange.custody.log import CustodyKind, ProvenLines, line_leaf, next_line, prove_lines
from exchange.documents.evidence import CameraFacts, Evidence, KeyFrameMode, Site, widening
from exchange.documents.footage_facts import Master, SourceSegment, Track, TrackKind
from exchange.documents.messages import Decision, Request, Signed
from exchange.package.contents import bag_entries, bag_info, bag_name
from exchange.package.stream_hashes import hash_streams
from exchange.package.writing import PackageEntry, write_package
from exchange.signing.documents import PublicKey, SigningKey, document_sha256, sign_document
from scripts.vector_making import documents
from scripts.vector_making.documents import replaced

WIDTH, HEIGHT = 160, 120
MASTER = "data/master/front-1.mp4"
SHEET = b"\xff\xd8\xff\xd9"
SHEET_PATH = "data/working/contact-sheet.jpg"


@dataclass(frozen=True)
class Owner:
    """Who answers. ``label``: what they call their camera."""

    key: SigningKey
    label: str
    force: PublicKey


def decide(owner: Owner, signed: Signed, now: int, *, yes: bool) -> Signed:
    """The owner's answer, to all that was asked."""
    request = Request.model_validate_json(signed.document)
    decision = documents.decision(
        request_id=request.request_id,
        request_sha256=document_sha256(signed),
        decided=now,
        plan_sha256=None,
    )
    if not yes:
        return sign_document(_no(decision), owner.key)
    (asked,) = request.asked
    (camera,) = decision.cameras
    camera = replaced(
        camera,
        camera_id=asked.camera_id,
        requested=asked.window,
        approved=asked.window,
        evidence_id=evidence_id(request.request_id),
    )
    return sign_document(replaced(decision, cameras=(camera,)), owner.key)


def request_id(signed: Signed) -> str:
    return Request.model_validate_json(signed.document).request_id


def evidence_id(request: str) -> str:
    return f"{request}-ev-1"


def sealed(owner: Owner, signed: Signed, decision: Signed, now: int) -> Path:
    """A file with the package, sealed for the case. Blocks."""
    request = Request.model_validate_json(signed.document)
    with tempfile.TemporaryDirectory(prefix="county-") as name:
        folder = Path(name)
        clip = folder / "front-1.mp4"
        clip.write_bytes(_film(request.asked[0].window.window.duration // SECOND))
        evidence = sign_document(_evidence(owner, request, signed, decision, clip, now), owner.key)
        manifest = Evidence.model_validate_json(evidence.document)
        payload = bag_entries(
            evidence=evidence,
            request=signed,
            decision=decision,
            custody=_custody(owner.key, request.request_id, now),
            recordings=[PackageEntry(MASTER, clip), PackageEntry(SHEET_PATH, SHEET)],
            device=owner.key,
            force=owner.force,
        )
        package = folder / "package.zip"
        with package.open("wb") as file:
            write_package(file, bag_name(manifest), payload, bag_info(manifest))
        target = Path(tempfile.mkstemp(prefix="county-", suffix=".zip.age")[1])
        target.unlink()
        encrypt_file(package, target, [parse_recipient(request.recipient)])
        return target


def _no(decision: Decision) -> Decision:
    values = decision.model_dump(exclude={"cameras", "decided_by", "observations", "status"}, exclude_none=True)
    return Decision.model_validate({**values, "status": "declined", "cameras": ()})


@cache
def _film(seconds: int) -> bytes:
    """A bright square that crosses a street, a frame a second, each a key frame."""
    with tempfile.TemporaryDirectory(prefix="county-") as folder:
        path = Path(folder) / "film.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=1, options={"preset": "ultrafast", "g": "1"})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for number in range(seconds):
                picture = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
                at = number * 7 % (WIDTH - 20)
                picture[50:70, at : at + 20] = 230
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
        return path.read_bytes()


def _evidence(owner: Owner, request: Request, signed: Signed, decision: Signed, clip: Path, now: int) -> Evidence:
    content, window = clip.read_bytes(), request.asked[0].window.window
    (track,) = hash_streams(clip)
    check = documents.clock_check(now, 0)
    return documents.full_evidence(
        evidence_id=evidence_id(request.request_id),
        exhibit_reference=f"{request.crime_reference}/HO-1",
        crime_reference=request.crime_reference,
        request_id=request.request_id,
        request_sha256=document_sha256(signed),
        decision_sha256=document_sha256(decision),
        site=Site(name="A simulated owner"),
        camera=CameraFacts(camera_id=request.asked[0].camera_id, label=owner.label),
        windows=documents.windows(window, window),
        widening=widening(KeyFrameMode.BEFORE, window, window),
        clocks=documents.clocks(camera=check, host_synchronised=True),
        masters=(_master(content, track.packets, track.sha256, window),),
        working_copies=(
            replaced(
                documents.full_evidence().working_copies[0], sha256=sha256(SHEET), size=len(SHEET), made_from=MASTER
            ),
        ),
        segments=(
            SourceSegment(
                name="front/simulated.mp4",
                start=window.start,
                end=window.end,
                sha256=sha256(content),
                size=len(content),
            ),
        ),
        notes=("Nobody was filmed: this is a demonstration.",),
        device=owner.key.public.fingerprint,
        issued=now,
    )


def _master(content: bytes, frames: int, digest: str, window: Window) -> Master:
    track = Track(
        kind=TrackKind.VIDEO,
        codec="H.264",
        packets=frames,
        stream_sha256_before=digest,
        stream_sha256_after=digest,
    )
    return Master(
        path=MASTER,
        sha256=sha256(content),
        size=len(content),
        container="MP4",
        codec="H.264",
        width=WIDTH,
        height=HEIGHT,
        frames=frames,
        first_frame=window.start,
        last_frame=window.end - SECOND,
        end=window.end,
        duration_us=window.duration,
        tracks=(track,),
    )


def _custody(key: SigningKey, request_id: str, now: int) -> ProvenLines:
    kinds = (CustodyKind.REQUEST_RECEIVED, CustodyKind.ASKED, CustodyKind.APPROVED, CustodyKind.CLIPPED)
    lines: list[str] = []
    for seq, kind in enumerate((CustodyKind.AGENT_STARTED, *kinds)):
        lines.append(
            next_line(
                lines[-1] if lines else None,
                seq=seq,
                at=now,
                monotonic_us=seq * SECOND,
                actor="agent",
                event=kind,
                request_id=request_id if seq else None,
                details=None,
            )
        )
    return prove_lines(list(enumerate(lines))[1:], map(line_leaf, lines), key)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
