"""``handover request``: a request that came at the door, on the telephone, or by a force's link, at a terminal.

Not for: deciding it; that is ``handover review``, as with any other.
"""

import asyncio
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from agent.cli.caller import ask_agent
from agent.cli.requests import as_json, print_json
from agent.cli.typed import bytes_of, require_all
from agent.owner.terminal import prompt
from exchange.clock import SECOND, to_rfc3339
from exchange.documents.copies import CHOSEN_KINDS
from exchange.documents.exhibits import typed_prefix
from exchange.documents.noted import IDENTIFIED_WORDS, Identified, Offered
from exchange.errors import InputInvalid

Json = dict[str, Any]


@click.group()
def request() -> None:
    """A request that came by no portal: at the door, on the telephone, by a force's link."""


@request.command("new")
@click.option("--who", help="The officer's name, with rank if you know it.")
@click.option("--number", help="Their collar or warrant number.")
@click.option("--force", help="Which force.")
@click.option("--contact", help="How they are reached.")
@click.option(
    "--identified",
    type=click.Choice([each.value for each in Identified]),
    help="How you know that it is an officer.",
)
@click.option("--identified-note", help="More on that, such as the number you called.")
@click.option("--case", "crime_reference", help="Their reference of the case.")
@click.option("--camera", "cameras", multiple=True, help="Which camera (again for more); all, without it.")
@click.option("--from", "start", help="From when, such as 2026-05-03T18:40 (your time).")
@click.option("--to", "end", help="Until when.")
@click.option("--what", "kind", default="not said", help="What happened.")
@click.option("--where", "place", default="not said", help="Where it happened.")
@click.option("--why", "description", default="The owner was told no more.", help="What they told you.")
@click.option("--law", "legal_basis", default="not said", help="By which law they ask, if they told you.")
@click.option("--sound", is_flag=True, help="They ask for the sound too.")
@click.option("--exhibit-prefix", help="What they want the exhibits called by, such as ABC.")
@click.option("--recipient", help="An age recipient that the force gave you; without it, a passphrase is made.")
@click.option(
    "--as",
    "form",
    type=click.Choice([each.value for each in Offered]),
    default="package",
    show_default=True,
    help="What the force takes: the package as one file, or the recordings.",
)
@click.option(
    "--helpful-copy",
    "copies",
    multiple=True,
    type=click.Choice([kind.value for kind in CHOSEN_KINDS]),
    help="A working copy that they say would help; again for more. You choose when you review it.",
)
@click.option("--most", help="The largest file that the force takes, such as 500 MB; recordings are made in parts.")
@click.pass_obj
def new_request(config: Path, /, **given: Any) -> None:
    """Write down a request. Nothing is sent: you review it like any other."""
    typed = _ask(given)
    if given["cameras"]:
        cameras = list(given["cameras"])
    else:
        found = ask_agent(config, lambda call: call("cameras"), needs_daemon=True)["cameras"]
        cameras = [camera["camera_id"] for camera in found]
    if not cameras:
        raise InputInvalid("There is no camera yet.", do="Add one with: handover cameras add")
    window = {"from": whole_time(typed["start"]), "to": whole_time(typed["end"])}
    new = {
        "officer": {
            "name": typed["who"],
            "force": typed["force"],
            "collar_number": given["number"],
            "contact": given["contact"],
            "identified": typed["identified"],
            "identified_note": given["identified_note"],
        },
        "crime_reference": typed["crime_reference"],
        "asked": [{"camera_id": camera, "window": window, "sound": given["sound"]} for camera in cameras],
        "kind": given["kind"],
        "place": given["place"],
        "description": given["description"],
        "legal_basis": given["legal_basis"],
        "recipient": given["recipient"],
        "copies": _wanted_copies(given),
        "exhibit_prefix": typed_prefix(given["exhibit_prefix"]),
        "way": {"form": given["form"], "most_bytes": None if given["most"] is None else bytes_of(given["most"])},
    }
    reply = ask_agent(config, lambda call: call("note-request", **new), needs_daemon=True)
    click.echo(f"Written down. Once its recordings were looked for: handover review {reply['request_id']}")


def _wanted_copies(given: Json) -> Json | None:
    if not given["copies"]:
        return None
    return {"kinds": given["copies"], "most_bytes": None if given["most"] is None else bytes_of(given["most"])}


_QUESTIONS = {
    "who": ("--who", "Who asks"),
    "force": ("--force", "Of which force"),
    "crime_reference": ("--case", "Their reference of the case"),
    "start": ("--from", "From when (such as 2026-05-03T18:40)"),
    "end": ("--to", "Until when"),
}


def _ask(given: Json) -> Json:
    """What wasn't given by a flag is asked for; of a script, everything that is missing is named at once."""
    missing = [flag for name, (flag, _) in _QUESTIONS.items() if not given[name]]
    if not given["identified"]:
        missing.append("--identified")
    if not sys.stdin.isatty():
        require_all(missing)
    typed = {name: given[name] or click.prompt(question) for name, (_, question) in _QUESTIONS.items()}
    if given["identified"]:
        return typed | {"identified": given["identified"]}
    click.echo("How do you know that it is an officer?")
    for kind in Identified:
        click.echo(f"  {kind.value}: {IDENTIFIED_WORDS[kind]}")
    return typed | {"identified": click.prompt("Which", type=click.Choice([each.value for each in Identified]))}


def whole_time(text: str) -> str:
    """A day and time of the host's zone, or with an offset of its own, as RFC 3339. InputInvalid."""
    try:
        moment = datetime.fromisoformat(text.strip().replace(" ", "T"))
    except ValueError:
        raise InputInvalid(
            f"The time {text!r} can't be used.", meaning="Nothing was written down.", do="Type it as 2026-05-03T18:40."
        ) from None
    if moment.tzinfo is None:
        moment = moment.astimezone()
    return to_rfc3339(round(moment.timestamp() * SECOND) // 1000 * 1000)


@request.command("files")
@click.argument("request_id")
@click.option("--to", "target", type=click.Path(path_type=Path), help="Copy them into this folder, such as a medium's.")
@as_json
@click.pass_obj
def files(config: Path, request_id: str, target: Path | None, plain: bool) -> None:
    """The files that lie ready for the force; copied onto a medium, and read again there."""
    reply = ask_agent(config, lambda call: call("files", request_id=request_id), needs_daemon=True)
    if plain:
        return print_json(reply)
    if target is not None:
        asyncio.run(_copy(reply["files"], target))
        return None
    for each in reply["files"]:
        click.echo(f"{each['path']} ({prompt.size(each['size'])})")
    click.echo(f"Once the force has them: handover request receipt {request_id} --taken-by NAME --how WORDS")
    return None


async def _copy(files: list[Json], target: Path) -> None:
    """As the user who types: who may read the files and write to the medium needs nothing of the daemon's rights."""
    from agent.host.mount import mount_of
    from agent.places.folder import FolderPlace

    folder = await asyncio.to_thread(target.resolve)
    mount = mount_of(folder)
    place = FolderPlace(folder, mount=Path(mount) if mount else None, title=str(target))
    for each in files:
        await place.put(Path(each["path"]), each["name"], each["sha256"], lambda _: None)
        click.echo(f"Copied, and read again: {target / each['name']}")
    click.echo("Eject the medium before you take it out.")


@request.command("receipt")
@click.argument("request_id")
@click.option("--taken-by", required=True, help="Who took them.")
@click.option("--how", required=True, help="How they confirmed it, such as: signed the form.")
@click.pass_obj
def receipt(config: Path, request_id: str, taken_by: str, how: str) -> None:
    """Write down that the force has the files. The copies made for it are deleted."""
    call_with = {"request_id": request_id, "taken_by": taken_by, "how": how}
    ask_agent(config, lambda call: call("note-receipt", **call_with), needs_daemon=True)
    click.echo("Written down.")
