"""Runs one piece of media or XML work in a short-lived process with limits on memory, time and output.

Not for: work on the event loop, work that lasts (the recorder is a service of its own), or any input that is ours.
"""

import asyncio
import json
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from exchange import errors
from exchange.errors import HandoverError, WorkerFailed

log = logging.getLogger(__name__)

JsonObject = dict[str, Any]

MIB = 1024 * 1024

_PREFIXES = ("agent.", "exchange.")
_COMMAND = (sys.executable, "-I", "-m", "agent.workers.entry")
_STDERR_KEPT = 8 * 1024
# One arena and one thread a library: a worker's memory is part of the product's figure, and its libraries would
# otherwise reserve some for every core.
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "HOME": "/nonexistent",
    "MALLOC_ARENA_MAX": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker may use; the kernel enforces all but ``wall`` and ``output``, which the parent does.

    ``memory``: bytes of private writable memory (RLIMIT_DATA: what is used, not what libraries map). ``cpu``: seconds.
    ``wall``: seconds from start to last reply. ``output``: bytes of all replies together. ``nice``: added niceness.
    """

    memory: int = 256 * MIB
    cpu: int = 20
    wall: float = 45.0
    output: int = 1 * MIB
    open_files: int = 64
    nice: int = 0


DISCOVERY = Limits(memory=96 * MIB, cpu=10, wall=60, output=2 * MIB, open_files=256)
"""Sockets and small XML only."""
SOAP = Limits(memory=192 * MIB, cpu=30, wall=60, output=1 * MIB)
"""One camera's answers, parsed against the ONVIF schemas."""
PICTURE = Limits(memory=512 * MIB, cpu=60, wall=90, output=1 * MIB, nice=10)
"""Decode some frames; make a preview, a contact sheet."""
CLIP = Limits(memory=384 * MIB, cpu=3600, wall=4 * 3600, output=4 * MIB, open_files=256, nice=5)
"""Copy a window out of segments; hash it."""
COPY = Limits(memory=1024 * MIB, cpu=4, wall=3600, output=4 * MIB, nice=15)
"""Make a working copy: decode and encode. ``wall`` is set by what is left of the time for it, ``cpu`` to so many times
that."""


class RunJob(Protocol):
    """What ``run_job`` is to those who have work done: they can be given another."""

    async def __call__(
        self,
        function: str,
        job: JsonObject,
        *,
        limits: Limits,
        progress: Callable[[JsonObject], None] | None = None,
    ) -> JsonObject: ...


async def run_job(
    function: str,
    job: JsonObject,
    *,
    limits: Limits,
    progress: Callable[[JsonObject], None] | None = None,
) -> JsonObject:
    """Call ``function`` ("package.module:callable", ours only) with ``job`` in a new process; return its result.

    The callable has the signature ``def f(job: dict, report: Callable[[dict], None]) -> dict``, is synchronous, and
    takes and returns what JSON can carry. Each ``report(...)`` reaches ``progress``. The job travels on standard
    input, so it may hold secrets. Cancelling kills the worker's whole process group and waits for its end.

    Raises the HandoverError that the callable raised, or WorkerFailed when it crashed, ran too long, asked for more
    than its limits, or answered nonsense; ValueError when the function is not one that may be called.
    """
    if not function.startswith(_PREFIXES) or function.count(":") != 1:
        raise ValueError(f"{function!r} is not a job of this package")
    order = json.dumps(
        {"function": function, "job": job, "limits": asdict(limits), "parent": os.getpid()}, separators=(",", ":")
    ).encode()
    process = await asyncio.create_subprocess_exec(
        *_COMMAND,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd="/",
        env=_ENVIRONMENT,
        start_new_session=True,
    )
    conversation = _Conversation(function, process, limits, progress)
    try:
        async with asyncio.timeout(limits.wall):
            outcome = await conversation.hold(order)
    except TimeoutError:
        raise conversation.failed(job, f"it ran longer than {limits.wall:g} s") from None
    except _Nonsense as nonsense:
        raise conversation.failed(job, str(nonsense)) from None
    finally:
        await _end(process)
    return _open(outcome, conversation, job)


class _Nonsense(Exception):
    """The worker's replies are not the protocol's."""


class _Conversation:
    """What goes to one worker and comes back from it."""

    def __init__(
        self,
        function: str,
        process: asyncio.subprocess.Process,
        limits: Limits,
        progress: Callable[[JsonObject], None] | None,
    ) -> None:
        self.function = function
        self.process = process
        self.limits = limits
        self.progress = progress
        self.stderr = bytearray()

    async def hold(self, order: bytes) -> JsonObject | None:
        """Send the order, pass progress on, return the last reply; None when the worker ended without one."""
        beside = [asyncio.create_task(self._send(order)), asyncio.create_task(self._keep_stderr())]
        try:
            outcome = await self._replies()
            await asyncio.gather(*beside)
            await self.process.wait()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
        return outcome

    async def _send(self, order: bytes) -> None:
        stdin = self.process.stdin
        assert stdin is not None
        with suppress(BrokenPipeError, ConnectionResetError):
            stdin.write(order)
            await stdin.drain()
            stdin.close()
            await stdin.wait_closed()

    async def _keep_stderr(self) -> None:
        assert self.process.stderr is not None
        while chunk := await self.process.stderr.read(4096):
            self.stderr += chunk
            del self.stderr[:-_STDERR_KEPT]

    async def _replies(self) -> JsonObject | None:
        assert self.process.stdout is not None
        pending = bytearray()
        total = 0
        outcome: JsonObject | None = None
        while chunk := await self.process.stdout.read(65536):
            total += len(chunk)
            if total > self.limits.output:
                raise _Nonsense(f"it answered more than {self.limits.output} bytes")
            pending += chunk
            for reply in _lines(pending):
                if "progress" not in reply:
                    outcome = reply
                elif self.progress is not None:
                    self.progress(reply["progress"])
        # What a killed worker left half-written is told by how it ended.
        if pending and await self.process.wait() == 0:
            raise _Nonsense("its last answer was cut short")
        return outcome

    def failed(self, job: JsonObject, how: str) -> WorkerFailed:
        """The error for a person; what the worker wrote on its standard error goes to the log, scrubbed."""
        tail = scrub(self.stderr.decode("utf-8", "replace"), secrets_in(job)).strip()
        log.warning("worker %s failed: %s%s", self.function, how, f"\n{tail}" if tail else "")
        return WorkerFailed(
            f"A worker process for {self.function.partition(':')[0]} was stopped: {how}.",
            meaning="Nothing it made was kept; the agent itself goes on.",
            do="It is tried again where that makes sense; the log has the details.",
        )


def _lines(pending: bytearray) -> Iterator[JsonObject]:
    while (end := pending.find(b"\n")) >= 0:
        line = bytes(pending[:end])
        del pending[: end + 1]
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            raise _Nonsense("its answer was not JSON") from None
        if not isinstance(reply, dict):
            raise _Nonsense("its answer was not an object")
        yield reply


def _open(outcome: JsonObject | None, conversation: _Conversation, job: JsonObject) -> JsonObject:
    code = conversation.process.returncode
    if outcome is None:
        raise conversation.failed(job, _ending(code))
    match outcome:
        case {"result": dict(result)} if code == 0:
            return result
        case {"error": {"kind": str(kind), "what": str(what), "meaning": str(meaning), "do": str(do)}}:
            raise _same_error(kind, what, meaning, do, outcome["error"].get("reason"))
        case {"crash": "MemoryError"}:
            raise conversation.failed(job, "it asked for more memory than its limit")
        case {"crash": str(name)}:
            raise conversation.failed(job, f"it ended with {name}")
    raise conversation.failed(job, "its answer was not one of a worker's")


def _same_error(kind: str, what: str, meaning: str, do: str, reason: object) -> HandoverError:
    found = getattr(errors, kind, None)
    if not (isinstance(found, type) and issubclass(found, HandoverError)):
        return WorkerFailed(what, meaning=meaning, do=do)
    error = found(what, meaning=meaning, do=do)
    if isinstance(reason, str) and hasattr(error, "reason"):
        error.reason = reason
    return error


def _ending(code: int | None) -> str:
    if code is None or code >= 0:
        return f"it ended without an answer (exit code {code})"
    if -code == signal.SIGXCPU:
        return "it used more processor time than its limit"
    with suppress(ValueError):
        return f"it was ended by {signal.Signals(-code).name}"
    return f"it was ended by signal {-code}"


def _kill(process: asyncio.subprocess.Process) -> None:
    """End the worker and what it started; its pid is its group's id, as it leads a session of its own."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


async def _end(process: asyncio.subprocess.Process) -> None:
    _kill(process)
    waiting = asyncio.ensure_future(_gone(process))
    try:
        await asyncio.shield(waiting)
    except asyncio.CancelledError:
        # Cancelled again while it dies: SIGKILL was sent, so this is short, and nothing may be left unreaped.
        await waiting
        raise


async def _gone(process: asyncio.subprocess.Process) -> None:
    """Wait for its end, which asyncio sees only once all that it had written was read: that is thrown away here."""
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        while await stream.read(65536):
            pass
    await process.wait()


_SECRET_NAME = re.compile(r"pass|secret|token|credential|authorization|private|identity", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^/\s@'\"]*@")
_HEADER = re.compile(r"(?i)\b(authorization|www-authenticate|cookie|set-cookie)\b(\s*[:=]\s*)[^\r\n]*")
_PASSWORD_ELEMENT = re.compile(r"(?is)(<(?:\w+:)?(?:password|nonce|username)\b[^>]*>)[^<]*")


def secrets_in(job: object) -> frozenset[str]:
    """Every string that stands under a name which says that it is secret, anywhere in the job."""
    return frozenset(_secrets(job, secret=False))


def _secrets(value: object, *, secret: bool) -> Iterator[str]:
    if isinstance(value, str):
        if secret and value:
            yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _secrets(inner, secret=secret or bool(_SECRET_NAME.search(str(name))))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _secrets(inner, secret=secret)


def scrub(text: str, secrets: frozenset[str] = frozenset()) -> str:
    """Text that may be logged: known secrets, user info in URLs, authorization headers and SOAP passwords removed."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    text = _USERINFO.sub("***@", text)
    text = _HEADER.sub(r"\1\2***", text)
    return _PASSWORD_ELEMENT.sub(r"\1***", text)
