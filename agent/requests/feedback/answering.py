"""What the owner says to the force after a request: an answer to a question, a rating; signed, kept, and sent.

Only what they typed and confirmed is in it. Not for: what the force says (``arriving``), or asking the owner.
"""

import asyncio
import uuid

from agent.portal.client import NoSuchCall
from agent.requests.feedback.conversation import Origin, keep_files, of_request
from agent.services import Services
from agent.store.database import RequestRow, Transaction
from exchange.custody.log import CustodyKind
from exchange.documents.feedback import FeedbackKind, OwnersAnswer, Rating
from exchange.documents.messages import Signed
from exchange.errors import DecisionRefused, NotEnrolled, NotFound, PortalRefused, PortalUnreachable
from exchange.signing.documents import document_sha256, open_document, sign_document

NO_SUCH_CALL = "This force's portal takes no answers yet: yours is kept here. Tell the officer some other way."


async def answer(services: Services, request_id: str, question_id: str, text: str, by: str) -> OwnersAnswer:
    """Answer a question, once; the same words again change nothing. NotFound, DecisionRefused."""
    async with services.store.transaction() as tx:
        row = await _request(tx, request_id)
        question = await tx.one(
            "SELECT * FROM feedback WHERE feedback_id = ? AND request_id = ? AND kind = ?",
            [question_id, request_id, FeedbackKind.QUESTION],
        )
        if question is None:
            raise NotFound("There is no such question.", do=f"See what was asked: handover show {request_id}")
        before = await tx.one("SELECT * FROM feedback WHERE question_id = ?", [question_id])
        if before is not None:
            return _same_answer(services, before["document"], before["signature"], text)
        document = OwnersAnswer(
            feedback_id=str(uuid.uuid4()),
            request_id=request_id,
            device=services.keys.device.public.fingerprint,
            issued=services.clock.now(),
            question_id=question_id,
            question_sha256=document_sha256(Signed(document=question["document"], signature=question["signature"])),
            text=text,
        )
        sends = question["origin"] == Origin.PORTAL and row.origin == "portal"
        signed = await _keep(tx, services, document, question["evidence_id"], sends=sends)
        details: dict[str, str | int | bool] = {
            "feedback_id": document.feedback_id,
            "question_id": question_id,
            "feedback_sha256": document_sha256(signed),
        }
        await services.custody.record(tx, CustodyKind.ANSWERED, by, request_id, details=details)
        await services.custody.checkpoint(tx)
        await asyncio.to_thread(keep_files, services.settings.feedback_dir, document, signed)
    return document


async def rate(services: Services, request_id: str, stars: int, text: str | None, by: str) -> Rating:
    """Rate how a request went, once; the same again changes nothing. NotFound, DecisionRefused."""
    async with services.store.transaction() as tx:
        row = await _request(tx, request_id)
        if not await of_request(tx, request_id):
            raise DecisionRefused(
                "Nothing of this request was handed over.",
                meaning="Nothing was sent.",
                do="Tell how it went once the force has something of yours.",
            )
        before = await tx.one(
            "SELECT * FROM feedback WHERE request_id = ? AND kind = ?", [request_id, FeedbackKind.RATING]
        )
        if before is not None:
            return _same_rating(services, before["document"], before["signature"], stars, text)
        document = Rating(
            feedback_id=str(uuid.uuid4()),
            request_id=request_id,
            device=services.keys.device.public.fingerprint,
            issued=services.clock.now(),
            request_sha256=row.sha256,
            stars=stars,
            text=text,
        )
        signed = await _keep(tx, services, document, None, sends=row.origin == "portal")
        details: dict[str, str | int | bool] = {
            "feedback_id": document.feedback_id,
            "stars": stars,
            "feedback_sha256": document_sha256(signed),
        }
        await services.custody.record(tx, CustodyKind.RATED, by, request_id, details=details)
        await services.custody.checkpoint(tx)
        await asyncio.to_thread(keep_files, services.settings.feedback_dir, document, signed)
    return document


async def send_words(services: Services) -> int:
    """Bring the portal what waits for it; how many got there. What it refuses is not tried again, and says why."""
    async with services.store.transaction() as tx:
        if await tx.force() is None:
            await tx.execute("UPDATE feedback SET wanted = 0 WHERE wanted = 1")
            return 0
        rows = await tx.all("SELECT * FROM feedback WHERE wanted = 1 ORDER BY arrived_at, feedback_id LIMIT 100")
    sent = 0
    for row in rows:
        signed = Signed(document=row["document"], signature=row["signature"])
        key = {"feedback_id": row["feedback_id"]}
        try:
            await (await services.portal()).feedback(row["request_id"], row["feedback_id"], signed)
        except (PortalRefused, NotEnrolled) as error:
            why = NO_SUCH_CALL if isinstance(error, NoSuchCall) else error.what
            async with services.store.transaction() as tx:
                await tx.update("feedback", key, wanted=0, failure=why)
            continue
        async with services.store.transaction() as tx:
            await tx.update("feedback", key, wanted=0, failure=None, sent_at=services.clock.now())
        sent += 1
    return sent


async def send_now(services: Services) -> str | None:
    """``send_words``, and what hinders it now: it is tried again by itself then."""
    try:
        await send_words(services)
    except PortalUnreachable as error:
        return error.what
    return None


async def _request(tx: Transaction, request_id: str) -> RequestRow:
    row = await tx.request(request_id)
    if row is None:
        raise NotFound(f"There is no request {request_id}.", do="List them with: handover requests")
    return row


async def _keep(
    tx: Transaction, services: Services, document: OwnersAnswer | Rating, evidence_id: str | None, *, sends: bool
) -> Signed:
    signed = sign_document(document, services.keys.device)
    await tx.insert(
        "feedback",
        feedback_id=document.feedback_id,
        request_id=document.request_id,
        evidence_id=evidence_id,
        kind=document.about(),
        origin=Origin.OWNER,
        document=signed.document,
        signature=signed.signature,
        arrived_at=services.clock.now(),
        question_id=document.question_id if isinstance(document, OwnersAnswer) else None,
        wanted=int(sends),
    )
    return signed


def _same_answer(services: Services, document: str, signature: str, text: str) -> OwnersAnswer:
    signed = Signed(document=document, signature=signature)
    before = open_document(signed, OwnersAnswer, services.keys.device.public)
    if before.text != text:
        raise DecisionRefused(
            "The question was answered already, otherwise.",
            meaning="The first answer stands; nothing more is sent.",
            do="Call the officer if it has to be put right.",
        )
    return before


def _same_rating(services: Services, document: str, signature: str, stars: int, text: str | None) -> Rating:
    signed = Signed(document=document, signature=signature)
    before = open_document(signed, Rating, services.keys.device.public)
    if (before.stars, before.text) != (stars, text):
        raise DecisionRefused(
            "You told how it went already, otherwise.", meaning="The first word stands; nothing more is sent."
        )
    return before
