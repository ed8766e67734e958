"""What time it is when something is about to be deleted for its age, which can't be undone.

Not for: any other question of time. A host whose clock is set far ahead by mistake would delete all that it recorded.
"""

import json
import logging

from agent.services import Services
from exchange.clock import DAY, HOUR, to_rfc3339

log = logging.getLogger(__name__)

_NOTE = "deletion-clock"
_LEAP = DAY
"""What the host's clock may be ahead of the time that passed: a machine that was off for a night."""


async def deletion_now(services: Services) -> int:
    """Microseconds UTC, never later than the host's clock.

    It moves with the host's clock, and on its own with the time that passes. When the host's clock is more than a day
    ahead of that, as after a long time without power or after a mistake, it follows only once a time server vouches
    for the host's clock. Until then nothing is deleted for its age too early, and some of it too late.
    """
    now, monotonic = services.clock.now(), services.clock.monotonic()
    async with services.store.transaction() as tx:
        kept = await tx.note(_NOTE)
    believed, noted = now, False
    if kept is not None:
        before, then, reported = json.loads(kept)
        passed = monotonic - then if monotonic >= then else monotonic  # since the host started, after a restart
        expected = before + passed
        if now > expected + _LEAP and not (await services.host_clock()).synchronised:
            believed = expected
            if not reported:
                log.warning(
                    "The host's clock tells %s, %d days ahead of the time that passed, and no time server vouches for "
                    "it: nothing is deleted for its age by it. Set the clock right, or let it follow a time server.",
                    to_rfc3339(now),
                    (now - believed) // DAY,
                )
        # What is noted goes on by itself, so that a memory card isn't written to each time.
        noted = reported == (believed != now) and abs(believed - expected) < HOUR and 0 <= monotonic - then < HOUR
    if noted:
        return believed
    async with services.store.transaction() as tx:
        await tx.set_note(_NOTE, json.dumps([believed, monotonic, believed != now]))
    return believed
