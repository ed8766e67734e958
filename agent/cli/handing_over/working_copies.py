"""``handover working-copies``: an enhanced picture to look at, and a working copy of what was handed over.

Not for: the copies that go with a yes (``--copy`` of ``handover approve``), or making any (``agent.requests.copies``).
"""

import base64
import shutil
import time
from pathlib import Path
from typing import Any

import click

from agent.cli.caller import ask_agent
from agent.cli.handing_over.chosen import chosen_copy
from agent.cli.typed import typed_time
from agent.owner.terminal import prompt
from exchange.errors import NotFound

Json = dict[str, Any]


@click.group("working-copies")
def working_copies() -> None:
    """Working copies: look at an enhanced picture, or make a copy of what was handed over, for yourself."""


@working_copies.command("preview")
@click.argument("request_id")
@click.option("--camera", "number", type=int, default=1, show_default=True, help="Which number of the list.")
@click.option("--at", "moment", help="The moment, such as 18:41:05; the middle without it.")
@click.option("--as", "enhanced", help="Values instead of measured ones, such as contrast:2,denoise:8,gamma:0.7")
@click.option("--to", "target", type=click.Path(path_type=Path), required=True, help="The JPEG file to write.")
@click.pass_obj
def preview(config: Path, request_id: str, number: int, moment: str | None, enhanced: str | None, target: Path) -> None:
    """A picture of what would be sent, as recorded and enhanced beside each other. Nothing is decided by it."""
    asked: Json = {"request_id": request_id, "position": number - 1}
    if enhanced is not None:
        asked["enhancement"] = chosen_copy(f"enhanced={enhanced}").get("enhancement")
    if moment is not None:
        details = ask_agent(config, lambda call: call("show", request_id=request_id), needs_daemon=True)
        cameras = (details.get("plan") or {}).get("cameras", [])
        camera = next((each for each in cameras if each["position"] == number - 1), None)
        if camera is None:
            raise NotFound(f"The request has no camera number {number}.")
        asked["at"] = typed_time(moment, (camera.get("actual") or camera["requested"])["from"])
    reply = ask_agent(config, lambda call: call("preview-copy", **asked), needs_daemon=True)
    target.write_bytes(base64.b64decode(reply["jpeg"]))
    click.echo(f"{target}: {prompt.local(reply['at'], precise=True)}")
    click.echo(f"Contrast {reply['contrast']:g}, denoise {reply['denoise']:g}, gamma {reply['gamma']:g}.")


@working_copies.command("make")
@click.argument("evidence_id")
@click.option("--copy", "kind", required=True, help="One copy, as --copy of handover approve takes it.")
@click.option("--caption/--no-caption", default=None, help="A line beneath the pictures: that it is no evidence.")
@click.option("--to", "target", type=click.Path(path_type=Path), help="Put it into this folder as well.")
@click.pass_obj
def make(config: Path, evidence_id: str, kind: str, caption: bool | None, target: Path | None) -> None:
    """Make a working copy of what was handed over, out of your own sealed package. Nothing is sent by it.

    EVIDENCE_ID is what "handover records" lists. The copy stays for a week.
    """
    asked = {"evidence_id": evidence_id, "copy": chosen_copy(kind, caption=caption)}
    reply = ask_agent(config, lambda call: call("make-copy", **asked), needs_daemon=True)
    shown = None
    while reply["doing"] is not None:
        if reply["doing"] != shown:
            shown = reply["doing"]
            click.echo(f"{shown[:1].upper()}{shown[1:]}", err=True)
        time.sleep(0.5)
        reply = ask_agent(config, lambda call: call("made-copies", evidence_id=evidence_id), needs_daemon=True)
    for note in reply["notes"]:
        click.echo(note, err=True)
    paths = [Path(each["path"]) for each in reply["files"]]
    for path in paths:
        click.echo(path if target is None else shutil.copyfile(path, target / path.name))
