"""``handover cameras``: find them on the network, add them, list, check and remove them.

Not for: asking a camera anything itself (``agent/cameras``).
"""

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.owner.caller import ask_desk

out = Console(highlight=False)
as_json = click.option("--json", "plain", is_flag=True, help="Print JSON, for scripts.")


source_option = click.option(
    "--option", multiple=True, metavar="NAME=VALUE", help="An option of the source (docs/sources.md); again for more."
)


def read_options(typed: tuple[str, ...]) -> dict[str, str]:
    """``name=value`` each, as typed."""
    options = {}
    for each in typed:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{each!r} is no NAME=VALUE", param_hint="--option")
        options[name.strip()] = value
    return options


def ask_password(user: str | None, password_file: Path | None, what: str) -> str | None:
    """Out of the file, or typed without being shown; None without a user."""
    if not user:
        return None
    if password_file is not None:
        return password_file.read_text().strip()
    return str(click.prompt(what, hide_input=True, default="", show_default=False))


@click.group()
def cameras() -> None:
    """Find, add, list, check and remove cameras. Nothing is ever set on a camera."""


@cameras.command("discover")
@click.option("--seconds", default=3.0, show_default=True, help="How long to listen for answers.")
@as_json
@click.pass_obj
def discover(config: Path, seconds: float, plain: bool) -> None:
    """Look for ONVIF cameras on the network (discovery.interfaces and discovery.hosts say where)."""
    told = ask_desk(config, lambda call: call("discover", seconds=seconds))
    if plain:
        return click.echo(json.dumps(told, indent=2))
    for camera in told["cameras"]:
        added = "added" if camera["added"] else "not added"
        click.echo(f"{camera['address']}  {camera['name'] or 'without a name'}  {camera['hardware'] or ''}  ({added})")
    for note in told["notes"]:
        click.echo(note)
    if not told["cameras"]:
        click.echo(
            "No camera answered. Some don't answer discovery, or are on another network: "
            "list their addresses under discovery.hosts, or add one by its address: handover cameras add ADDRESS"
        )
    return None


@cameras.command("add")
@click.argument("address")
@click.option("--id", "camera_id", required=True, help="A short name of yours, such as front-door.")
@click.option("--label", help="What officers read; the id otherwise.")
@click.option("--place", required=True, metavar="LAT,LON", help="Where it stands, in degrees (WGS 84).")
@click.option("--description", help="The place in words, such as 'above the shop door'.")
@click.option("--direction", type=float, help="Where it looks: degrees clockwise from north.")
@click.option("--field-of-view", type=float, help="How wide it looks, in degrees.")
@click.option("--range", "range_m", type=float, help="How far it sees, in metres.")
@click.option("--indoors", is_flag=True, help="It looks at an inside.")
@click.option("--retention-days", type=int, help="Days that its footage is kept; the recordings' setting otherwise.")
@click.option("--user", help="The camera's user name; its password is asked for.")
@click.option(
    "--password-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Read the password here."
)
@click.option("--certificate", help="SHA-256 of the camera's TLS certificate, once you compared it.")
@click.option("--profile", help="The token of the stream to record; the largest picture otherwise.")
@click.option("--source", help="What holds its footage, such as hikvision; ADDRESS is then of that.")
@source_option
@as_json
@click.pass_obj
def add(config: Path, /, address: str, place: str, label: str | None, plain: bool, **given: Any) -> None:
    """Add the camera at ADDRESS (a host, host:port or URL): ask it what it is, record it, register it."""
    latitude, longitude = _place(place)
    password_file = given.pop("password_file")
    if given["user"]:
        given["password"] = (
            password_file.read_text().strip()
            if password_file
            else click.prompt("The camera's password", hide_input=True, default="", show_default=False)
        )
    given["options"] = read_options(given.pop("option")) or None
    arguments = {name: value for name, value in given.items() if value is not None}
    arguments |= {"address": address, "latitude": latitude, "longitude": longitude}
    arguments["label"] = label or given["camera_id"]
    told = ask_desk(config, lambda call: call("add-camera", **arguments))
    if plain:
        return click.echo(json.dumps(told, indent=2))
    click.echo(
        f"Added {told['camera_id']}: {told['make']} {told['model']}, firmware {told['firmware']}, {told['stream']}."
    )
    offset = told["clock_offset_us"]
    if offset is not None:
        side = "ahead of" if offset > 0 else "behind"
        click.echo(f"Its clock is {abs(offset) / 1e6:.1f} s {side} this machine's.")
    for note in told["notes"]:
        click.echo(note)
    click.echo("It is registered with the portal." if told["registered"] else "The portal will be told when it can be.")
    return None


def _place(text: str) -> tuple[float, float]:
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no place: write latitude and longitude with a comma, such as 53.7632,-2.7031",
            param_hint="--place",
        ) from None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise click.BadParameter("latitude is -90 to 90, longitude -180 to 180", param_hint="--place")
    return latitude, longitude


@cameras.command("list")
@as_json
@click.pass_obj
def listed(config: Path, plain: bool) -> None:
    """List the cameras that were added."""
    told = ask_desk(config, lambda call: call("cameras"))
    if plain:
        return click.echo(json.dumps(told, indent=2))
    if not told["cameras"]:
        return click.echo("No camera was added yet. Find them with: handover cameras discover")
    table = Table(box=None, pad_edge=False)
    for name in ("Camera", "Label", "What it is", "Registered", "Recording"):
        table.add_column(name, overflow="fold")
    for camera in told["cameras"]:
        what = f"{camera['make']} {camera['model']}".strip()
        registered = "yes" if camera["registered"] else "no"
        cells = (camera["camera_id"], camera["label"], what, registered, camera["recording"])
        table.add_row(*(Text(cell) for cell in cells))
    out.print(table)
    return None


@cameras.command("check")
@click.argument("camera_id")
@as_json
@click.pass_obj
def check(config: Path, camera_id: str, plain: bool) -> None:
    """Ask a camera again what it is, and how far its clock is off."""
    told = ask_desk(config, lambda call: call("check-camera", camera_id=camera_id))
    if plain:
        return click.echo(json.dumps(told, indent=2))
    facts = told["facts"]
    click.echo(f"{facts['make']} {facts['model']}, serial {facts['serial']}, firmware {facts['firmware']}")
    if facts["clock"]:
        offset, give = facts["clock"]["offset_us"] / 1e6, facts["clock"]["uncertainty_us"] / 1e6
        click.echo(f"Clock: {offset:+.1f} s against this machine, give or take {give:.1f} s")
    for note in facts["notes"]:
        click.echo(note)
    return None


@cameras.command("remove")
@click.argument("camera_id")
@click.confirmation_option(prompt="Officers will no longer find it. Remove it?")
@click.pass_obj
def remove(config: Path, camera_id: str) -> None:
    """Remove a camera, here and at the portal. What was recorded stays until its time is over."""
    ask_desk(config, lambda call: call("remove-camera", camera_id=camera_id))
    click.echo(f"Removed {camera_id}.")
