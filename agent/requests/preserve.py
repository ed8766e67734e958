"""Keep the window that a verified request asks for from being overwritten, locally, while the owner decides.

Not for: telling anybody. The officer learns nothing of it, and it is undone when the owner says no.
"""

import logging

from agent.requests.intake import verified_request
from agent.requests.states import State
from agent.requests.step import Move
from agent.services import Services
from agent.settings.model import Preserve
from agent.store.database import RequestRow, Transaction
from exchange.errors import HandoverError

log = logging.getLogger(__name__)


async def preserve(services: Services, row: RequestRow) -> Move:
    """VERIFIED -> PRESERVED. The custody log, whose length the portal learns, gets its line at the yes only."""
    await keep(services, row)

    async def write(tx: Transaction) -> None:
        """The move is all."""

    return Move(State.PRESERVED, write)


async def keep(services: Services, row: RequestRow, *, said_so: bool = False) -> int:
    """Hold what the request asks for, within the owner's setting; bytes held. Holding it again changes nothing.

    ``said_so``: the owner asked for it now, which is what the setting ``ask`` waits for. Otherwise a recorder that is
    away doesn't keep the others' footage from being held: planning tries again, and tells why it waits.
    """
    request = verified_request(row)
    if not said_so and (not request.preserve or services.settings.requests.preserve is not Preserve.YES):
        return 0
    held = 0
    for asked in request.asked:
        if await services.footage.held_bytes() >= services.settings.requests.preserve_limit:
            break
        try:
            held += await services.footage.hold(row.request_id, asked.camera_id, asked.window.window)
        except HandoverError as error:
            if said_so:
                raise
            log.warning("request %s: nothing was kept of %s: %s", row.request_id, asked.camera_id, error)
    return held
