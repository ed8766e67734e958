"""The whole of Handover in a few minutes: every step is one of its own commands, and each is checked before the next.

Not for: tests of single parts. ``scripts/demo`` makes the environment and calls this; see there for the options.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent)]

from demo_proof import look_at_frames, show_proof
from demo_sent import SentNotes
from rich.console import Console

from exchange.clock import SECOND, to_rfc3339
from exchange.credentials import open_credential
from exchange.evidence import Evidence
from exchange.messages import Decision, Delivery, Document, Receipt, Refusal, Registration, Request, Signed
from exchange.signing import PublicKey, SigningKey, allowed_signers, parse_strictly

BIN = Path(sys.executable).parent
PLACE = "53.76320,-2.70310"
FORCE = "Demo Constabulary"
WINDOW = 10
"""Seconds that the officer asks for."""

out = Console(highlight=False, soft_wrap=True)


class DemoFailed(Exception):
    """A step did not do what it should; the text says which and what to look at."""


class Stage:
    """Where the demo plays: its folder, its processes, and the port that the portal is reached by."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.agent = folder / "agent"
        self.portal = folder / "portal"
        self.force = folder / "force"
        self.officer = folder / "officer"
        self.sent = folder / "sent"
        self.config = folder / "handover.yaml"
        self.port = free_port()
        self.processes: list[tuple[str, asyncio.subprocess.Process]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self, name: str, *command: str, ready: bool = False) -> dict[str, Any]:
        """Start a process that stays; with ``ready``, wait for the line of JSON that it prints when it is."""
        log = (self.folder / f"{name}.log").open("ab")
        with log:
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
            line = await asyncio.wait_for(process.stdout.readline(), 40)
        except TimeoutError:
            line = b""
        if not line:
            raise DemoFailed(f"The {name} did not start. It says:\n{self.log(name)}")
        told: dict[str, Any] = json.loads(line)
        return told

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace")[-2000:] if path.exists() else ""

    def check_alive(self) -> None:
        for name, process in self.processes:
            if process.returncode is not None:
                raise DemoFailed(f"The {name} ended by itself (code {process.returncode}):\n{self.log(name)}")

    async def stop(self) -> None:
        """End all processes, the newest first; what does not end in time is killed."""
        for _, process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), 15)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        self.processes.clear()

    # -- the commands, as a person types them --

    async def handover(self, *arguments: str, show: bool = True) -> str:
        return await self._run(
            ["handover", "--config", str(self.config), *arguments], f"handover {_words(arguments)}", show
        )

    async def officer_command(self, *arguments: str, show: bool = True) -> str:
        command = ["handover-officer", "--state", str(self.officer), *arguments]
        return await self._run(command, f"handover-officer {_words(arguments)}", show)

    async def portal_command(self, *arguments: str) -> str:
        return await self._run(["handover-portal", *arguments], f"handover-portal {_words(arguments)}", True)

    async def _run(self, command: list[str], shown: str, show: bool) -> str:
        if show:
            out.print(f"[bold]$ {shown.replace(str(self.folder), '…')}[/]", markup=True)
        process = await asyncio.create_subprocess_exec(
            BIN / command[0],
            *command[1:],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "COLUMNS": "100"},
        )
        said, complaints = await process.communicate()
        if show:
            for line in said.decode().rstrip().splitlines():
                out.print(f"  {line}", markup=False)
        if process.returncode:
            raise DemoFailed(f"'{shown}' ended with {process.returncode}:\n{complaints.decode()}")
        return said.decode()


def _words(arguments: tuple[str, ...]) -> str:
    return " ".join(f'"{word}"' if " " in word else word for word in arguments)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def step(number: int, title: str) -> None:
    out.print(f"\n[bold cyan]{number}. {title}[/]")


# -- the steps -------------------------------------------------------------------------------------------------------


async def start_camera(stage: Stage) -> dict[str, Any]:
    step(1, "A camera by another author starts: ipycam, an ONVIF and RTSP camera from PyPI")
    _check_discovery_port()
    program = Path(__file__).resolve().parent / "demo_camera.py"
    camera = await stage.start("camera", sys.executable, str(program), ready=True)
    out.print(f"  ONVIF {camera['onvif']}, video {camera['rtsp']}: a street, and the time burned in to the millisecond")
    return camera


def _check_discovery_port() -> None:
    """Several cameras may share the port; a program that does not share it is in the way."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", 3702))
        except OSError as error:
            raise DemoFailed(
                f"UDP port 3702 is taken ({error.strerror}): the camera can't be discovered on it.\n"
                "Another program on this machine uses WS-Discovery without sharing the port; stop it and try again."
            ) from error


async def find_and_record(stage: Stage, camera: dict[str, Any]) -> None:
    step(2, "The owner's agent finds it, asks what it is, and records it")
    stage.config.write_text(
        f"# The demo's settings. Only the loopback interface is looked at.\n"
        f"data: {stage.agent}\n"
        f"portal:\n  url: {stage.url}\n"
        f"owner:\n  kind: household\n  name: Demo household\n  contact: owner@example.org\n"
        f"discovery:\n  interfaces: [lo]\n  enabled: false\n"
        f"recordings:\n  segment: 10s\n  keep_free: 100 MB\n"
        f"poll:\n  every: 2s\n  jitter: 0s\n"
    )
    found = json.loads(await stage.handover("cameras", "discover", "--json", show=False))
    if not any(str(camera["onvif_port"]) in one["address"] for one in found["cameras"]):
        raise DemoFailed(f"The camera did not answer WS-Discovery; what did: {found}")
    await stage.handover("cameras", "discover")
    await stage.handover(
        "cameras", "add", camera["onvif"], "--id", "front-door", "--label", "Front door", "--place", PLACE,
        "--description", "above the front door", "--direction", "90", "--field-of-view", "110", "--retention-days", "14",
    )  # fmt: skip
    await stage.start("daemon", str(BIN / "handover"), "--config", str(stage.config), "run")
    await stage.start("recorder", str(BIN / "handover"), "--config", str(stage.config), "record")
    await _until(stage, "the camera to be recorded", 40, lambda: _recording(stage))
    await stage.handover("status")


async def _recording(stage: Stage) -> bool:
    if not (stage.agent / "run" / "agent.sock").exists():
        return False
    told = json.loads(await stage.handover("status", "--json", show=False))
    return any(camera["recording"] == "recording" for camera in told["cameras"])


async def start_portal(stage: Stage) -> SentNotes:
    step(3, "The force's portal starts; an officer is let in; the owner joins and registers the camera")
    await stage.portal_command("force", "new", str(stage.force), "--name", FORCE)
    await stage.portal_command(
        "init", str(stage.portal), "--force", FORCE, "--force-key", str(stage.force / "force.pub")
    )
    listen = f"127.0.0.1:{free_port()}"
    serve = (str(BIN / "handover-portal"), "serve", str(stage.portal), "--listen", listen, "--origin", stage.url)
    await stage.start("portal", *serve, ready=True)
    notes = SentNotes(stage.sent, f"http://{listen}")
    await notes.start(stage.port)
    await stage.officer_command("setup")
    await stage.portal_command(
        "force", "credential", str(stage.force), "--officer", str(stage.officer / "officer.pub"), "--name", "Ada Okafor",
        "--rank", "Detective Constable", "--collar", "4711", "--unit", "CID Mill Road",
        "--contact", "ada.okafor@example.police.uk", "--out", str(stage.officer / "given.json"),
    )  # fmt: skip
    await stage.portal_command("officer", "add", str(stage.portal), str(stage.officer / "given.json"))
    await stage.officer_command(
        "setup", "--portal", stage.url, "--force-key", str(stage.force / "force.pub"),
        "--credential", str(stage.officer / "given.json"),
    )  # fmt: skip
    key = PublicKey.parse((stage.force / "force.pub").read_text())
    out.print(f"  The force publishes its key's fingerprint on paper: {key.fingerprint}")
    await stage.handover(
        "setup", "--portal", stage.url, "--kind", "household", "--name", "Demo household",
        "--contact", "owner@example.org", "--confirm", key.fingerprint,
    )  # fmt: skip
    return notes


async def ask(stage: Stage, case_key: str) -> tuple[str, int, int]:
    step(4, "An officer looks who may have seen it, and asks for a window in the past")
    start, end = await _footage_of_the_past(stage)
    times = ("--from", to_rfc3339(start), "--to", to_rfc3339(end))
    await stage.officer_command("search", "--near", PLACE, "--radius", "150", *times)
    found = json.loads(await stage.officer_command("search", "--near", PLACE, *times, "--json", show=False))
    if len(found["cameras"]) != 1 or not found["cameras"][0]["footage_likely"]:
        raise DemoFailed(f"The officer should have found one camera with footage: {found}")
    device = found["cameras"][0]["device"]
    said = await stage.officer_command(
        "request", "--device", device, "--camera", "front-door", *times, "--crime", "04/0815/26",
        "--incident", "Theft of a bicycle", "--place", "12 Mill Road",
        "--description", "A red bicycle was taken from the rack in front of the house.",
        "--purpose", "To see who took it and which way they went.",
        "--legal-basis", "Prevention and detection of crime; the owner shares it voluntarily.",
        "--necessity", "No other registered camera looks at the rack.", "--case-key", case_key, "--json", show=False,
    )  # fmt: skip
    request_id = json.loads(said)["request_id"]
    out.print(
        f"[bold]$ handover-officer request --camera front-door --from {to_rfc3339(start)} … --case-key {case_key}[/]"
    )
    out.print(f"  Sent: {request_id}; signed by the officer, whose key never left the officer's machine")
    return request_id, start, end


async def _footage_of_the_past(stage: Stage) -> tuple[int, int]:
    """A window that lies between two key frames, in finished recordings."""
    from agent.footage.layout import parse

    folder = stage.agent / "recordings" / "front-door"

    def finished() -> list[tuple[int, int]]:
        names = [parse(path.name) for path in sorted(folder.glob("*/*.m*"))]
        return [(name.start, name.end) for name in names if name is not None and name.duration]

    async def enough() -> bool:
        spans = finished()
        return bool(spans) and spans[-1][1] - spans[0][0] >= (WINDOW + 4) * SECOND

    await _until(stage, "enough footage to be recorded", 90, enough)
    start = finished()[0][0] + 2_500_000
    return start, start + WINDOW * SECOND


async def decide(stage: Stage, request_id: str, answer: str | None) -> None:
    step(5, "The agent fetches and checks it, keeps the window, plans the cut; the owner is asked")
    await _until(stage, "the owner to be asked", 90, lambda: _in_state(stage, request_id, "asked"))
    if answer is None:
        review = [str(BIN / "handover"), "--config", str(stage.config), "review", request_id]
        out.print(f"[bold]$ handover review {request_id}[/]")
        process = await asyncio.create_subprocess_exec(*review)
        if await process.wait():
            raise DemoFailed("The owner's answer was not taken.")
        return
    await stage.handover("show", request_id)
    await stage.handover("approve" if answer == "yes" else "decline", request_id)


async def _in_state(stage: Stage, request_id: str, *states: str) -> bool:
    told = json.loads(await stage.handover("requests", "--json", show=False))
    rows = {row["request_id"]: row for row in told["requests"]}
    row = rows.get(request_id)
    if row is not None and row["state"] in ("refused", "unavailable", "expired") and row["state"] not in states:
        raise DemoFailed(f"The request is {row['state']}: {row['trouble']}")
    return row is not None and row["state"] in states


async def hand_over(stage: Stage, request_id: str) -> dict[str, Any]:
    step(6, "Cut without re-encoding, packaged, signed, sealed for the case, uploaded")
    await _until(stage, "the package to be delivered", 90, lambda: _in_state(stage, request_id, "delivered", "closed"))
    await stage.handover("show", request_id, show=False)
    step(7, "The officer fetches it, opens it, checks it, and sends a receipt")
    opened = stage.folder / "opened-packages"
    await stage.officer_command("open", request_id, "--into", str(opened), "--receipt", "--deep")
    told = json.loads(await stage.officer_command("open", request_id, "--into", str(opened), "--json", show=False))
    (package,) = told["packages"]
    if not package["report"]["ok"]:
        raise DemoFailed(f"The package does not verify: {package['report']}")
    await _until(stage, "the owner's agent to have the receipt", 60, lambda: _in_state(stage, request_id, "closed"))
    await stage.handover("records")
    return dict(package)


async def check_declined(stage: Stage, request_id: str) -> None:
    step(6, "Nothing leaves; the officer is told 'declined' and no more")
    await _until(stage, "the answer to reach the portal", 60, lambda: _in_state(stage, request_id, "closed"))
    told = json.loads(await stage.officer_command("inbox", "--json", show=False))
    await stage.officer_command("inbox")
    (case,) = told["cases"]
    decision = json.loads(case["decision"]["document"])
    allowed = {"kind", "request_id", "request_sha256", "status", "decided", "cameras"}
    if case["status"] != "declined" or set(decision) - allowed or decision.get("cameras") or case["deliveries"]:
        raise DemoFailed(f"The officer learned more than 'declined': {case}")
    uploads = [path.name for path in stage.sent.glob("*uploads*")]
    packages = list((stage.agent / "packages").glob("*"))
    if uploads or packages:
        raise DemoFailed(f"Something was made or sent after a no: {uploads} {packages}")
    out.print("  Proved: no package was made, no upload was begun, and the signed answer says 'declined' alone.")


async def _until(stage: Stage, what: str, seconds: float, done: Any) -> None:
    """Wait with a sign of life; DemoFailed when it does not come."""
    begun = time.monotonic()
    with out.status(f"waiting for {what} …"):
        while not await done():
            stage.check_alive()
            if time.monotonic() - begun > seconds:
                raise DemoFailed(f"Waited {seconds:.0f} s for {what}.\n{stage.log('daemon')}")
            await asyncio.sleep(0.5)
    out.print(f"  … {what}: {time.monotonic() - begun:.0f} s")


# -- what is left ----------------------------------------------------------------------------------------------------


def keep(stage: Stage, target: Path, package: dict[str, Any] | None) -> None:
    """Lay everything out for somebody who checks it without Handover."""
    target.mkdir(parents=True, exist_ok=True)
    for name in ("recordings", "packages", "receipts"):
        shutil.copytree(stage.agent / name, target / name, dirs_exist_ok=True)
    shutil.copytree(stage.sent, target / "sent", dirs_exist_ok=True)
    shutil.copy(stage.force / "force.pub", target / "force.pub")
    copy_database(stage.agent / "agent.db", target / "agent.db")
    copy_database(stage.portal / "portal.db", target / "portal.db")
    for key in (stage.officer / "cases").glob("*.key"):
        shutil.copy(key, target / "case.key")
    (target / "allowed_signers").write_text(signers(stage))
    if package is not None:
        shutil.rmtree(target / "opened", ignore_errors=True)
        shutil.copytree(package["opened"], target / "opened")


def copy_database(source: Path, target: Path) -> None:
    """One whole file, with what its write-ahead log holds."""
    target.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(source)) as one, contextlib.closing(sqlite3.connect(target)) as other:
        one.backup(other)


def signers(stage: Stage) -> str:
    """Who may sign what, for ``ssh-keygen -Y verify -f allowed_signers -I NAME -n NAMESPACE``."""
    device = SigningKey.load(stage.agent / "keys" / "device.key").public
    force = PublicKey.parse((stage.force / "force.pub").read_text())
    credential = parse_strictly((stage.officer / "given.json").read_bytes(), Signed)
    officer = PublicKey.parse(open_credential(credential, force, time.time_ns() // 1000).public_key)

    def namespaces(*documents: type[Document]) -> list[str]:
        return [document.namespace() for document in documents]

    by_device = [*namespaces(Evidence, Decision, Delivery, Registration, Refusal), "read-me-first.v1@handover"]
    return (
        allowed_signers("device", device, by_device)
        + allowed_signers("officer", officer, namespaces(Request, Receipt))
        + allowed_signers("force", force, ["credential.v1@handover"])
    )


# -- from the top ----------------------------------------------------------------------------------------------------


async def play(stage: Stage, options: argparse.Namespace) -> None:
    notes: SentNotes | None = None
    package = None
    try:
        camera = await start_camera(stage)
        await find_and_record(stage, camera)
        notes = await start_portal(stage)
        request_id, start, end = await ask(stage, options.case_key)
        await decide(stage, request_id, options.answer)
        if await _declined(stage, request_id):
            await check_declined(stage, request_id)
        else:
            package = await hand_over(stage, request_id)
    finally:
        await stage.stop()
        if notes is not None:
            await notes.stop()
    if package is not None:
        show_proof(out, package, look_at_frames(Path(package["opened"])), (start, end))
    keep(stage, options.keep, package)
    out.print(
        f"\nEverything lies in {options.keep}: recordings/, packages/, opened/, receipts/, sent/ (what left the agent,"
    )
    out.print("request by request), agent.db, portal.db, and the keys to check it with nothing of ours.")


async def _declined(stage: Stage, request_id: str) -> bool:
    await _until(stage, "the decision", 20, lambda: _decided(stage, request_id))
    told = json.loads(await stage.handover("show", request_id, "--json", show=False))
    return json.loads(told["decision"])["status"] == "declined"


async def _decided(stage: Stage, request_id: str) -> bool:
    told = json.loads(await stage.handover("show", request_id, "--json", show=False))
    if told["state"] == "asked":
        raise DemoFailed("Nothing was decided, so there is nothing more to show.")
    return told["decision"] is not None


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo")
    answer = parser.add_mutually_exclusive_group()
    answer.add_argument("--yes", dest="answer", action="store_const", const="yes", help="say yes without a prompt")
    answer.add_argument("--no", dest="answer", action="store_const", const="no", help="say no without a prompt")
    parser.add_argument("--case-key", choices=("hybrid", "x25519"), default="hybrid")
    parser.add_argument("--keep", type=Path, help="leave everything in this folder (a new one under /tmp otherwise)")
    return parser.parse_args()


async def main() -> int:
    options = parse_options()
    options.keep = options.keep or Path(tempfile.mkdtemp(prefix="handover-demo-"))
    loop, this = asyncio.get_running_loop(), asyncio.current_task()
    assert this is not None
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        loop.add_signal_handler(number, this.cancel)
    with tempfile.TemporaryDirectory(prefix="handover-") as folder:
        try:
            await play(Stage(Path(folder)), options)
        except DemoFailed as failure:
            out.print(f"\n[bold red]The demo stopped.[/] {failure}", markup=True)
            return 1
        except asyncio.CancelledError:
            out.print("\nStopped; all processes are ended.")
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
