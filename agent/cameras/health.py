"""Whether a camera still sees what it is there for: dark, covered, blurred, turned, frozen; told once, after hours.

A night, a spider or a passing lorry is no trouble: only what lasts is. Not for: looking at the picture, which a worker
does (``agent/media/health.py``), or telling anybody (``agent/owner/notify``).
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from agent.services import Services
from agent.sources.registry import RECORDER, setting_of
from agent.store.database import Transaction
from agent.workers.process import PICTURE
from exchange.clock import DAY, HOUR, MINUTE, Window
from exchange.errors import HandoverError

log = logging.getLogger(__name__)

EVERY = 20 * MINUTE
_KEPT = 3 * DAY
_LEAST = 6
"""Looks before anything is said of how a camera usually is."""
_DARK, _DAYLIGHT, _FLAT = 10, 45, 7
WORDS = {
    "dark": "has been dark for a day",
    "covered": "seems to be covered: its picture is all one tone",
    "blurred": "is blurred: is there dirt, rain or a spider on its glass?",
    "turned": "looks somewhere else than before",
    "frozen": "sends the same picture again and again",
}


@dataclass(frozen=True)
class Look:
    """One look at a camera's picture; see ``agent.media.health.measure``."""

    at: int
    light: float
    contrast: float
    sharp: float
    still: float | None
    alike: float | None


def judge(looks: list[Look]) -> str | None:
    """What is wrong with a camera by its looks, the oldest first; None when nothing is, or it can't be told yet."""
    if len(looks) < _LEAST:
        return None
    last = looks[-1]
    lately = [look for look in looks if last.at - look.at <= 2 * HOUR][-_LEAST:]
    if len(lately) < _LEAST - 1:
        return None
    day = [look for look in looks if last.at - look.at <= DAY + HOUR]
    if day[0].at <= last.at - DAY and all(look.light < _DARK for look in day):
        return "dark"
    if all(look.contrast < _FLAT and look.light >= _DARK for look in lately):
        return "covered"
    if all(look.still is not None and look.still < 0.05 for look in lately):
        return "frozen"
    bright = [look for look in lately if look.light >= _DAYLIGHT]
    if len(bright) < len(lately):
        return None
    before = [look.sharp for look in looks if look.light >= _DAYLIGHT and last.at - look.at > 2 * HOUR]
    if all(look.alike is not None and look.alike < 0.2 for look in lately):
        return "turned"
    if len(before) >= _LEAST and all(look.sharp < 0.2 * median(before) for look in lately):
        return "blurred"
    return None


async def look_at_cameras(services: Services) -> int:
    """Look at every camera that is recorded here; how many were looked at."""
    async with services.store.transaction() as tx:
        cameras = [row.camera_id for row in await tx.cameras() if setting_of(row).kind == RECORDER]
    count = 0
    for camera_id in cameras:
        try:
            count += await _look_at(services, camera_id)
        except HandoverError as error:
            log.info("how %s is could not be told: %s", camera_id, error)
    return count


async def _look_at(services: Services, camera_id: str) -> int:
    now = services.clock.now()
    coverage = await services.footage.coverage(camera_id, Window(now - EVERY, now))
    files = [span.path for span in coverage.spans if span.path is not None and span.finished]
    if not files:
        return 0
    chosen = [files[0], files[len(files) // 2], files[-1]] if len(files) > 2 else files
    async with services.store.transaction() as tx:
        row = await tx.one("SELECT reference FROM health_references WHERE camera_id = ?", [camera_id])
    reference = None if row is None else row["reference"]
    job = {"files": [str(Path(path)) for path in dict.fromkeys(chosen)], "reference": reference}
    made = await services.run_job("agent.media.health:job", job, limits=PICTURE)
    measured = made["measured"]
    if measured is None:
        return 0
    del measured["look"]
    async with services.store.transaction() as tx:
        await tx.execute("DELETE FROM health_looks WHERE camera_id = ? AND at < ?", [camera_id, now - _KEPT])
        await tx.execute(
            "INSERT OR REPLACE INTO health_looks (camera_id, at, measured) VALUES (?, ?, ?)",
            [camera_id, now, json.dumps(measured)],
        )
        if made["reference"] is not None:
            await tx.execute(
                "INSERT OR REPLACE INTO health_references (camera_id, reference) VALUES (?, ?)",
                [camera_id, made["reference"]],
            )
    return 1


async def troubles(tx: Transaction) -> dict[str, str]:
    """By camera id, what is wrong with its picture: a key of ``WORDS``."""
    rows = await tx.all("SELECT camera_id, at, measured FROM health_looks ORDER BY camera_id, at")
    looks: dict[str, list[Look]] = {}
    for row in rows:
        looks.setdefault(row["camera_id"], []).append(Look(at=row["at"], **json.loads(row["measured"])))
    return {camera_id: found for camera_id, each in looks.items() if (found := judge(each)) is not None}
