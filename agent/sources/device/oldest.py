"""Where a device's oldest footage begins: asked once an hour at most, and never a reason to fail.

Not for: how any brand is asked, or what becomes of the answer (``Sources.overwritten``). In worker processes only.
"""

from collections.abc import Callable

from agent.sources.device import memory
from agent.sources.device.orders import Order
from exchange.clock import HOUR
from exchange.errors import HandoverError


def remembered(order: Order, ask: Callable[[], int | None]) -> int | None:
    """Where the camera's oldest footage begins, true UTC in microseconds; None when that can't be told.

    A recorder that fails to answer is not asked again within the hour either: the question may be dear to it.
    """
    path, now = order.state / "reach.json", order.now()
    kept = memory.recall(path)
    at, known = kept.get("at"), kept.get("oldest")
    if isinstance(at, int) and 0 <= now - at < HOUR and (known is None or isinstance(known, int)):
        return known
    try:
        found = ask()
    except (HandoverError, ValueError, OverflowError):
        found = None  # worth some questions, not a failure
    if found is not None and found < 0:
        found = None
    memory.keep(path, {"at": now, "oldest": found})
    return found
