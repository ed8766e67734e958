"""The owner says whether a request was handed over before the records went back, where nobody else can know it.

Not for: asking the portal (``learning``), or why the records went back (``agent.requests.restored_records``).
"""

from agent.deliveries.way import Means
from agent.requests.feedback import sending_again
from agent.requests.on_the_way.choosing import way_of
from agent.requests.restored import doubts
from agent.requests.restored.learning import LEARNED, not_gone
from agent.requests.restored_records import refuse_while_unclear
from agent.requests.states import UNDER_WAY, State, change_state
from agent.services import Services
from agent.store.database import RequestRow, Transaction
from exchange.custody.log import CustodyKind
from exchange.errors import NotFound


async def say(services: Services, request_id: str, what: str, by: str, *, handed_over: bool) -> None:
    """Settle a doubt by the owner's word, which goes into the log. NotFound where there is no doubt."""
    async with services.store.transaction() as tx:
        await refuse_while_unclear(tx)
        row = await tx.request(request_id)
        if row is None or row.state not in UNDER_WAY or not await doubts.is_in_doubt(tx, request_id):
            raise NotFound("Of this request it is known whether it was handed over.", do=f"handover show {request_id}")
        if handed_over:
            await _gone(services, tx, row, what, by)
        else:
            details: dict[str, str | int | bool] = {"handed_over": False}
            await services.custody.record(
                tx, CustodyKind.RECORDS_RESTORED, by, request_id, details=details, reason=what
            )
            missing = {each.evidence_id for each in await tx.packages(request_id) if each.delivered_at is None}
            await not_gone(services, tx, row, missing)
        await services.custody.checkpoint(tx)


async def _gone(services: Services, tx: Transaction, row: RequestRow, what: str, by: str) -> None:
    """As handed over, where what went is here, sealed; else it ends, as what exactly went can't be known here."""
    now, packages = services.clock.now(), await tx.packages(row.request_id)
    way = await way_of(tx, row)
    sealed = bool(packages) and row.state == State.SEALED and way.means is not Means.PORTAL
    details: dict[str, str | int | bool] = {"means": way.means.value, LEARNED: "the owner"}
    await services.custody.record(tx, CustodyKind.DELIVERED, by, row.request_id, details=details, reason=what)
    await doubts.settled(tx, row.request_id)
    if sealed:
        for package in packages:
            if package.delivered_at is None:
                key = {"evidence_id": package.evidence_id}
                await tx.update("packages", key, delivered_at=now, left_at=package.left_at or now)
        await change_state(tx, row, State.DELIVERED, now)
    elif not await sending_again.take_back(tx, services, row, by) and row.state in _MAY_END:
        await change_state(tx, row, State.WITHDRAWN, now)


_MAY_END = (State.APPROVED, State.CLIPPED, State.SEALED)
