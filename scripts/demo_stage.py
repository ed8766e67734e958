"""Where the demo plays: its folder, its processes, and Handover's commands run as a person types them.

Not for: the story (``demo_story.py``).
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from demo_sent import SentNotes
from rich.console import Console
from rich.markup import escape

from agent.cli.caller import daemon_call
from agent.settings.model import load_settings
from exchange.errors import DaemonNotRunning

BIN = Path(sys.executable).parent
STARTS_WITHIN = 60
"""Seconds for a process to say that it is ready; a busy small machine takes a while."""

out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())


class DemoFailed(Exception):
    """A step did not do what it should; the text says which and what to look at."""


class Stage:
    """The demo's folder and all that runs in it. Its port of 127.0.0.1 is held from the start, so nobody takes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.agent = folder / "agent"
        self.portal = folder / "portal"
        self.force = folder / "force"
        self.officer = folder / "officer"
        self.sent = folder / "sent"
        self.config = folder / "handover.yaml"
        self.door = socket.create_server(("127.0.0.1", 0))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.page_port = free.getsockname()[1]
        self.sent_notes = SentNotes(self.sent, self.door)
        self.processes: list[tuple[str, asyncio.subprocess.Process]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.door.getsockname()[1]}"

    # -- processes that stay --

    async def start(self, name: str, *command: str, ready: bool = False) -> dict[str, Any]:
        """Start one; with ``ready``, wait for the line of JSON that it prints when it is."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if ready else log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append((name, process))
        if not ready:
            return {}
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(process.stdout.readline(), STARTS_WITHIN)
        except TimeoutError:
            line = b""
        if not line:
            raise DemoFailed(f"The {name} did not start. It says:\n{self.log(name)}")
        told: dict[str, Any] = json.loads(line)
        return told

    async def start_agent(self, name: str, command: str, before: tuple[str, ...] = ()) -> None:
        """``before``: a command that starts it in its own place."""
        await self.start(name, *before, str(BIN / "handover"), "--config", str(self.config), command)

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace")[-2000:] if path.exists() else ""

    def check_alive(self) -> None:
        for name, process in self.processes:
            if process.returncode is not None:
                raise DemoFailed(f"The {name} ended by itself (code {process.returncode}):\n{self.log(name)}")

    async def stop(self) -> None:
        """End all processes at once; what does not end in time is killed, with all that it started."""
        for _, process in self.processes:
            _signal(process, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(15):
                await asyncio.gather(*(process.wait() for _, process in self.processes))
        for _, process in self.processes:
            _signal(process, signal.SIGKILL)
            await process.wait()
        self.processes.clear()
        await self.sent_notes.stop()
        self.door.close()

    async def until(self, what: str, seconds: float, done: Callable[[], Awaitable[bool]]) -> None:
        """Wait with a sign of life; DemoFailed when it does not come."""
        begun = time.monotonic()
        with out.status(f"waiting for {what} …"):
            while not await _is(done):
                self.check_alive()
                if time.monotonic() - begun > seconds:
                    raise DemoFailed(f"Waited {seconds:.0f} s for {what}.\n{self.log('daemon')}")
                await asyncio.sleep(0.2)
        out.print(f"  … {what}: {time.monotonic() - begun:.1f} s")

    # -- commands --

    async def handover(self, *arguments: str, show: bool = True) -> str:
        return await self._run(["handover", "--config", str(self.config), *arguments], 3, show)

    async def officer_command(self, *arguments: str, show: bool = True) -> str:
        return await self._run(["handover-officer", "--state", str(self.officer), *arguments], 3, show)

    async def portal_command(self, *arguments: str, show: bool = True) -> str:
        return await self._run(["handover-portal", *arguments], 1, show)

    async def ask_daemon(self, operation: str, **arguments: str) -> dict[str, Any]:
        """What a command would ask the daemon, without the second that starting a command takes."""
        async with daemon_call(load_settings(self.config)) as call:
            return await call(operation, **arguments)

    def say_command(self, program: str, *arguments: str) -> None:
        words = " ".join(f'"{word}"' if " " in word else word for word in arguments)
        out.print(f"[bold]$ {escape(self._shorter(f'{program} {words}'))}[/]")

    def say_answer(self, said: str) -> None:
        for line in said.rstrip().splitlines():
            out.print(f"  {self._shorter(line)}", markup=False)

    async def _run(self, command: list[str], start: int, show: bool) -> str:
        """Run a command to its end; what it printed. ``start``: where the words begin that a person would type."""
        if show:
            self.say_command(command[0], *command[start:])
        process = await asyncio.create_subprocess_exec(
            BIN / command[0],
            *command[1:],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "COLUMNS": "100"},
            start_new_session=True,
        )
        try:
            said, complaints = await process.communicate()
        finally:
            if process.returncode is None:
                _signal(process, signal.SIGKILL)
                await process.wait()
        if show:
            self.say_answer(said.decode())
        if process.returncode:
            shown = self._shorter(" ".join([command[0], *command[start:]]))
            raise DemoFailed(f"'{shown}' ended with {process.returncode}:\n{complaints.decode()}")
        return said.decode()

    def _shorter(self, text: str) -> str:
        return text.replace(str(self.folder), "…")


async def _is(done: Callable[[], Awaitable[bool]]) -> bool:
    """Whether it is. A daemon that does not listen is no answer: whether it ended is looked at apart."""
    try:
        return await done()
    except DaemonNotRunning:
        return False


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """To a process and all that it started in its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
