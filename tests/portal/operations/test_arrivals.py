"""Connections begin a few at a time, officers' before others; too many are told to come again before HTTP is read."""

import asyncio
import errno
import itertools
import socket
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import pytest

from portal.api.app import ALWAYS, whole_answer
from portal.api.metrics import METRICS
from portal.callers import arrivals
from portal.callers.arrivals import Arrivals
from portal.callers.turns import LATEST, SOONEST, no_room
from tests.portal.conftest import Town

POLL = b"GET /v1/inbox?after=0&wait=55 HTTP/1.1\r\nHost: portal\r\n\r\n"
SEARCH = b"GET /v1/officer/search?lat=52 HTTP/1.1\r\nHost: portal\r\n\r\n"
A_ROUND = 3


class Shop:
    """A listening socket, who calls there, and what began in which order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(arrivals, "A_ROUND", A_ROUND)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.listener.listen(100)
        self.callers: list[socket.socket] = []
        self.began: list[bytes] = []
        self.transports: list[asyncio.BaseTransport] = []
        self.arrivals: Arrivals | None = None
        self.address = self.listener.getsockname()
        self.waited = 0

    def call(self, said: bytes = POLL, times: int = 1) -> list[socket.socket]:
        made = []
        for _ in range(times):
            caller = socket.create_connection(self.address)
            caller.sendall(said)
            made.append(caller)
        self.callers += made
        return made

    def open(self, most_waiting: int = 1000) -> Arrivals:
        shop = self

        class Protocol(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                shop.transports.append(transport)

            def data_received(self, data: bytes) -> None:
                shop.began.append(data)

        def note_waiting() -> None:
            self.waited += 1

        made = Arrivals(
            self.listener,
            Protocol,
            first=("/v1/officer/", "/healthz"),
            refusal=lambda: whole_answer(no_room()),
            when_waiting=note_waiting,
            most_waiting=most_waiting,
        )
        made.open()
        self.arrivals = made
        return made

    async def close(self) -> None:
        assert self.arrivals is not None
        await self.arrivals.close()
        for transport in self.transports:
            transport.close()
        await asyncio.sleep(0)
        for caller in self.callers:
            caller.close()


@pytest.fixture
async def shop(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    made = Shop(monkeypatch)
    try:
        yield made
    finally:
        await made.close()


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not so():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_an_officer_who_came_last_is_served_before_agents_who_came_first(shop: Shop) -> None:
    shop.call(times=40)
    shop.call(SEARCH)
    shop.call(b"GET /forces/kent/v1/officer/requests HTTP/1.1\r\n\r\n")
    shop.call(b"GET /healthz HTTP/1.1\r\n\r\n")
    shop.call(b"GET /v1/inbox?a=/v1/officer/ HTTP/1.1\r\n\r\n")
    shop.open()
    await until(lambda: len(shop.began) == 44)
    assert set(shop.began[: 2 * A_ROUND]) == {
        POLL,
        SEARCH,
        *(each for each in shop.began if b"kent" in each or b"health" in each),
    }
    assert b"?a=/v1/officer/" in shop.began[-1]


async def test_no_more_begin_in_a_round_than_fit_and_all_do_in_the_end(shop: Shop) -> None:
    shop.call(times=30)
    coming, counts = shop.open(), [0]
    while not counts[-1] or coming.waiting:
        await asyncio.sleep(0)
        counts.append(30 - coming.waiting if coming.waiting or counts[-1] else 0)
    await until(lambda: len(shop.began) == 30)
    assert max(later - earlier for earlier, later in itertools.pairwise(counts)) == A_ROUND
    assert shop.waited == 30 - A_ROUND


async def test_an_officer_who_said_nothing_yet_is_seen_while_waiting(shop: Shop) -> None:
    (officer,) = shop.call(b"")
    coming = shop.open()
    coming._a_round = 0
    shop.call(times=20)
    await until(lambda: coming.waiting == 21)
    officer.sendall(SEARCH)
    await until(lambda: bool(coming._first))
    coming._a_round = 1
    await until(lambda: len(shop.began) == 21)
    assert SEARCH in shop.began[:2]


async def test_polls_without_room_are_told_to_come_again_and_nothing_else_is_refused(shop: Shop) -> None:
    coming = shop.open(most_waiting=10)
    coming._a_round = 0
    shop.call(times=10)
    sent = b"POST /v1/uploads HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
    refused = shop.call(times=15)
    shop.call(sent)
    shop.call(SEARCH)
    await until(lambda: coming.refused == 15 and coming.waiting == 12)
    answers = [caller.recv(4096) for caller in refused]
    coming._a_round = 5
    await until(lambda: len(shop.began) == 12)
    assert {sent, SEARCH} <= set(shop.began)
    times = set()
    for answer in answers:
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        assert lines[0] == "HTTP/1.1 503 Service Unavailable"
        assert headers.items() >= {**ALWAYS, "Connection": "close", "Content-Length": str(len(body))}.items()
        assert b"Too many agents" in body
        times.add(int(headers["Retry-After"]))
    assert len(times) > 1
    assert SOONEST <= min(times) <= max(times) <= LATEST
    assert all(caller.recv(1) == b"" for caller in refused)


async def test_who_asks_late_is_refused_too_when_there_is_no_room(shop: Shop) -> None:
    coming = shop.open(most_waiting=5)
    coming._a_round = 0
    callers = shop.call(b"", times=9)
    await until(lambda: coming.waiting == 9)
    for caller in callers:
        caller.sendall(POLL)
    await until(lambda: coming.refused == 4)
    assert coming.waiting == 5
    coming._a_round = 5
    await until(lambda: len(shop.began) == 5)
    assert coming.waiting == 0
    assert sum(caller.recv(12) == b"HTTP/1.1 503" for caller in callers[:4]) == 4


async def test_what_can_not_be_refused_waits_with_the_system_when_there_is_no_room(shop: Shop) -> None:
    coming = shop.open(most_waiting=5)
    coming._a_round = 0
    shop.call(b"PUT /v1/registration HTTP/1.1\r\n", times=25)
    await until(lambda: coming.waiting == 10)
    for _ in range(20):
        await asyncio.sleep(0)
    assert coming.waiting == 10
    coming._a_round = 5
    await until(lambda: len(shop.began) == 25)


async def test_without_descriptors_it_is_tried_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Full:
        """The listening socket of a process that has as many files open as it may."""

        fileno = shop.listener.fileno
        listen = shop.listener.listen
        close = shop.listener.close

        def accept(self) -> tuple[socket.socket, object]:
            raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(arrivals, "_AGAIN_SECONDS", 0.01)
    coming = shop.open()
    coming._listener = Full()  # type: ignore[assignment]
    shop.call()
    await until(lambda: "no connection can be taken" in caplog.text)
    coming._listener = shop.listener
    await until(lambda: shop.began == [POLL])


async def test_at_the_end_those_that_wait_are_closed_and_no_more_are_taken(shop: Shop) -> None:
    coming = shop.open()
    coming._a_round = 0
    callers = shop.call(times=3)
    await until(lambda: coming.waiting == 3)
    await coming.close()
    for caller in callers:
        with pytest.raises(ConnectionResetError):
            caller.recv(1)
    with pytest.raises(ConnectionError):
        shop.call()
    assert shop.began == []


async def test_when_agents_had_to_wait_their_polls_end_at_random_times(town: Town) -> None:
    portal, registry = town.running.portal, town.running.app[METRICS].registry
    assert {portal.turns.held_for(50) for _ in range(20)} == {50}
    address = urlsplit(town.origin)
    callers = [socket.create_connection((address.hostname, address.port)) for _ in range(4 * arrivals.A_ROUND)]
    for caller in callers:
        caller.sendall(POLL)
    await until(lambda: registry.get_sample_value("handover_arrivals_waiting") not in (None, 0))
    assert len({portal.turns.held_for(50) for _ in range(20)}) > 10
    assert registry.get_sample_value("handover_arrivals_refused_total") == 0
    for caller in callers:
        caller.close()
    assert (await town.officer.call("GET", "/v1/officer/requests")).status == 200
