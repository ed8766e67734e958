"""Notices when the host's clock is set, or begins to be vouched for; writes a step to the custody log, and remembers.

Not for: what follows for recordings (``agent/recordings/clock_set.py``), or what time it is (``agent/host/clock.py``).
"""

import asyncio
import logging
from datetime import timedelta

from pydantic import ValidationError

from agent.host.wall_clock import boot_id
from agent.recordings.clock_set import ClockSeen, History, noticed, set_by
from agent.services import Services
from exchange.clock import HOUR, MINUTE, to_rfc3339
from exchange.custody.log import CustodyKind
from exchange.documents.messages import Part

log = logging.getLogger(__name__)

_NOTE = "host-clock"
_ASK_AGAIN = 15 * MINUTE
"""Between two questions to the host's time programs while nobody vouches for its clock."""


class _Kept(Part):
    history: History = ()
    asked: int = 0
    """When they were asked last, as time since boot."""


async def look_at_host_clock(services: Services) -> History:
    """What was seen of the host's clock so far, and is now. Cheap: it may be called every minute."""
    boot = await asyncio.to_thread(boot_id)
    now, uptime = services.clock.now(), services.clock.monotonic()
    async with services.store.transaction() as tx:
        kept = _read(await tx.note(_NOTE))
    last = kept.history[-1] if kept.history else None
    same_boot = last is not None and last.boot == boot and uptime >= kept.asked
    as_before = ClockSeen(
        boot=boot, uptime=uptime, offset=now - uptime, synchronised=same_boot and last is not None and last.synchronised
    )
    stepped = set_by(last, as_before) if last is not None else 0
    due = kept.asked + (HOUR if as_before.synchronised else _ASK_AGAIN)
    if not boot or (same_boot and not stepped and uptime < due):
        return kept.history
    synchronised = bool((await services.host_clock()).synchronised)
    seen = as_before.model_copy(update={"synchronised": synchronised})
    history = noticed(kept.history, seen)
    async with services.store.transaction() as tx:
        if stepped:
            _tell(stepped, now)
            await services.custody.record(tx, CustodyKind.CLOCK_STEPPED, "agent", details={"by_us": stepped})
        await tx.set_note(_NOTE, _Kept(history=history, asked=uptime).model_dump_json())
    return history


def _tell(by: int, now: int) -> None:
    log.warning(
        "the host's clock was set %s by %s, to %s",
        "forward" if by > 0 else "back",
        timedelta(microseconds=abs(by)),
        to_rfc3339(now),
    )


def _read(note: str | None) -> _Kept:
    try:
        return _Kept() if note is None else _Kept.model_validate_json(note)
    except ValidationError:  # by another version
        return _Kept()
