"""How a command reaches the desk: over the daemon's socket, or, when no daemon runs, by itself under the same lock.

Not for: showing anything (``agent/cli`` does).
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aiohttp

from agent.owner.control import actor_of
from agent.owner.desk import OPERATIONS, Json
from agent.settings import Settings
from exchange import errors
from exchange.errors import DaemonNotRunning, HandoverError
from exchange.signing import parse_strictly

MAX_ANSWER = 64 * 1024 * 1024


class Call(Protocol):
    async def __call__(self, operation: str, **arguments: Any) -> Json: ...


@asynccontextmanager
async def daemon_call(settings: Settings) -> AsyncIterator[Call]:
    """Calls go to the running daemon. DaemonNotRunning when none listens."""
    connector = aiohttp.UnixConnector(path=str(settings.socket))
    async with aiohttp.ClientSession(connector=connector) as session:

        async def call(operation: str, **arguments: Any) -> Json:
            try:
                async with session.post(
                    f"http://daemon/{operation}", json=arguments, timeout=aiohttp.ClientTimeout(total=180)
                ) as answer:
                    data = await answer.content.read(MAX_ANSWER)
                    while more := await answer.content.read(MAX_ANSWER - len(data)):
                        data += more
                    body: Json = await asyncio.to_thread(_json, data)
                    if answer.status != 200:
                        raise _raised(body)
                    return body
            except PermissionError as error:
                raise _not_running(settings, "this user may not open its socket", "Use sudo.") from error
            except (aiohttp.ClientConnectorError, FileNotFoundError) as error:
                raise _not_running(settings, "nothing listens on its socket", "Start it: handover run") from error

        yield call


@asynccontextmanager
async def any_call(settings: Settings) -> AsyncIterator[Call]:
    """The daemon if it runs; else the desk in this process, which holds the state's lock meanwhile."""
    async with daemon_call(settings) as call:
        try:
            await call("status")
        except DaemonNotRunning:
            pass
        else:
            yield call
            return
    async with own_call(settings) as call:
        yield call


@asynccontextmanager
async def own_call(settings: Settings) -> AsyncIterator[Call]:
    """The desk in this process. AlreadyRunning when a daemon holds the state."""
    from agent.daemon import build  # the daemon's parts are heavy; most commands don't need them

    actor = actor_of(os.getuid(), "at a terminal of the owner's machine")
    async with build(settings) as house:

        async def call(operation: str, **arguments: Any) -> Json:
            model, method = OPERATIONS[operation]
            return await method(house.desk, parse_strictly(json.dumps(arguments).encode(), model), actor)

        yield call


def _json(data: bytes) -> Json:
    body: Json = json.loads(data)
    return body


def _raised(body: Json) -> HandoverError:
    """The daemon's error as the same class here, so that the exit code is the same."""
    kind = getattr(errors, str(body.get("error")), HandoverError)
    if not (isinstance(kind, type) and issubclass(kind, HandoverError)):
        kind = HandoverError
    return kind(str(body.get("what", "")), meaning=str(body.get("meaning", "")), do=str(body.get("do", "")))


def _not_running(settings: Settings, why: str, do: str) -> DaemonNotRunning:
    return DaemonNotRunning(f"The daemon of {settings.data} can't be reached: {why}.", do=do)
