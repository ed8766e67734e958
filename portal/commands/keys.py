"""``handover-portal keys …``: those of what is personal. Not for: officers' and the force's keys (``portal.force``)."""

import asyncio
from pathlib import Path

import click

from exchange.clock import SystemClock
from exchange.counted import counted
from portal import erasing, key_copies
from portal.commands.opened import opened, remove_uploads
from portal.console import FOLDER, Group, for_its_user, json_option, one_line, portal_folder
from portal.settings import PortalFolder


@click.group(cls=Group)
def keys() -> None:
    """The keys under which lies what is personal: one for each device and each registered person."""


@keys.command("begin")
@portal_folder
@json_option
def begin(folder: Path, as_json: bool) -> None:
    """Have a portal that was made by an older version seal what is personal, once all its replicas are of this one."""
    for_its_user(folder)
    PortalFolder(folder).keys.begin()
    with opened(folder) as (db, _):
        asyncio.run(erasing.seal_all(db))
        found = asyncio.run(erasing.keyless(db, PortalFolder(folder).keys))
        asyncio.run(db.forget_erased())
    if as_json:
        one_line({"sealed": True, "keyless": len(found.devices) + len(found.people)})
        return
    click.echo("What is personal is sealed from now on. Put the keys aside too: handover-portal keys backup")


@keys.command("backup")
@portal_folder
@click.argument("into", type=FOLDER)
@json_option
def backup(folder: Path, into: Path, as_json: bool) -> None:
    """Put the keys aside in INTO, and destroy the copies before. Not beside backups of the database."""
    PortalFolder(folder).require_outside(into)
    path, count = key_copies.put_aside(PortalFolder(folder).keys, into, SystemClock().now())
    if as_json:
        one_line({"copy": str(path), "keys": count})
        return
    click.echo(f"{counted(count, 'key is', 'keys are')} put aside in {path}; older copies there are destroyed.")


@keys.command("restore")
@click.argument("copy", type=click.Path(dir_okay=False, path_type=Path))
@portal_folder
@json_option
def restore(copy: Path, folder: Path, as_json: bool) -> None:
    """Put the keys of a COPY back into FOLDER, where there are none."""
    for_its_user(folder)
    count = key_copies.bring_back(copy, PortalFolder(folder).keys)
    if as_json:
        one_line({"keys": count})
        return
    click.echo(
        f"{counted(count, 'key is', 'keys are')} back. Those who left since are erased by: "
        f"handover-portal keys check {folder} --erase"
    )


@keys.command("check")
@portal_folder
@click.option("--erase", is_flag=True, help="Erase those whose key is gone, as if they left again.")
@json_option
def check(folder: Path, erase: bool, as_json: bool) -> None:
    """Whether each device and person has its key; and make what officers search anew where a backup left it out."""
    portal = PortalFolder(folder)
    with opened(folder) as (db, settings):
        found = asyncio.run(erasing.keyless(db, portal.keys))
        if erase:
            gone = asyncio.run(erasing.erase_keyless(db, found, SystemClock().now()))
            remove_uploads(folder, settings, gone)
        made = asyncio.run(erasing.rebuild(db)) if erase or not found else 0
    if as_json:
        one_line({"devices": len(found.devices), "people": len(found.people), "erased": erase, "made_anew": made})
        return
    click.echo(
        f"{counted(len(found.devices), 'device')} and {counted(len(found.people), 'person', 'people')} without a key"
        + (": erased." if erase else ".")
    )
    click.echo(f"Cameras of {made} were made anew for the search.")


@keys.command("rewrite")
@portal_folder
@json_option
def rewrite(folder: Path, as_json: bool) -> None:
    """Write the tables that officers search anew, so that no erased camera lies between their rows. Searches wait."""
    with opened(folder) as (db, _):
        asyncio.run(db.rewrite_found())
    if as_json:
        one_line({"rewritten": True})
        return
    click.echo("Rewritten.")
