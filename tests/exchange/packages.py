"""Whole small packages for tests: real keys, a small real video, every document signed, nothing left out."""

import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

from exchange.clock import HOUR, SECOND, Window
from exchange.custody.log import CustodyKind, ProvenLines, line_leaf, next_line, prove_lines
from exchange.documents.evidence import (
    Evidence,
    KeyFrameMode,
    Site,
    Sound,
    Source,
    widening,
)
from exchange.documents.footage_facts import Master, SourceSegment, Track, TrackKind, WorkingCopy
from exchange.documents.messages import (
    Decision,
    Request,
    Signed,
    Stretch,
)
from exchange.documents.retrieval_facts import LocalTime, Retrieval, StreamSetting
from exchange.package.contents import bag_entries, bag_info, bag_name
from exchange.package.writing import PackageEntry, write_package
from exchange.signing.documents import SigningKey, document_sha256, sign_document
from scripts.vector_making import documents
from scripts.vector_making.documents import replaced
from scripts.vector_making.package import sha256
from tests.exchange.makers import NOW, Police, a_request

REQUESTED = Window(NOW - 3 * HOUR, NOW - 3 * HOUR + 2 * SECOND)
DELIVERED = Window(REQUESTED.start - SECOND, REQUESTED.end)


@cache
def video(folder: Path, *, sound: bool = False) -> Path:
    """Three seconds of H.264 in MP4, 64 by 48, ten frames a second, and a tone if asked."""
    path = folder / f"front{'-sound' if sound else ''}.mp4"
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=3", "-c:a", "aac"] if sound else []
    subprocess.run(
        [
            *("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=3"),
            *(*tone, "-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-pix_fmt", "yuv420p", str(path)),
        ],
        check=True,
        timeout=60,
    )
    return path


@cache
def stream_hashes(path: Path) -> list[str]:
    """By FFmpeg's own streamhash muxer, a track each."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-map", "0", "-c", "copy"]
    answer = subprocess.run(
        [*command, "-f", "streamhash", "-hash", "sha256", "-"], capture_output=True, check=True, timeout=60
    )
    return [line.split("=")[1].lower() for line in answer.stdout.decode().split()]


@dataclass
class Case:
    """Everything that a package is made of, to be spoilt in one place before it is built."""

    police: Police
    device: SigningKey
    request: Request
    decision: Decision
    evidence: Evidence
    master: Path
    working: bytes = b"a contact sheet"
    stamp: bytes | None = None
    told: bytes | None = None
    """The stamp that the custody lines tell of."""
    more_stamps: tuple[bytes, ...] = ()
    """Of other authorities; the custody lines tell of each."""
    again: dict[str, str | int] | None = None
    """What a line of the log tells of a package that was sent again; its ``actor`` too."""

    @classmethod
    def make(cls, folder: Path, *, sound: bool = False, recipient: str | None = None) -> Self:
        police, device = Police.generate(), SigningKey.generate()
        master = video(folder, sound=sound)
        more = {"recipient": recipient} if recipient else {}
        request = a_request(police, device.public, REQUESTED, **more)
        if sound:
            request = replaced(request, asked=(replaced(request.asked[0], sound=True),))
        signed_request = sign_document(request, police.officer)
        decision = a_decision(signed_request, sound=sound)
        evidence = an_evidence(device, request, signed_request, sign_document(decision, device), master, sound=sound)
        return cls(police, device, request, decision, evidence, master)

    @property
    def signed_request(self) -> Signed:
        return sign_document(self.request, self.police.officer)

    @property
    def signed_decision(self) -> Signed:
        return sign_document(self.decision, self.device)

    @property
    def signed_evidence(self) -> Signed:
        return sign_document(self.evidence, self.device)

    def relink(self) -> None:
        """Make the hashes by which the documents name one another right again."""
        self.decision = replaced(self.decision, request_sha256=document_sha256(self.signed_request))
        self.evidence = replaced(
            self.evidence,
            request_sha256=document_sha256(self.signed_request),
            decision_sha256=document_sha256(self.signed_decision),
        )

    def custody(self) -> ProvenLines:
        kinds = [CustodyKind.REQUEST_RECEIVED, CustodyKind.ASKED, CustodyKind.APPROVED, CustodyKind.CLIPPED]
        told = {} if self.told is None else {"data/evidence.json.tsr": self.told}
        told |= {f"data/evidence.json.{number}.tsr": stamp for number, stamp in enumerate(self.more_stamps, 2)}
        lines: list[str] = []
        events = [(kind, None) for kind in (CustodyKind.AGENT_STARTED, *kinds)]
        stamped = [
            {"evidence_id": self.evidence.evidence_id, "file": path, "sha256": sha256(stamp)}
            for path, stamp in told.items()
        ]
        more = [(CustodyKind.TIMESTAMPED, each) for each in stamped]
        if self.again is not None:
            more.append((CustodyKind.SENT_AGAIN, self.again))
        for seq, (kind, details) in enumerate([*events, *more]):
            lines.append(
                next_line(
                    lines[-1] if lines else None,
                    seq=seq,
                    at=NOW + seq * SECOND,
                    monotonic_us=seq * SECOND,
                    actor=str((details or {}).get("actor", "agent")),
                    event=kind,
                    request_id=self.request.request_id if seq else None,
                    details=dict(details) if details else None,
                )
            )
        return prove_lines(list(enumerate(lines))[1:], map(line_leaf, lines), self.device)


def a_decision(signed_request: Signed, *, sound: bool) -> Decision:
    (camera,) = documents.decision().cameras
    return documents.decision(
        request_sha256=document_sha256(signed_request),
        decided=NOW,
        plan_sha256=None,
        cameras=(replaced(camera, requested=Stretch.of(REQUESTED), approved=Stretch.of(DELIVERED), sound=sound),),
        observations="Two people at the door at about the middle.",
    )


def an_evidence(
    device: SigningKey,
    request: Request,
    signed_request: Signed,
    signed_decision: Signed,
    master: Path,
    *,
    sound: bool = False,
) -> Evidence:
    content = master.read_bytes()
    return documents.full_evidence(
        exhibit_reference="EX/26/004711/HO-1",
        crime_reference=request.crime_reference,
        request_id=request.request_id,
        request_sha256=document_sha256(signed_request),
        decision_sha256=document_sha256(signed_decision),
        site=Site(name="Taylor's Bakery", address="14 High Street, Exampleton", contact="01632 960001"),
        source=Source(
            make="Handover recorder",
            how_read="RTSP over TCP, packets copied into segments as they came",
            registered_cameras=4,
            retention_days=14,
            setting=StreamSetting(codec="h264", width=64, height=48, frames_per_second=10),
        ),
        windows=documents.windows(REQUESTED, DELIVERED),
        widening=widening(KeyFrameMode.BEFORE, REQUESTED, DELIVERED),
        clocks=documents.clocks(
            camera=replaced(documents.clock_check(NOW, documents.OFFSET), zone="CET-1"), host_synchronised=True
        ),
        sound=Sound(requested=sound, approved=sound, delivered=sound),
        masters=(
            Master(
                path="data/master/front-1.mp4",
                sha256=sha256(content),
                size=len(content),
                container="MP4",
                codec="H.264",
                width=64,
                height=48,
                frames=30,
                first_frame=DELIVERED.start,
                last_frame=DELIVERED.end - SECOND // 10,
                end=DELIVERED.end,
                duration_us=3 * SECOND,
                tracks=_tracks(master),
            ),
        ),
        working_copies=(
            WorkingCopy(
                path="data/working/contact-sheet.jpg",
                sha256=sha256(b"a contact sheet"),
                size=len(b"a contact sheet"),
                made_from="data/master/front-1.mp4",
                what_was_done="Twelve frames, evenly spaced, decoded and made smaller, as one picture.",
            ),
        ),
        segments=(
            SourceSegment(
                name="front/20260314T085900.000000Z.mp4",
                start=DELIVERED.start - 59 * SECOND,
                end=DELIVERED.start + SECOND,
                sha256=sha256(b"one"),
                size=3,
            ),
            SourceSegment(
                name="front/20260314T090000.000000Z.mp4",
                start=DELIVERED.start + SECOND,
                end=DELIVERED.end,
                sha256=sha256(b"two"),
                size=3,
                torn=True,
            ),
        ),
        retrieval=Retrieval(by="Sam Taylor", started=NOW, finished=NOW + SECOND),
        local_time=LocalTime(zone="Europe/London", zone_from="the machine's settings", offset_minutes=0),
        device=device.public.fingerprint,
        issued=NOW,
    )


def _tracks(master: Path) -> tuple[Track, ...]:
    kinds = ((TrackKind.VIDEO, "H.264"), (TrackKind.AUDIO, "AAC"))
    return tuple(
        Track(
            kind=kind,
            codec=codec,
            packets=_packets(master, kind),
            stream_sha256_before=digest,
            stream_sha256_after=digest,
        )
        for (kind, codec), digest in zip(kinds, stream_hashes(master), strict=False)
    )


@cache
def _packets(master: Path, kind: TrackKind) -> int:
    command = ["ffprobe", "-v", "error", "-count_packets", "-select_streams", kind.value[0]]
    answer = subprocess.run(
        [*command, "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", str(master)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    return int(answer.stdout)


def entries(case: Case, recordings: list[PackageEntry] | None = None) -> list[PackageEntry]:
    """The payload, as the agent's seal step would put it together."""
    master = PackageEntry("data/master/front-1.mp4", case.master)
    sheet = PackageEntry("data/working/contact-sheet.jpg", case.working)
    return bag_entries(
        evidence=case.signed_evidence,
        request=case.signed_request,
        decision=case.signed_decision,
        custody=case.custody(),
        recordings=[master, sheet] if recordings is None else recordings,
        device=case.device,
        force=case.police.force.public,
        stamps=[stamp for stamp in (case.stamp, *case.more_stamps) if stamp is not None],
    )


def zipped(case: Case, folder: Path, payload: list[PackageEntry] | None = None) -> Path:
    """A package's zip."""
    path = folder / "package.zip"
    with path.open("wb") as file:
        write_package(file, bag_name(case.evidence), payload or entries(case), bag_info(case.evidence))
    return path


def rebagged(case: Case, folder: Path, changes: dict[str, bytes | None]) -> Path:
    """A zip whose own manifests are right, but some of whose payload is another (or gone, for None)."""
    payload = [entry for entry in entries(case) if entry.path not in changes]
    payload += [PackageEntry(path, content) for path, content in changes.items() if content is not None]
    return zipped(case, folder, payload)


def forged_entries(case: Case) -> list[PackageEntry]:
    """The payload put together by somebody who has every key and checks nothing."""
    page = f"<p>{case.evidence.evidence_id} {[one.sha256 for one in case.evidence.masters]}</p>".encode()
    custody, device = case.custody(), case.device
    payload = {
        "data/READ-ME-FIRST.html": page,
        "data/READ-ME-FIRST.html.sig": device.sign(page, "read-me-first.v1@handover").encode(),
        "data/custody.jsonl": custody.jsonl,
        "data/custody.checkpoint": custody.checkpoint.encode(),
        "data/device.pub": f"{device.public.line}\n".encode(),
        "data/force.pub": f"{case.police.force.public.line}\n".encode(),
        "data/working/contact-sheet.jpg": case.working,
    }
    signed = (("request", case.signed_request), ("decision", case.signed_decision), ("evidence", case.signed_evidence))
    for name, document in signed:
        payload[f"data/{name}.json"] = document.document.encode()
        payload[f"data/{name}.json.sig"] = document.signature.encode()
    if case.stamp is not None:
        payload["data/evidence.json.tsr"] = case.stamp
    for number, stamp in enumerate(case.more_stamps, 2):
        payload[f"data/evidence.json.{number}.tsr"] = stamp
    small = [PackageEntry(path, content) for path, content in payload.items()]
    return [*small, PackageEntry("data/master/front-1.mp4", case.master)]
