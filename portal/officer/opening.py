"""From a delivery at the portal to a checked package on the officer's disk, and the receipt for it.

Not for: the checks inside the package (``exchange.verify.checking``), or how the result is shown
(``portal.officer.show``).
"""

import asyncio
import uuid
from dataclasses import dataclass
from pathlib import Path

from exchange.documents.api import Case, CaseDelivery
from exchange.documents.messages import Decision, Delivery, Receipt, Refusal, Request, Signed
from exchange.errors import EvidenceMismatch, NotFound, RequestRefused, VerificationFailed
from exchange.package.contents import README
from exchange.package.report import Report, Verdict
from exchange.signing.documents import PublicKey, document_sha256, open_document, sign_document
from exchange.verify.checking import verify_package
from exchange.verify.stamp_checks import NO_TRUST, StampTrust
from portal.officer.client import OfficerClient
from portal.officer.state import OfficerState
from portal.officer.typed import as_typed


@dataclass(frozen=True, slots=True)
class Answer:
    """A case whose documents were all checked under the key of the device that the officer asked."""

    request: Request
    case: Case
    device: PublicKey | None
    decision: Decision | None
    refusal: Refusal | None
    deliveries: tuple[tuple[CaseDelivery, Delivery], ...]

    @property
    def newest(self) -> tuple[Delivery, ...]:
        """Of each package the one that was delivered last: it is sent again when it can't be played."""
        found: dict[str, Delivery] = {}
        for _, delivery in self.deliveries:
            before = found.get(delivery.evidence_id)
            if before is None or before.issued <= delivery.issued:
                found[delivery.evidence_id] = delivery
        return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Opened:
    """One package, fetched and checked."""

    delivery: Delivery
    sealed: Path
    folder: Path
    report: Report

    @property
    def page(self) -> Path | None:
        """The page for people, READ-ME-FIRST.html, if the owner's device signed it; no other page is worth opening."""
        signed = [each for each in self.report.findings if each.about == "readme.signature"]
        if self.report.bag is None or [each.verdict for each in signed] != [Verdict.HOLDS]:
            return None
        return self.report.bag / README


def read_answer(state: OfficerState, case: Case) -> Answer:
    """Check what the portal says of a case against what the officer asked. Nothing that doesn't hold is believed.

    SignatureInvalid, DocumentInvalid, or EvidenceMismatch when a document answers something else.
    """
    request = state.request(case.request_id, Request)
    signed = state.kept(case.request_id, "request")
    assert signed is not None
    sha256 = document_sha256(signed)
    answered = case.decision or case.refusal or case.deliveries
    device = PublicKey.parse(case.device_key) if case.device_key and answered else None
    if device is None:
        return Answer(request, case, None, None, None, ())
    if device.fingerprint != request.device:
        raise mixed_up("The answer comes with another device's key than the one that was asked.")
    decision = open_document(case.decision, Decision, device) if case.decision else None
    refusal = open_document(case.refusal, Refusal, device) if case.refusal else None
    for document in (decision, refusal):
        if document is not None and (document.request_id, document.request_sha256) != (case.request_id, sha256):
            raise mixed_up("The owner's answer is to another request.")
    deliveries = tuple((item, _delivery(item, case, device, decision)) for item in case.deliveries)
    return Answer(request, case, device, decision, refusal, deliveries)


def keep_answer(state: OfficerState, answer: Answer) -> None:
    """Keep the signed documents beside the request."""
    case = answer.case
    for name, signed in (("decision", case.decision), ("refusal", case.refusal)):
        if signed is not None:
            state.keep(case.request_id, name, signed)
    for item, delivery in answer.deliveries:
        state.keep(case.request_id, f"{delivery.delivery_id}.delivery", item.signed)


async def open_delivery(
    state: OfficerState,
    client: OfficerClient,
    answer: Answer,
    delivery: Delivery,
    into: Path,
    *,
    deep: bool = False,
    trust: StampTrust = NO_TRUST,
) -> Opened:
    """Fetch, resumed where it broke off; then unseal and check all of it. What failed stands in the report.

    The sealed package lies at ``into``/<delivery>.zip.age, what it held in a folder beside it; none is overwritten.
    """
    sealed = into / f"{delivery.delivery_id}.zip.age"
    await asyncio.to_thread(into.mkdir, parents=True, exist_ok=True, mode=0o700)
    await client.fetch(delivery.delivery_id, delivery.size, delivery.ciphertext_sha256, sealed)
    folder = await asyncio.to_thread(_free_folder, into, delivery.delivery_id)
    report = await asyncio.to_thread(
        lambda: verify_package(
            sealed,
            identities=state.case_keys(answer.request.crime_reference),
            force_key=PublicKey.parse(state.setup().force_key),
            device_key=answer.device,
            trust=trust,
            into=folder,
            deep=deep,
        )
    )
    check_is_the_one(report, answer, delivery)
    return Opened(delivery, sealed, folder, report)


async def send_receipt(
    state: OfficerState, client: OfficerClient, opened: Opened, remarks: str | None, now: int
) -> Receipt:
    """Sign that the force has the package and how the checks ended, and send it. Again, the same receipt is sent.

    Nothing is receipted as verified that did not verify: ``verified`` is the report's own word.
    """
    signed = await asyncio.to_thread(_sign_receipt, state, opened, remarks, now)
    delivery = opened.delivery
    await client.receipt(delivery.delivery_id, signed)
    await asyncio.to_thread(state.note_sent, delivery.request_id, f"{delivery.delivery_id}.receipt")
    return Receipt.model_validate_json(signed.document)


def _sign_receipt(state: OfficerState, opened: Opened, remarks: str | None, now: int) -> Signed:
    """Kept before it is sent: the portal takes one receipt, and no other."""
    delivery = opened.delivery
    name = f"{delivery.delivery_id}.receipt"
    if (before := state.kept(delivery.request_id, name)) is not None:
        return before
    credential, _ = state.credential(now)
    with as_typed("This can't be receipted"):
        receipt = Receipt(
            receipt_id=str(uuid.uuid4()),
            delivery_id=delivery.delivery_id,
            request_id=delivery.request_id,
            evidence_id=delivery.evidence_id,
            ciphertext_sha256=delivery.ciphertext_sha256,
            size=delivery.size,
            verified=opened.report.ok,
            remarks=remarks,
            credential=credential,
            issued=now,
        )
    signed = sign_document(receipt, state.key())
    state.keep(delivery.request_id, name, signed)
    return signed


def check_can_be_opened(answer: Answer) -> None:
    """NotFound or RequestRefused, in words, when there is nothing to open."""
    case = answer.case
    if answer.deliveries:
        return
    if answer.refusal is not None:
        raise RequestRefused(
            f"The owner's agent refused the request: {answer.refusal.explanation}",
            reason=answer.refusal.reason,
            do="Correct the request and send a new one.",
        )
    status = f"It is {case.status}." if case.status is not None else "The owner has not answered."
    raise NotFound(f"No package was delivered for the request {case.request_id}. {status}", do="Look again later.")


def _delivery(item: CaseDelivery, case: Case, device: PublicKey, decision: Decision | None) -> Delivery:
    delivery = open_document(item.signed, Delivery, device)
    approved = {camera.evidence_id for camera in decision.cameras} if decision is not None else set()
    same = (delivery.delivery_id, delivery.request_id) == (item.delivery_id, case.request_id)
    if not same or delivery.evidence_id not in approved:
        raise mixed_up("A delivery is of something that the owner didn't approve for this request.")
    return delivery


def check_is_the_one(report: Report, answer: Answer, delivery: Delivery) -> None:
    """A sound package of another request is still the wrong package."""
    if report.failure() is not None:
        return
    evidence = report.evidence
    right = (
        evidence is not None
        and evidence.evidence_id == delivery.evidence_id
        and report.request == answer.request
        and report.decision == answer.decision
    )
    if not right:
        raise mixed_up("The package is sound, but it isn't the one that answers this request.")


def _free_folder(into: Path, name: str) -> Path:
    """``into``/name, or name-2, …: what was opened before is never touched."""
    folder, number = into / name, 1
    while folder.exists():
        number += 1
        folder = into / f"{name}-{number}"
    return folder


def mixed_up(what: str) -> EvidenceMismatch:
    """The error for what answers something else than the officer asked."""
    return EvidenceMismatch(
        what,
        meaning="The portal mixed something up, or somebody on the way put one thing in the place of another.",
        do="Don't rely on it; tell who runs the portal.",
    )


def failure_of(opened: Opened) -> VerificationFailed | None:
    """What to end a command with, when a package does not hold."""
    if opened.report.ok:
        return None
    return opened.report.failure() or VerificationFailed("Not everything about the package could be checked.")
