"""The composition root: builds all that a running agent consists of, and nothing else does.

Not for: running it (``daemon``). No module but this one knows all the others.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp

from agent.cameras.inventory import Inventory
from agent.devices.passwords import Passwords
from agent.host.lock import state_lock
from agent.membership.enrolment import OpenPortal
from agent.places.named import NamedPlaces
from agent.places.pace import GoOn, Limit
from agent.places.place import Place
from agent.portal.client import PortalClient
from agent.portal.token_time import TokenTime
from agent.recordings.disk import gone, recordings_mount
from agent.recordings.segments import RecordedFootage, SegmentStore
from agent.records.backups.backups import Backups
from agent.records.backups.second_places import OpenPlace
from agent.requests.journey import Journey
from agent.requests.review.viewing import Viewings
from agent.services import Progress, Services
from agent.settings.folders import make_folders
from agent.settings.model import Settings
from agent.sources.device.footage import DeviceFootage
from agent.sources.fetched import FetchedFootage
from agent.sources.registry import Sources
from agent.store.custody import Custody
from agent.store.database import Store
from agent.store.keys import AgentKeys, changed_keys, load_or_create_keys
from agent.workers.process import run_job
from exchange import VERSION
from exchange.clock import Clock, SystemClock
from exchange.errors import InputInvalid, NotEnrolled, SettingsInvalid
from exchange.signing.timestamps import read_certificates

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Agent:
    """All that a running agent consists of."""

    settings: Settings
    services: Services
    journey: Journey
    inventory: Inventory
    open_portal: OpenPortal
    recordings: SegmentStore
    viewings: Viewings
    backups: Backups


@asynccontextmanager
async def build(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Agent]:
    """Take the state's lock, open what is kept, and put the parts together; nothing runs yet.

    AlreadyRunning when another process holds the state.
    """
    time: Clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        await asyncio.to_thread(make_folders, settings)
        stack.enter_context(state_lock(settings.lock))
        keys = await asyncio.to_thread(load_or_create_keys, settings.device_key, settings.archive_key)
        store = await Store.open(settings.database)
        stack.push_async_callback(store.close)
        await _check_certificates(settings)
        async with store.transaction() as tx:
            if (trouble := await changed_keys(tx, keys)) is not None:
                log.error("%s", trouble)
        session = await stack.enter_async_context(_session(settings))
        custody = Custody(time, keys.device)
        recordings = SegmentStore(settings.recordings.directory, time)
        progress = Progress()
        footage = _sources(settings, store, time, keys, RecordedFootage(recordings), progress)

        token_time = TokenTime(time)

        async def portal() -> PortalClient:
            async with store.transaction() as tx:
                force = await tx.force()
            if force is None:
                raise NotEnrolled
            return PortalClient(session, force.portal, keys.device, time=token_time)

        async def open_portal(url: str) -> PortalClient:
            return PortalClient(session, url, keys.device, time=token_time)

        limit = Limit(settings.sending.limit)
        services = Services(settings, store, time, keys, custody, footage, run_job, portal, progress, limit)
        mount = await recordings_mount(settings, store)
        recordings.gone = lambda: gone(mount)
        journey = Journey(services)
        inventory = Inventory(services)
        backups = Backups(services, _places(settings, time, limit))
        stack.push_async_callback(backups.close)
        yield Agent(settings, services, journey, inventory, open_portal, recordings, Viewings(services), backups)


def _places(settings: Settings, time: Clock, limit: Limit) -> OpenPlace:
    """How a place of backups is opened by the name that the owner gave it: evidence goes first."""

    async def open_place(name: str, go_on: GoOn) -> Place:
        async def pace(count: int) -> None:
            go_on()
            await limit.giving_way(count)

        def opened() -> Place:
            return NamedPlaces(settings.places).of(name).open(pace=pace, clock=time, go_on=go_on)

        return await asyncio.to_thread(opened)

    return open_place


def _sources(
    settings: Settings, store: Store, time: Clock, keys: AgentKeys, recorded: RecordedFootage, progress: Progress
) -> Sources:
    """Where footage comes from: our own recordings, and the recorders and folders that the owner named."""
    devices = DeviceFootage(time, run_job)
    archive = next(identity for identity in keys.archive if identity.recipient.kind == "hybrid")
    fetched = FetchedFootage(
        devices,
        preserved=settings.preserved_dir,
        work=settings.work_dir,
        recipient=str(archive.recipient),
        identity=str(archive),
        run_job=run_job,
        most_kept=settings.requests.preserve_limit,
        show=progress.doing.__setitem__,
    )
    passwords = Passwords(settings.keys / "sources.json")
    return Sources(store, recorded, devices, passwords, settings.sources_dir, fetched)


async def _check_certificates(settings: Settings) -> None:
    """Better told now than when the first package waits for its time stamp, or a camera's signature is looked at."""
    files = {
        f"timestamp_authorities.{number}.certificates": authority.certificates
        for number, authority in enumerate(settings.timestamp_authorities)
    }
    if settings.signing_roots is not None:
        files["signing_roots"] = settings.signing_roots
    for key, path in files.items():
        try:
            await asyncio.to_thread(read_certificates, path)
        except InputInvalid as error:
            raise SettingsInvalid(f"{key}: {error.what}", meaning=error.meaning, do=error.do) from error


@asynccontextmanager
async def _session(settings: Settings) -> AsyncIterator[aiohttp.ClientSession]:
    """The one HTTP session: TLS as the settings say, no cookies, no redirects, no proxy but the one that is set."""
    trust: ssl.SSLContext | bool = True
    if settings.portal.ca_file is not None:
        try:
            trust = await asyncio.to_thread(ssl.create_default_context, cafile=str(settings.portal.ca_file))
        except (OSError, ssl.SSLError) as error:
            raise SettingsInvalid(f"portal.ca_file: {settings.portal.ca_file} is no certificate in PEM.") from error
    connector = aiohttp.TCPConnector(ssl=trust, limit=8)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"handover/{VERSION}"},
        proxy=settings.portal.proxy,
        auto_decompress=False,
    ) as session:
        yield session
