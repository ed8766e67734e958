"""What an enhanced copy would look like: one picture before and after, for the owner to look at before deciding.

Not for: the work on pictures (a worker does, ``agent/media/working/preview.py``), or anything that is sent.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agent.requests.plan import stored_plan
from agent.services import Job, Services
from agent.workers.process import PICTURE
from exchange.clock import Instant
from exchange.documents.copies import Enhancement
from exchange.errors import NotFound

_MOST = 8 * 1024 * 1024


async def enhanced_of(
    services: Services, stretches: Sequence[dict[str, Any]], at_us: Instant, wanted: Enhancement | None, folder: Path
) -> tuple[Job, bytes]:
    """(what was done and measured, JPEG) of the picture that is shown at a moment. ClipFailed."""
    target = folder / f"enhanced-{os.urandom(6).hex()}.jpg"
    job = {
        "stretches": list(stretches),
        "at": at_us,
        "enhancement": None if wanted is None else wanted.model_dump(mode="json"),
        "target": str(target),
    }
    try:
        found = await services.run_job("agent.media.working.preview:job", job, limits=PICTURE)
        return found, await asyncio.to_thread(_read, target)
    finally:
        await asyncio.to_thread(target.unlink, missing_ok=True)


async def enhanced_preview(
    services: Services, request_id: str, position: int, at_us: Instant | None, wanted: Enhancement | None
) -> tuple[Job, bytes]:
    """The same, of one planned camera of a request; without a moment, its middle. NotFound when there is no footage."""
    async with services.store.transaction() as tx:
        plan, _ = await stored_plan(tx, request_id)
    camera = next((each for each in plan.cameras if each.position == position and each.available), None)
    if camera is None or camera.actual is None:
        raise NotFound("There is no footage to look at.", do="handover look-again looks for it once more.")
    at = (camera.actual.start + camera.actual.end) // 2 if at_us is None else at_us
    async with services.footage.open_window(request_id, camera.camera_id, camera.requested.window):
        stretches = await services.footage.as_planned(camera.camera_id, camera.stretches)
        return await enhanced_of(services, stretches, at, wanted, services.settings.work_dir)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MOST)
