"""Keep the window that a verified request asks for from being overwritten, locally, while the owner decides.

Not for: telling anybody. The officer learns nothing of it, and it is undone when the owner says no.
"""

from agent.requests.parts import Move, Parts
from agent.requests.plan import request_of
from agent.requests.states import State
from agent.settings import Preserve
from agent.store import RequestRow, Transaction
from exchange.custody import CustodyKind


async def preserve(parts: Parts, row: RequestRow) -> Move:
    """VERIFIED -> PRESERVED. Idempotent: holding again what is held changes nothing."""
    request = request_of(row)
    setting = parts.settings.requests.preserve
    held, room = 0, parts.settings.requests.preserve_limit
    if request.preserve and setting is Preserve.YES:
        for asked in request.asked:
            if await parts.footage.held_bytes() >= room:
                break
            held += await parts.footage.hold(row.request_id, asked.camera_id, asked.window.window)

    async def write(tx: Transaction) -> None:
        details: dict[str, str | int | bool] = {"held_bytes": held, "setting": setting.value}
        await parts.custody.record(tx, CustodyKind.PRESERVED, "agent", row.request_id, details=details)

    return Move(State.PRESERVED, write)
