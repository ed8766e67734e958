"""A county's agents and officers at two replicas of a portal on PostgreSQL, behind nginx at one address: how soon a
request is there, how long officers wait, what a held poll costs, and how all come back when one of the two is killed.

Everything is on this machine. HANDOVER_BENCH_AGENTS sets how many agents (20,000, or as many as descriptors allow):
each holds a poll of 55 s. When a replica is killed as many stay as the other one has descriptors for.
"""

import asyncio
import contextlib
import os
import resource
import statistics
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert
from sqlalchemy.orm import Session

from exchange.clock import SystemClock
from exchange.documents import api
from exchange.documents.answers import retry_after
from exchange.signing.documents import SigningKey
from exchange.signing.tokens import mint
from portal.registry import devices
from portal.settings import Limits
from portal.storage.database import open_database
from portal.storage.models import Device
from portal.tokens import Caller
from scripts.benchmarks.row import Row
from scripts.county.stand import Replica, Stand, lines
from tests.counterparts.portals.portal import Place, add_officer, make_place
from tests.counterparts.storage.postgres_server import PostgresServer, serving
from tests.portal.wire import Agent, Officer, camera

_AGENTS = 20_000
_CROWDS = 4
"""Processes of agents."""
_RAMP_A_SECOND = 500
"""Agents that begin in a second."""
_REQUESTS = 60
_EVERY = 0.1
"""Seconds between an officer's calls."""
_SETTLE = 5
_FIRST_ENDS = 58
"""Seconds after which the first polls have come anew."""
_STEADY = 25
"""Seconds over which the cost of held polls is taken."""
_LONGEST = 120


def rows(work: Path) -> Iterator[Row]:
    """Milliseconds; the 95th of 100."""
    folder = work / "county"
    folder.mkdir()
    with serving() as postgres, asyncio.Runner() as runner:
        measured = _measured(folder, postgres)
        try:
            while True:
                yield runner.run(anext(measured))  # type: ignore[arg-type]  # an awaitable, if no coroutine by name
        except StopAsyncIteration:
            pass
        finally:
            runner.run(measured.aclose())


async def _measured(folder: Path, postgres: PostgresServer) -> AsyncGenerator[Row, None]:
    count = _how_many()
    stand = Stand(folder, postgres)
    place = await asyncio.to_thread(_place, stand)
    keys = await asyncio.to_thread(_enrol, place, count)
    bench = _Bench(stand, place, keys)
    try:
        for _ in range(2):
            await stand.start_replica()
        await stand.start_nginx(resource.getrlimit(resource.RLIMIT_NOFILE)[0], workers=6)
        async for row in bench.rows():
            yield row
    finally:
        await bench.end()
        await stand.stop()


def _how_many() -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return int(os.environ.get("HANDOVER_BENCH_AGENTS", _AGENTS))


def _place(stand: Stand) -> Place:
    """A portal on PostgreSQL, with one officer."""
    place = make_place(stand.folder, Limits(requests_per_officer_per_day=100_000, devices=1_000_000))
    settings = place.settings.model_copy(
        update={"database": stand.postgres.url(stand.postgres.create()), "origin": stand.origin}
    )
    place.folder.settings_file.unlink()
    place.folder.save(settings)
    credential = add_officer(place.folder, settings, place.force, place.officer, SystemClock().now())
    return replace(place, settings=settings, credential=credential)


def _enrol(place: Place, count: int) -> list[SigningKey]:
    """Devices, those that are asked with a camera, written straight into the database."""
    keys = [SigningKey(Ed25519PrivateKey.generate()) for _ in range(count)]
    now = SystemClock().now()
    rows = [
        {"fingerprint": key.public.fingerprint, "public_key": key.public.line, "enrolled": now, "last_seen": now}
        for key in keys
    ]
    db = open_database(place.folder.where(place.settings))
    for first in range(0, count, 1000):
        db.write_now(_inserts(rows[first : first + 1000]))
    for index in _asked(count):
        agent = Agent(None, "", SystemClock(), keys[index])  # type: ignore[arg-type]  # it signs only
        signed, caller = agent.registration(camera()), Caller(agent.name, agent.key.public)
        db.write_now(lambda session, caller=caller, signed=signed: devices.register(session, caller, signed))
    db.close()
    return keys


def _inserts(rows: list[dict[str, object]]) -> Callable[[Session], None]:
    def work(session: Session) -> None:
        session.execute(insert(Device), rows)

    return work


def _asked(count: int) -> list[int]:
    """The devices that are asked: of all processes of agents."""
    step = max(1, count // _REQUESTS)
    return list(range(step // 2, count, step))[:_REQUESTS]


_Work = Callable[[], Coroutine[object, object, None]]


class _Crowd:
    """One process of agents; ``got``: when each had its request."""

    def __init__(self, process: asyncio.subprocess.Process, first: int) -> None:
        self.got: dict[int, float] = {}
        self.failed = self.put_off = 0
        self._process, self._first = process, first
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for line in lines(self._process):
            if "device" in line:
                self.got[self._first + line["device"]] = line["at"]
            elif "polls" in line:
                self.failed, self.put_off = line["failed"], line["put_off"]

    async def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._reading
        await self._process.wait()


class _Bench:
    def __init__(self, stand: Stand, place: Place, keys: list[SigningKey]) -> None:
        self.stand, self.place, self.keys = stand, place, keys
        self.crowds: list[_Crowd] = []
        self.begun = 0.0

    async def rows(self) -> AsyncIterator[Row]:
        count = len(self.keys)
        before = self._memory()
        arriving, coming = await self._officer_meanwhile(self._all_come)
        yield Row("agents that hold a poll, at two replicas", count, None, "agents", None)
        yield Row("all of them come at once, held after", arriving, None, "s", 60)
        yield Row("an officer's call meanwhile, worst", max(coming) * 1000, None, "ms", 1000)
        yield Row("memory of a held poll", (self._memory() - before) * 1000 / count, None, "kB", None)
        yield Row("CPU of a held poll of 55 s", await self._cost() * 1000, None, "ms", 0.8)
        sent, calls = await self._ask()
        got = {device: at for crowd in self.crowds for device, at in crowd.got.items()}
        delays = [got[device] - at for device, at in sent.items() if device in got]
        yield Row("requests that did not come", len(sent) - len(delays), None, "", 0)
        yield Row("a request, from the officer to its agent, p95", _p95(delays) * 1000, None, "ms", 250)
        yield Row("an officer's call while polls are held, p95", _p95(calls) * 1000, None, "ms", 100)
        left = await self._as_many_as_one_can_hold()
        self.stand.replicas[0].kill()
        back, waited = await self._officer_meanwhile(lambda: self._held(left))
        yield Row(f"a replica is killed: {left} agents back after", back, None, "s", 60)
        yield Row("an officer's call meanwhile, worst", max(waited) * 1000, None, "ms", 1000)
        await self.end()
        yield Row(
            "polls put off or broken off", sum(each.put_off + each.failed for each in self.crowds), None, "", None
        )

    async def end(self) -> None:
        for crowd in self.crowds:
            await crowd.end()

    def _memory(self) -> float:
        return sum(each.memory for each in self._alive())

    def _alive(self) -> list[Replica]:
        return [each for each in self.stand.replicas if each.process.returncode is None]

    async def _all_come(self) -> None:
        part = -(-len(self.keys) // _CROWDS)
        self.begun = time.monotonic()
        for first in range(0, len(self.keys), part):
            some = self.keys[first : first + part]
            path = self.stand.folder / f"keys-{first}"
            path.write_bytes(b"".join(key.private.private_bytes_raw() for key in some))
            words = (self.stand.origin, str(path), "--count", str(len(some)), "--wait", "55")
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "scripts.simulated_agents", *words),
                *("--ramp", str(len(self.keys) / _RAMP_A_SECOND)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            self.crowds.append(_Crowd(process, first))
        await self._held(len(self.keys))

    async def _held(self, count: int) -> None:
        """Until so many polls are held, but for those that begin anew just then."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST):
                while await self._how_many_held() < count * 0.99:  # noqa: ASYNC110  it is another process
                    await asyncio.sleep(0.5)

    async def _how_many_held(self) -> float:
        return sum([await each.figure("handover_polls_held") for each in self._alive()])

    async def _as_many_as_one_can_hold(self) -> int:
        """End processes of agents until one replica has descriptors for the others."""
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] * 0.85
        left = len(self.keys)
        part = -(-len(self.keys) // _CROWDS)
        ended = []
        while left > most:
            crowd = self.crowds[len(self.crowds) - 1 - len(ended)]
            await crowd.end()
            ended.append(crowd)
            left -= part
        await asyncio.sleep(_SETTLE)
        return left

    async def _officer_meanwhile(
        self, what: Callable[[], Coroutine[object, object, None]]
    ) -> tuple[float, list[float]]:
        """How long it took (seconds), and how long each of an officer's calls."""
        begun, took = time.monotonic(), []
        doing = asyncio.create_task(what())
        async with aiohttp.ClientSession() as session:
            officer = _Caller(session, self.place, self.stand.origin)
            while not doing.done():
                took.append(await officer.call("GET", api.OFFICER_REQUESTS))
                await asyncio.sleep(_EVERY)
        await doing
        return time.monotonic() - begun, took

    async def _cost(self) -> float:
        """Seconds of CPU of all replicas, a poll."""
        await asyncio.sleep(max(0, self.begun + _FIRST_ENDS - time.monotonic()))

        async def so_far() -> tuple[float, float]:
            calls = sum([await each.figure("handover_calls_total") for each in self._alive()])
            return sum(each.spent for each in self._alive()), calls

        spent, calls = await so_far()
        await asyncio.sleep(_STEADY)
        spent_after, calls_after = await so_far()
        return (spent_after - spent) / max(1, calls_after - calls)

    async def _ask(self) -> tuple[dict[int, float], list[float]]:
        """When each request was sent, and how long this and the other calls took (seconds)."""
        sent: dict[int, float] = {}
        took = []
        async with aiohttp.ClientSession() as session:
            caller = _Caller(session, self.place, self.stand.origin)
            for number, device in enumerate(_asked(len(self.keys))):
                name = self.keys[device].public.fingerprint
                request = caller.officer.request(name, f"r-{number}", crime_reference=f"EX/26/{number:06}")
                sent[device] = time.monotonic()
                took.append(await caller.call("POST", api.OFFICER_REQUESTS, request.model_dump_json()))
                took.append(await caller.call("GET", api.OFFICER_REQUEST.format(request_id=f"r-{number}")))
                await asyncio.sleep(_EVERY)
            await asyncio.sleep(1)
        return sent, took


class _Caller:
    def __init__(self, session: aiohttp.ClientSession, place: Place, origin: str) -> None:
        self.officer = Officer(session, origin, SystemClock(), place.officer, place.credential, place.force.name)

    async def call(self, method: str, path: str, body: str | None = None) -> float:
        """Seconds, with the tries until it is taken. RuntimeError when it is refused."""
        officer = self.officer
        headers = {"Authorization": f"Bearer {mint(officer.key, officer.origin, officer.clock)}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        begun = time.monotonic()
        async with officer.session.request(method, officer.origin + path, data=body, headers=headers) as answer:
            await answer.read()
        if answer.status >= 500:
            await asyncio.sleep(retry_after(answer.headers) or _EVERY)
            return time.monotonic() - begun + await self.call(method, path, body)
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
        return time.monotonic() - begun


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else float("nan")
