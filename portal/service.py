"""The parts of a running portal, and one call to it. Not for: what calls do (``portal.api.handlers``,
``portal.api.tus``)."""

import asyncio
import contextlib
import functools
import ipaddress
import logging
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import TypeVar
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import ValidationError

from exchange.clock import HOUR, MINUTE, SECOND, Clock, SystemClock
from exchange.complaints import complaint
from exchange.counted import counted
from exchange.documents.api import MAX_BODY
from exchange.documents.messages import Part
from exchange.errors import StoreDamaged, StoreUnavailable
from exchange.signing.documents import parse_strictly
from portal import erasing, sweep
from portal.audit.logged import LoggedDatabase
from portal.callers.contacts import FLUSH_SECONDS
from portal.callers.devices import WATCH_SECONDS, Devices
from portal.callers.proxies import Proxies
from portal.callers.turns import Turns
from portal.logins.issuer import Issuer
from portal.people.sending import Outbox
from portal.people.smtp import SmtpCarrier
from portal.people.texts import Carriers, text_carrier
from portal.problems import ProblemError, too_many, unknown
from portal.requests import inbox
from portal.requests.quiet import Quiet
from portal.settings import PortalFolder, PortalSettings
from portal.storage.database import Database, Databases
from portal.storage.gathered import Gathered
from portal.storage.lanes import Lane
from portal.storage.names import ALONE
from portal.tokens import Caller
from portal.uploads import room
from portal.uploads.opening import open_store
from portal.uploads.store import Store
from portal.wakeups.background import beside, for_ever
from portal.wakeups.bell import Bell
from portal.wakeups.opening import open_wakeups

P = TypeVar("P", bound=Part)
log = logging.getLogger("handover.portal")
BODY_SECONDS = 30
"""How long a caller may take to send a JSON body, or a form."""
SWEEP_SECONDS = 600
FIRST_SWEEP_SECONDS = 10
"""After the start: agents that come again all at once are answered first."""
ROOM_SECONDS = 60
RECOUNT_SECONDS = 3600
MOST_ADDRESSES = 10_000
MOST_FETCHING = 10_000
AGENTS_READS = 2
AGENTS_WRITES = {False: 1, True: 3}
"""Of the database's threads, how many agents' calls may have at once; writes by whether it is ``shared``."""


class Enrolments:
    """How often each network address has enrolled in the last minute, at this replica; or did something else within
    ``within`` microseconds."""

    def __init__(self, most: int, within: int = MINUTE) -> None:
        self._most, self._within = most, within
        self._times: dict[str, deque[int]] = {}

    def count(self, address: str | None, now: int) -> None:
        """ProblemError 429 when it was too often. ``now`` in monotonic microseconds."""
        times = self._times.setdefault(_network(address), deque())
        while times and times[0] <= now - self._within:
            times.popleft()
        if len(times) >= self._most:
            raise too_many("Too many enrolments from this address.", "Try again in a minute.", self._within // SECOND)
        times.append(now)
        if len(self._times) > MOST_ADDRESSES:
            self._times = {name: kept for name, kept in self._times.items() if kept and kept[-1] > now - self._within}


class Fetching:
    """How far each package was sent to its officer without a hole, by this replica since it started.

    A transfer that broke off reaches as far as the next one begins: how much of it came, only the officer knows.
    """

    def __init__(self) -> None:
        self._reached: dict[str, tuple[int, bool]] = {}

    def note(self, delivery_id: str, first: int, end: int, size: int, *, sent: bool) -> bool:
        """Bytes [first, end) were sent, or, unless ``sent``, some of them; whether that makes it all of ``size``."""
        reached, broken = self._reached.pop(delivery_id, (0, False))
        if first <= reached or broken:
            reached, broken = (max(reached, end), False) if sent else (max(reached, first), True)
        self._reached[delivery_id] = (reached, broken)
        while len(self._reached) > MOST_FETCHING:
            self._reached.pop(next(iter(self._reached)))
        return reached >= size


@dataclass(frozen=True)
class Portal:
    """What the handlers work with."""

    settings: PortalSettings
    origin: str
    db: Database
    uploads: Store
    clock: Clock
    bell: Bell
    enrolments: Enrolments
    registrations: Enrolments
    """The same of forms that people without an agent fill in."""
    contributions: Enrolments
    """The same of what the public begins to send, within an hour."""
    devices: Devices
    quiet: Quiet
    agents_db: Lane
    proxies: Proxies
    inboxes: Gathered[bool]
    """Whether anything is in a device's inbox; None for one that is not enrolled."""
    room: room.Room
    turns: Turns = field(default_factory=Turns)
    """Of agents' calls."""
    fetching: Fetching = field(default_factory=Fetching)
    logins: Issuer | None = None
    """Of officers' logins; None where the force wants none."""
    outbox: Outbox | None = None
    """Messages to people without an agent; None where none are sent."""

    @functools.cached_property
    def for_agents(self) -> "Portal":
        """What handlers of agents' calls work with: however many those are, officers find the database free."""
        return replace(self, db=self.agents_db)

    @functools.cached_property
    def base_path(self) -> str:
        """What stands before every path of this portal, such as ``/forces/kent``; mostly nothing."""
        return urlsplit(self.origin).path


PORTAL = web.AppKey("portal", Portal)
CALLER = web.RequestKey("caller", str)


@contextlib.asynccontextmanager
async def open_portal(
    folder: PortalFolder,
    settings: PortalSettings,
    origin: str,
    clock: Clock | None = None,
    databases: Databases | None = None,
) -> AsyncIterator[Portal]:
    """The parts, opened in order and closed in order. StoreDamaged or StoreUnavailable when the database can't be
    used. ``databases``: with which other forces' portals share connections; None for a portal alone."""
    force = settings.short_name if databases is None else settings.short_name or ALONE
    opening = (databases or Databases()).open
    opened = await asyncio.to_thread(opening, folder.where(settings), settings.database_password_file, force)
    opened.use_keys(folder.keys)
    db = LoggedDatabase(opened)
    try:
        async with open_wakeups(opened) as (bell, claims), open_store(folder, settings, claims) as uploads:
            portal = _put_together(settings, origin, db, uploads, clock or SystemClock(), bell)
            await sweep.remove_strays(portal.db, uploads, sweep.STRAY_SECONDS if db.shared else 0)
            await _check_keys(portal.db, folder)
            async with _background(portal):
                yield portal
    finally:
        await asyncio.to_thread(db.close)


async def _check_keys(db: Database, folder: PortalFolder) -> None:
    """Seal what an older portal left in the clear, and serve nobody whose key is gone. StoreDamaged."""
    if not await asyncio.to_thread(lambda: folder.keys.is_there):
        log.warning("what is personal is not sealed yet: see 'Keys' in docs/portal-guide.md")
        return
    await erasing.seal_all(db)
    if found := await erasing.keyless(db, folder.keys):
        raise StoreDamaged(
            f"The keys of {counted(len(found.devices), 'device')} and "
            f"{counted(len(found.people), 'person', 'people')} are gone.",
            meaning="They left after the backup that the database was put back from, or keys were lost.",
            do="Put the newest copy of the keys back; those who then are left have left: handover-portal keys check "
            f"{folder.path} --erase",
        )
    await erasing.rebuild(db)
    await erasing.remove_stray_keys(db, folder.keys)


def _put_together(
    settings: PortalSettings, origin: str, db: Database, uploads: Store, clock: Clock, bell: Bell
) -> Portal:
    agents_db = Lane(db, AGENTS_READS, AGENTS_WRITES[db.shared])
    devices = Devices(agents_db, origin, clock)
    bell.on_ring(devices.forget, devices.forget_all)
    enrolments = Enrolments(settings.limits.enrolments_per_minute)
    proxies = Proxies(settings.trusted_proxies)
    forms = Enrolments(settings.limits.registrations_per_minute)
    contributions = Enrolments(settings.limits.contributions_per_address_per_hour, HOUR)
    outbox = None
    if settings.people is not None:
        texts = settings.people.texts
        carrier = Carriers(SmtpCarrier(settings.people.mail), None if texts is None else text_carrier(texts, clock))
        outbox = Outbox(db, carrier, settings, origin, clock, asyncio.Event())
    return Portal(
        settings,
        origin,
        db,
        uploads,
        clock,
        bell,
        enrolments,
        forms,
        contributions,
        devices,
        Quiet(bell),
        agents_db,
        proxies,
        Gathered(agents_db, lambda session, asked: inbox.have_any(session, asked, clock.now())),
        room.Room(settings.limits),
        logins=Issuer(settings.login, clock) if settings.login is not None else None,
        outbox=outbox,
    )


@contextlib.asynccontextmanager
async def _background(portal: Portal) -> AsyncIterator[None]:
    """What goes by itself while the portal runs; what it has to write is written at the end."""

    async def swept() -> None:
        await sweep.sweep(portal.db, portal.uploads, portal.settings, portal.clock.now())

    async def strays() -> None:
        await sweep.remove_strays(portal.db, portal.uploads)

    async def recounted() -> None:
        await room.recount(portal.db)

    async def roomed() -> None:
        portal.room.note(await portal.db.read(room.taken))

    async def heard() -> None:
        await portal.devices.contacts.flush(portal.db)

    works = (
        (swept, FIRST_SWEEP_SECONDS, SWEEP_SECONDS),
        (strays, sweep.STRAY_SECONDS, sweep.STRAY_SECONDS),
        (recounted, RECOUNT_SECONDS, RECOUNT_SECONDS),
        (roomed, 0, ROOM_SECONDS),
        (heard, 0, FLUSH_SECONDS),
        (portal.devices.look_for_shut_out, 0, WATCH_SECONDS),
    )
    running = [for_ever(work, first, seconds) for work, first, seconds in works]
    if portal.outbox is not None:
        running.append(portal.outbox.run())
    try:
        async with beside(*running):
            yield
    finally:
        with contextlib.suppress(StoreUnavailable):
            await heard()


@dataclass(frozen=True, slots=True)
class Call:
    """One call, authenticated as its route wants it."""

    portal: Portal
    request: web.Request
    caller: Caller | None
    by_link: str | None = None
    """Under what name uploads of who came by a link are kept; None for everybody else."""

    @property
    def known(self) -> Caller:
        """The caller of a route that wants a token."""
        assert self.caller is not None
        return self.caller

    @property
    def uploader(self) -> str:
        """Under what name the caller's uploads are kept."""
        return self.by_link or self.known.fingerprint

    @property
    def now(self) -> int:
        return self.portal.clock.now()

    @property
    def address(self) -> str | None:
        """The caller's, as far as proxies that are trusted say."""
        return self.portal.proxies.caller(self.request.remote, self.request.headers.getall("X-Forwarded-For", ()))

    def named(self, name: str) -> str:
        """A part of the path. ProblemError 404 when it holds what no id does, such as a zero byte."""
        value = self.request.match_info[name]
        if not value.isprintable():
            raise unknown("thing")
        return value

    async def body(self, model: type[P]) -> P:
        """The JSON body as the protocol has it. ProblemError 400, 408, 413 or 415; DocumentInvalid."""
        if self.request.content_type != "application/json":
            raise ProblemError(415, "A JSON body is wanted.", "Send Content-Type: application/json.")
        return parse_strictly(await self.content(), model, MAX_BODY)

    async def content(self) -> bytes:
        """The whole body. ProblemError 408 when it took too long, 413 when it is too large."""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self.request.read()
        except TimeoutError:
            raise ProblemError(408, "The body took too long.", "Send it again.") from None

    def query(self, model: type[P]) -> P:
        """What stands after the question mark. ProblemError 400."""
        values = self.request.query
        try:
            if len(set(values)) != len(values):
                raise ProblemError(400, "The query says the same thing twice.", "Say each thing once.")
            return model.model_validate(dict(values))
        except ValidationError as error:
            raise ProblemError(400, "The query can't be read.", complaint(error)[:500]) from None


def answer(model: Part, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    text = model.model_dump_json(exclude_none=True)
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)


def done() -> web.Response:
    return web.Response(status=204)


def _network(address: str | None) -> str:
    """IPv4 addresses by themselves, IPv6 ones by the /64 that a household or attacker has whole."""
    try:
        ip = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)
