"""Runs the agent's daemon in forked processes that kill or stop themselves at named points of the journey.

A program: a line of JSON on standard input starts a daemon, lines on standard output say how it goes. The points are
put around the daemon's own functions here, so that the product has none. Not for: tests themselves.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from agent import app, daemon
from agent.portal import tus
from agent.portal.client import PortalClient
from agent.requests import journey, receipt
from agent.requests.states import State
from agent.settings.model import load_settings
from agent.store.database import Store, Transaction
from exchange.custody.log import CustodyKind

_WORDS = {*map(str, State), *map(str, CustodyKind), "inbox-cursor", "portal-contact", "portal-trouble"}
_OURS = ("requests", "packages", "decisions", "plans")
_CALLS = ("inbox", "decide", "refuse", "deliver", "heartbeat", "checkpoint", "register")


class Points:
    """Where this daemon gets ``signal``: once at each point of ``at`` (None: at every one) that is not ``passed``."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.at: list[str] | None = order["at"]
        self.passed: set[str] = set(order["passed"])
        self.number = signal.Signals[order["signal"]]

    def reach(self, name: str) -> None:
        if name in self.passed or (self.at is not None and name not in self.at):
            return
        self.passed.add(name)
        _say(at=name)
        os.kill(os.getpid(), self.number)


def _say(**what: Any) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def put_points(points: Points) -> None:
    """Around every effect that lasts: commits, workers, calls of the portal, bytes of an upload, files of a receipt."""
    _around_commits(points)
    _around_steps(points)
    _around_workers(points)
    _around_portal(points)
    _around_receipts(points)


def _around_commits(points: Points) -> None:
    commit, execute = Store.transaction, Transaction.execute

    async def noted(self: Transaction, sql: str, values: Any = ()) -> int:
        values = tuple(values)
        verb, _, rest = sql.partition(" ")
        table = rest.replace("INTO ", "").replace("FROM ", "").split()[0]
        words = [str(value) for value in values if isinstance(value, str) and value in _WORDS]
        if table == "custody":
            words = [json.loads(next(value for value in values if str(value).startswith("{")))["event"]]
        self.__dict__.setdefault("written", []).append(" ".join([verb.lower(), table, *words]))
        return await execute(self, sql, values)

    @asynccontextmanager
    async def transaction(self: Store) -> AsyncIterator[Transaction]:
        async with commit(self) as tx:
            yield tx
            written = ", ".join(tx.__dict__.get("written", []))
            if any(table in written for table in _OURS):
                points.reach(f"before the commit of: {written}")
        if written:
            points.reach(f"after the commit of: {written}")

    Transaction.execute = noted  # type: ignore[method-assign]
    Store.transaction = transaction  # type: ignore[method-assign]


def _around_steps(points: Points) -> None:
    def wrapped(state: State, step: journey.Step) -> journey.Step:
        async def take(parts: Any, row: Any) -> Any:
            points.reach(f"before the step of {state}")
            move = await step(parts, row)
            points.reach(f"after the step of {state}, before its row")
            return move

        return take

    steps: Any = journey.STEPS
    for state, step in list(steps.items()):
        steps[state] = wrapped(state, step)


def _around_workers(points: Points) -> None:
    run_job = app.run_job

    async def run(function: str, job: dict[str, Any], *, limits: Any, progress: Any = None) -> dict[str, Any]:
        watching = asyncio.create_task(_watch_for_halves(points, function, job))
        try:
            result = await run_job(function, job, limits=limits, progress=progress)
        finally:
            watching.cancel()
        points.reach(f"after the worker {function}")
        return result

    app.run_job = run


async def _watch_for_halves(points: Points, function: str, job: dict[str, Any]) -> None:
    """A worker whose file has begun to be is in the middle of its work; a sealed one has its name at the end."""
    if "out_dir" in job:
        folder, begun = Path(job["out_dir"]), "**/*"
    elif "target" in job and function.endswith("seal_job:job"):
        folder, begun = Path(job["target"]).parent, ".*"
    else:
        return
    while not any(path.is_file() for path in folder.glob(begun)):  # noqa: ASYNC110 another process makes it
        await asyncio.sleep(0.001)
    points.reach(f"in the middle of the worker {function}")


def _around_portal(points: Points) -> None:
    def wrapped(name: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def do(self: PortalClient, *arguments: Any, **named: Any) -> Any:
            points.reach(f"before the portal's {name}")
            answer = await call(self, *arguments, **named)
            points.reach(f"after the portal's {name}")
            return answer

        return do

    for name in _CALLS:
        setattr(PortalClient, name, wrapped(name, getattr(PortalClient, name)))
    create, blocks = tus.TusUpload.create, tus.TusUpload._blocks

    async def created(self: tus.TusUpload, *arguments: Any) -> str:
        url = await create(self, *arguments)
        points.reach("after an upload was created")
        return url

    async def sent(self: tus.TusUpload, offset: int, piece: int) -> AsyncIterator[bytes]:
        async for block in blocks(self, offset, piece):
            yield block
            offset += len(block)
            if 4 * tus.BLOCK < offset < self.size:
                await asyncio.sleep(0.02)  # what was given to the socket is on its way
                points.reach("in the middle of an upload")
        points.reach("when the last byte of an upload was given away")

    tus.TusUpload.create = created  # type: ignore[method-assign]
    tus.TusUpload._blocks = sent  # type: ignore[method-assign]


def _around_receipts(points: Points) -> None:
    durable_file = receipt.durable_file

    @contextmanager
    def noted(path: Path, *arguments: Any, **named: Any) -> Iterator[Any]:
        with durable_file(path, *arguments, **named) as file:
            yield file
            points.reach(f"before the receipt's file {path.suffixes[-1]} has its name")
        points.reach(f"after the receipt's file {path.suffixes[-1]}")

    receipt.durable_file = noted  # type: ignore[attr-defined]


def serve(order: dict[str, Any]) -> None:
    """In the forked child: the daemon, as ``handover run`` starts it."""
    log = os.open(order["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 2)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format=f"{os.getpid()} %(levelname)s %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    journey._FIRST_PAUSE = 200_000  # a fault is tried again soon, so that the tests are
    tus.BLOCK = 8192  # so that a small package has a middle
    put_points(Points(order))
    asyncio.run(daemon.run(load_settings(Path(order["config"]))))


def main() -> None:
    """One daemon at a time, each in a process of its own; what was loaded is not loaded again."""
    _say(ready=True)
    while line := sys.stdin.readline():
        child = os.fork()
        if child == 0:
            code = 1
            try:
                serve(json.loads(line))
                code = 0
            except BaseException:
                logging.exception("the daemon ended")
            finally:
                os._exit(code)
        _say(pid=child)
        _, status = os.waitpid(child, 0)
        _say(ended=os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
