"""What can't be played goes again, on the owner's word: the same sealed package, or its masters with a copy that plays.

Made from the owner's own sealed copy, so nothing outside of what was approved is within reach. Not for: taking the
complaint (``arriving``), or sealing and sending, which are the steps that every package takes.
"""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import asdict

from agent.deliveries.gone import may_have_gone
from agent.deliveries.laying_out import forget
from agent.requests.decision import load_approval, stored_decision
from agent.requests.feedback.conversation import Complaint, complaints, settle_complaints
from agent.requests.feedback.editions import make_edition
from agent.requests.states import State, change_state
from agent.requests.step import Later, Move
from agent.services import Services
from agent.store.database import PackageRow, RequestRow, Transaction
from exchange.clock import DAY, HOUR
from exchange.custody.log import CustodyKind
from exchange.documents.api import MAX_BODY
from exchange.documents.copies import ChosenCopy, CopyKind
from exchange.documents.evidence import Evidence
from exchange.documents.feedback import CannotPlayReason, SendAgain
from exchange.documents.messages import DecidedBy, Signed
from exchange.errors import ClipFailed, DecisionRefused, InputInvalid, NotFound
from exchange.signing.documents import document_sha256, open_document, parse_strictly, sign_document

PATIENCE = 90 * DAY
"""How long the owner may take; then it is left as it is."""
KINDS_AGAIN = (CopyKind.PLAYABLE, CopyKind.AVI)
"""The working copies that can be added: those that are made for players that can't take the masters."""

_FRESH: dict[str, object] = {
    "delivery_id": None,
    "upload_url": None,
    "uploaded_at": None,
    "delivery": None,
    "delivered_at": None,
    "left_at": None,
    "receipt": None,
    "receipt_at": None,
    "bytes_sent": 0,
    "bytes_counted": 0,
}
_KEY = ("evidence_id", "sending", "request_id")
_KEPT = (
    *("edition", "clip", "evidence", "custody", "checkpoint", "path", "ciphertext_sha256", "size"),
    *("sealed_at", "delivery_id", "upload_url", "uploaded_at", "delivery", "delivered_at", "receipt", "receipt_at"),
    *("left_at", "bytes_sent", "bytes_counted"),
)
"""What is kept of a sending as it was, in the columns of ``packages``."""
_UNSEALED: dict[str, object] = {
    "evidence": None,
    "custody": None,
    "checkpoint": None,
    "path": None,
    "ciphertext_sha256": None,
    "size": None,
    "sealed_at": None,
}


async def send_again(services: Services, request_id: str, copies: Sequence[CopyKind], by: DecidedBy) -> int:
    """REOPENED -> AGAIN, by the owner's signed word for each package that can't be played; how many go.

    ``copies``: what is added to it; nothing: the very same package goes. InputInvalid for a copy that it has.
    DecisionRefused when nothing waits for that, or can't be done any more.
    """
    if unfit := set(copies) - set(KINDS_AGAIN):
        raise InputInvalid(f"A {min(unfit)} copy can't be added.", meaning="Nothing was changed.")
    async with services.store.transaction() as tx:
        row = await _waiting(tx, request_id)
        found = await complaints(tx, request_id)
        await _refuse_what_is_gone(tx, row, found)
        for complaint in found:
            _refuse_what_it_has(services, complaint, copies)
        decision = await stored_decision(tx, request_id)
        assert decision is not None
        now = services.clock.now()
        if not await change_state(tx, row, State.AGAIN, now):
            raise DecisionRefused("Somebody was quicker.", meaning="Theirs stands.", do="Look at it again.")
        for complaint in found:
            package = complaint.package
            word = SendAgain(
                feedback_id=f"{package.evidence_id[:50]}-{package.sending + 1}",
                request_id=request_id,
                device=services.keys.device.public.fingerprint,
                issued=now,
                evidence_id=package.evidence_id,
                decision_sha256=document_sha256(decision),
                ciphertext_sha256=package.ciphertext_sha256 or "",
                sending=package.sending + 1,
                edition=package.edition + bool(copies),
                copies=tuple(ChosenCopy(kind=kind) for kind in copies),
                complaint_id=complaint.document.feedback_id,
                complaint_sha256=document_sha256(complaint.signed),
                decided_by=by,
            )
            await _turn_over(tx, services, package, word)
        await forget(tx, request_id)
        await settle_complaints(tx, request_id, now)
    return len(found)


async def leave(services: Services, request_id: str) -> None:
    """REOPENED -> DELIVERED: nothing goes again, and nobody is told anything."""
    async with services.store.transaction() as tx:
        row = await _waiting(tx, request_id)
        now = services.clock.now()
        if not await change_state(tx, row, State.DELIVERED, now):
            raise DecisionRefused("Somebody was quicker.", meaning="Theirs stands.", do="Look at it again.")
        await settle_complaints(tx, request_id, now)


async def wait_for_owner(services: Services, row: RequestRow) -> Move:
    """REOPENED -> DELIVERED, when the owner left it for long; it closes from there."""
    if services.clock.now() - row.state_at < PATIENCE:
        raise Later(services.clock.now() + HOUR, "the owner may send it again")

    async def write(tx: Transaction) -> None:
        await settle_complaints(tx, row.request_id, services.clock.now())

    return Move(State.DELIVERED, write)


async def prepare(services: Services, row: RequestRow) -> Move:
    """AGAIN -> CLIPPED with the new editions' files laid out, or SEALED where the same packages go."""
    approval = await load_approval(services, row.request_id)
    async with services.store.transaction() as tx:
        packages = [package for package in await tx.packages(row.request_id) if package.sealed_at is None]
        words = [await _word(tx, services, package) for package in packages]
        decision = await stored_decision(tx, row.request_id)
    for package, word in zip(packages, words, strict=True):
        if decision is None or word.decision_sha256 != document_sha256(decision):
            raise DecisionRefused("The word to send it again is of another decision.", meaning="Nothing is sent.")
        if package.evidence is None:
            await make_edition(services, approval.cut(package.evidence_id), package, word)

    async def write(tx: Transaction) -> None:
        """The custody log has the owner's word already; what is sealed and sent has lines of its own."""

    return Move(State.CLIPPED if packages else State.SEALED, write)


async def take_back(tx: Transaction, services: Services, row: RequestRow, by: str) -> bool:
    """AGAIN, CLIPPED, SEALED -> REOPENED while nothing of it went again: all is as it was; False when none was to go.

    The complaints are open again.
    """
    again = [package for package in await tx.packages(row.request_id) if package.sending > 1]
    unsent = [package for package in again if not may_have_gone(package)]
    if not unsent:
        return False
    if not await change_state(tx, row, State.REOPENED, services.clock.now()):
        return False
    for package in unsent:
        await _turn_back(tx, services, package)
        details: dict[str, str | int | bool] = {"evidence_id": package.evidence_id, "sending": package.sending}
        await services.custody.record(tx, CustodyKind.AGAIN_STOPPED, by, row.request_id, details=details)
        await tx.execute(
            "UPDATE feedback SET settled_at = NULL WHERE request_id = ? AND evidence_id = ? AND kind = 'cannot-play'",
            [row.request_id, package.evidence_id],
        )
    for complaint in await complaints(tx, row.request_id):
        await tx.update("requests", {"request_id": row.request_id}, trouble=complaint.trouble)
    return True


async def _waiting(tx: Transaction, request_id: str) -> RequestRow:
    row = await tx.request(request_id)
    if row is None:
        raise NotFound(f"There is no request {request_id}.", do="List them with: handover requests")
    if row.state != State.REOPENED:
        raise DecisionRefused(
            "Nothing of this request waits to be sent again.",
            meaning="Nothing was changed.",
            do="A package is sent again when the force told that it can't be played.",
        )
    return row


async def _refuse_what_is_gone(tx: Transaction, row: RequestRow, found: Sequence[Complaint]) -> None:
    if not found or any(complaint.package.path is None for complaint in found):
        raise DecisionRefused(
            "Your copy of what was sent was deleted when its time was over.",
            meaning="There is nothing left to send again.",
            do="Tell the officer; if the recording is still there, they can ask for it anew.",
        )
    if await tx.one("SELECT 1 FROM plans WHERE request_id = ?", [row.request_id]) is None:
        raise DecisionRefused(
            "The request was closed by an earlier version of Handover, which kept no plan of it.",
            meaning="What may be sent can't be checked any more, so nothing is.",
            do="Tell the officer; they can ask for it anew.",
        )


def _refuse_what_it_has(services: Services, complaint: Complaint, copies: Sequence[CopyKind]) -> None:
    for copy in evidence_of(services, complaint.package).working_copies:
        if copy.kind in copies:
            raise InputInvalid(
                f"The package has a copy of the kind {copy.kind} already.",
                meaning="Nothing was changed.",
                do="Choose another kind, or send the very same package.",
            )


def evidence_of(services: Services, package: PackageRow) -> Evidence:
    """What a package's manifest says."""
    signed = parse_strictly((package.evidence or "").encode(), Signed, MAX_BODY)
    return open_document(signed, Evidence, services.keys.device.public)


def suggested(services: Services, complaint: Complaint) -> tuple[CopyKind, ...]:
    """Which copy would help: none that it has, and none where the package itself is what is missing."""
    if complaint.document.reason in (CannotPlayReason.LOST, CannotPlayReason.NOT_OPENED):
        return ()
    if complaint.package.evidence is None:  # learned of only after the records were put back
        return ()
    evidence = evidence_of(services, complaint.package)
    has = {copy.kind for copy in evidence.working_copies}
    plain = all(master.container == "mp4" and master.codec == "h264" for master in evidence.masters)
    kinds = [kind for kind in KINDS_AGAIN if kind not in has and not (plain and kind is CopyKind.PLAYABLE)]
    return tuple(kinds[:1])


async def _turn_over(tx: Transaction, services: Services, package: PackageRow, word: SendAgain) -> None:
    """What was sent goes into ``former_sendings`` as it is, and the row begins anew, in one transaction."""
    signed = sign_document(word, services.keys.device)
    row = asdict(package)
    former = {name: row[name] for name in (*_KEY, *_KEPT)}
    former |= {"again_document": signed.document, "again_signature": signed.signature}
    if former["delivered_at"] is None:  # the portal took it, and its answer was lost
        former["delivered_at"] = services.clock.now()
    await tx.insert("former_sendings", **former)
    fresh = _FRESH | (_UNSEALED if word.edition > package.edition else {})
    await tx.update(
        "packages", {"evidence_id": package.evidence_id}, **fresh, sending=word.sending, edition=word.edition
    )
    details: dict[str, str | int | bool] = {
        "evidence_id": package.evidence_id,
        "sending": word.sending,
        "edition": word.edition,
        "send_again_sha256": document_sha256(signed),
        "method": word.decided_by.method,
    }
    await services.custody.record(tx, CustodyKind.SENT_AGAIN, word.decided_by.name, package.request_id, details=details)


async def _turn_back(tx: Transaction, services: Services, package: PackageRow) -> None:
    """As ``_turn_over``, the other way. The new edition's file is nobody's any more."""
    key = [package.evidence_id, package.sending - 1]
    former = await tx.one("SELECT * FROM former_sendings WHERE evidence_id = ? AND sending = ?", key)
    assert former is not None
    values = {name: former[name] for name in ("sending", *_KEPT)}
    await tx.update("packages", {"evidence_id": package.evidence_id}, **values)
    await tx.execute("DELETE FROM former_sendings WHERE evidence_id = ? AND sending = ?", key)
    if package.edition != former["edition"]:
        await tx.execute("DELETE FROM stamps WHERE evidence_id = ?", [package.evidence_id])
        target = services.settings.package(package.evidence_id, package.edition)
        await asyncio.to_thread(target.unlink, missing_ok=True)
        folder = services.settings.work_dir / package.request_id / package.evidence_id
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _word(tx: Transaction, services: Services, package: PackageRow) -> SendAgain:
    """The owner's word that this package goes again as it is to be made. DecisionRefused unless it holds."""
    row = await tx.one(
        "SELECT again_document, again_signature FROM former_sendings WHERE evidence_id = ? AND sending = ?",
        [package.evidence_id, package.sending - 1],
    )
    if row is None:
        raise ClipFailed("Nobody said that this is sent again.", meaning="Nothing is sent.")
    signed = Signed(document=row["again_document"], signature=row["again_signature"])
    word = open_document(signed, SendAgain, services.keys.device.public)
    if (word.evidence_id, word.request_id, word.sending, word.edition) != (
        package.evidence_id,
        package.request_id,
        package.sending,
        package.edition,
    ):
        raise DecisionRefused("The word to send it again is of something else.", meaning="Nothing is sent.")
    return word
