"""A portal with a county's agents: how soon a request is there, how long officers wait, and what a poll costs. How soon
cameras are found among a million: ``scripts.benchmarks.search``.

Everything is on this machine: the portal, its file, agents (one process, ``scripts.simulated_agents``), and an officer.
HANDOVER_BENCH_AGENTS sets how many agents (20,000, or as many as descriptors allow). A poll's cost stands beside a
server of the same framework that checks tokens and has no database.
"""

import asyncio
import contextlib
import json
import os
import random
import re
import resource
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import psutil
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.clock import SystemClock
from exchange.documents import api
from exchange.signing.documents import SigningKey
from exchange.signing.tokens import mint
from portal.settings import Limits
from scripts.benchmarks.row import Row
from tests.counterparts.portals.portal import Place, PortalProcess, make_place
from tests.portal.wire import Agent, Officer, camera

_AGENTS = 20_000
_SPARE = 1000
_RAMP_A_SECOND = 800
"""Agents that begin in a second."""
_REQUESTS = 60
_EVERY = 0.25
"""Seconds between an officer's requests."""
_MOST_ARRIVING = 120
"""Seconds."""
_POLLING = 150
"""Agents that poll once a second, while the cost of a poll is measured."""
_POLLING_SECONDS = 12
_SIDE = 2.0
"""Degrees of latitude and longitude over which the cameras lie."""

_STUB = """
import asyncio, json, sys, jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from exchange.signing.documents import SigningKey
from scripts.simulated_agents import read_keys
from pathlib import Path
keys = {key.public.fingerprint: key.private.public_key() for key in read_keys(Path(sys.argv[1]), int(sys.argv[2]))}
async def inbox(request):
    token = request.headers["Authorization"].removeprefix("Bearer ")
    who = jwt.decode(token, options={"verify_signature": False})["iss"]
    jwt.decode(token, keys[who], algorithms=["EdDSA"], audience=sys.argv[3])
    await asyncio.sleep(int(request.query["wait"]))
    return web.json_response({"cursor": int(request.query["after"]), "items": []})
async def main():
    app = web.Application()
    app.router.add_get("/v1/inbox", inbox)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(sys.argv[3].rpartition(":")[2])).start()
    print("up", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def rows(work: Path) -> Iterator[Row]:
    """Milliseconds; the 95th of 100."""
    count = _how_many()
    folder = work / "portal"
    folder.mkdir()
    place = make_place(folder, Limits(requests_per_officer_per_day=100_000, devices=1_000_000))
    keys = enrol(place, folder / "keys", count)
    with PortalProcess(place, "--metrics", "127.0.0.1:0") as portal:
        with _agents(portal.origin, folder / "keys", count, 55, count / _RAMP_A_SECOND) as crowd:
            arriving, coming = asyncio.run(_until_all_are_held(place, portal, count))
            sent, calls = asyncio.run(_ask(place, portal.origin, keys))
            time.sleep(1)
            delays = [crowd.got[device] - at for device, at in sent.items() if device in crowd.got]
        lost = len(sent) - len(delays) + crowd.failed
        yield Row("agents that hold a poll", count, None, "agents", None)
        yield Row("requests lost, polls failed", lost, None, "", 0)
        yield Row("all of them come at once, held after", arriving, None, "s", 60)
        yield Row("an officer's call meanwhile, worst", max(coming) * 1000, None, "ms", 1000)
        yield Row("a request, from the officer to its agent, p95", _p95(delays) * 1000, None, "ms", 250)
        yield Row("an officer's call while polls are held, p95", _p95(calls) * 1000, None, "ms", 100)
        ours = _cost(portal.origin, folder / "keys", portal.process.pid)
    port = portal.origin.rpartition(":")[2]
    theirs = _cost_of_stub(f"http://127.0.0.1:{port}", folder / "keys")
    yield Row("CPU of a poll", ours * 1000, theirs * 1000, "ms", 1.12)


def _how_many() -> int:
    """As many as were asked for, or as descriptors allow."""
    wanted = int(os.environ.get("HANDOVER_BENCH_AGENTS", _AGENTS))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted + _SPARE, max(hard, wanted + _SPARE)))
    return min(wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - _SPARE)


def enrol(place: Place, path: Path, count: int) -> list[SigningKey]:
    """Devices with a camera each, written straight into the portal's file; their keys."""
    keys = [SigningKey(Ed25519PrivateKey.generate()) for _ in range(count)]
    path.write_bytes(b"".join(key.private.private_bytes_raw() for key in keys))
    now = SystemClock().now()
    with sqlite3.connect(place.folder.database) as file:
        file.executemany(
            "INSERT INTO devices (fingerprint, public_key, enrolled, last_seen, revision, last_cursor)"
            " VALUES (?, ?, ?, ?, 1, 0)",
            ((key.public.fingerprint, key.public.line, now, now) for key in keys),
        )
        _insert_cameras(file, ((key.public.fingerprint, "front") for key in keys))
        for index in _asked(count):
            agent = Agent(None, "", SystemClock(), keys[index])  # type: ignore[arg-type]  # it signs only
            signed = agent.registration(camera())
            file.execute(
                "UPDATE devices SET registration_document = ?, registration_signature = ? WHERE fingerprint = ?",
                (signed.document, signed.signature, agent.name),
            )
    file.close()
    return keys


def _asked(count: int) -> list[int]:
    """The devices that are asked; the same in each run."""
    return random.Random(2).sample(range(count), min(_REQUESTS, count))


def _insert_cameras(file: sqlite3.Connection, named: Iterator[tuple[str, str]]) -> None:
    chance = random.Random(1)
    file.executemany(
        "INSERT INTO cameras (device, camera_id, label, owner_kind, latitude, longitude, direction, field_of_view,"
        " sound, retention_days) VALUES (?, ?, 'Front', 'business', ?, ?, 90, 90, 0, 30)",
        ((*name, 52 + chance.random() * _SIDE, -2 + chance.random() * _SIDE) for name in named),
    )


class _Crowd:
    """What the process of agents says."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.got: dict[int, float] = {}
        self.polls = self.failed = 0
        self.held = threading.Event()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            line = json.loads(text)
            if "held" in line:
                self.held.set()
            elif "polls" in line:
                self.polls, self.failed = line["polls"], line["failed"]
            else:
                self.got[line["device"]] = line["at"]
        self.held.set()

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._reading.join()


@contextlib.contextmanager
def _agents(origin: str, keys: Path, count: int, wait: int, ramp: float) -> Iterator[_Crowd]:
    command = [sys.executable, "-m", "scripts.simulated_agents", origin, str(keys), "--count", str(count)]
    with subprocess.Popen(
        [*command, "--wait", str(wait), "--ramp", str(ramp)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        crowd = _Crowd(process)
        try:
            yield crowd
        finally:
            crowd.end()


class _Caller:
    """An officer, and how long each call took (seconds)."""

    def __init__(self, session: aiohttp.ClientSession, place: Place, origin: str) -> None:
        self.officer = Officer(session, origin, SystemClock(), place.officer, place.credential, place.force.name)
        self.took: list[float] = []

    async def call(self, method: str, path: str, body: str | None = None) -> None:
        officer = self.officer
        headers = {"Authorization": f"Bearer {mint(officer.key, officer.origin, officer.clock)}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        begun = time.monotonic()
        async with officer.session.request(method, officer.origin + path, data=body, headers=headers) as answer:
            await answer.read()
        self.took.append(time.monotonic() - begun)
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")


async def _until_all_are_held(place: Place, portal: PortalProcess, count: int) -> tuple[float, list[float]]:
    """The seconds from now, and how long an officer's calls took meanwhile."""
    begun, held = time.monotonic(), 0
    assert portal.metrics is not None
    async with aiohttp.ClientSession() as session:
        caller = _Caller(session, place, portal.origin)
        while held < count and time.monotonic() - begun < _MOST_ARRIVING:
            await caller.call("GET", api.OFFICER_REQUESTS)
            await asyncio.sleep(_EVERY)
            async with session.get(portal.metrics) as answer:
                held = int(float(re.findall(r"^handover_polls_held (\S+)", await answer.text(), re.MULTILINE)[0]))
    return time.monotonic() - begun, caller.took


async def _ask(place: Place, origin: str, keys: list[SigningKey]) -> tuple[dict[int, float], list[float]]:
    """An officer's requests to devices: when each was sent, and how long this and the other calls took (seconds)."""
    sent: dict[int, float] = {}
    async with aiohttp.ClientSession() as session:
        caller = _Caller(session, place, origin)
        for number, device in enumerate(_asked(len(keys))):
            name = keys[device].public.fingerprint
            request = caller.officer.request(name, f"r-{number}", crime_reference=f"EX/26/{number:06}")
            sent[device] = time.monotonic()
            await caller.call("POST", api.OFFICER_REQUESTS, request.model_dump_json())
            await caller.call("GET", api.OFFICER_REQUEST.format(request_id=f"r-{number}"))
            await asyncio.sleep(_EVERY)
    return sent, caller.took


def _cost(origin: str, keys: Path, process: int) -> float:
    """Seconds of CPU a poll, of agents that poll once a second."""
    with _agents(origin, keys, _POLLING, 1, 1) as crowd:
        crowd.held.wait()
        before = _cpu(process)
        time.sleep(_POLLING_SECONDS)
        spent = _cpu(process) - before
    return spent / (crowd.polls * _POLLING_SECONDS / (_POLLING_SECONDS + 0.5))


def _cost_of_stub(origin: str, keys: Path) -> float:
    command = [sys.executable, "-c", _STUB, str(keys), str(_POLLING), origin]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stub:
        assert stub.stdout is not None
        stub.stdout.readline()
        try:
            return _cost(origin, keys, stub.pid)
        finally:
            stub.kill()


def _cpu(process: int) -> float:
    times = psutil.Process(process).cpu_times()
    return float(times.user + times.system)


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else float("nan")
