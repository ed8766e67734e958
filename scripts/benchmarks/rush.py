"""Thousands of agents at one portal in one moment, as when another replica has died: how long an officer waits, when
all are held, and what their coming costs.

A portal on a file. HANDOVER_BENCH_AGENTS sets how many (4,000); their polls are signed beforehand. Not for: replicas
behind a proxy, and polls as they go on (``scripts.benchmarks.county``).
"""

import contextlib
import os
import random
import re
import resource
import selectors
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from exchange.clock import SystemClock
from exchange.documents import api
from exchange.signing.documents import SigningKey
from exchange.signing.tokens import mint
from portal.settings import Limits
from scripts.benchmarks.portal import enrol
from scripts.benchmarks.row import Row
from tests.counterparts.portals.portal import Place, PortalProcess, make_place

_AGENTS = 4000
_SPARE = 1000
_BEFORE = 1.0
"""Seconds that an officer calls before the agents come."""
_EVERY = 0.05
"""Seconds between an officer's calls."""
_LONGEST = 70
_LOOK = 0.5
"""Seconds from one look at how many are held to the next."""


def rows(work: Path) -> Iterator[Row]:
    count = int(os.environ.get("HANDOVER_BENCH_AGENTS", _AGENTS))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + _SPARE), hard))
    folder = work / "rush"
    folder.mkdir()
    place = make_place(folder, Limits(devices=1_000_000))
    keys = enrol(place, folder / "keys", count)
    portal = PortalProcess(place, "--metrics", "127.0.0.1:0")
    portal.verbose = False
    with portal, _officer(place, portal) as took:
        time.sleep(_BEFORE)
        crowd = _Crowd(portal, keys)
        before, begun, calls = _spent(portal), time.monotonic(), len(took)
        crowd.come()
        held = time.monotonic() - begun
        spent = _spent(portal) - before
        time.sleep(_BEFORE)
    yield Row("agents that come in one moment", count, None, "agents", None)
    yield Row("all of them held after", held, None, "s", 60)
    yield Row("an officer's call meanwhile, worst", max(took[calls:]) * 1000, None, "ms", 1000)
    yield Row("polls that were put off", crowd.put_off, None, "", None)
    yield Row("connections that failed", crowd.failed, None, "", 0)
    yield Row("CPU of a poll that came", spent / count * 1000, None, "ms", None)


@contextlib.contextmanager
def _officer(place: Place, portal: PortalProcess) -> Iterator[list[float]]:
    """One who calls all the time; the seconds that each call took."""
    took: list[float] = []
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            token = mint(place.officer, portal.origin, SystemClock())
            asked = urllib.request.Request(
                portal.origin + api.OFFICER_REQUESTS, headers={"Authorization": f"Bearer {token}"}
            )
            begun = time.monotonic()
            with urllib.request.urlopen(asked, timeout=_LONGEST) as answer:
                answer.read()
            took.append(time.monotonic() - begun)
            time.sleep(_EVERY)

    calling = threading.Thread(target=work)
    calling.start()
    try:
        yield took
    finally:
        done.set()
        calling.join()


class _Crowd:
    """Agents on sockets of this process."""

    def __init__(self, portal: PortalProcess, keys: list[SigningKey]) -> None:
        self.put_off = self.failed = 0
        self._portal, self._keys = portal, keys
        address = urlsplit(portal.origin)
        self._address = (address.hostname, address.port)
        self._selector = selectors.DefaultSelector()
        self._later: list[tuple[float, int]] = []
        self._polls = [self._poll(index) for index in range(len(keys))]

    def come(self) -> None:
        """Until all but one of a hundred are held, or time is over."""
        for index in range(len(self._keys)):
            self._begin(index)
        until = time.monotonic() + _LONGEST
        look = time.monotonic() + _LOOK
        while time.monotonic() < until:
            for key, events in self._selector.select(0.1):
                self._go_on(key, events)
            now = time.monotonic()
            for index in [index for at, index in self._later if at <= now]:
                self._polls[index] = self._poll(index)
                self._begin(index)
            self._later = [each for each in self._later if each[0] > now]
            if now >= look:
                if self._held() >= 0.99 * len(self._keys):
                    return
                look = time.monotonic() + _LOOK

    def _poll(self, index: int) -> bytes:
        token = mint(self._keys[index], self._portal.origin, SystemClock())
        host = urlsplit(self._portal.origin).netloc
        head = f"GET {api.INBOX}?after=0&wait={api.LONGEST_POLL} HTTP/1.1\r\nHost: {host}\r\n"
        return f"{head}Authorization: Bearer {token}\r\n\r\n".encode()

    def _begin(self, index: int) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex(self._address)
        self._selector.register(connection, selectors.EVENT_WRITE, index)

    def _go_on(self, key: selectors.SelectorKey, events: int) -> None:
        connection, index = key.fileobj, key.data
        assert isinstance(connection, socket.socket)
        try:
            if events & selectors.EVENT_WRITE:
                connection.send(self._polls[index])
                self._selector.modify(connection, selectors.EVENT_READ, index)
                return
            answer = connection.recv(65536)
        except OSError:
            answer = b""
        self._selector.unregister(connection)
        connection.close()
        wait = re.search(rb"(?i)retry-after: (\d+)", answer)
        self.put_off += wait is not None
        self.failed += not answer
        after = 2.0 if not answer else float(wait[1]) if wait else 0.0
        self._later.append((time.monotonic() + after * random.uniform(1, 1.25), index))

    def _held(self) -> float:
        assert self._portal.metrics is not None
        with urllib.request.urlopen(self._portal.metrics, timeout=_LONGEST) as answer:
            text = answer.read().decode()
        return float(re.findall(r"^handover_polls_held (\S+)", text, re.MULTILINE)[0])


def _spent(portal: PortalProcess) -> float:
    """Seconds of CPU."""
    times = psutil.Process(portal.process.pid).cpu_times()
    return float(times.user + times.system)
