"""An owner's machine for tests of what is typed: a daemon and a portal as processes, and an officer who asks.

Not for: tests themselves.
"""

import asyncio
import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from agent import app
from agent.cli.caller import ask_agent
from agent.cli.main import main
from agent.settings.model import Settings, load_settings
from exchange.age.files import generate_identity
from exchange.clock import SECOND, Window
from exchange.errors import HandoverError
from exchange.signing.documents import SigningKey, sign_document
from portal.settings import Limits
from tests.agent.media.recordings import record
from tests.counterparts.portals.portal import PortalProcess, make_place
from tests.journey.home import add_camera, join, place_recording
from tests.journey.machine.crash_home import request_for

BIN = Path(sys.executable).parent
PATIENCE = 90.0


def until(what: str, true: Callable[[], Any]) -> Any:
    """Wait for something that another process does; what ``true`` returned."""
    give_up = time.monotonic() + PATIENCE
    while not (value := true()):
        assert time.monotonic() < give_up, f"not within {PATIENCE} s: {what}"
        time.sleep(0.05)
    return value


@dataclass
class OwnerHome:
    """``handover(…)`` is a command in this process, ``command`` the same as a program to start."""

    config: Path
    settings: Settings
    portal: PortalProcess
    window: Window
    daemon: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> list[str]:
        return [str(BIN / "handover"), "--config", str(self.config)]

    def handover(self, *words: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(main, ["--config", str(self.config), *words], input=typed, prog_name="handover")

    def run(self, *words: str, **how: Any) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([*self.command, *words], capture_output=True, timeout=PATIENCE, check=False, **how)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.daemon = subprocess.Popen([*self.command, "run"], stderr=log, stdout=log)
        until(f"the daemon to listen\n{self.log.read_text()}", self.listens)

    def listens(self) -> bool:
        assert self.daemon is not None
        assert self.daemon.poll() is None, self.log.read_text()
        with contextlib.suppress(HandoverError):
            self.ask("status")
            return True
        return False

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.daemon is not None
        self.daemon.send_signal(number)
        return self.daemon.wait(PATIENCE)

    @property
    def log(self) -> Path:
        return self.config.with_suffix(".log")

    def ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return ask_agent(self.config, lambda call: call(operation, **arguments), needs_daemon=True)

    def state(self, request_id: str) -> str:
        rows = {row["request_id"]: row["state"] for row in self.ask("requests")["requests"]}
        return str(rows.get(request_id))

    def last_event(self) -> str:
        """What the custody log tells last."""
        with contextlib.closing(sqlite3.connect(f"file:{self.settings.database}?mode=ro", uri=True)) as db:
            (line,) = db.execute("SELECT line FROM custody ORDER BY seq DESC LIMIT 1").fetchone()
        return str(json.loads(line)["event"])

    def decision(self, request_id: str) -> dict[str, Any] | None:
        told = self.ask("show", request_id=request_id)["decision"]
        return None if told is None else dict(json.loads(told))

    def asked(self, **changed: object) -> str:
        """A new request that waits for the owner; its id."""
        device = SigningKey.load(self.settings.device_key).public.fingerprint
        case = generate_identity("x25519")
        request = request_for(self.portal, device, case, self.window, request_id=str(uuid.uuid4()), **changed)

        async def send() -> None:
            async with self.portal.client() as officer:
                await officer.send(sign_document(request, self.portal.place.officer))

        asyncio.run(send())
        until("the owner to be asked", lambda: self.state(request.request_id) == "asked")
        return request.request_id

    def decline_all(self) -> None:
        """So that nothing waits for the next test."""
        for request_id in self.ask("status")["waiting_for_you"]:
            assert self.handover("decline", request_id).exit_code == 0


@contextlib.contextmanager
def owner_home(folder: Path, *, kind: str = "h264-aac") -> Iterator[OwnerHome]:
    """An enrolled owner with a camera's footage; the daemon does not run yet, the portal does."""
    with PortalProcess(make_place(folder / "force", Limits(enrolments_per_minute=100))) as portal:
        config = folder / "handover.yaml"
        config.write_text(
            f"data: {folder / 'a'}\nportal: {{url: '{portal.origin}'}}\n"
            "owner: {kind: household, name: Robin Example, contact: 01632 960001}\n"
            "discovery: {enabled: false}\npage: {enabled: false}\n"
            "poll: {every: 1s, jitter: 0s}\nrecordings: {segment: 10s, keep_free: 1 MB}\n"
            "copies: {playable: false, quality: false}\n"
        )
        settings = load_settings(config)
        start = time.time_ns() // 1000 - 60 * SECOND
        recording = record(folder / "camera", kind, seconds=9, start_us=start)
        place_recording(settings.recordings.directory, recording)

        async def enrol() -> None:
            async with app.build(settings) as agent:
                await add_camera(agent)
                await join(agent, portal.origin)

        asyncio.run(enrol())
        first = recording.files[0].start_us
        home = OwnerHome(config, settings, portal, Window(first + 2 * SECOND + 300_000, recording.end_us - 2 * SECOND))
        try:
            yield home
        finally:
            if home.daemon is not None and home.daemon.poll() is None:
                home.daemon.kill()
                home.daemon.wait()


class Terminal:
    """A program in a real terminal of 80 columns: tmux, a server of its own."""

    def __init__(self, folder: Path, command: list[str], environment: dict[str, str] | None = None) -> None:
        self._socket = str(folder / "tmux.sock")
        variables = [f"{name}={value}" for name, value in (environment or {}).items()]
        self._status = folder / "status"
        line = " ".join(["env", *variables, *command])
        self._tmux("new-session", "-d", "-x", "80", "-y", "70", f"{line}; echo $? > {self._status}; sleep 100")

    def _tmux(self, *words: str) -> str:
        command = ["tmux", "-S", self._socket, "-f", "/dev/null", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout

    def screen(self, *, escapes: bool = False) -> str:
        return self._tmux("capture-pane", "-p", *(["-e"] if escapes else []))

    def shows(self, text: str) -> str:
        """Wait until the screen shows it; the screen."""
        until(f"{text!r} on the screen", lambda: text in self.screen())
        return self.screen()

    def type(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def code(self) -> int:
        """Of the program, once it ended."""
        until("the program's end", lambda: self._status.exists() and self._status.read_text().strip())
        return int(self._status.read_text())

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self._tmux("kill-server")
