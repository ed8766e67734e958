"""The owner stops, or pauses, what they said yes to, as long as nothing of it was handed over, or may have been.

Not for: leaving the portal (``agent.membership.leaving``), which stops everything.
"""

from agent.deliveries.gone import announced, may_have_gone
from agent.deliveries.portal import PortalDelivery
from agent.requests.answer import clear_work
from agent.requests.feedback import sending_again
from agent.requests.restored.doubts import refuse_in_doubt
from agent.requests.states import PAUSED, UNDER_WAY, State, change_state
from agent.services import Services
from agent.store.database import RequestRow, Transaction
from exchange.custody.log import CustodyKind
from exchange.documents.messages import Decision, Status
from exchange.errors import DecisionRefused, NotFound
from exchange.signing.documents import sign_document


async def pause(services: Services, request_id: str, *, paused: bool) -> None:
    """Take no more steps of a request until it goes on. DecisionRefused when there is nothing under way."""
    async with services.store.transaction() as tx:
        row = await _under_way(tx, request_id)
        await go_on(tx, row.request_id)
        if paused:
            await tx.set_note(PAUSED + row.request_id, "yes")


async def go_on(tx: Transaction, request_id: str) -> None:
    """Take its steps again, wherever it stands by now."""
    await tx.execute("DELETE FROM notes WHERE name = ?", [PAUSED + request_id])


async def is_paused(tx: Transaction, request_id: str) -> bool:
    return await tx.note(PAUSED + request_id) is not None


async def refuse_if_handed_over(services: Services, request_id: str) -> None:
    """DecisionRefused when the yes can't be taken back any more, or was never given."""
    async with services.store.transaction() as tx:
        await _to_take_back(tx, request_id)


async def stop(services: Services, request_id: str, by: str) -> None:
    """The yes is taken back: nothing is cut, sealed or sent, and the officer is told that it was withdrawn.

    Of what is sent again because it could not be played, the "again" is taken back, and nobody is told. DecisionRefused
    when a part of it was handed over, or may have been, or nothing was approved.
    """
    await _forget_uploads_again(services, request_id)
    async with services.store.transaction() as tx:
        row = await _to_take_back(tx, request_id)
        if await sending_again.take_back(tx, services, row, by):
            return
        now = services.clock.now()
        if not await change_state(tx, row, State.WITHDRAWN, now):
            raise DecisionRefused("It has just gone a step further.", do="Try it again.")
        document = Decision(request_id=row.request_id, request_sha256=row.sha256, status=Status.WITHDRAWN, decided=now)
        signed = sign_document(document, services.keys.device)
        key = {"request_id": row.request_id}
        await tx.update("decisions", key, document=signed.document, signature=signed.signature, observed="{}")
        if row.origin != "noted":
            await tx.update("requests", key, answered_at=None)
        await services.custody.record(tx, CustodyKind.WITHDRAWN, by, row.request_id)
        await services.custody.checkpoint(tx)
    await clear_work(services, request_id)


async def _forget_uploads_again(services: Services, request_id: str) -> None:
    """What was brought to the portal of what is to go again is nobody's once that is taken back."""
    async with services.store.transaction() as tx:
        await _to_take_back(tx, request_id)
        packages = await tx.packages(request_id)
    for package in packages:
        if package.sending > 1 and not may_have_gone(package):
            await PortalDelivery(services).forget_upload(package)


async def _to_take_back(tx: Transaction, request_id: str) -> RequestRow:
    row = await _under_way(tx, request_id)
    await refuse_in_doubt(tx, request_id)
    packages = await tx.packages(request_id)
    if any(package.sending > 1 and not may_have_gone(package) for package in packages):
        return row
    if any(announced(package) and package.delivered_at is None for package in packages):
        raise DecisionRefused(
            "It was announced to the portal, whose answer did not come: the police may have it.",
            meaning="Nothing was changed.",
            do="Let it go on, and it is asked again. If the portal stays away, call the officer.",
        )
    if any(may_have_gone(package) or package.sending > 1 for package in packages):
        raise DecisionRefused(
            "A part of it was handed over already.",
            meaning="Nothing was changed.",
            do=f"The rest can be paused: handover pause {request_id}. Then call the officer.",
        )
    return row


async def _under_way(tx: Transaction, request_id: str) -> RequestRow:
    row = await tx.request(request_id)
    if row is None:
        raise NotFound(f"There is no request {request_id}.", do="List them with: handover requests")
    if row.state not in UNDER_WAY:
        raise DecisionRefused(
            "Nothing of this request is on its way.",
            meaning="Nothing was changed.",
            do="What was handed over can't be taken back; ask the officer.",
        )
    return row
