"""Packages whose zip and bag are sound, and whose documents are not: contradicting one another, or the files."""

import hashlib
from typing import Any

from exchange.clock import DAY, SECOND, Window
from exchange.documents.evidence import Observation
from exchange.documents.messages import Agreement, DecidedBy, Outcome, Stretch
from exchange.package import contents
from scripts.vector_making import documents, good
from scripts.vector_making.documents import SHEET_PATH, master, recording, replaced
from scripts.vector_making.keys import (
    DELIVERED,
    DEVICE,
    NOW,
    OFFICER,
    OTHER_DEVICE,
    REQUESTED,
)
from scripts.vector_making.package import Case, Event, page, usual_events
from scripts.vector_making.vector import DAMAGED, FORCE_KEY, MISMATCH, SIGNATURE, UNCHECKED, Vector, changed

REQUEST, DECISION, EVIDENCE, SIG = contents.REQUEST, contents.DECISION, contents.EVIDENCE, contents.SIGNATURE
_SMALL_ORDER = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")


def vectors() -> list[Vector]:
    return [*_contradictions(), *_recordings(), *_unknown()]


# -- documents that contradict one another, rightly signed -------------------------------------------------------


def _decided(**changes: Any) -> Case:
    """One thing in the decision's camera is another."""
    return Case(decision=documents.decision(cameras=(replaced(documents.decision().cameras[0], **changes),)))


def _manifest(**changes: Any) -> Case:
    return Case(evidence=documents.evidence(**changes))


def _earlier(window: Window, microseconds: int) -> Stretch:
    return Stretch(start=window.start - microseconds, end=window.end - microseconds)


def _contradictions() -> list[Vector]:
    less = Stretch(start=DELIVERED.start + SECOND // 5, end=DELIVERED.end)
    more_sent = _decided(approved=less)
    more_sent.evidence = documents.evidence(windows=documents.windows(approved=less))
    quiet = good.with_sound("sound.mp4")
    quiet.decision = documents.decision(
        cameras=(replaced(quiet.decision.cameras[0], sound=False),),
    )
    unasked = good.with_sound("sound.mp4")
    unasked.request = documents.request()
    shortened = good.narrowed()
    shortened.evidence = replaced(shortened.evidence, windows=replaced(shortened.evidence.windows, narrowed=None))
    noted = good.with_notes()
    noted.evidence = replaced(noted.evidence, observed=(Observation(at=DELIVERED.start, text="Nobody was there."),))
    one = Agreement(by=DecidedBy(name="Sam Taylor", method="password on the owner's page", person="sam"), at=NOW)
    twice = Agreement(by=DecidedBy(name="S. Taylor", method="passkey on the owner's page", person="sam"), at=NOW)
    declined = Case(
        decision=documents.decision(
            cameras=(
                replaced(documents.decision().cameras[0], outcome=Outcome.DECLINED, approved=None),
                replaced(documents.decision().cameras[0], evidence_id="ev-2"),
            )
        )
    )
    cases = [
        (
            "other-request-id",
            "The decision names another request's id.",
            Case(decision=documents.decision(request_id="req-2")),
            {"links.request": MISMATCH},
        ),
        (
            "other-request-bytes",
            "The manifest names a request with other bytes.",
            Case(unlinked=frozenset({"evidence.request_sha256"})),
            {"links.request": MISMATCH},
        ),
        (
            "other-crime",
            "The manifest has another crime reference than the request.",
            _manifest(crime_reference="EX/25/000001"),
            {"links.request": MISMATCH},
        ),
        (
            "other-decision",
            "The manifest names a decision with other bytes.",
            Case(unlinked=frozenset({"evidence.decision_sha256"})),
            {"links.decision": MISMATCH},
        ),
        (
            "decided-too-late",
            "The owner decided after the request had expired.",
            Case(decision=documents.decision(decided=documents.request().expires)),
            {"links.time": MISMATCH},
        ),
        (
            "not-approved",
            "The owner declined this camera, and approved another package.",
            declined,
            {"decision.approved": MISMATCH},
        ),
        (
            "other-camera",
            "The owner approved another camera.",
            _decided(camera_id="back"),
            {"decision.approved": MISMATCH, "windows.requested": MISMATCH},
        ),
        (
            "other-window-asked",
            "The decision is about a window that was not asked for.",
            _decided(requested=_earlier(REQUESTED, DAY)),
            {"windows.requested": MISMATCH},
        ),
        (
            "other-window-approved",
            "The manifest says another window was approved than the decision.",
            _decided(approved=Stretch(start=DELIVERED.start - SECOND, end=DELIVERED.end)),
            {"windows.approved": MISMATCH},
        ),
        (
            "more-than-approved",
            "More was delivered than the owner approved.",
            more_sent,
            {"windows.delivered": MISMATCH},
        ),
        (
            "not-narrowed",
            "The owner shortened the window, and the manifest does not say so.",
            shortened,
            {"windows.narrowed": MISMATCH},
        ),
        ("other-notes", "The manifest has other notes than the owner made.", noted, {"observed": MISMATCH}),
        (
            "one-person-twice",
            "Two people were to agree; the same one did twice, under two names.",
            Case(decision=documents.decision(people_needed=2, agreed=(one, twice))),
            {"decision.people": MISMATCH},
        ),
        ("sound-not-approved", "Sound is delivered that the owner did not approve.", quiet, {"sound": MISMATCH}),
        ("sound-not-asked", "Sound was approved that nobody asked for.", unasked, {"sound": MISMATCH}),
    ]
    return [Vector(name, what, case.zip(), fails) for name, what, case, fails in cases]


# -- the files themselves ----------------------------------------------------------------------------------------


def _page_of_another() -> Case:
    """A page that the device signed, for another package."""
    shown = page(documents.evidence(evidence_id="ev-2"))
    signature = DEVICE.sign(shown, contents.README_NAMESPACE).encode()
    return Case(changes={contents.README: shown, contents.README + contents.SIGNATURE: signature})


def _recordings() -> list[Vector]:
    path = "data/master/front.mp4"
    two = good.two_masters()
    first, second = two.recordings
    two.changes = {first: two.recordings[second], second: two.recordings[first]}
    other = recording("back.mp4")
    forged = Case(
        evidence=documents.evidence(masters=(master(sha256=hashlib.sha256(other).hexdigest(), size=len(other)),)),
        recordings={path: other},
    )
    playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n"
    no_video = Case(
        evidence=documents.evidence(masters=(master(sha256=hashlib.sha256(playlist).hexdigest(), size=len(playlist)),)),
        recordings={path: playlist},
    )
    extra = "data/working/more.jpg"
    sheet = good.plain_case()
    sheet.changes = {SHEET_PATH: b"other"}
    deep = {**FORCE_KEY, "deep": True}
    return [
        changed(
            "recording-swapped",
            "Another recording lies in the master's place.",
            {path: other},
            {f"file.{path}": MISMATCH},
        ),
        Vector(
            "recordings-exchanged",
            "Two recordings lie in one another's place.",
            two.zip(),
            {f"file.{first}": MISMATCH, f"file.{second}": MISMATCH},
        ),
        changed(
            "recording-missing",
            "A recording that the manifest names is not there.",
            {path: None},
            {f"file.{path}": MISMATCH},
        ),
        Vector(
            "sheet-changed",
            "A working copy is not the one that the manifest names.",
            sheet.zip(),
            {f"file.{SHEET_PATH}": MISMATCH},
        ),
        changed("stranger", "A file is there that nothing signed speaks of.", {extra: b"more"}, {"files": MISMATCH}),
        Vector(
            "page-of-another",
            "The page for people is one that the device signed for another package.",
            _page_of_another().zip(),
            {"readme": MISMATCH},
        ),
        changed("no-page", "The page for people is missing.", {contents.README: None}, {contents.README: DAMAGED}),
        changed(
            "no-force-key",
            "The force's key is missing, though an officer signed the request.",
            {contents.FORCE_KEY: None},
            {contents.FORCE_KEY: DAMAGED},
        ),
        Vector(
            "other-tracks",
            "The recording's file is the signed one, and its tracks are not the recorder's.",
            forged.zip(),
            {f"streams.{path}": MISMATCH},
            given=deep,
        ),
        Vector(
            "no-video",
            "The recording's file is the signed one, and is no video; it names a file to be read.",
            no_video.zip(),
            {f"streams.{path}": UNCHECKED},
            given=deep,
        ),
        Vector(
            "log-of-another-manifest",
            "The custody lines say that another manifest was signed.",
            Case(events=_signed_another).zip(),
            {"custody.links": MISMATCH},
        ),
        Vector(
            "log-of-another-plan",
            "The custody lines say that the owner approved another plan.",
            Case(events=_approved_another).zip(),
            {"custody.links": MISMATCH},
        ),
    ]


def _signed_another(case: Case) -> list[Event]:
    return _with_detail(case, "evidence_sha256")


def _approved_another(case: Case) -> list[Event]:
    return _with_detail(case, "plan_sha256")


def _with_detail(case: Case, name: str) -> list[Event]:
    return [
        replaced_event(event, {**event.details, name: "1" * 64}) if name in event.details else event
        for event in usual_events(case)
    ]


def replaced_event(event: Event, details: dict[str, str | int | bool]) -> Event:
    return Event(event.kind, details, event.theirs)


# -- what nothing is wrong with, and not everything is known of --------------------------------------------------


def _unknown() -> list[Vector]:
    noted = Case(request=documents.noted_request())
    carrying = Case(
        request=documents.noted_request(), changes={contents.FORCE_KEY: f"{OFFICER.public.line}\n".encode()}
    )
    by_nobody = Case(request=documents.noted_request())
    by_nobody.changes = {
        REQUEST + SIG: OTHER_DEVICE.sign(by_nobody.request_bytes, "noted-request.v1@handover").encode()
    }
    return [
        Vector(
            "no-force-key-given",
            "A sound package; the verifier has no key of the force.",
            Case().zip(),
            not_checked=["force-key"],
            given={},
        ),
        Vector(
            "noted",
            "The owner noted the request: no officer signed it.",
            noted.zip(),
            not_checked=["request.signature", "device-key"],
            given={},
        ),
        Vector(
            "noted-known-device",
            "The same; the verifier knows the device's key.",
            noted.zip(),
            not_checked=["request.signature"],
            given={"device_key": "keys/device.pub"},
        ),
        Vector(
            "noted-with-force-key",
            "A force's key lies beside a request that no officer signed.",
            carrying.zip(),
            {"files": MISMATCH},
            ["request.signature", "device-key"],
            given={},
        ),
        Vector(
            "noted-by-another",
            "The noted request is signed by another device.",
            by_nobody.zip(),
            {"noted-request.signature": SIGNATURE},
            ["request.signature", "device-key"],
            given={},
        ),
    ]
