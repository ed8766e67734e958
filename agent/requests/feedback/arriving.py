"""Take what an officer says of a package: checked, kept, told in the custody log; 'can't be played' opens it again.

Not for: what the owner makes of it (``answering``, ``sending_again``). Nothing is sent by anything here.
"""

import asyncio
import logging
from collections.abc import Mapping

from agent.requests.feedback.conversation import Origin, complaints, keep_files, of_request
from agent.requests.feedback.keeping import end_as_asked
from agent.requests.intake import CLOCK_SKEW, verified_request
from agent.requests.states import State, change_state
from agent.requests.team import may_speak
from agent.services import Services
from agent.store.database import Transaction
from exchange.custody.log import CustodyKind
from exchange.documents.feedback import (
    MAX_OF_A_REQUEST,
    CannotPlay,
    CaseOutcome,
    FeedbackKind,
    KeepAsked,
    NotedFeedback,
    PackageOpened,
)
from exchange.documents.messages import Request, Signed
from exchange.errors import DocumentInvalid, HandoverError, SignatureInvalid
from exchange.signing.credentials import open_credential
from exchange.signing.documents import PublicKey, document_sha256
from exchange.signing.feedback import AnyOfficers, open_officers, read_officers

log = logging.getLogger(__name__)

CUSTODY: Mapping[FeedbackKind, CustodyKind] = {
    FeedbackKind.OPENED: CustodyKind.PACKAGE_OPENED,
    FeedbackKind.CANNOT_PLAY: CustodyKind.CANNOT_PLAY,
    FeedbackKind.QUESTION: CustodyKind.QUESTION,
    FeedbackKind.OUTCOME: CustodyKind.CASE_OUTCOME,
}
"""That the owner may keep their copy has no line: what they make of it would show in how long the log is."""


async def accept(services: Services, signed: Signed) -> bool:
    """Take one from the inbox: True when it holds and is kept, now or before.

    One that isn't signed by the officer who asked, under the pinned force key, or that is about something that was
    never handed over, is thrown away with a word in the log: a portal must not put words into an officer's mouth.
    """
    try:
        document = await _checked(services, signed)
    except HandoverError as error:
        log.warning("An officer's feedback from the portal was not accepted: %s", error)
        return False
    async with services.store.transaction() as tx:
        before = await tx.one("SELECT document FROM feedback WHERE feedback_id = ?", [document.feedback_id])
        count = await tx.one(
            "SELECT count(*) AS n FROM feedback WHERE request_id = ? AND origin = ?",
            [document.request_id, Origin.PORTAL],
        )
    if before is not None:
        if before["document"] == signed.document:
            return True
        log.warning("An officer's feedback has the id of other feedback; it was thrown away.")
        return False
    if count is not None and count["n"] >= MAX_OF_A_REQUEST:
        log.warning("More feedback came of request %s than this agent takes.", document.request_id)
        return False
    await asyncio.to_thread(keep_files, services.settings.feedback_dir, document, signed)
    async with services.store.transaction() as tx:
        await keep(tx, services, document, signed, Origin.PORTAL, "force")
    return True


async def _checked(services: Services, signed: Signed) -> AnyOfficers:
    """DocumentInvalid or SignatureInvalid for anything that doesn't hold, or is about something else."""
    claimed = read_officers(signed)
    now = services.clock.now()
    async with services.store.transaction() as tx:
        force = await tx.force()
        row = await tx.request(claimed.request_id)
        sent = await of_request(tx, claimed.request_id) if row is not None else ()
    if force is None or row is None or row.officer is None or row.origin != "portal":
        raise DocumentInvalid("It is about a request that isn't known here.")
    # It may wait for an agent that is switched off; its officer's credential counts when it was signed.
    document, credential = open_officers(signed, PublicKey.parse(force.public_key), min(now, claimed.issued))
    request = verified_request(row)
    assert isinstance(request, Request)
    asked_by = open_credential(request.credential, PublicKey.parse(force.public_key), request.issued)
    if not may_speak(credential, request, asked_by):
        raise SignatureInvalid("It is from an officer who is none of those that the request says can open it.")
    if document.device != services.keys.device.public.fingerprint:
        raise DocumentInvalid("It is for another owner's agent.")
    if document.issued > now + CLOCK_SKEW:
        raise DocumentInvalid("It is dated in a time that is still to come.")
    if (document.evidence_id, document.ciphertext_sha256) not in {(each.evidence_id, each.sha256) for each in sent}:
        raise DocumentInvalid("It is about a package that was never handed over.")
    return document


async def keep(
    tx: Transaction,
    services: Services,
    document: AnyOfficers | NotedFeedback,
    signed: Signed,
    origin: Origin,
    actor: str,
) -> None:
    """The row and the custody line, once; and where it can't be played, the request is open again."""
    kind = document.what if isinstance(document, NotedFeedback) else document.about()
    inserted = await tx.execute(
        "INSERT OR IGNORE INTO feedback "
        "(feedback_id, request_id, evidence_id, kind, origin, document, signature, arrived_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            document.feedback_id,
            document.request_id,
            document.evidence_id,
            kind,
            origin,
            signed.document,
            signed.signature,
            services.clock.now(),
        ],
    )
    if not inserted:
        return
    details: dict[str, str | int | bool] = {
        "evidence_id": document.evidence_id,
        "feedback_id": document.feedback_id,
        "feedback_sha256": document_sha256(signed),
        **_details(document),
    }
    if kind in CUSTODY:
        await services.custody.record(tx, CUSTODY[kind], actor, document.request_id, details=details)
    if isinstance(document, KeepAsked) and not document.keep:
        await end_as_asked(tx, document.request_id)
    if isinstance(document, CannotPlay) or (isinstance(document, NotedFeedback) and document.reason is not None):
        await _reopen(tx, services, document.request_id)


def _details(document: AnyOfficers | NotedFeedback) -> dict[str, str | int | bool]:
    """What an outcome is, never the words: the log tells what happened, the documents what was written."""
    found: dict[str, str | int | bool | None] = {}
    if isinstance(document, PackageOpened | NotedFeedback):
        found["verified"] = document.verified
    if isinstance(document, CannotPlay | NotedFeedback):
        found["reason"] = None if document.reason is None else document.reason.value
    if isinstance(document, CaseOutcome | NotedFeedback):
        found["result"] = None if document.result is None else document.result.value
    return {name: value for name, value in found.items() if value is not None}


async def _reopen(tx: Transaction, services: Services, request_id: str) -> None:
    """DELIVERED or CLOSED -> REOPENED, where a package can't be played as it was sent last."""
    row, found = await tx.request(request_id), await complaints(tx, request_id)
    if row is None or not found:
        return
    if row.state in (State.DELIVERED, State.CLOSED):
        if not await change_state(tx, row, State.REOPENED, services.clock.now()):
            return
        # Another value than it had, and long past: the request is awake.
        await tx.execute("UPDATE requests SET retry_at = retry_at = 0 WHERE request_id = ?", [request_id])
    if row.state in (State.DELIVERED, State.CLOSED, State.REOPENED):
        await tx.update("requests", {"request_id": request_id}, trouble=found[-1].trouble)
