"""A portal that listens: socket, TLS, the application, and an orderly end.

Not for: settings (``portal.settings``), or commands (``portal.cli``).
"""

import asyncio
import contextlib
import fcntl
import ipaddress
import logging
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from exchange.clock import Clock
from exchange.errors import AlreadyRunning, SettingsInvalid
from portal.api.app import READ_BUFFER, make_app, whole_answer
from portal.api.connections import Connections, raise_descriptor_limit
from portal.api.joined import join
from portal.api.logs import of_connections
from portal.api.metrics import METRICS, PATH, metrics_app
from portal.api.probes import HEALTH, READY
from portal.callers.arrivals import MOST_WAITING, Arrivals
from portal.callers.turns import no_room
from portal.public.app import add_pages
from portal.service import PORTAL, Portal, open_portal
from portal.settings import PortalFolder, PortalSettings
from portal.storage.database import Databases
from portal.storage.names import ALONE

log = logging.getLogger("handover.portal")
GRACE_SECONDS = 3
"""How long calls that run may go on after the portal was told to stop; an upload resumes later anyway."""
FIRST = ("/v1/officer/", HEALTH, READY)
"""Paths of calls that are served before those of agents."""
WAITING_PART = 4
"""Of the connections that may be open, the part that may wait to begin: most of them are polls that are held then."""
DEFAULT_LISTEN = "127.0.0.1:8470"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen. Port 0: a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Listen":
        """``127.0.0.1:8470`` or ``[::1]:8470``. SettingsInvalid otherwise."""
        host, _, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        try:
            ipaddress.ip_address(host)
            if not 0 <= int(port) <= 65535:
                raise ValueError
        except ValueError:
            raise SettingsInvalid(
                f"{text!r} is no address to listen on.", do=f"Give an address and a port, such as {DEFAULT_LISTEN}."
            ) from None
        return cls(host, int(port))

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.host).is_loopback

    def origin(self, port: int, *, tls: bool) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if tls else 'http'}://{host}:{port}"


@dataclass(frozen=True, slots=True)
class Running:
    """A portal that answers now; of several forces, each its own."""

    portals: tuple[Portal, ...]
    address: str
    """Where it listens, as a URL; behind a proxy another than the origin."""
    app: web.Application
    metrics: str | None = None
    """Where figures are shown, as a URL; of several forces, with ``/`` and the short name of each behind it."""

    @property
    def portal(self) -> Portal:
        """The first, or only, one."""
        return self.portals[0]


@contextlib.asynccontextmanager
async def running(
    folder: PortalFolder,
    settings: PortalSettings,
    listen: Listen,
    tls: ssl.SSLContext | None = None,
    clock: Clock | None = None,
    metrics: Listen | None = None,
    others: Sequence[tuple[PortalFolder, PortalSettings]] = (),
) -> AsyncIterator[Running]:
    """Serve until the block ends; figures for Prometheus at ``metrics``. ``others``: of further forces, each with an
    origin of its own. AlreadyRunning when another process serves a folder's database file, or a port is taken."""
    served = [(folder, settings), *others]
    async with contextlib.AsyncExitStack() as stack:
        for each, said in served:
            if said.database is None:
                stack.enter_context(_locked(each))
        listener = stack.enter_context(_bound(listen))
        address = listen.origin(listener.getsockname()[1], tls=tls is not None)
        databases = Databases() if others else None
        portals = [
            await stack.enter_async_context(open_portal(each, said, said.origin or address, clock, databases))
            for each, said in served
        ]
        apps = [make_app(portal) for portal in portals]
        showing = await stack.enter_async_context(_showing(apps, metrics))
        for app in apps:
            await asyncio.to_thread(add_pages, app)
        joined = join(apps)
        async with _answering(joined, apps, listener, tls):
            yield Running(tuple(portals), address, joined, showing)


@contextlib.asynccontextmanager
async def _answering(
    app: web.Application, parts: Sequence[web.Application], listener: socket.socket, tls: ssl.SSLContext | None
) -> AsyncIterator[None]:
    """``parts``: the application of each force."""
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=GRACE_SECONDS,
        read_bufsize=READ_BUFFER,
        logger=of_connections(),
    )
    await runner.setup()
    try:
        assert runner.server is not None
        most = raise_descriptor_limit()
        arrivals = _arrivals(parts, listener, runner.server, tls, min(MOST_WAITING, most // WAITING_PART))
        arrivals.open()
        watching = asyncio.create_task(Connections(runner.server, most).watch())
        try:
            yield
        finally:
            watching.cancel()
            await arrivals.close()
    finally:
        await runner.cleanup()


def _arrivals(
    apps: Sequence[web.Application],
    listener: socket.socket,
    server: web.Server,
    tls: ssl.SSLContext | None,
    most_waiting: int,
) -> Arrivals:
    def note_rush() -> None:
        for app in apps:
            app[PORTAL].turns.note_rush()

    arrivals = Arrivals(
        listener,
        server,
        tls,
        first=FIRST,
        refusal=lambda: whole_answer(no_room()),
        when_waiting=note_rush,
        most_waiting=most_waiting,
    )
    for app in apps:
        app[METRICS].watch_arrivals(arrivals)
    return arrivals


@contextlib.asynccontextmanager
async def _showing(apps: Sequence[web.Application], listen: Listen | None) -> AsyncIterator[str | None]:
    """Figures, on a port that is not the portal's: whoever may reach that may not read them."""
    if listen is None:
        yield None
        return
    names = [app[PORTAL].settings.short_name or ALONE for app in apps]
    paths = [PATH] if len(apps) == 1 else [f"{PATH}/{name}" for name in names]
    shown = {path: app[METRICS] for path, app in zip(paths, apps, strict=True)}
    with _bound(listen) as listener:
        runner = web.AppRunner(metrics_app(shown), access_log=None, handle_signals=False)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            yield listen.origin(listener.getsockname()[1], tls=False) + PATH
        finally:
            await runner.cleanup()


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """SettingsInvalid when the files can't be used."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:
        why = "they are no PEM, or don't belong together" if isinstance(error, ssl.SSLError) else error.strerror
        raise SettingsInvalid(
            f"The certificate {certificate} or its key {key} can't be used: {why}.",
            do="Give the certificate's whole chain and its key without a passphrase, both PEM.",
        ) from None
    return context


@contextlib.contextmanager
def _locked(folder: PortalFolder) -> Iterator[None]:
    descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise AlreadyRunning(
            f"Another process serves the portal in {folder.path}.", do="Stop that one first, or leave it running."
        ) from None
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _bound(listen: Listen) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        try:
            listener.bind((listen.host, listen.port))
        except OSError as error:
            raise AlreadyRunning(
                f"The portal can't listen on {listen.host} port {listen.port}: {error.strerror}.",
                do="End what listens there, or choose another address or port (--listen, or --metrics for figures).",
            ) from None
        yield listener
    finally:
        listener.close()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's event loop where it is installed (``handover[fast]``): a poll costs it a third less. None: asyncio's."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


@contextlib.contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """Set by SIGTERM or SIGINT, from the start of the block."""
    reported = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, reported.set)
    try:
        yield reported
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
