"""``handover cameras``: find them on the network, add them, list, check and remove them.

Not for: asking a camera anything itself (``agent/cameras``).
"""

import base64
import importlib
import json
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import click
from pydantic import AfterValidator
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.cli.caller import Call, ask_agent
from agent.cli.typed import answer, read_secret, require_all, somebody_is_there
from agent.owner.operations.channels import add_channels, channel_numbers
from exchange.counted import counted
from exchange.errors import HandoverError, InputInvalid

Json = dict[str, Any]

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
    return read_secret(password_file, what) if user else None


class _Cameras(click.Group):
    """``source`` stands with the sources' own commands, which are loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        importlib.import_module("agent.cli.sources")
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands:
            importlib.import_module("agent.cli.sources")
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Cameras)
def cameras() -> None:
    """Find, add, list, check and remove cameras. Nothing is ever set on a camera."""


@cameras.command("discover")
@click.option("--seconds", default=3.0, show_default=True, help="How long to listen for answers.")
@as_json
@click.pass_obj
def discover(config: Path, seconds: float, plain: bool) -> None:
    """Look for ONVIF cameras on the network (discovery.interfaces and discovery.hosts say where)."""
    reply = ask_agent(config, lambda call: call("discover", seconds=seconds))
    if plain:
        return click.echo(json.dumps(reply, indent=2))
    for camera in reply["cameras"]:
        added = "added" if camera["added"] else "not added"
        click.echo(f"{camera['address']}  {camera['name'] or 'without a name'}  {camera['hardware'] or ''}  ({added})")
    for note in reply["notes"]:
        click.echo(note)
    if not reply["cameras"]:
        click.echo(
            "No camera answered. Some don't answer discovery, or are on another network: "
            "list their addresses under discovery.hosts, or add one by its address: handover cameras add ADDRESS"
        )
    return None


@cameras.command("add")
@click.argument("address")
@click.option("--id", "camera_id", help="A short name of yours, such as front-door: a-z, 0-9 and -.")
@click.option("--label", help="What officers read; the id otherwise.")
@click.option("--place", metavar="LAT,LON", help="Where it stands, in degrees (WGS 84).")
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
@click.option("--channels", metavar="NUMBERS", help="With --source: several of its channels, such as 1-16, or all.")
@source_option
@as_json
@click.pass_obj
def add(config: Path, /, address: str, channels: str | None, plain: bool, **given: Any) -> None:
    """Add the camera at ADDRESS (a host, host:port or URL): ask it what it is, record it, register it.

    With --channels each of a recorder's channels becomes a camera, --id and its number its name, with one password.
    """
    latitude, longitude = _who_and_where(given)
    wanted = None if channels is None else channel_numbers(channels)
    if channels is not None and not given["source"]:
        raise InputInvalid("--channels goes with --source.", do="Say what the recorder is, such as --source hikvision.")
    given["password"] = ask_password(given["user"], given.pop("password_file"), "The camera's password")
    given["options"] = read_options(given.pop("option")) or None
    given["label"] = given["label"] or given["camera_id"]
    arguments = {name: value for name, value in given.items() if value is not None}
    arguments |= {"address": address, "latitude": latitude, "longitude": longitude}
    if channels is not None:
        return _add_channels(config, arguments, wanted, plain)
    reply = ask_agent(config, lambda call: call("add-camera", **arguments))
    if plain:
        return click.echo(json.dumps(reply, indent=2))
    return _say_added(reply)


def _who_and_where(given: dict[str, Any]) -> tuple[float, float]:
    """Take the id and the place, asked for where they are missing and somebody is there; latitude and longitude."""
    if not somebody_is_there():
        require_all([flag for flag, name in (("--id", "camera_id"), ("--place", "place")) if given[name] is None])
    given["camera_id"] = answer(given["camera_id"], "--id", "A short name for it, such as front-door", CameraName)
    place = answer(given.pop("place"), "--place", "Where it stands (latitude,longitude)", PlaceText)
    latitude, longitude = (float(part) for part in place.split(","))
    return latitude, longitude


def _add_channels(config: Path, given: Json, wanted: list[int] | None, plain: bool) -> None:
    """One camera a channel; the exit code is that of the first that can't be added."""
    added: list[Json] = []
    failed: list[HandoverError] = []

    async def work(call: Call) -> Json:
        of = 0
        async for tried in add_channels(call, given, wanted):
            of = tried.of
            if tried.error is not None:
                failed.append(tried.error)
                click.echo(f"Channel {tried.number} was not added. {tried.error}", err=True)
            elif tried.reply is not None:
                added.append(tried.reply)
                if not plain:
                    _say_added(tried.reply)
        return {"of": of}

    of = ask_agent(config, work)["of"]
    if plain:
        click.echo(json.dumps({"added": added}, indent=2))
    else:
        click.echo(f"Added: {len(added)} of {counted(of, 'channel')}.")
    if failed:
        sys.exit(failed[0].exit_code)


def _say_added(reply: Json) -> None:
    firmware = f"firmware {reply['firmware']}" if reply["firmware"] else ""
    what = f"{reply['make']} {reply['model']}".strip()
    click.echo(f"Added {reply['camera_id']}: {', '.join(filter(None, (what, firmware, reply['stream'])))}.")
    offset = reply["clock_offset_us"]
    if offset is not None:
        side = "ahead of" if offset > 0 else "behind"
        click.echo(f"Its clock is {abs(offset) / 1e6:.1f} s {side} this machine's.")
    for note in reply["notes"]:
        click.echo(note)
    if reply["registered"]:
        click.echo("It is registered with the portal.")
    elif reply["portal_trouble"]:
        click.echo(
            f"{reply['portal_trouble']} Officers find it once the portal was told, which is tried again by itself."
        )
    else:
        click.echo("It will be registered when you join a portal: handover setup")


def _camera_name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", text):
        raise ValueError("wanted small letters a-z, digits and '-', at most 64, such as front-door")
    return text


def _place(text: str) -> str:
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError("wanted latitude and longitude with a comma, such as 53.7632,-2.7031") from None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise ValueError("latitude is -90 to 90, longitude -180 to 180")
    return text


CameraName = Annotated[str, AfterValidator(_camera_name)]
PlaceText = Annotated[str, AfterValidator(_place)]


@cameras.command("list")
@as_json
@click.pass_obj
def list_cameras(config: Path, plain: bool) -> None:
    """List the cameras that were added."""
    reply = ask_agent(config, lambda call: call("cameras"))
    if plain:
        return click.echo(json.dumps(reply, indent=2))
    if not reply["cameras"]:
        return click.echo("No camera was added yet. Find them with: handover cameras discover")
    table = Table(box=None, pad_edge=False)
    for name in ("Camera", "Label", "What it is", "Registered", "Recording"):
        table.add_column(name, overflow="fold")
    for camera in reply["cameras"]:
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
    reply = ask_agent(config, lambda call: call("check-camera", camera_id=camera_id))
    if plain:
        return click.echo(json.dumps(reply, indent=2))
    facts = reply["facts"]
    click.echo(f"{facts['make']} {facts['model']}, serial {facts['serial']}, firmware {facts['firmware']}")
    if facts["clock"]:
        offset, give = facts["clock"]["offset_us"] / 1e6, facts["clock"]["uncertainty_us"] / 1e6
        click.echo(f"Clock: {offset:+.1f} s against this machine, give or take {give:.1f} s")
    if reply.get("stream_moved"):
        click.echo("Its stream has another address now; that is recorded from here on.")
    for note in facts["notes"]:
        click.echo(note)
    return None


@cameras.command("change")
@click.argument("camera_id")
@click.option("--label", help="What people call it.")
@click.option("--place", help="Where it stands: latitude,longitude.")
@click.option("--description", help="Where it stands, in words.")
@click.option("--direction", type=float, help="Degrees from north, clockwise, to the middle of its view.")
@click.option("--field-of-view", type=float, help="Degrees that it sees.")
@click.option("--range", "range_m", type=float, help="Metres that it sees well.")
@click.option("--indoors/--outdoors", default=None, help="Whether it looks at an inside.")
@click.pass_obj
def change(config: Path, /, camera_id: str, place: str | None, **changed: Any) -> None:
    """Say anew where a camera stands and looks, or what it is called."""
    if place is not None:
        latitude, longitude = (float(part) for part in answer(place, "--place", "", PlaceText).split(","))
        changed |= {"latitude": latitude, "longitude": longitude}
    wanted = {name: value for name, value in changed.items() if value is not None}
    if not wanted:
        raise InputInvalid("Nothing to change was named.", do="The options are listed by --help.")
    reply = ask_agent(config, lambda call: call("change-camera", camera_id=camera_id, **wanted))
    click.echo(f"Changed.{' ' + reply['portal_trouble'] if reply['portal_trouble'] else ''}")


@cameras.command("snapshot")
@click.argument("camera_id")
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def snapshot(config: Path, camera_id: str, target: Path) -> None:
    """Save what a camera sees now as a JPEG."""
    reply = ask_agent(config, lambda call: call("snapshot", camera_id=camera_id))
    target.write_bytes(base64.b64decode(reply["jpeg"]))
    click.echo(f"Picture: {target}")


@cameras.command("known")
@as_json
@click.pass_obj
def known(config: Path, plain: bool) -> None:
    """Exactly what the portal knows, or would know, of you and your cameras."""
    reply = ask_agent(config, lambda call: call("known-to-officers"))
    if plain:
        return click.echo(json.dumps(reply, indent=2, ensure_ascii=False))
    owner = reply["owner"]
    click.echo(f"Of you: {owner['name']}, a {owner['kind']}; reached by {owner['contact']}")
    for camera in reply["cameras"]:
        click.echo(f"Of {camera['label']}: {known_text(camera)}")
    if reply["hours"]:
        click.echo("Once a day: of which hours of the days before there are recordings (portal.tell_hours).")
    return click.echo("Never: its address, user name, password, or any picture.")


def known_text(camera: Json) -> str:
    """A registration in words."""
    place = camera["place"]
    words = [f"at {place['latitude']}, {place['longitude']}"]
    words += [place["description"]] if place.get("description") else []
    if camera["direction"] is not None:
        words.append(f"looking {camera['direction']:.0f}° from north")
    if camera["field_of_view"] is not None:
        words.append(f"seeing {camera['field_of_view']:.0f}°")
    words.append("with sound" if camera["sound"] else "without sound")
    words.append(f"recordings of {counted(camera['retention_days'], 'day')}")
    words += [f"{camera['make']} {camera['model'] or ''}".strip()] if camera["make"] else []
    return ", ".join(words)


@cameras.command("remove")
@click.argument("camera_id")
@click.confirmation_option(prompt="Officers will no longer find it. Remove it?")
@click.pass_obj
def remove(config: Path, camera_id: str) -> None:
    """Remove a camera, here and at the portal. What was recorded stays until its time is over."""
    reply = ask_agent(config, lambda call: call("remove-camera", camera_id=camera_id))
    click.echo(f"Removed {camera_id}.")
    if reply["portal_trouble"]:
        click.echo(f"{reply['portal_trouble']} Officers find it until the portal is told; that is tried by itself.")
