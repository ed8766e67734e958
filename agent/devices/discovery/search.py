"""Finds cameras: by WS-Discovery on every interface, by asking listed hosts, all in one worker process.

Not for: what a camera is (``onvif``), or deciding which of those found is the owner's (the owner does that).
"""

import asyncio
import random
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from agent.devices.address import CameraAddress
from agent.devices.discovery import wsdiscovery
from agent.devices.discovery.direct import USUAL_PORTS, answers_as_camera
from agent.devices.discovery.interfaces import Interface, chosen
from agent.devices.discovery.wsdiscovery import Found
from agent.workers.process import DISCOVERY, run_job
from exchange.bounded_xml import XmlRefused

__all__ = ["Discovery", "Found", "discover", "job"]

_MOST_ANSWERS = 1024
_MOST_FROM_ONE = 64
_MOST_HOSTS = 256
_AT_ONCE = 24
_ASK_SECONDS = 3.0
# SOAP-over-UDP 1.1, 5.2: a repeat comes 50 to 250 ms after the message before it.
_SPACING = (0.05, 0.12)
_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Discovery:
    """What one sweep found. ``malformed``: answers that were not WS-Discovery; ``others``: devices of other kinds.

    ``notes``: what a person should know, such as an interface that is not there.
    """

    found: tuple[Found, ...]
    malformed: int
    others: int
    notes: tuple[str, ...]


async def discover(
    *, interfaces: Sequence[str] | None = None, hosts: Sequence[str] = (), listen: float = 3.0
) -> Discovery:
    """Ask for cameras, and listen for ``listen`` seconds; in a worker process.

    ``interfaces``: names or IPv4 addresses to ask from, and then nothing is sent from any other; None for every
    interface that is up and can multicast, but loopback; empty for none, so that only ``hosts`` are asked.
    ``hosts``: asked by unicast as well, each a host, host:port or URL, whether multicast reaches them or not.
    Raises WorkerFailed.
    """
    answer = await run_job(
        "agent.devices.discovery.search:job",
        {
            "interfaces": None if interfaces is None else list(interfaces),
            "hosts": list(hosts),
            "listen": listen,
        },
        limits=DISCOVERY,
    )
    found = [
        Found(**{**one, "xaddrs": tuple(one["xaddrs"]), "scopes": tuple(one["scopes"])}) for one in answer["found"]
    ]
    return Discovery(tuple(found), answer["malformed"], answer["others"], tuple(answer["notes"]))


# -- in the worker -----------------------------------------------------------------------------------------------


def job(order: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """The worker's part of ``discover``."""
    return asyncio.run(_sweep(order["interfaces"], order["hosts"], order["listen"]))


async def _sweep(wanted: list[str] | None, hosts: list[str], listen: float) -> dict[str, Any]:
    ours, missing = chosen(wanted)
    harvest = _Harvest()
    harvest.notes += [f"The interface {name} is not there, or not up; nothing was asked on it." for name in missing]
    if wanted is None and not ours:
        harvest.notes.append("No interface is up that can multicast; only listed hosts were asked.")
    if len(hosts) > _MOST_HOSTS:
        harvest.notes.append(f"Only the first {_MOST_HOSTS} listed hosts were asked.")
    listed = await _resolve(hosts[:_MOST_HOSTS], harvest)
    # Without interfaces named, a listed host is asked from wherever the routes say; else from those only.
    sources: list[Interface | None] = list(ours) if wanted else [None]
    await _ask_by_udp(ours, sources, listed.values(), harvest, listen)
    heard = {found.address for found in harvest.found}
    silent = [(address, ip) for address, ip in listed.items() if ip not in heard or address.port not in (80, 443)]
    await _ask_by_http(silent, sources, harvest)
    return {
        "found": [asdict(found) for found in wsdiscovery.merge(harvest.found)],
        "malformed": harvest.malformed,
        "others": harvest.others,
        "notes": harvest.notes,
    }


class _Harvest:
    """The answers so far, bounded in size and number, so that one device cannot drown the others."""

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.malformed = 0
        self.others = 0
        self.notes: list[str] = []
        self._answers: dict[str, int] = {}

    def take(self, data: bytes, address: str, interface: str) -> None:
        count = self._answers[address] = self._answers.get(address, 0) + 1
        if count > _MOST_FROM_ONE or len(self._answers) > _MOST_ANSWERS:
            if count == _MOST_FROM_ONE + 1:
                self.notes.append(f"{address} sent more than {_MOST_FROM_ONE} answers; the rest were not read.")
            return
        try:
            announced = wsdiscovery.read_answer(data, interface=interface, address=address)
        except XmlRefused:
            self.malformed += 1
            return
        self.found += announced
        self.others += not announced


class _Listener(asyncio.DatagramProtocol):
    def __init__(self, harvest: _Harvest, interface: str) -> None:
        self.harvest, self.interface = harvest, interface

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self.harvest.take(data, str(addr[0]), self.interface)

    def error_received(self, exc: Exception) -> None:
        """An ICMP refusal from a host that was asked by unicast: it has no WS-Discovery, HTTP is tried next."""


async def _ask_by_udp(
    ours: Sequence[Interface],
    sources: Sequence[Interface | None],
    listed: Iterable[str],
    harvest: _Harvest,
    listen: float,
) -> None:
    loop = asyncio.get_running_loop()
    ways: list[tuple[asyncio.DatagramTransport, str]] = []
    try:
        for interface in ours:
            transport, _ = await loop.create_datagram_endpoint(
                lambda name=interface.name: _Listener(harvest, name),  # type: ignore[misc]
                sock=_multicaster(interface),
            )
            ways.append((transport, wsdiscovery.GROUP))
        unicast = list(dict.fromkeys(listed))
        for source in sources if unicast else ():
            transport, _ = await loop.create_datagram_endpoint(lambda: _Listener(harvest, ""), sock=_unicaster(source))
            ways += [(transport, host) for host in unicast]
        if not ways:
            return
        end = loop.time() + listen
        questions = wsdiscovery.probes()
        chance = random.SystemRandom()
        for _ in range(_ROUNDS):
            for question in questions:
                for transport, host in ways:
                    transport.sendto(question, (host, wsdiscovery.PORT))
                await asyncio.sleep(chance.uniform(*_SPACING))
        await asyncio.sleep(max(0.0, end - loop.time()))
    finally:
        for transport, _ in ways:
            transport.close()


def _multicaster(interface: Interface) -> socket.socket:
    """A socket whose multicasts leave by this interface, and go no further than its link."""
    sock = _unicaster(interface)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface.address))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
    return sock


def _unicaster(interface: Interface | None) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    if interface is not None:
        # Refused to an ordinary user before Linux 5.7; the source address then still decides the way out.
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.name.encode())
        sock.bind((interface.address, 0))
    return sock


async def _resolve(hosts: Sequence[str], harvest: _Harvest) -> dict[CameraAddress, str]:
    """Each listed host's address in both senses: where to ask over HTTP, and its IPv4 address."""
    loop = asyncio.get_running_loop()
    resolved = {}
    for text in hosts:
        try:
            address = CameraAddress.parse(text)
        except ValueError as error:
            harvest.notes.append(f"A listed host was not asked: {error}.")
            continue
        try:
            answers = await loop.getaddrinfo(address.host, address.port, family=socket.AF_INET, type=socket.SOCK_STREAM)
        except OSError:
            harvest.notes.append(f"The name {address.host} leads to no address.")
            continue
        resolved[address] = str(answers[0][4][0])
    return resolved


async def _ask_by_http(
    silent: Sequence[tuple[CameraAddress, str]], sources: Sequence[Interface | None], harvest: _Harvest
) -> None:
    turn = asyncio.Semaphore(_AT_ONCE)

    async def ask(candidate: CameraAddress, source: Interface | None) -> CameraAddress | None:
        async with turn:
            came_from = source.address if source else None
            answered = await answers_as_camera(candidate, source=came_from, seconds=_ASK_SECONDS)
        return candidate if answered else None

    for address, ip in silent:
        tried = [ask(candidate, source) for candidate in _candidates(address) for source in sources]
        reached = [candidate for candidate in await asyncio.gather(*tried) if candidate]
        harvest.found += [Found((one.url,), "", "", "", (), "", ip) for one in dict.fromkeys(reached)]
        if not reached:
            harvest.notes.append(f"{address.host} was asked, and does not answer as an ONVIF camera.")


def _candidates(address: CameraAddress) -> list[CameraAddress]:
    """Where to look on a listed host: as told if a port or scheme was told, else on the usual ports."""
    if address.port != 80 or address.tls:
        return [address]
    return [CameraAddress(address.host, port, address.path, tls=port == 443) for port in USUAL_PORTS]
