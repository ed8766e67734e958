"""The first and last frame of what would be sent, for the owner to look at before deciding.

Not for: decoding (a worker does, ``agent/media/pictures.py``), or anything that is sent.
"""

import asyncio
import shutil
import tempfile
from pathlib import Path

from agent.requests.plan import read_plan
from agent.services import Services
from agent.workers.process import PICTURE
from exchange.errors import NotFound

MAX_JPEG = 4 * 1024 * 1024


async def stills(services: Services, request_id: str) -> list[tuple[str, bytes]]:
    """(name, JPEG) for each available camera's first and last frame. NotFound when nothing is planned."""
    async with services.store.transaction() as tx:
        shown = await tx.one("SELECT plan FROM plans WHERE request_id = ?", [request_id])
    if shown is None:
        raise NotFound("There is nothing to show of that request.", do="handover requests lists what is open.")
    made: list[tuple[str, bytes]] = []
    for camera in read_plan(shown["plan"]).cameras:
        if camera.available:
            name = f"{camera.position + 1}-{camera.camera_id}"
            async with services.footage.open_window(request_id, camera.camera_id, camera.requested.window):
                stretches = await services.footage.as_planned(camera.camera_id, camera.stretches)
                made += await _stills_of(services, stretches, name)
    return made


async def _stills_of(services: Services, stretches: list[dict[str, object]], name: str) -> list[tuple[str, bytes]]:
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="stills-", dir=services.settings.work_dir))
    try:
        job = {"stretches": stretches, "out_dir": str(folder)}
        result = await services.run_job("agent.media.pictures:stills_job", job, limits=PICTURE)
        return [
            (f"{name}-{which}.jpg", await asyncio.to_thread(_read, folder / result[which]))
            for which in ("first", "last")
        ]
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_JPEG)
