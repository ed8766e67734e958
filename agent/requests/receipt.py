"""Check the force's receipt against what was sent, keep it, and close the request when all are there.

Not for: keeping the owner's own sealed copy, which is the very file that was sent.
"""

import asyncio
import logging
import shutil
from pathlib import Path

from agent.requests.answer import clear_work
from agent.requests.states import State
from agent.requests.step import Later, Move
from agent.services import Services
from agent.store.database import PackageRow, RequestRow, Transaction
from exchange.clock import DAY, HOUR
from exchange.custody.log import CustodyKind
from exchange.documents.letters import quoted
from exchange.documents.messages import Receipt, Signed
from exchange.durable import durable_file
from exchange.errors import HandoverError
from exchange.signing.credentials import open_by_officer
from exchange.signing.documents import PublicKey, read_unverified

log = logging.getLogger(__name__)

_PATIENCE = 90 * DAY
_NONE_CAME = f"No receipt of the force came in {_PATIENCE // DAY} days: ask the officer whether they can open it."


async def accept(services: Services, signed: Signed) -> bool:
    """Take a receipt from the inbox: True when it holds and is kept, now or before.

    One that isn't signed under the pinned force key, or names other bytes than were sent, is thrown away with a word
    in the log: a portal must not make the owner believe that something arrived.
    """
    try:
        receipt = await _checked(services, signed)
    except HandoverError as error:
        log.warning("A receipt from the portal was not accepted: %s", error)
        return False
    if receipt is None:
        return False
    async with services.store.transaction() as tx:
        packages = await tx.packages(receipt.request_id)
    if any(package.evidence_id == receipt.evidence_id and package.receipt is not None for package in packages):
        return True  # the first stands: file and row tell the same
    await asyncio.to_thread(_keep_file, services.settings.receipts_dir, receipt, signed)
    async with services.store.transaction() as tx:
        await _keep_row(tx, services, receipt, signed)
    return True


async def settle(services: Services, row: RequestRow) -> Move:
    """DELIVERED -> CLOSED, once every package has its receipt: the sealed packages stay, the clips they were made of
    are removed.

    An owner who left the portal gets no receipts any more, and waits for none. Nor does footage stay held for ever for
    one that never comes; should it come after all, it is kept all the same.
    """
    await clear_work(services, row.request_id)
    async with services.store.transaction() as tx:
        missing = sum(package.receipt is None for package in await tx.packages(row.request_id))
        left = await tx.force() is None and row.origin != "noted"
    patient = services.clock.now() - row.state_at < _PATIENCE
    if missing and not left and patient:
        raise Later(services.clock.now() + HOUR, "the force's receipt is awaited")
    await services.footage.release(row.request_id)
    await asyncio.to_thread(shutil.rmtree, services.settings.outgoing_dir / row.request_id, ignore_errors=True)
    why = "You left the portal before the force's receipt came." if left else _NONE_CAME
    trouble = row.trouble or (why if missing else None)

    async def write(tx: Transaction) -> None:
        await tx.update("requests", {"request_id": row.request_id}, trouble=trouble)
        await tx.execute("DELETE FROM plans WHERE request_id = ?", [row.request_id])
        await services.custody.record(tx, CustodyKind.HOLD_RELEASED, "agent", row.request_id)
        await services.custody.checkpoint(tx)

    return Move(State.CLOSED, write)


async def _checked(services: Services, signed: Signed) -> Receipt | None:
    async with services.store.transaction() as tx:
        force = await tx.force()
        claimed = read_unverified(signed, Receipt)
        packages = await tx.packages(claimed.request_id)
    if force is None:
        return None
    # A receipt may wait for an agent that is switched off; its officer's credential counts when it was signed.
    at = min(services.clock.now(), claimed.issued)
    receipt, _ = open_by_officer(signed, Receipt, PublicKey.parse(force.public_key), at)
    for package in packages:
        if _matches(receipt, package):
            return receipt
    log.warning("A receipt names a delivery or bytes that were never sent; it was thrown away.")
    return None


def _matches(receipt: Receipt, package: PackageRow) -> bool:
    return (receipt.delivery_id, receipt.evidence_id, receipt.ciphertext_sha256, receipt.size) == (
        package.delivery_id,
        package.evidence_id,
        package.ciphertext_sha256,
        package.size,
    )


def _keep_file(folder: Path, receipt: Receipt, signed: Signed) -> None:
    """The receipt as two plain files, for the owner's own records: ``ssh-keygen -Y verify`` checks them."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for suffix, text in (("json", signed.document), ("json.sig", signed.signature)):
        with durable_file(folder / f"{receipt.evidence_id}.{suffix}") as file:
            file.write(text.encode())


async def _keep_row(tx: Transaction, services: Services, receipt: Receipt, signed: Signed) -> None:
    changed = await tx.execute(
        "UPDATE packages SET receipt = ?, receipt_at = ? WHERE evidence_id = ? AND receipt IS NULL",
        [signed.model_dump_json(), services.clock.now(), receipt.evidence_id],
    )
    if changed:
        details: dict[str, str | int | bool] = {"verified": receipt.verified, "sha256": receipt.ciphertext_sha256}
        await services.custody.record(tx, CustodyKind.RECEIPT, "force", receipt.request_id, details=details)
        # Another value than it had, and long past: the request is awake, also while it just now goes to sleep.
        await tx.execute("UPDATE requests SET retry_at = retry_at = 0 WHERE request_id = ?", [receipt.request_id])
        if not receipt.verified:
            trouble = (
                f"The force has the package but could not verify it: {quoted(receipt.remarks or 'no reason given')}"
            )
            await tx.update("requests", {"request_id": receipt.request_id}, trouble=trouble[:1000])
