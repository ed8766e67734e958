"""What the daemon does from time to time: heartbeat, registration, checkpoints, expiry, reminders, deletions, sweeps.

Not for: recordings, which the recorder keeps within bounds itself, or when each runs (``schedule.py``).
"""

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable

from agent.background.clock_watch import look_at_host_clock
from agent.background.schedule import Nightly, Recurring
from agent.cameras.health import EVERY, look_at_cameras, troubles
from agent.cameras.inventory import Inventory
from agent.membership import registration
from agent.membership.hours import tell_hours, telling_hour
from agent.portal.client import NoSuchCall
from agent.recordings.disk import gone, recordings_mount
from agent.recordings.retention import Policy
from agent.recordings.segments import SegmentStore
from agent.records.backups.backups import Backups
from agent.records.correspondence.kept import sweep
from agent.records.deletion_clock import deletion_now
from agent.records.keeping import delete_old_records
from agent.requests.copies.later import delete_old
from agent.requests.feedback.answering import send_words
from agent.requests.journey import Journey
from agent.requests.review.offering import end_old_offers, send_offers
from agent.requests.review.viewing import Viewings
from agent.requests.stamping.late_stamps import ask_for_late_stamps
from agent.requests.states import State
from agent.services import Services
from agent.settings.model import Settings
from exchange import VERSION
from exchange.clock import DAY, HOUR, MINUTE
from exchange.documents import api
from exchange.errors import AlreadyRunning, NotEnrolled

log = logging.getLogger(__name__)


def jobs(
    services: Services,
    journey: Journey,
    inventory: Inventory,
    recordings: SegmentStore,
    viewings: Viewings,
    backups: Backups,
) -> tuple[Recurring | Nightly, ...]:
    settings = services.settings

    async def look_for_new_cameras() -> None:
        found = await inventory.discover(3.0)
        unknown = [camera["address"] for camera in found["cameras"] if not camera["added"]]
        if unknown:
            log.info("cameras that were not added: %s; add one with: handover cameras add", ", ".join(unknown))

    recurring: list[Recurring | Nightly] = [
        Recurring("heartbeat", settings.poll.heartbeat, lambda: heartbeat(services, inventory), settings.poll.jitter),
        Recurring("registration", 5 * MINUTE, lambda: _registered(services)),
        Recurring("checkpoints", 5 * MINUTE, lambda: send_checkpoints(services)),
        Recurring("recordings", MINUTE, lambda: keep_recordings_within_bounds(services, recordings)),
        Recurring("expiry", MINUTE, journey.expire),
        Recurring("windows that nobody looks at", MINUTE, viewings.close_idle),
        Recurring("offers", 5 * MINUTE, lambda: _offers(services)),
        Recurring("time stamps", 5 * MINUTE, lambda: ask_for_late_stamps(services), jitter=MINUTE),
        Recurring("answers to the force", 5 * MINUTE, lambda: send_words(services)),
        Recurring("reminders", MINUTE, lambda: remind(services)),
        Recurring("backups", 10 * MINUTE, backups.look, jitter=MINUTE),
        Nightly("checks of copies", 1, lambda: _unless_busy(backups.check)),
        Nightly("old copies", 5, backups.prune),
        Nightly("old records", 4, lambda: _records(services)),
        Nightly("recorded hours", telling_hour(services.keys.device.public.fingerprint), lambda: _hours(services)),
        Nightly("old working copies", 3, lambda: _delete_old_copies(services)),
        Recurring("streams", MINUTE, inventory.learn_streams),
        Recurring("camera health", EVERY, lambda: look_at_cameras(services), jitter=MINUTE),
        Recurring("camera clocks", HOUR, inventory.check_clocks, jitter=5 * MINUTE),
    ]
    if settings.discovery.enabled:
        recurring.append(Recurring("discovery", settings.discovery.every, look_for_new_cameras, jitter=MINUTE))
    return tuple(recurring)


def clear_leftovers(settings: Settings) -> None:
    """Stills and unfinished files of a process that was killed. Clips of open requests stay: they are made once."""
    for left in ("stills-*", "watch-*", "own-copy-*"):
        for path in settings.work_dir.glob(left):
            shutil.rmtree(path, ignore_errors=True)
    for path in settings.work_dir.glob("*/footage"):  # fetched or unsealed: it is fetched or unsealed again
        shutil.rmtree(path, ignore_errors=True)
    for path in (*settings.backups_dir.glob("fetched-*"), *settings.backups_dir.glob(".*.partial")):
        path.unlink(missing_ok=True)
    papers = (settings.packages_dir, settings.receipts_dir, settings.feedback_dir)
    for path in (path for folder in papers for path in folder.glob(".*.partial")):
        path.unlink(missing_ok=True)


async def keep_recordings_within_bounds(services: Services, recordings: SegmentStore) -> int:
    """Remove what is too old or too much, never a held segment; how many files."""
    wanted = services.settings.recordings
    if await asyncio.to_thread(gone, await recordings_mount(services.settings, services.store)):
        return 0
    settled = await asyncio.to_thread(recordings.settle, await look_at_host_clock(services))
    if settled:
        log.info("gave %d recordings, made while this host's clock was wrong, their true time", settled)
    now = services.clock.now()
    doubtful = max(0, now - await deletion_now(services))
    policy = Policy(max_age=wanted.days * DAY + doubtful, max_bytes=wanted.bytes, keep_free=wanted.keep_free)
    purged = await asyncio.to_thread(recordings.purge, now, policy)
    if purged.removed:
        log.info("removed %d old recordings, %d MB", len(purged.removed), purged.bytes // 1_000_000)
    if purged.short_by:
        log.warning(
            "the disk of the recordings is fuller than recordings.keep_free allows, by %d MB, and all that is left "
            "is held or being written",
            purged.short_by // 1_000_000,
        )
    return len(purged.removed)


async def heartbeat(services: Services, inventory: Inventory) -> None:
    """That the agent lives, and nothing of requests."""
    async with services.store.transaction() as tx:
        enrolled = await tx.force() is not None
        cameras = await tx.cameras()
        blind = len(await troubles(tx))
    if enrolled:
        beat = api.Heartbeat(
            version=VERSION,
            cameras_recording=max(0, await inventory.recording_now() - blind),
            cameras_registered=sum(bool(camera.registered) for camera in cameras),
        )
        await (await services.portal()).heartbeat(beat)


async def _registered(services: Services) -> None:
    try:
        await registration.register(services, await services.portal())
    except NotEnrolled:
        return


async def _hours(services: Services) -> None:
    try:
        await tell_hours(services, await services.portal())
    except NotEnrolled:
        return
    except NoSuchCall:
        log.debug("the portal takes no word on recorded hours")


async def _records(services: Services) -> None:
    await delete_old_records(services, await deletion_now(services))
    await sweep(services)


async def _unless_busy(work: Callable[[], Awaitable[object]]) -> None:
    """What goes on just now, by a person's wish, is left to that."""
    try:
        await work()
    except AlreadyRunning:
        log.debug("copies are being checked already")


async def _delete_old_copies(services: Services) -> None:
    await asyncio.to_thread(delete_old, services.settings.working_copies_dir, await deletion_now(services))


async def _offers(services: Services) -> None:
    await end_old_offers(services)
    await send_offers(services)


_UNTOLD = (
    "SELECT 1 FROM requests JOIN decisions USING (request_id) WHERE requests.answered_at IS NULL AND state <> ? LIMIT 1"
)


async def send_checkpoints(services: Services) -> None:
    """The newest signed head of the custody log, for the portal to witness; older ones it makes unneeded.

    Not while a decision waits to be told: the log's length would tell of it first.
    """
    async with services.store.transaction() as tx:
        if await tx.force() is None or await tx.one(_UNTOLD, [State.CLOSED]) is not None:
            return
        row = await tx.one("SELECT size, note FROM checkpoints WHERE sent_at IS NULL ORDER BY size DESC LIMIT 1")
    if row is None:
        return
    await (await services.portal()).checkpoint(row["note"])
    async with services.store.transaction() as tx:
        await tx.execute(
            "UPDATE checkpoints SET sent_at = ? WHERE size <= ? AND sent_at IS NULL",
            [services.clock.now(), row["size"]],
        )


async def remind(services: Services) -> int:
    """Remind the owner of what waits for them; how many reminders were given."""
    now, given = services.clock.now(), 0
    async with services.store.transaction() as tx:
        for row in await tx.requests(State.ASKED):
            due = sum(row.state_at + after <= now for after in services.settings.requests.remind_after)
            name = f"reminded {row.request_id}"
            if due > int(await tx.note(name) or "0"):
                await tx.set_note(name, str(due))
                log.warning("a request waits for your yes or no: handover review %s", row.request_id)
                given += 1
    return given
