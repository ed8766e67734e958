"""Asks the portal which packages it has of requests that are in doubt, and takes what this device signed as true.

What went is never cut or sent again: it is written down as handed over, under the yes that is there, and no yes is made
up where there is none. Not for: which requests are in doubt (``doubts``).
"""

import asyncio
import json
import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from agent.deliveries.laying_out import forget
from agent.deliveries.way import Means
from agent.portal.client import Held
from agent.requests import receipt, restored_records
from agent.requests.decision import stored_decision
from agent.requests.on_the_way.choosing import way_of
from agent.requests.restored import doubts
from agent.requests.states import UNDER_WAY, State, change_state
from agent.services import Services
from agent.store.database import PackageRow, RequestRow, Transaction
from exchange.custody.log import CustodyKind
from exchange.documents.messages import Decision, Outcome
from exchange.errors import HandoverError, NotEnrolled, PortalAnswerInvalid, PortalRefused, PortalUnreachable
from exchange.signing.documents import open_document

log = logging.getLogger(__name__)

LEARNED = "learned_from"
"""In the custody line of a handing over that the records did not know: by whom it was learned."""
_OTHER = "The portal has another package of it than the one that is here."
_NOT_TOLD = "It may have been handed over before the records went back, and this portal can't tell it."
_OTHER_WAY = (
    "It may have been handed over before the records went back: the portal does not have all of it, and it was to go "
    "another way ({means}), which nobody can ask."
)


async def learn(services: Services) -> bool:
    """Ask of all that are in doubt, as far as the portal answers now; whether anything is known that was not.

    Nothing is asked while the owner hasn't said why the records went back.
    """
    async with services.store.transaction() as tx:
        if await restored_records.trouble(tx) is not None:
            return False
        waiting = await doubts.to_ask(tx)
    learned = False
    for request_id in waiting:
        try:
            await learn_one(services, request_id)
            learned = True
        except (PortalUnreachable, PortalAnswerInvalid, PortalRefused) as error:
            log.warning("request %s: the portal did not tell what it has of it: %s", request_id, error.what)
            async with services.store.transaction() as tx:
                await doubts.ask_portal(tx, request_id, error.what)
            if isinstance(error, PortalUnreachable):
                break
    return learned


async def learn_one(services: Services, request_id: str, *, only_news: bool = False) -> None:
    """Ask of one request and settle it. PortalUnreachable, PortalAnswerInvalid or PortalRefused: it stays in doubt.

    ``only_news``: leave it as it is where the portal shows nothing that isn't known here.
    """
    try:
        held = await (await services.portal()).deliveries(request_id)
    except NotEnrolled:
        held = None
    async with services.store.transaction() as tx:
        row = await tx.request(request_id)
        if row is None:
            return await doubts.settled(tx, request_id)
        found = await _Found.read(services, tx, row, held or [])
        if only_news and not found.news:
            return
        if row.state in UNDER_WAY:
            await _settle(services, tx, found, asked=held is not None)
        else:
            await _note(services, tx, found, found.fitting())
            await doubts.settled(tx, request_id)
    for each in held or []:
        if each.receipt is not None:
            await receipt.accept(services, each.receipt)


class _Found:
    """What the portal has of a request, beside what is here. ``news``: by evidence id, the newest that isn't known."""

    def __init__(
        self, row: RequestRow, approved: Mapping[str, int], packages: Sequence[PackageRow], news: Mapping[str, Held]
    ) -> None:
        """``approved``: by evidence id, the position of the asked camera, of what the owner's decision names."""
        self.row = row
        self.approved = approved
        self.packages = {package.evidence_id: package for package in packages}
        self.news = news

    @classmethod
    async def read(cls, services: Services, tx: Transaction, row: RequestRow, held: Sequence[Held]) -> "_Found":
        former = await tx.all("SELECT delivery_id FROM former_sendings WHERE request_id = ?", [row.request_id])
        known = {each["delivery_id"] for each in former}
        known |= {each.delivery_id for each in await tx.packages(row.request_id) if each.delivered_at is not None}
        news = {each.delivery.evidence_id: each for each in held if each.delivery.delivery_id not in known}
        return cls(row, await _approved(services, tx, row), await tx.packages(row.request_id), news)

    def fits(self, evidence_id: str) -> bool:
        """Whether what the portal has can be what the yes that is here was for: the very package, if it is here."""
        package, delivery = self.packages.get(evidence_id), self.news[evidence_id].delivery
        if package is None:
            taken = {each.position for each in self.packages.values()}
            return evidence_id in self.approved and self.approved[evidence_id] not in taken
        sealed = (package.ciphertext_sha256, package.size)
        return evidence_id in self.approved and (
            package.ciphertext_sha256 is None or sealed == (delivery.ciphertext_sha256, delivery.size)
        )

    def fitting(self) -> set[str]:
        return {evidence_id for evidence_id in self.news if self.fits(evidence_id)}

    def missing(self) -> set[str]:
        """What was approved and is nowhere known as handed over."""
        here = {name for name, package in self.packages.items() if package.delivered_at is not None}
        return set(self.approved) - here - set(self.news)


async def _approved(services: Services, tx: Transaction, row: RequestRow) -> dict[str, int]:
    """What the decision that is here names; nothing where there is none, or it isn't this device's word."""
    signed = await stored_decision(tx, row.request_id)
    if signed is None:
        return {}
    try:
        decision = open_document(signed, Decision, services.keys.device.public)
    except HandoverError as error:
        log.error("request %s: the stored decision does not hold: %s", row.request_id, error.what)
        return {}
    return {
        camera.evidence_id: position
        for position, camera in enumerate(decision.cameras)
        if camera.outcome is Outcome.APPROVED and camera.evidence_id is not None
    }


async def _settle(services: Services, tx: Transaction, found: _Found, *, asked: bool) -> None:
    """Of what is under way: all of it went, some of it did, none did; or it can't be known."""
    row = found.row
    if not asked:
        return await doubts.ask_owner(tx, row.request_id, _NOT_TOLD)
    fitting = found.fitting()
    if other := set(found.news) - fitting:
        first = found.news[min(other)].delivery
        why = f"{_OTHER} It has {first.size} bytes with the SHA-256 {first.ciphertext_sha256}."
        return await doubts.ask_owner(tx, row.request_id, why)
    await _note(services, tx, found, fitting)
    if not found.approved or not (missing := found.missing()):
        if found.approved and await change_state(tx, row, State.DELIVERED, services.clock.now()):
            await tx.update("requests", {"request_id": row.request_id}, answered_at=services.clock.now())
            await services.custody.checkpoint(tx)
        return await doubts.settled(tx, row.request_id)
    means = (await way_of(tx, row)).means
    if means is not Means.PORTAL:
        return await doubts.ask_owner(tx, row.request_id, _OTHER_WAY.format(means=means.value))
    return await not_gone(services, tx, row, missing)


async def _note(services: Services, tx: Transaction, found: _Found, fitting: Collection[str]) -> None:
    """The facts of each, in the store where they fit, and in the custody log in any case."""
    request_id, now = found.row.request_id, services.clock.now()
    for evidence_id, held in found.news.items():
        delivery = held.delivery
        if evidence_id in fitting:
            package = found.packages.get(evidence_id)
            if package is None:
                values = {"evidence_id": evidence_id, "request_id": request_id, "clip": "{}"}
                await tx.insert("packages", **values, position=found.approved[evidence_id])
            here = services.settings.package(evidence_id, 1 if package is None else package.edition)
            whole = package is not None and package.path is not None and await asyncio.to_thread(here.exists)
            await tx.update(
                "packages",
                {"evidence_id": evidence_id},
                path=str(here) if whole else None,
                ciphertext_sha256=delivery.ciphertext_sha256,
                size=delivery.size,
                sealed_at=delivery.issued if package is None or package.sealed_at is None else package.sealed_at,
                delivery_id=delivery.delivery_id,
                delivery=held.signed.model_dump_json(),
                uploaded_at=delivery.issued,
                delivered_at=min(delivery.issued, now),
            )
        details: dict[str, str | int | bool] = {
            "means": Means.PORTAL.value,
            LEARNED: "the portal, after the records were put back",
            "evidence_id": evidence_id,
            "delivery_id": delivery.delivery_id,
            "sha256": delivery.ciphertext_sha256,
            "size": delivery.size,
            "receipted": held.receipt is not None,
        }
        await services.custody.record(tx, CustodyKind.DELIVERED, "agent", request_id, details=details)


async def not_gone(services: Services, tx: Transaction, row: RequestRow, missing: Collection[str]) -> None:
    """It did not go, and goes on from where it stands. What was cut or sealed of it, and lost with a disk, is made
    anew, under the same yes; where the footage is no more what was approved, the owner is asked anew.
    """
    lost = [
        package
        for package in await tx.packages(row.request_id)
        if package.evidence_id in missing and package.sending == 1 and not await asyncio.to_thread(_is_here, package)
    ]
    if lost:
        await forget(tx, row.request_id)
    for package in lost:
        await tx.execute("DELETE FROM stamps WHERE evidence_id = ?", [package.evidence_id])
        await tx.execute("DELETE FROM packages WHERE evidence_id = ?", [package.evidence_id])
    await doubts.settled(tx, row.request_id)
    if lost and row.state in (State.CLIPPED, State.SEALED):
        await change_state(tx, row, State.APPROVED, services.clock.now())


def _is_here(package: PackageRow) -> bool:
    """Whether what the next step needs lies on the disk. Blocks."""
    if package.sealed_at is not None:
        return package.path is not None and Path(package.path).exists()
    folder = json.loads(package.clip).get("folder")
    return isinstance(folder, str) and Path(folder).exists()
