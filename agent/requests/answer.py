"""Tell the portal what the owner decided, or why the agent refused; and close what needs no more.

Not for: an expired or withdrawn request, of which nobody is told anything by us.
"""

import asyncio
import shutil
from pathlib import Path

from agent.deliveries.gone import may_have_gone
from agent.deliveries.portal import PortalDelivery
from agent.deliveries.secrets_of import RequestSecrets
from agent.requests.decision import stored_decision
from agent.requests.stamping.late_stamps import stamps_folder
from agent.requests.states import State
from agent.requests.step import Move
from agent.services import Services
from agent.store.database import RequestRow, Transaction
from exchange.custody.log import CustodyKind
from exchange.documents.api import MAX_BODY
from exchange.documents.messages import Decision, Refusal, Signed, Status
from exchange.errors import NotEnrolled, PortalRefused
from exchange.signing.documents import parse_strictly, read_unverified


async def tell(services: Services, row: RequestRow) -> None:
    """Bring the portal the signed decision or refusal, once; idempotent there and here."""
    async with services.store.transaction() as tx:
        fresh = await tx.request(row.request_id)
        signed = await stored_decision(tx, row.request_id)
    if fresh is None or fresh.answered_at is not None:
        return
    if signed is not None:
        await (await services.portal()).decide(row.request_id, signed)
    elif fresh.refusal is not None:
        refusal = parse_strictly(fresh.refusal.encode(), Signed, MAX_BODY)
        named = read_unverified(refusal, Refusal).request_id
        await (await services.portal()).refuse(named, refusal)
    else:
        return
    async with services.store.transaction() as tx:
        await tx.update("requests", {"request_id": row.request_id}, answered_at=services.clock.now())


async def close(services: Services, row: RequestRow) -> Move:
    """REFUSED, DECLINED, UNAVAILABLE, EXPIRED, WITHDRAWN -> CLOSED, once the portal knows what it may know.

    Nothing that was made for the request stays: no hold, no clip, and no package that was never sent. What may have
    been handed over counts as if it was: the owner's copy of it stays, as long as those do.
    """
    trouble = row.trouble if row.state == State.REFUSED else None
    async with services.store.transaction() as tx:
        signed = await stored_decision(tx, row.request_id)
    taken_back = signed is not None and read_unverified(signed, Decision).status is Status.WITHDRAWN
    if row.state not in (State.EXPIRED, State.WITHDRAWN) or taken_back:
        try:
            await tell(services, row)
        except (PortalRefused, NotEnrolled) as error:
            # A stray request is not the portal's to take an answer for, and an owner who left owes none.
            trouble = trouble or error.what
    await services.footage.release(row.request_id)
    await clear_work(services, row.request_id)
    await forget_outgoing(services, row.request_id)
    unsent = await _unsent_packages(services, row.request_id)

    async def write(tx: Transaction) -> None:
        await tx.update("requests", {"request_id": row.request_id}, trouble=trouble)
        for package in await tx.packages(row.request_id):
            if package.delivered_at is None and may_have_gone(package):
                at = package.receipt_at or package.left_at or package.uploaded_at
                await tx.update("packages", {"evidence_id": package.evidence_id}, delivered_at=at)
        for evidence_id in unsent:
            await tx.update("packages", {"evidence_id": evidence_id}, path=None)
            await services.custody.record(
                tx, CustodyKind.DELETED, "agent", row.request_id, reason="a sealed package that was never sent"
            )
        await tx.execute("DELETE FROM plans WHERE request_id = ?", [row.request_id])
        await services.custody.record(tx, CustodyKind.HOLD_RELEASED, "agent", row.request_id)

    return Move(State.CLOSED, write)


async def clear_work(services: Services, request_id: str) -> None:
    """Away with the makings: clips, working copies, what was fetched."""
    await asyncio.to_thread(shutil.rmtree, services.settings.work_dir / request_id, ignore_errors=True)


async def forget_outgoing(services: Services, request_id: str) -> None:
    """Away with what was laid out to be handed over, and with its passphrase: the police have it, or get nothing."""
    await asyncio.to_thread(shutil.rmtree, services.settings.outgoing_dir / request_id, ignore_errors=True)
    await asyncio.to_thread(RequestSecrets(services.settings.keys).forget, request_id)


async def _unsent_packages(services: Services, request_id: str) -> list[str]:
    """Delete the sealed packages that did not leave, also one whose sealing was cut off, and what was brought to the
    portal of them; the evidence ids.
    """
    async with services.store.transaction() as tx:
        unsent = [package for package in await tx.packages(request_id) if not may_have_gone(package)]
    for package in unsent:
        await PortalDelivery(services).forget_upload(package)
        await asyncio.to_thread(_delete, services.settings.package(package.evidence_id, package.edition))
        folder = stamps_folder(services, package.evidence_id, package.edition)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    return [package.evidence_id for package in unsent if package.path is not None]


def _delete(sealed: Path) -> None:
    for partial in sealed.parent.glob(f".{sealed.name}.*.partial"):
        partial.unlink(missing_ok=True)
    sealed.unlink(missing_ok=True)
