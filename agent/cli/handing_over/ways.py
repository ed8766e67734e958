"""``handover deliver``, ``media``, ``passphrase``: which way what you said yes to goes to the police.

Not for: saying yes (``handover review``), or setting places up (``handover places``).
"""

from pathlib import Path
from typing import Any

import click

from agent.cli.caller import ask_agent
from agent.cli.requests import as_json, print_json
from agent.cli.typed import bytes_of
from agent.deliveries.way import WARNING, Means
from agent.owner.terminal import prompt
from exchange.errors import InputInvalid

Json = dict[str, Any]

WORDS = {
    "portal": "by the portal",
    "medium": "on a medium",
    "sftp": "by SFTP",
    "s3": "to a bucket",
    "folder": "as files in a folder",
}
SEALED = {
    "key": "sealed for the key of the case",
    "passphrase": "sealed with a passphrase",
    "nobody": "NOT SEALED",
}


@click.command()
@click.argument("request_id")
@click.option("--by", "means", type=click.Choice([each.value for each in Means]), help="Which way.")
@click.option("--to", "target", help="A folder, such as a medium's, or the name of a place (handover places list).")
@click.option(
    "--addresses",
    type=click.Path(path_type=Path),
    help="A file with the addresses that the force gave to upload to, one a line (for --by s3).",
)
@click.option("--passphrase", "seal", flag_value="passphrase", help="Seal it with a passphrase, which is shown to you.")
@click.option("--plain", "seal", flag_value="nobody", help="Don't seal it.")
@click.option("--recordings", is_flag=True, help="The recordings by themselves, not the package; they are not sealed.")
@click.option("--most", help="The largest file that goes there, such as 500 MB; larger ones are cut into pieces.")
@click.option("--now", "at_once", is_flag=True, help="Without the limit and the hours that are set for your line.")
@click.option("--yes", is_flag=True, help="You know what it means that it is not sealed.")
@as_json
@click.pass_obj
def deliver(config: Path, /, request_id: str, **given: Any) -> None:
    """Choose which way a request goes, before or after you say yes; without an option, see which.

    Nothing is sent by it that you did not approve. What is on its way goes on the new way.
    """
    if given["means"] is None and not given["at_once"]:
        reply = ask_agent(config, lambda call: call("way", request_id=request_id), needs_daemon=True)
        return print_json(reply) if given["plain"] else _say(reply, request_id)
    before = ask_agent(config, lambda call: call("way", request_id=request_id), needs_daemon=True)
    way = _way(before["way"], given)
    if way["sealed_for"] == "nobody" and not given["yes"]:
        click.echo(WARNING)
        click.confirm("Leave it unsealed all the same?", abort=True)
    asked: Json = {"request_id": request_id, "way": way}
    if given["addresses"] is not None:
        asked["addresses"] = _text_of(given["addresses"])
    reply = ask_agent(config, lambda call: call("deliver", **asked), needs_daemon=True)
    return print_json(reply) if given["plain"] else _say(reply, request_id)


def _way(before: Json, given: Json) -> Json:
    """What was typed, over what holds now."""
    means = given["means"] or before["means"]
    if means == before["means"] and given["target"] is None and given["addresses"] is None:
        way = dict(before)
    else:
        way = {"means": means, "sealed_for": before["sealed_for"], "form": before["form"]} | _target(means, given)
        if before["form"] == "recordings" and means != "folder":
            way |= {"form": "package", "sealed_for": "passphrase"}
        if means == "portal":
            way |= {"form": "package", "sealed_for": "key"}
    if given["recordings"]:
        way |= {"form": "recordings", "sealed_for": "nobody"}
    elif given["seal"]:
        way |= {"form": "package", "sealed_for": given["seal"]}
    if given["most"] is not None:
        way["most_bytes"] = bytes_of(given["most"])
    way["at_once"] = given["at_once"]
    return way


def _target(means: str, given: Json) -> Json:
    target, addresses = given["target"], given["addresses"]
    if means == "s3" and addresses is not None:
        return {"signed_addresses": True}
    if means in ("sftp", "s3"):
        if target is None:
            raise InputInvalid(
                "Where to is missing.", meaning="Nothing was changed.",
                do="Name a place with --to (handover places list), or give the force's addresses with --addresses.",
            )  # fmt: skip
        return {"place": target}
    if means == "medium" and target is None:
        raise InputInvalid("Which medium is missing.", do="See what there is with handover media, and name it: --to")
    return {} if target is None or means == "portal" else {"folder": str(Path(target).resolve())}


def _text_of(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputInvalid(f"{path} can't be read.", do="Name the file with the force's addresses.") from error


def _say(reply: Json, request_id: str) -> None:
    way = reply["way"]
    where = way.get("folder") or way.get("place") or ("at the force's addresses" if way["signed_addresses"] else "")
    click.echo(f"It goes {WORDS[way['means']]}{f' ({where})' if where else ''}, {SEALED[way['sealed_for']]}.")
    if reply["warning"]:
        click.echo(reply["warning"])
    if way["sealed_for"] == "passphrase":
        click.echo(
            f"The passphrase, to be told by telephone and never with the files: handover passphrase {request_id}"
        )
    if way["means"] != "portal":
        click.echo(f"Once the force has it: handover request receipt {request_id} --taken-by NAME --how WORDS")


@click.command()
@click.argument("request_id")
@click.pass_obj
def passphrase(config: Path, request_id: str) -> None:
    """Show the passphrase that a request is sealed with, until the police have it."""
    reply = ask_agent(config, lambda call: call("passphrase", request_id=request_id), needs_daemon=True)
    click.echo(reply["passphrase"])
    click.echo(
        "Tell it to the officer by telephone, at the force's own number. Don't write it on the medium, or in a mail "
        "that holds the files.",
        err=True,
    )


@click.command()
@as_json
@click.pass_obj
def media(config: Path, plain: bool) -> None:
    """List sticks, cards and disks that are plugged in and mounted."""
    reply = ask_agent(config, lambda call: call("media"), needs_daemon=True)
    if plain:
        return print_json(reply)
    for each in reply["media"]:
        notes = [f"{prompt.size(each['free'])} of {prompt.size(each['size'])} free", each["kind"]]
        if each["read_only"]:
            notes.append("can only be read")
        if each["most"] is not None:
            notes.append(f"no file above {prompt.size(each['most'])}")
        click.echo(f"{each['folder']}: {each['name']} ({', '.join(notes)})")
    if not reply["media"]:
        click.echo("No stick, card or disk is mounted. Plug one in; without a desktop: sudo mount /dev/sda1 /mnt")
    return None
