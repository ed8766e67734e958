"""Makes the register's entries out of what the store holds: requests, decisions, packages, custody lines.

Not for: what they say in words (``wording``), or keeping anything: every entry is made anew.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from agent.cameras.stored import registration_of
from agent.deliveries.way import Chosen as ChosenWay
from agent.deliveries.way import usual_way
from agent.records.backups.retention import keep_days
from agent.records.register.model import (
    AskedCamera,
    Asker,
    Chosen,
    DecidedBy,
    Entry,
    ReceiptTaken,
    Recorded,
    Result,
    Sent,
    Supervisor,
    Verified,
)
from agent.requests.intake import verified_request
from agent.requests.noted.noting import NOTED
from agent.requests.states import State
from agent.requests.supervised import supervisor_of
from agent.settings.model import Settings
from agent.store.database import PackageRow, RequestRow, Transaction
from exchange.clock import DAY, Window
from exchange.custody.log import CustodyEvent, CustodyKind, read_line
from exchange.documents.api import MAX_BODY
from exchange.documents.evidence import Evidence
from exchange.documents.messages import Credential, Decision, Receipt, Refusal, Request, Signed, Status
from exchange.documents.noted import NotedOfficer, NotedReceipt, NotedRequest
from exchange.signing.documents import PublicKey, parse_strictly, read_unverified

YEAR = 365 * DAY + DAY // 4
_ANSWERS = {
    CustodyKind.APPROVED,
    CustodyKind.DECLINED,
    CustodyKind.UNAVAILABLE,
    CustodyKind.WITHDRAWN,
}


@dataclass(frozen=True)
class FormerSending:
    """What was sent of a package before it was sent again."""

    evidence_id: str
    evidence: str
    path: str | None
    ciphertext_sha256: str
    size: int
    delivered_at: int
    receipt: str | None
    receipt_at: int | None


@dataclass(frozen=True)
class Stored:
    """All that the store has of one request; ``lines`` are its lines of the custody log."""

    row: RequestRow
    decision: str | None
    packages: tuple[PackageRow, ...]
    lines: tuple[str, ...]
    basis: Chosen | None
    former: tuple[FormerSending, ...] = ()
    chosen: str | None = None
    """The way that the owner chose, JSON."""
    held: str | None = None
    outcome: bool = False
    """Whether the force told what became of it."""


async def stored_requests(tx: Transaction, window: Window | None, request_id: str | None = None) -> list[Stored]:
    """What the store has of the requests received within ``window`` (all, without one), or of one; oldest first."""
    rows = [
        row
        for row in await tx.requests()
        if (window is None or window.start <= row.received_at < window.end)
        and (request_id is None or row.request_id == request_id)
    ]
    where, values = ("WHERE request_id = ?", [request_id]) if request_id is not None else ("", [])
    decisions = await tx.all(f"SELECT request_id, document FROM decisions {where}", values)  # noqa: S608 ours
    packages = await tx.all(f"SELECT * FROM packages {where} ORDER BY position", values)  # noqa: S608
    lines = await tx.all(f"SELECT request_id, line FROM custody {where} ORDER BY seq", values)  # noqa: S608
    bases = await tx.all(f"SELECT * FROM bases {where}", values)  # noqa: S608
    ways = await tx.all(f"SELECT request_id, chosen FROM chosen_ways {where}", values)  # noqa: S608
    chosen_ways = {row["request_id"]: str(row["chosen"]) for row in ways}
    holds = await tx.all(f"SELECT request_id, reason FROM legal_holds {where}", values)  # noqa: S608
    held = {row["request_id"]: str(row["reason"]) for row in holds}
    outcomes = await tx.all("SELECT request_id FROM feedback WHERE kind = 'outcome'")
    ended = {row["request_id"] for row in outcomes}
    columns = ", ".join(FormerSending.__dataclass_fields__)
    sent_before = await tx.all(f"SELECT request_id, {columns} FROM former_sendings {where} ORDER BY sending", values)  # noqa: S608
    former: dict[str, list[FormerSending]] = defaultdict(list)
    for each in sent_before:
        former[each["request_id"]].append(FormerSending(*tuple(each)[1:]))
    decided = {row["request_id"]: str(row["document"]) for row in decisions}
    chosen = {row["request_id"]: Chosen(row["basis"], row["chosen_by"], row["chosen_at"], row["why"]) for row in bases}
    made: dict[str, list[PackageRow]] = defaultdict(list)
    for package in packages:
        made[package["request_id"]].append(PackageRow(**dict(package)))
    written: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        written[line["request_id"]].append(str(line["line"]))
    return [
        Stored(
            row,
            decided.get(row.request_id),
            tuple(made[row.request_id]),
            tuple(written[row.request_id]),
            chosen.get(row.request_id),
            tuple(former[row.request_id]),
            chosen_ways.get(row.request_id),
            held.get(row.request_id),
            row.request_id in ended,
        )
        for row in rows
    ]


async def camera_labels(tx: Transaction) -> dict[str, str]:
    """What each camera is called now, by its id."""
    return {row.camera_id: registration_of(row).label for row in await tx.cameras()}


def entry_of(stored: Stored, settings: Settings, keep_years: int, labels: dict[str, str]) -> Entry:
    """One request as an entry. ``labels``: what cameras are called, by their id. Pure; a few milliseconds."""
    row = stored.row
    decision = None if stored.decision is None else parse_strictly(stored.decision.encode(), Decision)
    closed = row.state_at if row.state == State.CLOSED else None
    entry = Entry(
        request_id=row.request_id,
        received=row.received_at,
        noted=row.origin == NOTED,
        result=_result(row, decision),
        asker=_asker(row),
        basis=stored.basis,
        decided=_decided(decision, [read_line(line) for line in stored.lines]),
        refusal=_refusal(row),
        closed=closed,
        held=stored.held,
        kept_until=None if closed is None or stored.held is not None else closed + keep_years * YEAR,
    )
    if row.officer is None:  # nothing that it says was proven
        return entry
    request = verified_request(row)
    return _with_request(entry, stored, settings, labels, request, decision)


def _with_request(
    entry: Entry,
    stored: Stored,
    settings: Settings,
    labels: dict[str, str],
    request: Request | NotedRequest,
    decision: Decision | None,
) -> Entry:
    incident = request.incident
    way = usual_way(request if isinstance(request, NotedRequest) else None)
    if stored.chosen is not None:
        way = parse_strictly(stored.chosen.encode(), ChosenWay, MAX_BODY).way
    days = keep_days(settings, incident.kind)
    wait = 0 if stored.outcome else settings.backups.until_outcome or 0
    handed: tuple[FormerSending | PackageRow, ...] = (*stored.former, *stored.packages)
    return replace(
        entry,
        case=request.crime_reference,
        incident=incident.kind,
        place=incident.place,
        happened=incident.happened.window,
        purpose=request.purpose,
        necessity=request.necessity,
        their_basis=request.legal_basis,
        supervisor=_supervisor(request),
        asked=_asked(request, decision, labels),
        observations=None if decision is None else decision.observations,
        sealed_for=way.sealed_for.value,
        sent=tuple(
            sent
            for package in handed
            if (sent := _sent(package, (days, wait), entry.closed, decision, stored.lines)) is not None
        ),
    )


def _result(row: RequestRow, decision: Decision | None) -> Result:
    if decision is not None:
        return Result(decision.status.value)
    if row.refusal is not None or row.state == State.REFUSED:
        return Result.REFUSED
    if row.state == State.WITHDRAWN:
        return Result.WITHDRAWN
    if row.state in (State.EXPIRED, State.CLOSED):
        return Result.UNANSWERED if row.officer is not None else Result.REFUSED
    return Result.OPEN


def _asker(row: RequestRow) -> Asker:
    if row.officer is None:
        return Asker(Verified.UNVERIFIED)
    if row.origin == NOTED:
        noted = parse_strictly(row.officer.encode(), NotedOfficer)
        return Asker(
            Verified.NOTED,
            noted.name,
            noted.rank,
            noted.collar_number,
            noted.unit,
            noted.force,
            noted.contact,
            identified=noted.identified.value,
            identified_note=noted.identified_note,
        )
    officer = parse_strictly(row.officer.encode(), Credential)
    return Asker(
        Verified.SIGNED,
        officer.name,
        officer.rank,
        officer.collar_number,
        officer.unit,
        officer.force,
        officer.contact,
        key=PublicKey.parse(officer.public_key).fingerprint,
        credential_id=officer.credential_id,
    )


def _supervisor(request: Request | NotedRequest) -> Supervisor | None:
    found = supervisor_of(request)
    if found is None:
        return None
    authorisation, who = found
    name = ", ".join(each for each in (f"{who.rank} {who.name}".strip(), who.unit) if each)
    return Supervisor(name, authorisation.reason)


def _decided(decision: Decision | None, events: Sequence[CustodyEvent]) -> tuple[DecidedBy, ...]:
    """Who decided, by the decision; of a no, which names nobody, by the custody log, which stays at home."""
    if decision is not None and decision.agreed:
        return tuple(DecidedBy(each.by.name, each.at, each.by.method) for each in decision.agreed)
    answers = [event for event in events if event.event in _ANSWERS]
    if decision is not None and decision.decided_by is not None and decision.status is not Status.WITHDRAWN:
        return (DecidedBy(decision.decided_by.name, decision.decided, decision.decided_by.method),)
    if not answers:
        return ()
    last = answers[-1]
    return (DecidedBy(last.actor, last.at, str(last.details.get("method", ""))),)


def _refusal(row: RequestRow) -> str | None:
    if row.refusal is None:
        return None
    signed = parse_strictly(row.refusal.encode(), Signed, MAX_BODY)
    return read_unverified(signed, Refusal).explanation


def _asked(
    request: Request | NotedRequest, decision: Decision | None, labels: dict[str, str]
) -> tuple[AskedCamera, ...]:
    decided = {} if decision is None else {(each.camera_id, each.requested.window): each for each in decision.cameras}
    found = []
    for asked in request.asked:
        mine = decided.get((asked.camera_id, asked.window.window))
        found.append(
            AskedCamera(
                camera=labels.get(asked.camera_id, asked.camera_id),
                requested=asked.window.window,
                sound_asked=asked.sound,
                outcome=None if mine is None else mine.outcome.value,
                narrowed=None if mine is None or mine.narrowed is None else mine.narrowed.window,
                approved=None if mine is None or mine.approved is None else mine.approved.window,
                sound=mine is not None and mine.sound,
            )
        )
    return tuple(found)


def _sent(
    package: PackageRow | FormerSending,
    keep: tuple[int, int],
    closed: int | None,
    decision: Decision | None,
    lines: Iterable[str],
) -> Sent | None:
    """A package as it stands; None before its manifest was made, or when the yes to it was taken back.

    ``keep``: days that a copy is kept after its receipt, and microseconds after the end of the request at least.
    """
    if package.evidence is None or (decision is not None and decision.status is Status.WITHDRAWN):
        return None
    signed = parse_strictly(package.evidence.encode(), Signed, MAX_BODY)
    evidence = read_unverified(signed, Evidence)
    kept = package.path is not None
    until = None
    if closed is not None and kept:  # as agent.records.backups.retention has it
        until = max((package.receipt_at or closed) + keep[0] * DAY, closed + keep[1])
    return Sent(
        evidence_id=package.evidence_id,
        exhibit=evidence.exhibit_reference,
        camera=evidence.camera.label,
        camera_id=evidence.camera.camera_id,
        window=evidence.windows.delivered.window,
        sound=evidence.sound.delivered,
        files=tuple(_recorded(evidence)),
        manifest_sha256=hashlib.sha256(signed.document.encode()).hexdigest(),
        sealed_sha256=package.ciphertext_sha256,
        size=package.size,
        delivered_at=package.delivered_at,
        means=_means(package.delivered_at, lines),
        receipt=_receipt(package),
        kept=kept,
        kept_until=until,
    )


def _means(delivered_at: int | None, lines: Iterable[str]) -> str | None:
    """By which way a package went: the custody log's line on it follows when all of the request's are handed over."""
    events = [event for event in map(read_line, lines) if event.event is CustodyKind.DELIVERED]
    said = (event.details.get("means") for event in events if delivered_at is not None and event.at >= delivered_at)
    means = next(said, None)
    return means if isinstance(means, str) else None


def _recorded(evidence: Evidence) -> Iterable[Recorded]:
    return (Recorded(PurePosixPath(each.path).name, each.size, each.sha256) for each in evidence.files)


def _receipt(package: PackageRow | FormerSending) -> ReceiptTaken | None:
    if package.receipt is None or package.receipt_at is None:
        return None
    signed = parse_strictly(package.receipt.encode(), Signed, MAX_BODY)
    if json.loads(signed.document).get("kind") == NotedReceipt.model_fields["kind"].default:
        noted = read_unverified(signed, NotedReceipt)
        return ReceiptTaken(noted.taken_by, package.receipt_at, None, how=noted.how)
    receipt = read_unverified(signed, Receipt)
    officer = read_unverified(receipt.credential, Credential)
    name = f"{officer.rank} {officer.name}".strip()
    return ReceiptTaken(name, receipt.issued, receipt.verified, receipt.remarks)
