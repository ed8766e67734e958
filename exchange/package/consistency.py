"""Whether a package's documents and files tell one story: the same request, windows, sound, keys, files.

Not for: whether the documents are genuine (``exchange.verify.checking`` checks their signatures first).
"""

from collections.abc import Iterator, Mapping, Sequence

from exchange.clock import Window
from exchange.custody.log import CustodyEvent, CustodyKind
from exchange.documents.copies import CopyKind
from exchange.documents.evidence import Edition, Evidence, observations_sha256
from exchange.documents.human_time import time_text
from exchange.documents.letters import quoted
from exchange.documents.messages import Asked, DecidedCamera, Decision, Outcome, Request, Stretch
from exchange.documents.noted import NotedRequest
from exchange.package.bag import BagFile
from exchange.package.report import Finding, fails, holds, mismatch


def compare_documents(
    request: Request | NotedRequest, request_sha256: str, decision: Decision, decision_sha256: str, evidence: Evidence
) -> Iterator[Finding]:
    """A finding a promise that holds the three documents together."""
    yield _judge(
        "links.request",
        "The decision and the manifest name this request, by its id and the hash of its bytes.",
        {
            "The decision answers another request.": decision.request_id != request.request_id,
            "The decision answers a request of this id with other bytes.": decision.request_sha256 != request_sha256,
            "The manifest belongs to another request.": evidence.request_id != request.request_id,
            "The manifest names a request of this id with other bytes.": evidence.request_sha256 != request_sha256,
            "The manifest has another crime reference than the request.": evidence.crime_reference
            != request.crime_reference,
        },
    )
    yield _judge(
        "links.decision",
        "The manifest names this decision, by the hash of its bytes.",
        {"The manifest was made for another decision.": evidence.decision_sha256 != decision_sha256},
    )
    yield _judge(
        "links.device",
        "The request was addressed to the device that made the manifest.",
        {"The request was addressed to another device.": evidence.device != request.device},
    )
    yield _judge(
        "links.time",
        "The owner decided before the request expired.",
        {"The owner decided after the request had expired.": decision.decided >= request.expires},
    )
    if decision.people_needed is not None:
        yield _judge(
            "decision.people",
            f"The owner wanted two people to agree, and these did: {_names(decision)}.",
            {"The owner wanted two people to agree, and fewer did.": len(decision.people) < decision.people_needed},
        )
    prefix = decision.exhibit_prefix or request.exhibit_prefix
    if prefix is not None:
        yield _judge(
            "exhibit",
            "The exhibit is called as the owner or the officer wanted it.",
            {f"The exhibit reference does not hold {prefix!r}.": prefix not in evidence.exhibit_reference},
        )
    yield from _compare_windows(request, decision, evidence)


def _names(decision: Decision) -> str:
    return " and ".join(dict.fromkeys(quoted(agreement.by.name) for agreement in decision.agreed or ()))


def _compare_windows(request: Request | NotedRequest, decision: Decision, evidence: Evidence) -> Iterator[Finding]:
    decided = [camera for camera in decision.cameras if camera.evidence_id == evidence.evidence_id]
    if len(decided) != 1 or decided[0].outcome is not Outcome.APPROVED or decided[0].approved is None:
        yield fails("decision.approved", mismatch("The owner's decision does not approve this package."))
        return
    camera = decided[0]
    yield _judge(
        "decision.approved",
        "The owner approved this package, of this camera.",
        {"The owner approved another camera than the manifest's.": camera.camera_id != evidence.camera.camera_id},
    )
    asked = [one for one in request.asked if (one.camera_id, one.window) == (camera.camera_id, camera.requested)]
    if not asked:
        yield fails("windows.requested", mismatch("The decision is about a window that the request doesn't ask for."))
        return
    yield _judge(
        "windows.requested",
        "The window in the manifest is the one that was asked for.",
        {"The manifest says another window was asked for.": evidence.windows.requested != camera.requested},
    )
    yield _judge(
        "windows.approved",
        "The window in the manifest is the one that the owner approved.",
        {"The manifest says another window was approved.": evidence.windows.approved != camera.approved},
    )
    if camera.narrowed or evidence.windows.narrowed:
        yield _judge(
            "windows.narrowed",
            "The owner shortened the window; the manifest says so, as the decision does.",
            {
                "The decision and the manifest differ in how it was shortened.": camera.narrowed
                != evidence.windows.narrowed
            },
        )
    if camera.observed_sha256 or evidence.observed:
        yield _judge(
            "observed",
            "The notes in the manifest are those that the owner made.",
            {"The owner made other notes.": observations_sha256(evidence.observed) != camera.observed_sha256},
        )
    yield _compare_delivery(camera.approved.window if camera.approved else None, evidence)
    yield _compare_sound(asked[0], camera, evidence)
    if any(copy.kind for copy in evidence.working_copies):
        yield _compare_copies(camera, evidence)


def _compare_delivery(approved: Window | None, evidence: Evidence) -> Finding:
    delivered = evidence.windows.delivered
    outside = approved is None or delivered.start < approved.start or delivered.end > approved.end
    return _judge(
        "windows.delivered",
        f"What was delivered ({time_text(delivered.start)} to {time_text(delivered.end)}) "
        "lies within what the owner approved.",
        {"More was delivered than the owner approved.": outside},
    )


def _compare_sound(asked: Asked, camera: DecidedCamera, evidence: Evidence) -> Finding:
    sound = evidence.sound
    return _judge(
        "sound",
        f"Sound was {'' if sound.approved else 'not '}approved, and is {'' if sound.delivered else 'not '}delivered.",
        {
            "Sound was delivered that the owner did not approve.": sound.delivered and not camera.sound,
            "Sound was approved that was not asked for.": camera.sound and not asked.sound,
            "The manifest says something else of the sound than the request and the decision.": (
                sound.requested,
                sound.approved,
            )
            != (asked.sound, camera.sound),
        },
    )


def _compare_edition(events: Sequence[CustodyEvent], evidence: Evidence, edition: Edition) -> Finding:
    again = [
        event
        for event in events
        if event.event is CustodyKind.SENT_AGAIN
        and (event.details.get("evidence_id"), event.details.get("edition")) == (evidence.evidence_id, edition.number)
    ][-1:]
    return _judge(
        "edition",
        f"{edition.decided_by.name} had it sent again with a copy that plays, as the custody lines tell.",
        {
            "The custody lines tell of no owner who had it sent again.": not again,
            "The custody lines tell of somebody else who had it sent again.": bool(again)
            and again[0].actor != edition.decided_by.name,
        },
    )


def _compare_copies(camera: DecidedCamera, evidence: Evidence) -> Finding:
    """Working copies are of the masters, within what they hold, and those that the owner chose."""
    chosen = {copy.kind for copy in camera.copies or ()} | {CopyKind.CONTACT_SHEET}
    if evidence.edition is not None:
        chosen |= set(evidence.edition.copies)
    masters = {master.path: master for master in evidence.masters}
    problems: dict[str, bool] = {}
    asked = evidence.windows.narrowed or evidence.windows.requested
    for copy in evidence.working_copies:
        problems[f"{copy.path} is a working copy that the owner did not choose."] = copy.kind not in {None, *chosen}
        problems[f"{copy.path} is made from a master that is not here."] = copy.made_from not in {None, *masters}
        problems[f"{copy.path} holds sound that was not delivered."] = bool(copy.sound) and not evidence.sound.delivered
        whole = evidence.windows.delivered if copy.made_from is None else None
        if copy.made_from in masters:
            whole = Stretch.of(masters[copy.made_from].window)
        if copy.window is not None and whole is not None:
            outside = copy.window.start < whole.start or copy.window.end > whole.end
            problems[f"{copy.path} is of a time that is not in the recording that it was made from."] = outside
        if copy.kind is CopyKind.TIGHT and copy.window is not None:
            more = copy.window.start < asked.start or copy.window.end > asked.end
            problems[f"{copy.path} is called tight, and is of more than was asked for."] = more
    return _judge("copies", "The working copies are of what was delivered, and those that the owner chose.", problems)


def compare_files(evidence: Evidence, files: Mapping[str, BagFile], known: frozenset[str]) -> Iterator[Finding]:
    """Whether the manifest's recordings are the bag's, and nothing lies there beside them and the ``known`` files."""
    listed = {file.path: (file.sha256, file.size) for file in evidence.files}
    for path, (digest, size) in listed.items():
        found = files.get(path)
        yield _judge(
            f"file.{path}",
            f"{path} is the file that the manifest names.",
            {
                f"{path} is named in the manifest, and missing.": found is None,
                f"{path} is not the file that the manifest names.": found is not None
                and (found.sha256, found.size) != (digest, size),
            },
        )
    strangers = sorted(files.keys() - listed.keys() - known)
    yield _judge(
        "files",
        "There is no file in the package that nothing signed speaks of.",
        {f"{path} is in the package, and nothing signed speaks of it.": True for path in strangers},
    )


def compare_custody(
    events: Sequence[CustodyEvent], request_sha256: str, decision: Decision, evidence_sha256: str, evidence: Evidence
) -> Iterator[Finding]:
    """Whether the custody lines that name documents by a hash name these; nothing when none does."""
    asked = [event.details.get("sha256") for event in events if event.event is CustodyKind.REQUEST_RECEIVED]
    approved = [event.details.get("plan_sha256") for event in events if event.event is CustodyKind.APPROVED][-1:]
    signed = [
        event.details.get("evidence_sha256")
        for event in events
        if event.event is CustodyKind.SIGNED and event.details.get("evidence_id") == evidence.evidence_id
    ][-1:]
    if evidence.edition is not None:
        yield _compare_edition(events, evidence, evidence.edition)
    named = [[digest for digest in digests if digest is not None] for digests in (asked, approved, signed)]
    if any(named):
        yield _judge(
            "custody.links",
            "The custody lines name this request, what the owner was shown, or this manifest, by their hashes.",
            {
                "The custody lines tell of another request.": bool(named[0]) and request_sha256 not in named[0],
                "The custody lines tell of a yes to another plan.": decision.plan_sha256 is not None
                and named[1] not in ([], [decision.plan_sha256]),
                "The custody lines tell of another manifest.": named[2] not in ([], [evidence_sha256]),
            },
        )


def _judge(about: str, promise: str, problems: Mapping[str, bool]) -> Finding:
    """The first problem that there is, or the promise that holds."""
    for what, wrong in problems.items():
        if wrong:
            return fails(about, mismatch(what))
    return holds(about, promise)
