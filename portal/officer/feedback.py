"""What an officer tells an owner of a package, signed and sent; and what owners answer, checked before it is shown.

Not for: the receipt (``portal.officer.opening``), or what is typed (``portal.officer.commands.feedback``).
"""

import asyncio
import contextlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from exchange import VERSION
from exchange.clock import HOUR
from exchange.documents.api import OwnersWord
from exchange.documents.feedback import (
    Check,
    CheckResult,
    OfficersFeedback,
    OwnersAnswer,
    PackageOpened,
    Question,
    Rating,
)
from exchange.documents.messages import Delivery, Request, Signed
from exchange.errors import InputInvalid, NotFound
from exchange.signing.documents import PublicKey, document_sha256, read_unverified, sign_document
from exchange.signing.feedback import AnyOwners, open_owners
from portal.officer.client import OfficerClient
from portal.officer.connection import NoSuchCall
from portal.officer.opening import Answer, Opened, mixed_up
from portal.officer.state import OfficerState
from portal.officer.typed import as_typed

_SENDABLE = 20 * HOUR
"""A document that was signed and not sent is sent as it is for so long; the portal takes none that is a day old."""


@dataclass(frozen=True, slots=True)
class OwnersReply:
    """What an owner said to a request of this officer: their answer, with the question, or their rating."""

    request_id: str
    document: AnyOwners
    question: Question | None


def chosen(answer: Answer, evidence_id: str | None) -> Sequence[Delivery]:
    """The newest delivery of each package, or of the one that is named. NotFound, InputInvalid."""
    deliveries = answer.newest
    if not deliveries:
        raise NotFound(f"No package was delivered for the request {answer.request.request_id}.", do="Look again later.")
    if evidence_id is None:
        return deliveries
    found = [delivery for delivery in deliveries if delivery.evidence_id == evidence_id]
    if not found:
        raise NotFound(f"There is no package {evidence_id}.", do="handover-officer open names them.")
    return found


def the_one(answer: Answer, evidence_id: str | None) -> Delivery:
    """The package that is meant, where it can be only one."""
    found = chosen(answer, evidence_id)
    if len(found) > 1:
        raise InputInvalid(
            "The request has more packages than one.",
            do="Name the one that you mean: " + " or ".join(f"--evidence {each.evidence_id}" for each in found),
        )
    return found[0]


async def send(
    state: OfficerState,
    client: OfficerClient,
    delivery: Delivery,
    model: type[OfficersFeedback],
    now: int,
    **fields: Any,
) -> OfficersFeedback:
    """Sign what is said of a package, keep it, and send it."""
    signed = await asyncio.to_thread(_sign, state, delivery, model, now, fields)
    document = read_unverified(signed, model)
    await client.feedback(document.request_id, document.feedback_id, signed)
    await asyncio.to_thread(state.note_sent, document.request_id, f"{document.feedback_id}.{model.about()}")
    return document


async def tell_opened(state: OfficerState, client: OfficerClient, opened: Opened, now: int) -> bool:
    """Tell the owner that their package was opened, and how its checks ended; once. Whether that was told, now or
    before. One that could not be opened is not, nor any where the portal carries no feedback."""
    if opened.report.evidence is None:
        return False
    delivery = opened.delivery
    done, begun = f"{delivery.delivery_id}.opened", f"{delivery.delivery_id}.opening"
    if await asyncio.to_thread(state.kept, delivery.request_id, done) is not None:
        return True
    signed = await asyncio.to_thread(state.kept, delivery.request_id, begun)
    if signed is None or now - read_unverified(signed, PackageOpened).issued > _SENDABLE:
        checks = tuple(
            Check(check=finding.about[:200], result=CheckResult(finding.verdict.value))
            for finding in opened.report.findings[:200]
        )
        verified = all(check.result is CheckResult.HOLDS for check in checks)
        fields = {"verified": verified, "checks": checks, "program": f"handover-officer {VERSION}"}
        signed = await asyncio.to_thread(_sign, state, delivery, PackageOpened, now, fields)
        await asyncio.to_thread(state.keep, delivery.request_id, begun, signed)
    document = read_unverified(signed, PackageOpened)
    try:
        await client.feedback(document.request_id, document.feedback_id, signed)
    except NoSuchCall:  # an older portal carries none; what was opened is opened all the same
        return False
    await asyncio.to_thread(state.keep, delivery.request_id, done, signed)
    return True


def _sign(
    state: OfficerState, delivery: Delivery, model: type[OfficersFeedback], now: int, fields: dict[str, Any]
) -> Signed:
    credential, _ = state.credential(now)
    request = state.request(delivery.request_id, Request)
    said = {
        "feedback_id": str(uuid.uuid4()),
        "request_id": delivery.request_id,
        "device": request.device,
        "issued": now,
        "evidence_id": delivery.evidence_id,
        "ciphertext_sha256": delivery.ciphertext_sha256,
        "credential": credential,
    }
    with as_typed("This can't be told"):
        document = model.model_validate(said | fields)
    signed = sign_document(document, state.key())
    state.keep(delivery.request_id, f"{document.feedback_id}.{model.about()}", signed)
    return signed


async def fetch_replies(state: OfficerState, client: OfficerClient, request_id: str | None = None) -> list[OwnersReply]:
    """All that owners answered and rated, oldest first, and kept beside the request; nothing where the portal carries
    none. What doesn't hold is not believed: EvidenceMismatch, SignatureInvalid, DocumentInvalid."""
    found: list[OwnersReply] = []
    with contextlib.suppress(NoSuchCall):
        for word in await client.all_owners_words(request_id):
            told = await asyncio.to_thread(_read, state, word)
            if told is not None:
                found.append(told)
    return found


def _read(state: OfficerState, word: OwnersWord) -> OwnersReply | None:
    """None for a request that was sent from another machine: what it was can't be checked here."""
    if state.kept(word.request_id, "request") is None:
        return None
    request = state.request(word.request_id, Request)
    key = PublicKey.parse(word.device_key)
    if key.fingerprint != request.device:
        raise mixed_up("An owner's answer comes with another device's key than the one that was asked.")
    document = open_owners(word.signed, key)
    if (document.request_id, document.device) != (request.request_id, request.device):
        raise mixed_up("An owner's answer is to another request.")
    question = None
    if isinstance(document, OwnersAnswer):
        asked = state.kept(word.request_id, f"{document.question_id}.question")
        if asked is not None and document_sha256(asked) != document.question_sha256:
            raise mixed_up("An owner's answer is to another question.")
        question = None if asked is None else read_unverified(asked, Question)
    elif document.request_sha256 != document_sha256(_own(state, word.request_id)):
        raise mixed_up("An owner's rating is of another request.")
    state.keep(word.request_id, f"{document.feedback_id}.{document.about()}", word.signed)
    return OwnersReply(word.request_id, document, question)


def _own(state: OfficerState, request_id: str) -> Signed:
    signed = state.kept(request_id, "request")
    assert signed is not None
    return signed


def rating_of(told: Sequence[OwnersReply], request_id: str) -> Rating | None:
    """The owner's rating of a request, if they gave one."""
    for each in told:
        if each.request_id == request_id and isinstance(each.document, Rating):
            return each.document
    return None
