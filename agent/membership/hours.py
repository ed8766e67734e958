"""Of which hours there are recordings, told to the portal once a day where the owner wants officers to know.

Not for: requests. What is told hangs on no request: whole days that are over, at an hour that is the same every day.
"""

import hashlib

from agent.cameras.stored import registration_of
from agent.membership.registration import cameras_at_portal
from agent.portal.client import PortalClient
from agent.services import Services
from agent.sources.registry import RECORDER, setting_of
from exchange.clock import DAY, Window
from exchange.documents.hours import CameraHours, RecordedHours, hours_of
from exchange.signing.documents import sign_document

DAYS = 3
"""How many of the last days are told each time: a day on which the line was down is told by the next."""


async def tell_hours(services: Services, portal: PortalClient) -> int:
    """Tell of the last days; of how many. Nothing where the owner didn't say that officers may know it."""
    if not services.settings.portal.tell_hours:
        return 0
    today = services.clock.now() // DAY * DAY
    told = 0
    for day in range(today - DAYS * DAY, today, DAY):
        cameras = await _cameras(services, day)
        if cameras:
            document = RecordedHours(
                device=services.keys.device.public.fingerprint, day=day, cameras=cameras, issued=services.clock.now()
            )
            await portal.recorded_hours(sign_document(document, services.keys.device))
            told += 1
    return told


def telling_hour(device: str) -> int:
    """The hour of UTC, from 0, in which the agent with this fingerprint tells: its own, and the same every day."""
    return hashlib.sha256(device.encode()).digest()[0] % 24


async def _cameras(services: Services, day: int) -> tuple[CameraHours, ...]:
    """Those that the portal knows and Handover records itself, as that goes on without a break. No device is asked."""
    window = Window(day, day + DAY)
    async with services.store.transaction() as tx:
        known = await cameras_at_portal(tx)
        recorded = [row for row in await tx.cameras() if row.camera_id in known and setting_of(row).kind == RECORDER]
    found = []
    for row in recorded:
        since = await services.footage.recordings_since(row.camera_id)
        kept = services.clock.now() - registration_of(row).retention_days * DAY
        purged = await services.footage.recorded.purged_until(row.camera_id)
        if since is None or day < max(since, kept, purged):
            continue  # what is gone by its age or for room, or only held, says nothing of what was recorded
        coverage = await services.footage.recorded.coverage(row.camera_id, window)
        hours = hours_of(day, tuple(span.window for span in coverage.spans))
        found.append(CameraHours(camera_id=row.camera_id, hours=hours))
    return tuple(found)
