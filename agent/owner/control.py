"""The daemon's Unix socket: the owner's commands, each from a user that the kernel names.

Not for: what the operations do (``operations``). Nothing here listens on a network.
"""

import asyncio
import grp
import json
import logging
import os
import pwd
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from aiohttp import web

from agent.owner.operations.arguments import MAX_CALL
from agent.owner.operations.context import Actor, Owned
from agent.owner.operations.table import OPERATIONS, call
from agent.owner.people.register import person_of_user
from agent.owner.people.roles import Role
from agent.settings.model import Settings
from exchange.errors import DocumentInvalid, HandoverError, InputInvalid, NotPermitted

log = logging.getLogger(__name__)

READ_SECONDS = 10
GROUP = "handover"
_HOW = "at a terminal of the owner's machine"


async def actor_of(agent: Owned, uid: int) -> Actor:
    """A user of this machine by number: the person whom the owner wrote down for them, or themselves.

    The daemon's own user, root, and those whom ``decide.allow_users`` names may do everything.
    """
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"uid {uid}"
    method = f"operating system user {name} (uid {uid}) {_HOW}"
    async with agent.services.store.transaction() as tx:
        known = await person_of_user(tx, name)
    if known is not None:
        return Actor(known.name, method, known.role, known.person_id, known.cameras)
    trusted = uid in (0, os.geteuid()) or name in agent.services.settings.decide.allow_users
    return Actor(name, method, Role.ADMINISTRATOR if trusted else Role.ANYONE, f"user-{uid}" if trusted else None)


class Control:
    def __init__(self, agent: Owned) -> None:
        self._agent = agent

    async def call(self, request: web.Request) -> web.Response:
        name = request.match_info["operation"]
        if name not in OPERATIONS:
            return _error(404, HandoverError(f"The daemon has no operation {name!r}.", do="Upgrade the command."))
        try:
            actor = await actor_of(self._agent, _peer(request))
            return web.json_response(await call(self._agent, name, await _body(request), actor))
        except NotPermitted as error:
            return _error(403, error)
        except _TooLarge:
            return _error(413, DocumentInvalid(f"A call has {MAX_CALL} bytes at most."))
        except (DocumentInvalid, InputInvalid) as error:
            return _error(400, error)
        except HandoverError as error:
            return _error(409, error)


class _TooLarge(Exception):
    """A call that is longer than any may be."""


async def _body(request: web.Request) -> bytes:
    """All of a call, which was sent at once or not at all. _TooLarge, DocumentInvalid."""
    if (request.content_length or 0) > MAX_CALL:
        raise _TooLarge
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise _TooLarge from None
    except (OSError, web.RequestPayloadError):  # TimeoutError is one too
        raise DocumentInvalid("The call broke off.") from None


def _peer(request: web.Request) -> int:
    """The uid at the other end of the socket (SO_PEERCRED, unix(7))."""
    transport = request.transport
    if transport is None:
        raise ConnectionResetError
    peer = transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, uid, _gid = struct.unpack("3i", peer)
    return int(uid)


def _error(status: int, error: HandoverError) -> web.Response:
    body = {"error": type(error).__name__, "what": error.what, "meaning": error.meaning, "do": error.do}
    return web.Response(status=status, text=json.dumps(body), content_type="application/json")


@asynccontextmanager
async def serve(agent: Owned, settings: Settings) -> AsyncIterator[None]:
    """Listen on ``settings.socket`` while the block runs; the caller holds the state's lock."""
    control = Control(agent)
    app = web.Application(client_max_size=MAX_CALL)
    app.router.add_post("/{operation}", control.call)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=5, lingering_time=1.0)
    await runner.setup()
    path = settings.socket
    try:
        path.unlink(missing_ok=True)
        before = os.umask(0o117)
        try:
            await web.UnixSite(runner, str(path)).start()
        finally:
            os.umask(before)
        _share(path)
        yield
    finally:
        await runner.cleanup()
        with suppress(OSError):  # on a disk that turned read-only it stays, and leads nowhere
            path.unlink(missing_ok=True)


def _share(path: Path) -> None:
    """Members of the group ``handover``, where there is one, may talk to the daemon; what they may do is checked."""
    try:
        os.chown(path, -1, grp.getgrnam(GROUP).gr_gid)
    except (KeyError, PermissionError):
        log.debug("the socket stays with the daemon's own group")
