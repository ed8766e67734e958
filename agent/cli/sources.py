"""``handover cameras source`` and ``handover sources``: where footage comes from, and whether it can be had.

Not for: asking any recorder (``agent/cameras/footage_sources.py``, ``agent/footage``).
"""

import json
import sys
from pathlib import Path
from typing import Any

import click

from agent.cli.caller import ask_agent
from agent.cli.cameras import as_json, ask_password, cameras, read_options, source_option
from agent.owner.terminal import prompt

Json = dict[str, Any]


@cameras.command("source")
@click.argument("camera_id")
@click.argument("kind")
@source_option
@click.option("--user", help="A user of the recorder who may play back; the password is asked for.")
@click.option(
    "--password-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Read the password here."
)
@as_json
@click.pass_obj
def camera_source(
    config: Path,
    camera_id: str,
    kind: str,
    option: tuple[str, ...],
    user: str | None,
    password_file: Path | None,
    plain: bool,
) -> None:
    """Take the footage of CAMERA_ID from a recorder or folder of this KIND; "recorder" is Handover's own."""
    arguments: Json = {"camera_id": camera_id, "kind": kind, "options": read_options(option)}
    if user:
        arguments |= {"user": user, "password": ask_password(user, password_file, "The recorder's password")}
    reply = ask_agent(config, lambda call: call("camera-source", **arguments))
    if plain:
        return click.echo(json.dumps(reply, indent=2))
    click.echo(f"The footage of {camera_id} comes from: {reply['source']}.")
    _say_look(reply)
    return None


@click.group("sources")
def sources() -> None:
    """See where cameras' footage comes from, and try it."""


@sources.command("list")
@as_json
@click.pass_obj
def list_sources(config: Path, plain: bool) -> None:
    """List each camera's source, and the kinds that there are."""
    reply = ask_agent(config, lambda call: call("sources"))
    if plain:
        return click.echo(json.dumps(reply, indent=2))
    for camera in reply["cameras"]:
        options = " ".join(f"{name}={value}" for name, value in camera["options"].items() if name != "starts")
        click.echo(f"{camera['camera_id']}: {camera['kind']} {camera['address']} {options}".rstrip())
    click.echo("Kinds: " + "; ".join(f"{kind} ({title})" for kind, title in reply["kinds"].items()))
    return None


@sources.command("start")
@click.argument("camera_id")
@click.argument("file")
@click.argument("time")
@click.pass_obj
def start(config: Path, camera_id: str, file: str, time: str) -> None:
    """Say when FILE in a folder source began: TIME is 2026-06-10T11:00:00+01:00, or with Z for UTC."""
    reply = ask_agent(config, lambda call: call("source-start", camera_id=camera_id, file=file, time=time))
    click.echo(f"{reply['file']} began at {prompt.local(reply['start'])}.")


@sources.command("test")
@click.argument("camera_id", required=False)
@as_json
@click.pass_obj
def test(config: Path, camera_id: str | None, plain: bool) -> None:
    """Try each camera's source: how far back it reaches, its clock, two seconds fetched and decoded.

    Ends with 0 only if all of them work, otherwise with the exit code of the first that doesn't.
    """
    if camera_id is not None:
        names = [camera_id]
    else:
        names = [each["camera_id"] for each in ask_agent(config, lambda call: call("sources"))["cameras"]]
    if not names and not plain:
        click.echo("No camera was added yet. Find them with: handover cameras discover")
    tested, host = [], None
    for name in names:
        reply = ask_agent(config, lambda call, name=name: call("test-sources", camera_id=name))  # type: ignore[misc]
        host = reply["host_clock"]
        tested += reply["cameras"]
        if not plain:
            _say_test(reply["cameras"][0])
    if plain:
        click.echo(json.dumps({"host_clock": host, "cameras": tested}, indent=2))
    elif host is not None:
        click.echo(f"This machine's own clock {prompt.host_clock(host)}.")
        if not host["synchronised"]:
            click.echo("What is said above of other clocks is only as good.")
    failed = [each for each in tested if not each["ok"]]
    if failed:
        sys.exit(failed[0].get("exit_code", 42))


def _say_test(reply: Json) -> None:
    name = reply["camera_id"]
    if not reply["reachable"]:
        click.echo(f"{name} ({reply['source']}): it can't be used.")
    else:
        what = f"{reply.get('make') or ''} {reply.get('model') or ''}".strip()
        click.echo(f"{name} ({reply['source']}): {what or 'it answers'}.")
        _say_look(reply)
    sample = reply.get("sample")
    if sample:
        sound = f" with sound ({sample['sound']})" if sample["sound"] else ""
        size = f"{sample['codec']} {sample['width']}x{sample['height']}"
        click.echo(f"  A sample of {prompt.local(sample['start'])} was fetched and decoded: {size}{sound}.")
    for good in reply.get("good", []):
        click.echo(f"  {good}")
    for wrong in reply.get("wrong", []):
        click.echo(f"  Wrong: {wrong}")
    for word in ("what", "meaning", "do"):
        if reply.get(word):
            click.echo(f"  {reply[word]}")


def _say_look(reply: Json) -> None:
    if reply.get("oldest"):
        click.echo(f"  It reaches back to {prompt.local(reply['oldest'])}.")
    clock = reply.get("clock")
    if clock:
        click.echo(f"  Its clock: {prompt.clock_offset(clock['offset_us'], clock['uncertainty_us'])}.")
    for note in reply.get("notes", []):
        click.echo(f"  {note}")


@click.command("keep")
@click.argument("request_id")
@click.pass_obj
def keep(config: Path, request_id: str) -> None:
    """Keep what REQUEST_ID asks for from being overwritten, on this machine, until you decided. Nothing is sent."""
    reply = ask_agent(config, lambda call: call("keep", request_id=request_id), needs_daemon=True)
    held = reply["held_bytes"]
    click.echo(f"{prompt.size(held)} are kept until you decided." if held else "There was nothing that could be kept.")
