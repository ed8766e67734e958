"""The whole of Handover in a few minutes: every step is one of its own commands, and each is checked before the next.

Not for: tests of single parts. ``scripts/demo`` makes the environment and calls this; see there for the options.
"""

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import Any

from demo_keep import keep, keep_logs
from demo_proof import look_at_frames, show_proof
from demo_stage import BIN, DemoFailed, Stage, out
from demo_ways import WAYS, OtherEnd, open_at_the_officers
from rich.markup import escape

from agent.recordings.layout import parse
from exchange.clock import SECOND, to_rfc3339
from exchange.signing.documents import PublicKey

CAMERA = Path(__file__).resolve().parent / "demo_camera.py"
PLACE = "53.76320,-2.70310"
FORCE = "Demo Constabulary"
WINDOW = 8
"""Seconds that the officer asks for."""
_ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def step(number: int, title: str) -> None:
    out.print(f"\n[bold cyan]{number}. {title}[/]")


# -- the steps -------------------------------------------------------------------------------------------------------


async def start_camera(stage: Stage) -> dict[str, Any]:
    step(1, "A camera by another author starts: ipycam, an ONVIF and RTSP camera from PyPI")
    _check_discovery_port()
    # Cameras on loopback all see each other's probes; its own serial number makes this one a camera of its own.
    serial = f"DEMO-{secrets.token_hex(4)}"
    camera = await stage.start("camera", sys.executable, str(CAMERA), "--serial", serial, ready=True)
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


async def find_and_record(stage: Stage, camera: dict[str, Any], end: OtherEnd | None) -> None:
    step(2, "The owner's agent finds it, asks what it is, and records it")
    stage.config.write_text(
        f"# The demo's settings. Only the loopback interface is looked at.\n"
        f"data: {stage.agent}\n"
        f"portal:\n  url: {stage.url}\n"
        f"owner:\n  kind: household\n  name: Demo household\n  contact: owner@example.org\n"
        f"discovery:\n  interfaces: [lo]\n  enabled: false\n"
        f"recordings:\n  segment: 10s\n  keep_free: 100 MB\n"
        f"poll:\n  every: 2s\n  jitter: 0s\n"
        f"page:\n  port: {stage.page_port}\n"
    )
    found = await stage.handover("cameras", "discover", "--seconds", "1.5")
    if camera["onvif"] not in found:
        raise DemoFailed(f"The camera at {camera['onvif']} did not answer WS-Discovery; what did: {found}")
    await stage.handover(
        "cameras", "add", camera["onvif"], "--id", "front-door", "--label", "Front door", "--place", PLACE,
        "--description", "above the front door", "--direction", "90", "--field-of-view", "110",
        "--retention-days", "14",
    )  # fmt: skip
    await stage.start_agent("daemon", "run", before=() if end is None else end.daemon)
    await stage.start_agent("recorder", "record")
    await stage.until("the camera to be recorded", 40, lambda: _recording(stage))
    await stage.handover("status")


async def _recording(stage: Stage) -> bool:
    if not (stage.agent / "run" / "agent.sock").exists():
        return False
    told = await stage.ask_daemon("status")
    return any(camera["recording"] == "recording" for camera in told["cameras"])


async def prepare_force(stage: Stage) -> list[tuple[tuple[str, ...], str]]:
    """What the force and its officer do before the portal starts, done while the camera is set up; told in step 3."""
    officer, given, told = stage.officer / "officer.pub", stage.officer / "given.json", []

    async def portal(*arguments: str) -> None:
        told.append((("handover-portal", *arguments), await stage.portal_command(*arguments, show=False)))

    await portal("force", "new", str(stage.force), "--name", FORCE)
    await portal("init", str(stage.portal), "--force", FORCE, "--force-key", str(stage.force / "force.pub"))
    told.append((("handover-officer", "setup"), await stage.officer_command("setup", show=False)))
    await portal(
        "force", "credential", str(stage.force), "--officer", str(officer), "--name", "Ada Okafor", "--rank",
        "Detective Constable", "--collar", "4711", "--unit", "CID Mill Road", "--contact",
        "ada.okafor@example.police.uk", "--out", str(given),
    )  # fmt: skip
    await portal("officer", "add", str(stage.portal), str(given))
    return told


async def start_portal(stage: Stage, prepared: asyncio.Task[list[tuple[tuple[str, ...], str]]]) -> None:
    step(3, "The force's portal starts; an officer is let in; the owner joins and registers the camera")
    for command, said in await prepared:
        stage.say_command(*command)
        stage.say_answer(said)
    serve = (str(BIN / "handover-portal"), "serve", str(stage.portal), "--listen", "127.0.0.1:0", "--origin", stage.url)
    portal = await stage.start("portal", *serve, ready=True)
    await stage.sent_notes.start(portal["listening"])
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


async def ask(stage: Stage, case_key: str) -> tuple[str, int, int]:
    step(4, "An officer looks who may have seen it, and asks for a window in the past")
    start, end = await _footage_of_the_past(stage)
    times = ("--from", to_rfc3339(start), "--to", to_rfc3339(end))
    search = ("search", "--near", PLACE, "--radius", "150", "--crime", "04/0815/26", *times)
    stage.say_command("handover-officer", *search)
    found = json.loads(await stage.officer_command(*search, "--json", show=False))
    if len(found["cameras"]) != 1 or found["cameras"][0]["footage"] == "no":
        raise DemoFailed(f"The officer should have found one camera that may have footage: {found}")
    (seen,) = found["cameras"]
    out.print(
        f"  {seen['distance_m']:.0f} m away: {seen['label']}, a {seen['owner_kind']}'s; footage: {seen['footage']}"
    )
    said = await stage.officer_command(
        "request", "--device", seen["device"], "--camera", "front-door", *times, "--crime", "04/0815/26",
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
    """A window across two recordings that are finished."""
    folder = stage.agent / "recordings" / "front-door"

    def finished() -> list[tuple[int, int]]:
        names = [parse(path.name) for path in sorted(folder.glob("*/*.m*"))]
        return [(name.start, name.end) for name in names if name is not None and name.duration]

    async def enough() -> bool:
        return len(finished()) > 1

    await stage.until("two recordings to be finished", 90, enough)
    middle = finished()[0][1]
    return middle - WINDOW * SECOND // 2, middle + WINDOW * SECOND // 2


async def decide(stage: Stage, request_id: str, answer: str | None, end: OtherEnd | None) -> None:
    step(5, "The agent fetches and checks it, keeps the window, plans the cut; the owner is asked")
    await stage.until("the owner to be asked", 90, lambda: _in_state(stage, request_id, "asked"))
    if end is not None:
        await end.choose(request_id)
    if answer is None:
        await _review(stage, request_id)
        return
    if answer == "page":
        await _review_on_the_page(stage)
        await stage.until("your answer on the page", 1800, lambda: _not_in_state(stage, request_id, "asked"))
        return
    await stage.handover("show", request_id)
    await stage.handover("approve" if answer == "yes" else "decline", request_id)


async def _review(stage: Stage, request_id: str) -> None:
    """The owner's own prompt, in the terminal of whoever runs the demo."""
    stage.say_command("handover", "review", request_id)
    process = await asyncio.create_subprocess_exec(
        BIN / "handover", "--config", str(stage.config), "review", request_id
    )
    try:
        if await process.wait():
            raise DemoFailed("The owner's answer was not taken.")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _review_on_the_page(stage: Stage) -> None:
    """A person who may decide, and a link that lets their browser in."""
    await stage.handover("people", "add", "owner", "--name", "Demo household", "--role", "administrator")
    invited = json.loads(await stage.handover("page", "--invite", "owner", "--json", show=False))
    link = f"{invited['url']}/pair#{invited['code']}"
    out.print(
        f"\n[bold]Open this in a browser on this machine, and answer there:[/]\n  {escape(link)}\n", soft_wrap=True
    )
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(link)


async def _not_in_state(stage: Stage, request_id: str, state: str) -> bool:
    told = await stage.ask_daemon("requests")
    return all(row["state"] != state for row in told["requests"] if row["request_id"] == request_id)


async def _in_state(stage: Stage, request_id: str, *states: str) -> bool:
    told = await stage.ask_daemon("requests")
    rows = {row["request_id"]: row for row in told["requests"]}
    row = rows.get(request_id)
    if row is not None and row["state"] in ("refused", "unavailable", "expired") and row["state"] not in states:
        raise DemoFailed(f"The request is {row['state']}: {row['trouble']}")
    return row is not None and row["state"] in states


async def hand_over(stage: Stage, request_id: str) -> dict[str, Any]:
    step(6, "Cut without re-encoding, packaged, signed, sealed for the case, uploaded")
    await stage.until("the package to be delivered", 90, lambda: _in_state(stage, request_id, "delivered", "closed"))
    step(7, "The officer fetches it, opens it, checks it, and sends a receipt")
    opening = ("open", request_id, "--into", str(stage.folder / "opened-packages"), "--receipt", "--deep")
    stage.say_command("handover-officer", *opening)
    told = json.loads(await stage.officer_command(*opening, "--json", show=False))
    (package,) = told["packages"]
    report = package["report"]
    if not report["ok"] or not package["receipted"]:
        raise DemoFailed(f"The package does not verify: {report}")
    holds = sum(finding["verdict"] == "holds" for finding in report["findings"])
    out.print(f"  Fetched, unsealed with the case's key, and checked: {holds} checks hold. The receipt is sent.")
    await stage.until("the owner's agent to have the receipt", 60, lambda: _in_state(stage, request_id, "closed"))
    await stage.handover("records")
    return dict(package)


async def hand_over_another_way(stage: Stage, request_id: str, by: str, end: OtherEnd) -> dict[str, Any]:
    step(6, f"Cut without re-encoding, packaged, signed, sealed for the case, handed over: {by}")
    await stage.until(
        "the package to lie there, whole", 90, lambda: _in_state(stage, request_id, "delivered", "closed")
    )
    sealed = await end.sealed()
    if list(stage.sent.glob("*uploads*")):
        raise DemoFailed("Something was uploaded to the portal as well.")
    step(7, "The officer opens what came that way, and checks it; the owner writes down that they have it")
    package = await open_at_the_officers(stage, sealed)
    holds = sum(finding["verdict"] == "holds" for finding in package["report"]["findings"])
    out.print(f"  Unsealed with the case's key, and checked: {holds} checks hold. The portal had no part in it.")
    await stage.handover(
        "request", "receipt", request_id, "--taken-by", "DC Ada Okafor 4711", "--how", "signed the form"
    )
    await stage.until("the request to be over", 60, lambda: _in_state(stage, request_id, "closed"))
    await stage.handover("records")
    return package


async def check_declined(stage: Stage, request_id: str) -> None:
    step(6, "Nothing leaves; the officer is told 'declined' and no more")
    await stage.until("the answer to reach the portal", 60, lambda: _in_state(stage, request_id, "closed"))
    told = json.loads(await stage.officer_command("inbox", "--json", show=False))
    await stage.officer_command("inbox")
    (case,) = told["cases"]
    (answer,) = [json.loads(path.read_text()) for path in stage.sent.glob("*-decision.json")]
    decision = json.loads(answer["body"]["document"])
    allowed = {"kind", "request_id", "request_sha256", "status", "decided", "cameras"}
    if case["status"] != "declined" or set(decision) - allowed or decision.get("cameras"):
        raise DemoFailed(f"The officer learned more than 'declined': {decision}")
    uploads = [path.name for path in stage.sent.glob("*uploads*")]
    packages = list((stage.agent / "packages").glob("*"))
    if uploads or packages:
        raise DemoFailed(f"Something was made or sent after a no: {uploads} {packages}")
    out.print("  Proved: no package was made, no upload was begun, and the signed answer says 'declined' alone.")


# -- from the top ----------------------------------------------------------------------------------------------------


async def play(stage: Stage, options: argparse.Namespace) -> None:
    package = None
    end = None if options.by == "portal" else OtherEnd(stage, options.by)
    prepared = asyncio.create_task(prepare_force(stage))
    try:
        camera = await start_camera(stage)
        await find_and_record(stage, camera, end)
        await start_portal(stage, prepared)
        request_id, *asked = await ask(stage, options.case_key)
        await decide(stage, request_id, options.answer, end)
        if await _declined(stage, request_id):
            await check_declined(stage, request_id)
        elif end is not None:
            package = await hand_over_another_way(stage, request_id, options.by, end)
        else:
            package = await hand_over(stage, request_id)
    finally:
        prepared.cancel()
        await asyncio.gather(prepared, return_exceptions=True)
        await stage.stop()
        keep_logs(stage, options.keep)
    frames = look_at_frames(Path(package["opened"])) if package is not None else []
    keep(stage, options.keep, package, frames)
    if package is not None:
        show_proof(out, package, frames, (asked[0], asked[1]))
    _say_what_is_left(options.keep, handed_over=package is not None)


def _say_what_is_left(folder: Path, *, handed_over: bool) -> None:
    out.print(f"\n[bold cyan]What is left[/] in {escape(str(folder))}")
    if handed_over:
        out.print("  opened/ is the package as the officer has it: begin with opened/data/READ-ME-FIRST.html")
        out.print("  first-frame.png, last-frame.png: what the first and last frame show")
        out.print("  packages/ (sealed; case.key opens them with age), receipts/, recordings/")
    out.print("  sent/: all that left the agent for the portal, request by request; agent.db, portal.db, logs/")
    out.print("  force.pub, allowed_signers: to check every signature with ssh-keygen, and nothing of ours")
    out.print("\n[bold green]Every step was done and checked.[/]")


async def _declined(stage: Stage, request_id: str) -> bool:
    await stage.until("the decision", 20, lambda: _decided(stage, request_id))
    told = await stage.ask_daemon("show", request_id=request_id)
    return json.loads(told["decision"])["status"] == "declined"


async def _decided(stage: Stage, request_id: str) -> bool:
    told = await stage.ask_daemon("show", request_id=request_id)
    if told["state"] == "asked":
        raise DemoFailed("Nothing was decided, so there is nothing more to show.")
    return told["decision"] is not None


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo")
    answer = parser.add_mutually_exclusive_group()
    answer.add_argument("--yes", dest="answer", action="store_const", const="yes", help="say yes without a prompt")
    answer.add_argument("--no", dest="answer", action="store_const", const="no", help="say no without a prompt")
    answer.add_argument("--page", dest="answer", action="store_const", const="page", help="answer in a browser")
    parser.add_argument("--case-key", choices=("hybrid", "x25519"), default="hybrid")
    parser.add_argument("--by", choices=WAYS, default="portal", help="which way it goes to the officer")
    parser.add_argument("--keep", type=Path, help="leave everything in this folder (a new one under /tmp otherwise)")
    return parser.parse_args()


async def main() -> int:
    options = parse_options()
    options.keep = options.keep or Path(tempfile.mkdtemp(prefix="handover-demo-"))
    loop, this = asyncio.get_running_loop(), asyncio.current_task()
    assert this is not None

    def stop() -> None:
        """Once: a second signal must not break off the ending of the processes."""
        for number in _ENDINGS:
            loop.add_signal_handler(number, lambda: None)
        this.cancel()

    for number in _ENDINGS:
        loop.add_signal_handler(number, stop)
    with tempfile.TemporaryDirectory(prefix="handover-") as folder:
        try:
            await play(Stage(Path(folder)), options)
        except DemoFailed as failure:
            out.print(f"\n[bold red]The demo stopped.[/] {escape(str(failure))}")
            out.print(f"What its processes said lies in {options.keep}/logs", markup=False)
            return 1
        except asyncio.CancelledError:
            out.print("\nStopped; all processes are ended.")
            return 130
    return 0


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(asyncio.run(main()))
