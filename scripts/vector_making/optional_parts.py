"""Vectors of what not every package has: working copies, exhibits called as a force wants, sent again, and more."""

import hashlib
from collections.abc import Sequence
from typing import Any

from exchange.clock import SECOND, Window
from exchange.custody.log import CustodyKind
from exchange.documents.camera_signatures import (
    CameraSignature,
    ChainVerdict,
    SignatureScheme,
    SignatureVerdict,
    SignedGroups,
    SignedPictures,
    SigningCertificate,
    UserData,
)
from exchange.documents.copies import ChosenCopy, CopyKind, Enhancement, WantedCopies
from exchange.documents.evidence import Edition, Source
from exchange.documents.footage_facts import Parameter, Tool, WorkingCopy
from exchange.documents.messages import DecidedBy, Stretch
from exchange.documents.retrieval_facts import LocalTime, Retrieval, StreamSetting
from scripts.vector_making import documents
from scripts.vector_making.documents import SHEET, SHEET_PATH, master, recording, replaced
from scripts.vector_making.keys import DELIVERED, NOW, REQUESTED
from scripts.vector_making.package import Case, Event, usual_events
from scripts.vector_making.vector import FORCE_KEY, MISMATCH, Vector

MASTER = "data/master/front.mp4"
TIGHT, REPORT = "data/working/front-tight.mp4", "data/working/front-quality.json"
_FILES = {TIGHT: b"a tight copy", REPORT: b"{}", SHEET_PATH: SHEET}
_SAM = DecidedBy(name="Sam Taylor", method="password on the owner's page", person="sam")
_COMPLAINT = "cannot-play-1"


def vectors() -> list[Vector]:
    return [
        Vector(
            "everything-known", "What an agent can know of camera, recorder, time zone and retrieval.", known().zip()
        ),
        Vector(
            "camera-signed", "The camera signed its pictures, and its own data lies in them.", signed_pictures().zip()
        ),
        Vector("copies", "The owner chose working copies; the officer had said which would help.", copies().zip()),
        Vector("exhibit-prefix", "The exhibit is called as the officer wanted it.", called("ABC/7").zip()),
        Vector("sent-again", "Sent again with a copy that plays: a second edition of the manifest.", again().zip()),
        *_bad(),
    ]


def _bad() -> list[Vector]:
    unchosen = copies(chosen=(ChosenCopy(kind=CopyKind.QUALITY),))
    wide = copies(tight=DELIVERED)
    beyond = copies(tight=Window(REQUESTED.start, REQUESTED.end + SECOND // 10), kind=CopyKind.PLAYABLE)
    loud = copies(sound=True)
    orphan = copies(made_from="data/master/other.mp4")
    secretly = again()
    secretly.events = _signed_twice
    by_another = again(DecidedBy(name="Kim Lee", method="password on the owner's page", person="kim"))
    by_another.events = lambda case: _sent_again(case, "Sam Taylor")
    cases = [
        ("copy-not-chosen", "A working copy is of a kind that the owner did not choose.", unchosen, "copies"),
        ("tight-copy-too-wide", "A copy that is called tight is of more than was asked for.", wide, "copies"),
        ("copy-of-another-time", "A working copy is of a time that its master does not hold.", beyond, "copies"),
        ("copy-with-sound", "A working copy has sound, and none was delivered.", loud, "copies"),
        ("copy-of-no-master", "A working copy is made from a master that is not here.", orphan, "copies"),
        ("other-prefix", "The exhibit is not called as the officer wanted it.", called("XYZ/7"), "exhibit"),
        (
            "edition-not-logged",
            "A second edition, and the custody lines tell of no sending again.",
            secretly,
            "edition",
        ),
        ("edition-by-another", "The manifest names another person than the custody lines do.", by_another, "edition"),
    ]
    found = [Vector(name, what, case.zip(), {about: MISMATCH}) for name, what, case, about in cases]
    unsigned = Vector(
        "camera-signature-missing",
        "The manifest calls the camera's own signature authentic, and there is none among the pictures.",
        signed_pictures().zip(),
        {f"camera-signature.onvif-media-signing.{MASTER}": MISMATCH},
        given={**FORCE_KEY, "deep": True},
    )
    return [*found, unsigned]


def known() -> Case:
    """Every part of the manifest that only says something."""
    made = documents.full_evidence()
    clock = replaced(documents.clock_check(NOW, documents.OFFSET), zone="Europe/London")
    return Case(
        evidence=replaced(
            made,
            site=replaced(made.site, contact="the shop's own number"),
            source=Source(
                make="Example Recorders",
                model="NVR-8",
                firmware="2.1",
                serial="0815",
                machine="Example Board 4, Debian GNU/Linux 12",
                how_read="ONVIF replay, packets copied into segments as they came",
                registered_cameras=4,
                retention_days=31,
                setting=StreamSetting(codec="H.264", width=64, height=48, frames_per_second=5, kilobits_per_second=16),
            ),
            clocks=replaced(made.clocks, camera=clock),
            retrieval=Retrieval(by="Sam Taylor", started=NOW, finished=NOW + SECOND),
            local_time=LocalTime(zone="Europe/London", zone_from="the recording host", offset_minutes=0),
        ),
        recordings={MASTER: recording("front.mp4"), SHEET_PATH: SHEET},
    )


def signed_pictures() -> Case:
    signature = CameraSignature(
        scheme=SignatureScheme.ONVIF,
        verdict=SignatureVerdict.AUTHENTIC,
        pictures=SignedPictures(total=10, covered=5, after=5),
        groups=SignedGroups(held=1, incomplete=0, failed=0),
        certificate=SigningCertificate(public_key_sha256=hashlib.sha256(b"a camera's key").hexdigest()),
        chain=ChainVerdict.UNCHECKED,
        chain_why="No root of the camera's maker was given.",
        make="Example Optics",
        signed_from=DELIVERED.start,
        signed_to=DELIVERED.start + SECOND,
    )
    data = UserData(uuid="0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", messages=2)
    return Case(evidence=documents.evidence(masters=(master(camera_signatures=(signature,), user_data=(data,)),)))


def copies(
    chosen: Sequence[ChosenCopy] = (),
    *,
    tight: Window = REQUESTED,
    kind: CopyKind = CopyKind.TIGHT,
    sound: bool = False,
    made_from: str = MASTER,
) -> Case:
    chosen = tuple(chosen) or (
        ChosenCopy(kind=kind, caption=False),
        ChosenCopy(kind=CopyKind.QUALITY),
        ChosenCopy(kind=CopyKind.ENHANCED, enhancement=Enhancement(contrast=2.0)),
    )
    made: list[dict[str, Any]] = [
        {
            "path": TIGHT,
            "kind": kind,
            "made_from": made_from,
            "what_was_done": "The pictures within the window, encoded anew.",
            "parameters": (Parameter(name="crf", value="18"),),
            "tools": (Tool(name="FFmpeg libx264", version="165"),),
            "window": Stretch.of(tight),
            "frames": 5,
            "container": "MP4",
            "codec": "H.264",
            "width": 64,
            "height": 48,
            "sound": sound,
            "real_times": True,
            "caption": False,
        },
        {"path": REPORT, "kind": CopyKind.QUALITY, "what_was_done": "Measured.", "window": Stretch.of(DELIVERED)},
        {"path": SHEET_PATH, "kind": CopyKind.CONTACT_SHEET, "made_from": MASTER, "what_was_done": "Twelve frames."},
    ]
    listed = tuple(
        WorkingCopy(sha256=hashlib.sha256(_FILES[each["path"]]).hexdigest(), size=len(_FILES[each["path"]]), **each)
        for each in made
    )
    camera = replaced(documents.decision().cameras[0], copies=chosen)
    return Case(
        request=documents.request(copies=WantedCopies(kinds=(CopyKind.TIGHT, CopyKind.QUALITY))),
        decision=documents.decision(cameras=(camera,)),
        evidence=documents.evidence(working_copies=listed),
        recordings={MASTER: recording("front.mp4"), **_FILES},
    )


def called(reference: str) -> Case:
    return Case(
        request=documents.request(exhibit_prefix="ABC"), evidence=documents.evidence(exhibit_reference=reference)
    )


def again(by: DecidedBy = _SAM) -> Case:
    """The first edition is the sound package of ``Case()``; this one has a copy more."""
    copy = WorkingCopy(
        path="data/working/front-playable.mp4",
        sha256=hashlib.sha256(b"a playable copy").hexdigest(),
        size=len(b"a playable copy"),
        made_from=MASTER,
        what_was_done="Encoded anew for old players.",
        kind=CopyKind.PLAYABLE,
        window=Stretch.of(DELIVERED),
    )
    edition = Edition(
        number=2,
        previous_sha256=hashlib.sha256(Case().evidence_bytes).hexdigest(),
        complaint_id=_COMPLAINT,
        copies=(CopyKind.PLAYABLE,),
        decided=NOW + 60 * SECOND,
        decided_by=by,
    )
    return Case(
        evidence=documents.evidence(edition=edition, working_copies=(copy,), issued=NOW + 61 * SECOND),
        recordings={MASTER: recording("front.mp4"), copy.path: b"a playable copy"},
        events=lambda case: _sent_again(case, by.name),
    )


def _signed_twice(case: Case) -> list[Event]:
    """The lines of the first edition, and the signing of the second."""
    first = usual_events(Case())
    second = [event for event in usual_events(case) if event.kind is CustodyKind.SIGNED]
    return [*first, Event(CustodyKind.DELIVERED), *second]


def _sent_again(case: Case, actor: str) -> list[Event]:
    *before, signed = _signed_twice(case)
    details: dict[str, str | int | bool] = {"evidence_id": case.evidence.evidence_id, "sending": 2, "edition": 2}
    return [*before, Event(CustodyKind.SENT_AGAIN, details, actor=actor), signed]
