"""Check the force's receipt against what was sent, keep it, and close the request when all are there.

Not for: keeping the owner's own sealed copy, which is the very file that was sent.
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from pathlib import Path

from agent.deliveries.way import Means
from agent.requests.answer import clear_work, forget_outgoing, tell
from agent.requests.feedback.conversation import Complaint, complaints
from agent.requests.on_the_way.choosing import way_of
from agent.requests.states import State
from agent.requests.step import Later, Move
from agent.services import Services
from agent.store.database import RequestRow, Transaction
from exchange.clock import DAY, HOUR
from exchange.custody.log import CustodyKind
from exchange.documents.letters import quoted
from exchange.documents.messages import Receipt, Signed
from exchange.durable import durable_file
from exchange.errors import HandoverError, NotEnrolled, PortalAnswerInvalid, PortalRefused, PortalUnreachable
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
        found = await _checked(services, signed)
    except HandoverError as error:
        log.warning("A receipt from the portal was not accepted: %s", error)
        return False
    if found is None:
        return False
    receipt, sent = found
    if sent.receipt is not None:
        return True  # the first stands: file and row tell the same
    await asyncio.to_thread(_keep_file, services.settings.receipts_dir, receipt, sent.sending, signed)
    async with services.store.transaction() as tx:
        await _keep_row(tx, services, receipt, sent, signed)
    return True


@dataclass(frozen=True)
class _Sent:
    """What a receipt is for: a package as it was sent last, or (``former``) before it was sent again."""

    sending: int
    receipt: str | None
    former: bool


async def settle(services: Services, row: RequestRow) -> Move:
    """DELIVERED -> CLOSED, once every package has its receipt: the sealed packages stay, the clips they were made of
    are removed. DELIVERED -> REOPENED, where an officer told before that one can't be played.

    An owner who left the portal gets no receipts any more, and waits for none. Nor does footage stay held for ever for
    one that never comes; should it come after all, it is kept all the same.
    """
    await clear_work(services, row.request_id)
    async with services.store.transaction() as tx:
        if unplayable := await complaints(tx, row.request_id):
            return _reopened(row, unplayable[-1])
        missing = sum(package.receipt is None for package in await tx.packages(row.request_id))
        by_portal = (await way_of(tx, row)).means is Means.PORTAL
        left = await tx.force() is None and by_portal
    if not by_portal and row.origin != "noted":
        with contextlib.suppress(PortalUnreachable, PortalRefused, PortalAnswerInvalid, NotEnrolled):
            await tell(services, row)  # it could not be told when the package went another way
    patient = services.clock.now() - row.state_at < _PATIENCE
    if missing and not left and patient:
        raise Later(services.clock.now() + HOUR, "the force's receipt is awaited")
    await services.footage.release(row.request_id)
    await forget_outgoing(services, row.request_id)
    why = "You left the portal before the force's receipt came." if left else _NONE_CAME
    trouble = row.trouble or (why if missing else None)

    async def write(tx: Transaction) -> None:
        # The plan stays: should it have to be sent again, it is what the decision is held against.
        await tx.update("requests", {"request_id": row.request_id}, trouble=trouble)
        if await services.custody.last(tx, CustodyKind.HOLD_RELEASED, row.request_id) is None:
            await services.custody.record(tx, CustodyKind.HOLD_RELEASED, "agent", row.request_id)
        await services.custody.checkpoint(tx)

    return Move(State.CLOSED, write)


def _reopened(row: RequestRow, complaint: Complaint) -> Move:
    async def write(tx: Transaction) -> None:
        await tx.update("requests", {"request_id": row.request_id}, trouble=complaint.trouble)

    return Move(State.REOPENED, write)


async def _checked(services: Services, signed: Signed) -> tuple[Receipt, _Sent] | None:
    async with services.store.transaction() as tx:
        force = await tx.force()
        claimed = read_unverified(signed, Receipt)
        packages = await tx.packages(claimed.request_id)
        former = await tx.all("SELECT * FROM former_sendings WHERE request_id = ?", [claimed.request_id])
    if force is None:
        return None
    # A receipt may wait for an agent that is switched off; its officer's credential counts when it was signed.
    at = min(services.clock.now(), claimed.issued)
    receipt, _ = open_by_officer(signed, Receipt, PublicKey.parse(force.public_key), at)
    for package in packages:
        if _named(receipt) == (package.delivery_id, package.evidence_id, package.ciphertext_sha256, package.size):
            return receipt, _Sent(package.sending, package.receipt, former=False)
    for row in former:
        if _named(receipt) == (row["delivery_id"], row["evidence_id"], row["ciphertext_sha256"], row["size"]):
            return receipt, _Sent(row["sending"], row["receipt"], former=True)
    log.warning("A receipt names a delivery or bytes that were never sent; it was thrown away.")
    return None


def _named(receipt: Receipt) -> tuple[str, str, str, int]:
    return (receipt.delivery_id, receipt.evidence_id, receipt.ciphertext_sha256, receipt.size)


def _keep_file(folder: Path, receipt: Receipt, sending: int, signed: Signed) -> None:
    """The receipt as two plain files, for the owner's own records: ``ssh-keygen -Y verify`` checks them."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for suffix, text in (("json", signed.document), ("json.sig", signed.signature)):
        again = "" if sending == 1 else f"-{sending}"
        with durable_file(folder / f"{receipt.evidence_id}{again}.{suffix}") as file:
            file.write(text.encode())


async def _keep_row(tx: Transaction, services: Services, receipt: Receipt, sent: _Sent, signed: Signed) -> None:
    table = "former_sendings" if sent.former else "packages"
    changed = await tx.execute(
        f"UPDATE {table} SET receipt = ?, receipt_at = ? WHERE evidence_id = ? AND sending = ? AND receipt IS NULL",  # noqa: S608
        [signed.model_dump_json(), services.clock.now(), receipt.evidence_id, sent.sending],
    )
    if changed:
        details: dict[str, str | int | bool] = {"verified": receipt.verified, "sha256": receipt.ciphertext_sha256}
        await services.custody.record(tx, CustodyKind.RECEIPT, "force", receipt.request_id, details=details)
        # Another value than it had, and long past: the request is awake, also while it just now goes to sleep.
        await tx.execute("UPDATE requests SET retry_at = retry_at = 0 WHERE request_id = ?", [receipt.request_id])
        if not receipt.verified and not sent.former:
            trouble = (
                f"The force has the package but could not verify it: {quoted(receipt.remarks or 'no reason given')}"
            )
            await tx.update("requests", {"request_id": receipt.request_id}, trouble=trouble[:1000])
