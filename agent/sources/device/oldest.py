"""How far back a recorder reaches: asked once an hour, and never a reason to fail.

Not for: how any brand is asked, or what becomes of the answer (``Sources.overwritten``). In worker processes only.
"""

import json
from collections.abc import Callable
from contextlib import suppress

from agent.sources.device.orders import Order
from exchange.clock import HOUR
from exchange.errors import HandoverError

_MEMORY = "reach.json"


def oldest(order: Order, ask: Callable[[], int | None]) -> int | None:
    """Where the camera's oldest footage begins, true UTC in microseconds; None when that can't be told.

    A recorder that fails to answer is not asked again within the hour either: the question may be dear to it.
    """
    memory, now = order.state / _MEMORY, order.now()
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(memory.read_bytes()[:4096])
        at, told = int(known["at"]), known["oldest"]
        if 0 <= now - at < HOUR and (told is None or isinstance(told, int)):
            return told
    try:
        found = ask()
    except (HandoverError, ValueError, OverflowError):
        found = None  # worth some questions, not a failure
    if found is not None and found < 0:
        found = None
    part = memory.with_name(f"{_MEMORY}.part")
    with suppress(OSError):
        part.write_text(json.dumps({"at": now, "oldest": found}))
        part.rename(memory)
    return found
