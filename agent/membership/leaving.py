"""Leaving a portal: the open requests end, the registration is erased there, and the force is forgotten here.

Not for: what the portal does about it.
"""

from agent.portal.client import NotRecognised, PortalClient
from agent.requests.feedback import sending_again
from agent.requests.feedback.conversation import settle_complaints
from agent.requests.states import UNSENT, State, change_state
from agent.services import Services
from agent.store.database import Transaction
from exchange.custody.log import CustodyKind
from exchange.documents.messages import Withdrawal
from exchange.signing.documents import sign_document

_LEAVING = "leaving"
"""The note that a withdrawal is under way."""


async def withdraw(services: Services, portal: PortalClient, by: str) -> int:
    """Leave: the portal erases the registration, open requests end; how many of those there were.

    The portal is told first: if it can't be reached, nothing has changed and the owner tries again. One that no longer
    knows this device took an earlier withdrawal, whose answer was lost.
    """
    async with services.store.transaction() as tx:
        tried_before = await tx.note(_LEAVING)
        await tx.set_note(_LEAVING, "yes")
    document = Withdrawal(device=services.keys.device.public.fingerprint, issued=services.clock.now())
    try:
        await portal.withdraw(sign_document(document, services.keys.device))
    except NotRecognised:
        if not tried_before:
            raise
    async with services.store.transaction() as tx:
        stopped = await end_open_requests(services, tx, by)
        await tx.execute("DELETE FROM force")
        await tx.execute("DELETE FROM registrations")
        await tx.execute("UPDATE cameras SET registered = 0")
        await tx.execute("DELETE FROM notes WHERE name = ?", [_LEAVING])
        await tx.set_note("inbox-cursor", "0")
        await services.custody.record(tx, CustodyKind.WITHDRAWN, by)
        await services.custody.checkpoint(tx)
    return stopped


async def end_open_requests(services: Services, tx: Transaction, by: str) -> int:
    """What has not left doesn't leave any more, and answers that were not told are owed to nobody; how many ended."""
    stopped, now = 0, services.clock.now()
    for row in await tx.requests(State.AGAIN, State.CLIPPED, State.SEALED):
        stopped += await sending_again.take_back(tx, services, row, by)
    for row in await tx.requests(State.REOPENED):  # what was sent, was sent; nothing of it goes again
        await settle_complaints(tx, row.request_id, now)
        await change_state(tx, row, State.DELIVERED, now)
    for row in await tx.requests(*UNSENT):
        if await change_state(tx, row, State.WITHDRAWN, now):
            stopped += 1
            await services.custody.record(tx, CustodyKind.WITHDRAWN, by, row.request_id)
    # RECEIVED: not verified yet; the next force's key would refuse it, and tell the next portal so.
    untold = (State.RECEIVED, State.REFUSED, State.DECLINED, State.UNAVAILABLE)
    marks = ", ".join("?" * len(untold))
    await tx.execute(
        f"UPDATE requests SET answered_at = ?, retry_at = 0 WHERE answered_at IS NULL AND state IN ({marks})",  # noqa: S608
        [now, *untold],
    )
    await tx.execute("UPDATE requests SET retry_at = 0 WHERE state = ?", [State.DELIVERED])
    return stopped
