"""``handover-portal device …`` and ``logs``: owners' agents. Not for: officers (``portal.cli``)."""

import asyncio
from pathlib import Path

import click

from exchange.clock import SystemClock
from exchange.counted import counted
from portal.commands.opened import opened, remove_uploads
from portal.console import Group, json_option, one_line, portal_folder
from portal.registry import checkpoints, devices


@click.group(cls=Group)
def device() -> None:
    """Owners' devices."""


@device.command("list")
@portal_folder
@json_option
def device_list(folder: Path, as_json: bool) -> None:
    """Every device, when it was last heard, and those that were shut out."""
    with opened(folder) as (db, _):
        found = db.read_now(devices.list_all)
    if as_json:
        one_line(found)
        return
    for entry in found:
        state = f"{counted(int(entry['cameras'] or 0), 'camera')}, heard {entry['last_seen']}"
        if entry["shut_out"]:
            state = f"shut out {entry['shut_out']}: {entry['reason']}"
        click.echo(f"{entry['fingerprint']}  {state}")
    if not found:
        click.echo("No device is enrolled.")


@device.command("revoke")
@portal_folder
@click.argument("fingerprint")
@click.option("--reason", required=True, help="Such as: stolen, said its owner by telephone on 3 May.")
@json_option
def device_revoke(folder: Path, fingerprint: str, reason: str, as_json: bool) -> None:
    """Shut a device out whose key may be in other hands: it is erased as if its owner had left, and stays out."""
    with opened(folder) as (db, settings):
        erased = db.write_now(lambda session: devices.shut_out(session, fingerprint, reason, SystemClock().now()))
        asyncio.run(db.forget_erased())
    remove_uploads(folder, settings, erased.uploads)
    if as_json:
        one_line({"device": fingerprint, "uploads_removed": len(erased.uploads)})
        return
    click.echo(f"{fingerprint} is shut out. Its owner can join again with a new device.")


@click.command("logs")
@portal_folder
@json_option
def logs_command(folder: Path, as_json: bool) -> None:
    """Owners' agents whose custody log went back: it was once longer, or another, by what they signed themselves."""
    with opened(folder) as (db, _):
        found = db.read_now(checkpoints.list_cut_back)
    if as_json:
        one_line(found)
        return
    for entry in found:
        click.echo(f"{entry['device']}  {entry['received'][:19]}Z")
        click.echo(
            f"    signed a log of {counted(entry['size'], 'event')} that contradicts one it signed before; the longest"
        )
        click.echo(f"    that it signed has {entry['longest']}")
    if found:
        click.echo(
            "Records that were put back from a backup do this, and the owner was asked to say so. If they weren't:"
        )
        click.echo("what the device signed, then and now, is in --json, as evidence that the log was changed.")
    else:
        click.echo("No custody log went back.")
