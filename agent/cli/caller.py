"""How a command reaches the operations: by the daemon's socket, or, when none runs, by itself under the same lock.

Not for: showing anything (``agent/cli`` does).
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from agent.host.privileges import become_owner_of, require_writable
from agent.settings.model import Settings, load_settings
from exchange import errors
from exchange.errors import DaemonNotRunning, HandoverError

Json = dict[str, Any]

MAX_ANSWER = 64 * 1024 * 1024
PATIENCE = 180
"""Seconds for one call: a camera that is asked may take a minute or two."""


class Call(Protocol):
    async def __call__(self, operation: str, /, **arguments: Any) -> Json: ...


def ask_agent(config: Path, work: Callable[[Call], Awaitable[Json]], *, needs_daemon: bool = False) -> Json:
    """Make one command's calls: to the daemon, or, where that is allowed, without it. For synchronous callers."""
    settings = load_settings(config)

    async def ask() -> Json:
        async with (daemon_call if needs_daemon else any_call)(settings) as call:
            return await work(call)

    return asyncio.run(ask())


@asynccontextmanager
async def daemon_call(settings: Settings) -> AsyncIterator[Call]:
    """Calls go to the running daemon. DaemonNotRunning when none listens, or when it stops before it answers."""

    async def call(operation: str, /, **arguments: Any) -> Json:
        try:
            async with asyncio.timeout(PATIENCE):
                status, data = await _exchange(str(settings.socket), operation, json.dumps(arguments).encode())
        except PermissionError as error:
            raise _not_running(settings, "this user may not open its socket", "Use sudo.") from error
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise _not_running(
                settings, "nothing listens on its socket", "Start it: sudo systemctl start handover"
            ) from error
        except TimeoutError as error:
            raise _not_running(settings, f"no answer in {PATIENCE} s", "Its log may say what it is at.") from error
        except (OSError, EOFError, ValueError) as error:
            why = "it stopped before it answered"
            raise _not_running(settings, why, "See what was done with: handover status") from error
        try:
            body: Json = await asyncio.to_thread(json.loads, data)
        except ValueError as error:
            raise HandoverError(
                "The daemon failed at this, by a mistake of its own.",
                meaning="It runs on; whether anything was done, handover status tells.",
                do="Its log says where: journalctl -u handover. handover support packs what a maintainer needs.",
            ) from error
        if status != 200:
            raise _raised(body)
        return body

    yield call


async def _exchange(path: str, operation: str, body: bytes) -> tuple[int, bytes]:
    """One HTTP call (RFC 9112) on a connection of its own; the status and the answer's body.

    Written out because an HTTP library takes longer to load than the whole call does, and commands are typed often.
    """
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        head = f"POST /{operation} HTTP/1.1\r\nHost: daemon\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        length = int(headers["content-length"]) if "content-length" in headers else -1
        if not 0 <= length <= MAX_ANSWER:
            raise ValueError(f"an answer of {length} bytes")
        return int(lines[0].split()[1]), await reader.readexactly(length)
    finally:
        writer.close()


@asynccontextmanager
async def any_call(settings: Settings) -> AsyncIterator[Call]:
    """The daemon if it runs; else the agent built in this process, which holds the state's lock meanwhile."""
    if await _listens(settings):
        async with daemon_call(settings) as call:
            yield call
        return
    async with own_call(settings) as call:
        yield call


async def _listens(settings: Settings) -> bool:
    """Whether a daemon is at its socket for this user."""
    try:
        _, writer = await asyncio.open_unix_connection(str(settings.socket))
    except OSError:
        return False
    writer.close()
    return True


def daemon_listens(settings: Settings) -> bool:
    """Whether a daemon runs on this state, as far as this user can see. For synchronous callers."""
    return asyncio.run(_listens(settings))


@asynccontextmanager
async def own_call(settings: Settings) -> AsyncIterator[Call]:
    """The agent built in this process, as the state's own user. AlreadyRunning when a daemon holds the state."""
    # The daemon's parts take a second to load on a small machine; most commands don't need them.
    from agent.app import build
    from agent.owner.control import actor_of
    from agent.owner.operations import table

    take_state_of(settings)
    uid = os.getuid()
    async with build(settings) as agent:
        actor = await actor_of(agent, uid)

        async def call(operation: str, /, **arguments: Any) -> Json:
            return await table.call(agent, operation, json.dumps(arguments).encode(), actor)

        yield call


def take_state_of(settings: Settings) -> None:
    """Go on as the user whom the state belongs to. NotPermitted for anyone but root, that user, or who may make it."""
    if os.path.exists(settings.data):  # False too where this user may not even look
        become_owner_of(settings.data)
    require_writable(settings.data, "the agent's state")


def _raised(body: Json) -> HandoverError:
    """The daemon's error as the same class here, so that the exit code is the same."""
    kind = getattr(errors, str(body.get("error")), HandoverError)
    if not (isinstance(kind, type) and issubclass(kind, HandoverError)):
        kind = HandoverError
    return kind(str(body.get("what", "")), meaning=str(body.get("meaning", "")), do=str(body.get("do", "")))


def _not_running(settings: Settings, why: str, do: str) -> DaemonNotRunning:
    return DaemonNotRunning(f"The daemon of {settings.data} can't be reached: {why}.", do=do)
