"""What a camera sees now, as one picture, for whoever sets it up.

Not for: recordings, or anything that is evidence.
"""

import asyncio
import shutil
import tempfile
from pathlib import Path
from urllib.parse import quote

from agent.devices.address import Credentials
from agent.services import Services
from agent.store.database import CameraRow
from agent.workers.process import PICTURE


async def snapshot_of(services: Services, row: CameraRow, credentials: Credentials | None) -> bytes:
    """A JPEG. CameraUnreachable, CameraRefused."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="stills-", dir=services.settings.work_dir))
    try:
        job = {"secret_url": _with_login(row.stream_uri, credentials), "target": str(folder / "now.jpg")}
        await services.run_job("agent.media.live:job", job, limits=PICTURE)
        return await asyncio.to_thread((folder / "now.jpg").read_bytes)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _with_login(url: str, credentials: Credentials | None) -> str:
    """For a worker's standard input only: it is a secret then."""
    if credentials is None:
        return url
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{quote(credentials.user, safe='')}:{quote(credentials.password, safe='')}@{rest}"
